"""Clocks that are wrong, and clocks that are set: nothing comes early, and nothing hangs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from flowner import server
from flowner.clock import SystemClock, fresh_run_id
from flowner.database.keeping_time import DatabaseClock
from flowner.flows.running import Press
from flowner.journal.records import Entry, RunHeader
from flowner.journal.store import open_journal
from flowner.journal.wakes import Wakes
from flowner.sdk.connector import Connector, Repeat
from flowner.sdk.context import Answer
from flowner.server import at_work, open_house
from flowner.settings import Settings
from flowner.values import FlowId, RunId
from worlds import written
from worlds.living import BUTTON, Living
from worlds.shifted import ShiftedClock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFTEN = {"Recurrence": {"type": "Recurrence", "recurrence": {"frequency": "Second", "interval": 1}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Any:
    """The key of the module's database lies here."""
    return tmp_path_factory.mktemp("clocks")


def waits(count: int, unit: str) -> dict[str, Any]:
    inputs = {"interval": {"count": count, "unit": unit}}
    return {"Wait": {"runAfter": {}, "type": "Wait", "inputs": inputs}}


@asynccontextmanager
async def working(database_url: str, folder: Any, clock: Any) -> AsyncIterator[Named]:
    settings = Settings(database_url=database_url, data_folder=folder, port=0)
    async with open_house(settings, clock=clock) as house, at_work(house):
        yield Named(house)
        async with house.database.connection() as connection:
            await connection.execute("DELETE FROM journal.schedule")


@dataclass
class Named(Living):
    """A living world of its own within the module's database."""

    name: str = field(default_factory=lambda: f"ada{secrets.token_hex(4)}")


async def until(holds: Callable[[], Awaitable[bool]], *, within: float) -> bool:
    """Say whether something comes to hold in so many seconds."""
    for _ in range(int(within / 0.05)):
        if await holds():
            return True
        await asyncio.sleep(0.05)
    return await holds()


async def begun(living: Named, flow: FlowId) -> RunId:
    """Press a flow; answers its run when it has come to its wait."""
    house = living.house
    press = Press(flow=flow, by=await living.person(living.name), inputs={})
    run = await house.running.press(press, run=house.running.fresh_run())

    async def waits_now() -> bool:
        return any(one.entry.path == "Wait" for one in await house.journal.entries(run))

    assert await until(waits_now, within=10)
    return run


async def ended(living: Named, run: RunId, *, within: float) -> bool:
    async def is_over() -> bool:
        return (await living.house.journal.header(run)).ended is not None

    return await until(is_over, within=within)


@pytest.mark.parametrize("by", [-40 * DAY, -3 * HOUR, 3 * HOUR, 40 * DAY], ids=str)
def test_a_clock_that_is_wrong_all_the_time(database_url, run, folder, by: timedelta) -> None:
    async def story() -> None:
        async with working(database_url, folder, ShiftedClock(by)) as living:
            flow = await living.flow(living.name, BUTTON, waits(1, "Second"))
            often = await living.flow(living.name, OFTEN, waits(1, "Second"))
            one = await begun(living, flow)
            assert await ended(living, one, within=8)
            header = await living.house.journal.header(one)
            assert timedelta(seconds=1) <= header.ended - header.started < timedelta(seconds=8)
            assert header.status == "Succeeded"

            async def two_have_ended() -> bool:
                runs = await living.house.journal.runs(flow=often)
                return sum(one.ended is not None for one in runs) >= 2

            assert await until(two_have_ended, within=10)
            await living.house.turning.off(often, await living.person(living.name))

    run(story())


@pytest.mark.parametrize(
    ("wait", "jumps"),
    [
        pytest.param((1, "Hour"), [(59 / 60, False), (2 / 60, True)], id="forward, past its end"),
        pytest.param((1, "Hour"), [(48, True)], id="forward by days"),
        pytest.param((2, "Second"), [(-1, False), (1, True)], id="back, and on again"),
        pytest.param((1, "Hour"), [(-24, False), (24.5, False), (1, True)], id="to and fro"),
    ],
)
def test_a_wait_ends_when_the_clock_says_so(
    database_url, run, folder, wait: tuple[int, str], jumps: list[tuple[float, bool]]
) -> None:
    async def story() -> None:
        clock = ShiftedClock()
        async with working(database_url, folder, clock) as living:
            one = await begun(living, await living.flow(living.name, BUTTON, waits(*wait)))
            for hours, ends in jumps:
                clock.jump(hours * HOUR)
                assert await ended(living, one, within=10 if ends else 2.5) == ends
            async with living.house.database.connection() as connection:
                found = await connection.execute("SELECT FROM journal.wake WHERE run = %s", (one,))
                assert found.rowcount == 0

    run(story())


def test_what_was_due_stays_due_when_the_clock_is_set_back(database, run) -> None:
    async def story() -> None:
        clock = ShiftedClock(3 * DAY)
        wakes = Wakes(database, "w", clock=clock)
        async with open_journal(database, clock=clock) as journal:
            due, later = fresh_run_id(clock), fresh_run_id(clock)
            for one, start in ((due, clock.now()), (later, clock.now() + HOUR)):
                header = RunHeader(
                    id=one, flow=FlowId("00000000-0000-4000-8000-00000000f107"), flow_version=1,
                    flow_name="F", kind="instant", status="Running", initiator=None,
                    principal=None, rule=None, plan={}, plan_hash="", started=start,
                )  # fmt: skip
                entry = Entry(kind="k", path="p", data=b"0", at=start)
                await journal.create(header, [entry])
            shown = clock.now()
            clock.jump(-3 * DAY)
            assert not {due, later} & set(await wakes.claim(100))
            await wakes.set_back(shown)
            assert {due, later} & set(await wakes.claim(100)) == {due}

    run(story())


def test_all_processes_have_the_databases_time(database, run, monkeypatch) -> None:
    """A machine whose own clock is three hours wrong shows the database's time all the same."""

    async def story() -> None:
        with monkeypatch.context() as patch:
            wrong = SystemClock().now() - 3 * HOUR
            patch.setattr(SystemClock, "now", lambda _: wrong)
            clock = DatabaseClock()
            assert abs(clock.now() - wrong) < timedelta(seconds=1)
            assert abs(await clock.set(database) - 3 * HOUR) < timedelta(seconds=5)
            async with database.connection() as connection:
                found = await connection.execute("SELECT clock_timestamp() AS now")
                there = (await found.fetchone())["now"]
            assert abs(clock.now() - there) < timedelta(seconds=1)
            assert abs(await clock.set(database)) < timedelta(seconds=1)

    run(story())


def test_a_wait_ends_while_a_call_beside_it_is_out(
    database_url, run, folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is in hand all the time: it has to look at the clock by itself."""
    answer, went_on = asyncio.Event(), asyncio.Event()
    slow = Connector(ids=("slow",), title="Slow")

    @slow.operation("Do", title="Answer when told to", repeat=Repeat.WITH_KEY)
    async def do(parameters: Any, context: Any) -> Answer:
        if parameters.get("after"):
            went_on.set()
        else:
            await answer.wait()
        return Answer(body={}, seen=context.account)

    async def story() -> None:
        clock = ShiftedClock()
        async with working(database_url, folder, clock) as living:
            id = await living.connection(living.name, "slow")
            actions = waits(1, "Minute") | {
                "Call": written.call("slow", "slow", "Do", {}),
                "After": written.call("slow", "slow", "Do", {"after": True}, "Wait"),
            }
            references = {"slow": written.reference("slow", living.name)}
            flow = await living.flow(
                living.name, BUTTON, actions, references, bind={living.name: id}
            )
            one = await begun(living, flow)
            assert not went_on.is_set()
            clock.jump(timedelta(seconds=61))
            async with asyncio.timeout(10):
                await went_on.wait()
            answer.set()
            assert await ended(living, one, within=10)

    monkeypatch.setattr(server, "connectors", lambda: {"slow": slow})
    run(story())
