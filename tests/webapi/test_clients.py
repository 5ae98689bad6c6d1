"""Clients of Dataverse as they are, against a server as it is; each in a process of its own.

The scripts are third-party test data and lie outside the repository; where they, or the clients'
packages, cannot be had, the tests skip and say so. The clients are looked for in the virtual
environment that ``FLOWNER_TEST_CLIENTS`` names, or else installed into one for the session.
"""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import SHARED
from flowner.api.tls import keep_certificates
from flowner.server import House
from flowner.serving import serve
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
        "HOME": os.environ.get("HOME", ""),
        "BASE_URL": door.address,
        "TOKEN": door.tokens["admin"],
        "CALLER_ID": door.people["admin"],
        "DENIED_ID": door.people["guest"],
        **environment,
    }

    async def played() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            str(python), script, cwd=(SCRIPTS / script).parent,
            env={**given, "PYTHONDONTWRITEBYTECODE": "1"},
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


def test_the_official_client_over_tls(door: Door, clients: Path) -> None:
    secured = serve(door.house, tls=True)
    address = door.run(secured.__aenter__())
    try:
        authority = door.house.settings.data_folder / "tls" / "ca.pem"
        said = play(door, clients, "smoke_official_py.py", BASE_URL=address,
                    REQUESTS_CA_BUNDLE=str(authority))  # fmt: skip
    finally:
        door.run(secured.__aexit__(None, None, None))
    assert address.startswith("https://")
    assert "32 ok, 0 failed" in said


def test_the_servers_key_is_its_own(house: House, run: Callable[..., Any]) -> None:
    async def served() -> None:
        async with serve(house, tls=True):
            pass

    run(served())
    folder = house.settings.data_folder / "tls"
    before = (folder / "server.pem").read_bytes()
    assert stat.S_IMODE((folder / "server.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "server.key", "server.pem"]
    run(served())
    assert (folder / "server.pem").read_bytes() == before
    keep_certificates(folder, {"flowner.example"}, house.clock.now())
    renewed = (folder / "server.pem").read_bytes()
    assert renewed != before
    keep_certificates(folder, {"flowner.example"}, house.clock.now() + timedelta(days=370))
    assert (folder / "server.pem").read_bytes() != renewed
