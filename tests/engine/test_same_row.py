"""Runs of one row, where asked: one at a time, in the order of its changes, whatever happens."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.endure import LEASE, Workers, settings
from flowner.directory.people import NewPerson
from flowner.flows.connections import NewConnection
from flowner.journal.records import RunHeader
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.runs.events import RunStarted, decode
from flowner.runs.messages import ENCODER, CancelAsked
from flowner.server import House, at_work, open_house
from flowner.triggers.row_changes import RowChanges
from flowner.values import FlowId, PrincipalId
from worlds import written

TABLE, ROWS, CHANGES = "o_order", 3, 6


class Shop:
    """A table, and a flow that its changes set off: each run waits a second."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def found(self, seconds: int = 1, **runtime: Any) -> None:
        house = self.house
        await house.metadata.create_table(
            TABLE, set_name=f"{TABLE}s", primary_name="o_name", columns={"o_number": Type.WHOLE}
        )
        self.ada: PrincipalId = await house.directory.add_person(
            NewPerson(name="ada", upn="ada@o.example"), roles=(SYSTEM_ADMINISTRATOR,)
        )
        connection = await house.connections.make(
            NewConnection(connector=written.ROWS, account="ada@o.example"), self.ada
        )
        trigger = written.row_trigger(TABLE)
        ((name, inner),) = trigger.items()
        inner = inner | {"metadata": {"flownerSameRow": "inOrder"}} | runtime
        wait = {"interval": {"count": seconds, "unit": "Second"}}
        actions = {
            "Note": {"runAfter": {}, "type": "Compose", "inputs": "@triggerBody()"},
            "Wait": {"runAfter": {"Note": ["Succeeded"]}, "type": "Wait", "inputs": wait},
        }
        references = {"rows": written.reference(written.ROWS, "rows_ref")}
        done = await house.importer.bring_in(
            written.package({name: inner}, actions, references),
            self.ada,
            bind={"rows_ref": connection},
        )
        self.flow: FlowId = done.flows[0].id
        await house.turning.on(self.flow, self.ada)

    async def row(self) -> str:
        made = await self.house.store.create(Caller(self.ada), TABLE, {"o_name": "x"})
        return str(made[f"{TABLE}id"])

    async def change(self, row: str, number: int) -> None:
        await self.house.store.update(Caller(self.ada), TABLE, row, {"o_number": number})

    async def runs(self) -> list[RunHeader]:
        return list(reversed(await self.house.journal.runs(flow=self.flow, limit=1000)))

    async def settled(self, count: int, seconds: float = 90) -> None:
        async with asyncio.timeout(seconds):
            while True:
                found = await self.runs()
                if len(found) >= count and all(one.ended for one in found):
                    return
                await asyncio.sleep(0.1)

    async def ends_of(self, count: int) -> None:
        async with asyncio.timeout(30):
            while sum(one.ended is not None for one in await self.runs()) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def told(self) -> dict[str, list[tuple[int, Any, Any, str]]]:
        """Return by row, in the order in which they did their first: number, first, end, status."""
        found = defaultdict(list)
        for header in await self.runs():
            entries = [one.entry for one in await self.house.journal.entries(header.id)]
            started = decode(entries[0].data)
            assert isinstance(started, RunStarted)
            body = started.trigger["outputs"]["body"]
            noted = [one.at for one in entries if one.path == "Note"]
            first = noted[0] if noted else header.ended
            found[body["ItemInternalId"]].append(
                (body["o_number"], first, header.ended, header.status)
            )
        return {row: sorted(each, key=lambda one: one[1]) for row, each in found.items()}


@asynccontextmanager
async def shop(url: str, folder: Path, seconds: int = 1, **runtime: Any) -> AsyncIterator[Shop]:
    async with open_house(settings(url, folder)) as house:
        made = Shop(house)
        await made.found(seconds, **runtime)
        yield made


@pytest.fixture
def own_url(server_url: str) -> Iterator[str]:
    """A fresh, migrated database for one test."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_flowner")
    head, _, tail = server_url.partition("?")
    yield f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{tail}" if tail else "")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def one_at_a_time(each: list[tuple[int, Any, Any, str]]) -> bool:
    return all(before[2] <= after[1] for before, after in pairwise(each))


def test_changes_of_a_row_are_run_in_their_order_through_kills(
    own_url: str, tmp_path: Path
) -> None:
    async def story() -> None:
        chance = random.Random(11)
        async with shop(own_url, tmp_path) as made:
            workers = Workers(own_url, tmp_path, LEASE)
            try:
                for _ in range(3):
                    workers.start()
                await asyncio.to_thread(workers.ready)
                rows = [await made.row() for _ in range(ROWS)]
                for number in range(CHANGES):
                    for row in rows:
                        await made.change(row, number)
                for _ in range(5):
                    await asyncio.sleep(chance.uniform(0.3, 1.0))
                    await asyncio.to_thread(workers.kill, chance)
                await made.settled(ROWS * CHANGES)
            finally:
                workers.end()
            told = await made.told()
            assert set(told) == set(rows)
            for each in told.values():
                assert [number for number, *_ in each] == list(range(CHANGES))
                assert one_at_a_time(each)
                assert {status for *_, status in each} == {"Succeeded"}
            beside = [(one[1], one[2]) for each in told.values() for one in each[:1]]
            assert max(first for first, _ in beside) < min(end for _, end in beside), "at once"

    asyncio.run(story())


@pytest.mark.parametrize(
    "runtime",
    [
        pytest.param({}, id="no other limit"),
        pytest.param(
            {"runtimeConfiguration": {"concurrency": {"runs": 2, "maximumWaitingRuns": 50}}},
            id="two runs of the flow at a time",
        ),
    ],
)
def test_cancelled_in_the_middle_and_resubmitted_to_the_end(
    own_url: str, tmp_path: Path, runtime: dict[str, Any]
) -> None:
    async def story() -> None:
        async with shop(own_url, tmp_path, **runtime) as made, at_work(made.house):
            row, other = await made.row(), await made.row()
            await made.change(row, 0)
            await made.ends_of(1)
            (first,) = await made.runs()
            for number in (1, 2, 3):
                await made.change(row, number)
            await made.change(other, 9)
            async with asyncio.timeout(20):
                while len(found := await made.runs()) < 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            numbers = {await number_of(made.house, one): one for one in found}
            cancelled = numbers[row, 2]
            said = ENCODER.encode(CancelAsked(by=made.ada, reason="enough"))
            assert await made.house.journal.post(cancelled.id, said)
            again = await made.house.starter.again(first.id, made.ada)
            await made.settled(6)
            told = await made.told()
            assert [(n, status) for n, _, _, status in told[row] if status != "Cancelled"] == [
                (0, "Succeeded"), (1, "Succeeded"), (3, "Succeeded"), (0, "Succeeded"),
            ]  # fmt: skip
            assert [n for n, *_, status in told[row] if status == "Cancelled"] == [2]
            assert one_at_a_time([one for one in told[row] if one[3] != "Cancelled"])
            end = {one.id: one.ended for one in await made.runs()}
            assert end[again] == max(end.values())
            ((_, begun, _, _),) = told[other]
            assert begun < told[row][2][1], "another row is not kept waiting"
            async with made.house.database.connection() as connection:
                left = await connection.execute("SELECT run FROM journal.line")
                assert await left.fetchall() == []

    asyncio.run(story())


async def number_of(house: House, header: RunHeader) -> tuple[str, int]:
    (first, *_) = await house.journal.entries(header.id)
    started = decode(first.entry.data)
    assert isinstance(started, RunStarted)
    body = started.trigger["outputs"]["body"]
    return body["ItemInternalId"], body["o_number"]


def test_two_feeders_take_the_changes_of_a_row_in_their_order(own_url: str, tmp_path: Path) -> None:
    """While one has an earlier change in its transaction, the other leaves the later ones."""

    async def story() -> None:
        async with shop(own_url, tmp_path) as made:
            row, other = await made.row(), await made.row()
            for number in range(3):
                await made.change(row, number)
            await made.change(other, 9)
            house = made.house
            feeder = RowChanges(house.database, house.starter)
            async with house.database.transaction() as transaction:
                await transaction.execute(
                    "SELECT seq FROM rows.change WHERE rowid = %s ORDER BY seq LIMIT 1 FOR UPDATE",
                    (row,),
                )
                await feeder.feed()
                assert [await number_of(house, one) for one in await made.runs()] == [(other, 9)]
            await feeder.feed()
            numbers = [await number_of(house, one) for one in await made.runs()]
            assert [number for whose, number in numbers if whose == row] == [0, 1, 2]

    asyncio.run(story())
