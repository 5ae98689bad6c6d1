"""PostgreSQL's own programs: which are here, which fit a server, and how they are run.

They come with the embedded server; others are taken from the path. What a program needs to reach
the database is in its environment, never among its arguments, which everybody on a machine sees.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flowner.database.connections import Transaction
from flowner.database.embedded import folders_of_tools
from flowner.errors import Invalid, Refused

_VERSION: Final = re.compile(r"\b(\d+)(?:\.\d+)*\b")
_ERROR: Final = re.compile(r"(?:error|ERROR|FATAL): +(.+)")
_ENDING: Final = ".exe" if os.name == "nt" else ""


@dataclass(frozen=True, slots=True)
class Tools:
    """``pg_dump``, ``pg_restore`` and ``psql`` of one version."""

    version: int
    folder: Path

    def program(self, name: str) -> str:
        """Return the path of one of them."""
        return str(self.folder / f"{name}{_ENDING}")


def fitting_tools(version: int) -> Tools:
    """Return the oldest tools that know servers, and dumps, of a version. Blocking.

    Raises `Refused` when there are none: older ones refuse a newer server.
    """
    known = sorted(_tools_here(), key=lambda one: one.version)
    for tools in known:
        if tools.version >= version:
            return tools
    here = ", ".join(str(one.version) for one in known) or "none"
    raise Refused(
        f"PostgreSQL {version} needs `pg_dump`, `pg_restore` and `psql` of version {version} or"
        f" later, and here are those of {here}: install its client programs and put them on the"
        " path"
    )


def access(connection: Transaction, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which a program reaches the database of a connection.

    ``inherited`` is what it is given besides. Raises `Invalid` for an address with a secret that
    libpq takes from no environment.
    """
    found = dict(inherited)
    for option in connection.pgconn.info:
        if option.val is None or option.val == option.compiled or option.keyword == b"options":
            continue
        if option.envvar is not None:
            found[option.envvar.decode()] = option.val.decode()
        elif option.dispchar == b"*":
            name = option.keyword.decode()
            raise Invalid(f"`{name}` in `FLOWNER_DATABASE_URL` cannot be handed to `pg_dump`")
    return found | {"PGAPPNAME": "flowner backup", "PGTZ": "UTC"}


async def failure(name: str, process: asyncio.subprocess.Process, said: bytes) -> Refused | None:
    """Wait for a program; None: it did what it should.

    Of what it ``said`` the first error is told, which names objects and no rows.
    """
    if await process.wait() == 0:
        return None
    match = _ERROR.search(said.decode(errors="replace"))
    why = match.group(1).strip() if match else f"it ended with {process.returncode}"
    return Refused(f"`{name}` did not succeed: {why}")


def _tools_here() -> list[Tools]:
    found = [Tools(version, folder) for version, folder in folders_of_tools().items()]
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        done = subprocess.run([on_path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - what the operator has on the path
        match = _VERSION.search(done.stdout)
        if match is not None:
            found.append(Tools(int(match.group(1)), Path(on_path).parent))
    return [one for one in found if all(Path(one.program(n)).exists() for n in _NAMES)]


_NAMES: Final = ("pg_dump", "pg_restore", "psql")
