"""Small storms, with every promise examined afterwards; `endure.py` makes greater ones."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.endure import (
    Counting,
    Ground,
    OwnDatabase,
    Storm,
    Workers,
    endure,
    examine,
    found_company,
    press,
    settings,
    settled,
    small_disk,
)
from flowner.errors import DatabaseAway
from flowner.flows.running import Press
from flowner.journal import grouping
from flowner.server import open_house
from worlds.temporal_server import TemporalServer

STORMS = {
    "killed workers": (60, Storm(kills=8, seed=5)),
    "frozen workers": (30, Storm(freezes=3, seed=6)),
    "a database that ends": (60, Storm(restarts=4, seed=7)),
}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose files another user may reach: the database of root runs as somebody else."""
    made = tmp_path_factory.mktemp("storm")
    for one in (made, *made.parents[:2]):
        one.chmod(0o755)
    return made


@pytest.fixture
def own(folder: Path) -> Iterator[OwnDatabase]:
    database = OwnDatabase(folder / "postgres")
    yield database
    database.release()


@pytest.mark.parametrize("name", STORMS)
def test_every_promise_is_kept_in_a_storm(
    name: str, own: OwnDatabase, folder: Path, temporal: TemporalServer | None
) -> None:
    runs, storm = STORMS[name]
    ground = Ground(own, temporal)
    outcome = asyncio.run(endure(own.url, folder / "house", runs, storm, ground))
    assert (outcome.runs, outcome.faults()) == (runs, [])
    if storm.restarts:  # the lease outlasts it: no call is in doubt
        assert outcome.unknown == 0


def test_a_temporal_that_ends_and_forgets_loses_no_run(
    own: OwnDatabase, folder: Path, temporal_server: TemporalServer
) -> None:
    storm, ground = Storm(losses=4, kills=2, seed=8), Ground(own, temporal_server)
    outcome = asyncio.run(endure(own.url, folder / "house", 40, storm, ground))
    assert (outcome.runs, outcome.faults()) == (40, [])


def test_a_full_disk_is_refused_in_words_and_does_no_harm(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        with small_disk(256) as disk:
            own = OwnDatabase(disk / "postgres")
            try:
                asyncio.run(_full(own, folder, monkeypatch))
            finally:
                own.release()
    except PermissionError as error:
        pytest.skip(str(error))


async def _full(own: OwnDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Counting()
    async with (
        service.serving(),
        open_house(settings(own.url, folder / "house")) as house,
    ):
        company = await found_company(house, service.address)
        workers = Workers(own.url, folder / "house", lease=10.0)
        workers.start()
        await asyncio.to_thread(workers.ready)
        try:
            await press(house, company, 10, 0.0)
            monkeypatch.setattr(grouping, "PATIENCE", 0.5)
            filling = asyncio.create_task(asyncio.to_thread(own.fill, 6.0))
            said, taken = "", 10
            while not filling.done() and not said:
                try:
                    await house.running.press(Press(flow=company.flow, by=company.owner, inputs={}))
                    taken += 1
                except DatabaseAway as error:
                    said = error.message
            with suppress(subprocess.CalledProcessError):
                await filling
            assert said.startswith("the database ")
            monkeypatch.undo()
            await press(house, company, 10, 0.0)
            await settled(house, company, taken + 10, 120)
        finally:
            workers.end()
        outcome = await examine(house, company, service)
        # Whoever was told no may have been heard after all: a run more, never one less.
        assert outcome.runs >= taken + 10
        assert outcome.faults() == []
