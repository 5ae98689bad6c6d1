"""Clients of Dataverse as they are, against a server as it is; each in a process of its own.

The scripts are third-party test data and lie outside the repository; where they, or the clients'
packages, cannot be had, the tests skip and say so. The clients are looked for in the virtual
environment that ``FLOWNER_TEST_CLIENTS`` names, or else installed into one for the session.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import SHARED
from webapi.conftest import Door

SCRIPTS = SHARED / "cases" / "clients"
PACKAGES = ("dataverse-api==1.4.3", "PowerPlatform-Dataverse-Client==1.1.0")


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the clients."""
    if not SCRIPTS.is_dir():
        pytest.skip(f"the clients' scripts are not here: {SCRIPTS.name}")
    given = os.environ.get("FLOWNER_TEST_CLIENTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("clients")
    python = folder / "bin" / "python"
    if not given:
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True,
                              check=False)  # fmt: skip
        install = [python, "-m", "pip", "install", "--quiet", *PACKAGES, "requests"]
        if made.returncode or subprocess.run(install, capture_output=True, check=False).returncode:
            pytest.skip("the clients' packages cannot be had here")
    return python


def play(door: Door, python: Path, script: str, **environment: str) -> str:
    """Run a client's script while the server goes on serving; answers what it printed."""
    given = {
        "PATH": os.environ.get("PATH", ""),
        "BASE_URL": door.address,
        "TOKEN": door.tokens["admin"],
        "CALLER_ID": door.people["admin"],
        "DENIED_ID": door.people["guest"],
        **environment,
    }

    async def played() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            str(python), script, cwd=SCRIPTS, env={**given, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    status, said = door.run(played())
    assert status == 0, said
    return said


def test_dataverse_api(door: Door, clients: Path) -> None:
    said = play(door, clients, "smoke_dataverse_api.py")
    assert " 0 failed" in said


def test_a_caller_whom_nobody_knows_is_denied_as_one_without_rights(
    door: Door, clients: Path
) -> None:
    play(door, clients, "smoke_dataverse_api.py",
         DENIED_ID="00000000-0000-0000-0000-00000000dead")  # fmt: skip
