"""kill -9 at any moment loses no run, doubles no row and forks no journal."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowner.directory.people import NewPerson
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.server import open_house
from flowner.settings import Settings
from worlds import written

RUNS, KILLS, SEED = 60, 10, 20261124

WORKER = """
import asyncio, sys
from pathlib import Path
from flowner.engine import dispatch
from flowner.journal import wakes
from flowner.server import at_work, open_house
from flowner.settings import Settings
wakes.Wakes.__init__.__kwdefaults__["lease_seconds"] = 1.0
async def main():
    settings = Settings(database_url=sys.argv[1], data_folder=Path(sys.argv[2]))
    async with open_house(settings) as house, at_work(house):
        print("at work", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash")


def test_killed_workers_lose_nothing(database_url: str, folder: Path, run) -> None:
    reader, flow = run(_prepare(database_url, folder))
    chance = random.Random(SEED)
    for _ in range(KILLS):
        with _worker(database_url, folder) as process:
            time.sleep(chance.uniform(0.02, 0.35))
            os.kill(process.pid, signal.SIGKILL)
    with _worker(database_url, folder) as process:
        try:
            run(_settled(database_url, folder, reader, flow))
        finally:
            process.terminate()


def _worker(database_url: str, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, database_url, str(folder)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"at work\n"
    return process


async def _prepare(database_url: str, folder: Path):
    settings = Settings(database_url=database_url, data_folder=folder)
    async with open_house(settings) as house:
        await house.metadata.create_table(
            "t_made", set_name="t_mades", primary_name="t_name", columns={"t_step": Type.WHOLE}
        )
        ada = await house.directory.add_person(
            NewPerson(name="ada", upn="ada@t.example"), roles=(SYSTEM_ADMINISTRATOR,)
        )
        rows = await house.connections.make(
            NewConnection(connector=written.ROWS, account="ada@t.example"), ada
        )
        steps = {
            f"Make_{n}": written.call(
                "rows", written.ROWS, "CreateRecord",
                {"entityName": "t_mades", "item/t_step": n,
                 "item/t_name": "@{workflow()?['run']?['name']}"},
                f"Make_{n - 1}" if n else None,
            )
            for n in range(4)
        }  # fmt: skip
        references = {"rows": written.reference(written.ROWS, "rows_ref")}
        package = written.package(written.BUTTON, steps, references)
        done = await house.importer.bring_in(package, ada, bind={"rows_ref": rows})
        flow = done.flows[0].id
        await house.turning.on(flow, ada)
        for _ in range(RUNS):
            await house.running.press(Press(flow=flow, by=ada, inputs={}))
        return ada, flow


async def _settled(database_url: str, folder: Path, reader, flow) -> None:
    settings = Settings(database_url=database_url, data_folder=folder)
    async with open_house(settings) as house:
        deadline = time.monotonic() + 60
        headers = await house.journal.runs(flow=flow, limit=1000)
        while any(header.ended is None for header in headers):
            assert time.monotonic() < deadline, "some runs never came to an end"
            await asyncio.sleep(0.2)
            headers = await house.journal.runs(flow=flow, limit=1000)
        assert len(headers) == RUNS
        assert {header.status for header in headers} == {"Succeeded"}
        made = await house.store.list(Caller(reader), "t_mades", {"$select": "t_name,t_step"})
        rows = sorted((row["t_name"], row["t_step"]) for row in made["value"])
        assert rows == sorted((str(header.id), n) for header in headers for n in range(4))
        for header in headers:
            numbers = [one.seq for one in await house.journal.entries(header.id)]
            assert numbers == list(range(len(numbers)))
