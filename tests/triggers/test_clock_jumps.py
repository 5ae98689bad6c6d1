"""Schedules and a clock that is set: no occurrence twice, none lost but by catching up."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowner.journal.schedules import next_schedule
from flowner.runs.events import RunStarted, decode
from flowner.triggers.clock_strikes import ClockStrikes
from flowner.triggers.recurrence import Rule
from worlds.still import Still

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
EVERY_HOUR = {"frequency": "Hour", "interval": 1}
AT_NINE = {"frequency": "Day", "interval": 1, "timeZone": "Europe/Berlin",
           "schedule": {"hours": [9], "minutes": [0]}}  # fmt: skip


class Jumping:
    """One scheduled flow and a clock; says which occurrences fired at each look."""

    def __init__(self, still: Still, recurrence: dict[str, Any]) -> None:
        self.still, self.recurrence = still, recurrence
        self.rule = Rule.read(recurrence)
        hours = 24 if recurrence is AT_NINE else recurrence["interval"]
        self.period = hours * HOUR
        self.flow: Any = None

    async def begin(self) -> None:
        house = self.still.house
        async with house.database.connection() as connection:
            await connection.execute("DELETE FROM journal.schedule")
        self.still.clock.moment = MONDAY
        await house.clock_strikes.strike()
        trigger = {"R": {"type": "Recurrence", "recurrence": self.recurrence}}
        self.flow = await self.still.living.flow(f"ada{secrets.token_hex(3)}", trigger)

    async def look(self, by: timedelta) -> list[datetime]:
        """Set the clock and strike until nothing is due; answers the times that runs are told."""
        self.still.clock.move(by)
        while await self.still.house.clock_strikes.strike():
            pass
        return sorted([await self._told(one.id) for one in await self.still.fresh(self.flow)])

    async def next(self) -> datetime | None:
        async with self.still.house.database.connection() as connection:
            return await next_schedule(connection)

    async def _told(self, run: Any) -> datetime:
        first = (await self.still.house.journal.entries(run))[0].entry.data
        started = decode(first)
        assert isinstance(started, RunStarted)
        return datetime.fromisoformat(started.trigger["outputs"]["body"]["scheduledTime"])


@pytest.mark.parametrize(
    ("jumps", "expected"),
    [
        pytest.param([1, 1], ["05T09", "05T10"], id="an hour and an hour"),
        pytest.param([3.5, 1], ["05T09", "05T12"], id="forward: once for all that passed"),
        pytest.param([1, -0.5, 0.5, 1], ["05T09", "", "", "05T10"], id="back: it fired before"),
        pytest.param([2, -1.5, 0.5, 1], ["05T09", "", "", "05T10"],
                     id="back: what had not fired, fires"),
        pytest.param([1, 1, 1, -2.5, 3.5], ["05T09", "05T10", "05T11", "", "05T12"],
                     id="forward over what fired and what did not"),
        pytest.param([240, -239.5, 0.5, 1], ["05T09", "", "", "05T10"],
                     id="days forward and back: not silent for days"),
        pytest.param([-48, 1, 1], ["", "03T09", "03T10"], id="back before it was turned on"),
    ],
)  # fmt: skip
def test_an_hourly_flow(still: Still, run, jumps: list[float], expected: list[str]) -> None:
    async def story() -> list[list[datetime]]:
        one = Jumping(still, EVERY_HOUR)
        await one.begin()
        return [await one.look(hours * HOUR) for hours in jumps]

    assert [" ".join(f"{at:%dT%H}" for at in told) for told in run(story())] == expected


def test_a_process_that_was_down_when_the_clock_was_set_back(still: Still, run) -> None:
    async def story() -> None:
        house, one = still.house, Jumping(still, EVERY_HOUR)
        await one.begin()
        assert len(await one.look(240 * HOUR)) == 1
        still.clock.move(-239.5 * HOUR)
        fresh = ClockStrikes(house.database, house.starter, house.published, still.clock)
        assert await fresh.strike() == 0
        assert await one.next() == MONDAY + HOUR

    run(story())


@settings(max_examples=15, deadline=None)
@given(
    recurrence=st.sampled_from([EVERY_HOUR, AT_NINE, EVERY_HOUR | {"interval": 7}]),
    jumps=st.lists(st.integers(-72 * 60, 72 * 60) | st.integers(1, 59), min_size=3, max_size=12),
)
def test_whatever_the_clock_does(still: Still, run, recurrence, jumps: list[int]) -> None:
    run(_whatever(Jumping(still, recurrence), jumps))


async def _whatever(one: Jumping, jumps: list[int]) -> None:
    await one.begin()
    fired: set[datetime] = set()
    for minutes in jumps:
        before = one.still.clock.now()
        told = await one.look(timedelta(minutes=minutes))
        now = one.still.clock.now()
        assert not fired & set(told), "no occurrence twice"
        assert len(told) <= 1, "however many passed, once"
        assert all(at <= now for at in told), "none early"
        fired |= set(told)
        after = await one.next()
        assert after is not None
        assert now < after <= now + one.period + HOUR, "it is never silent for longer"
        if one.recurrence is AT_NINE and minutes > 0:
            passed = set(one.rule.occurrences(before, now))
            assert not passed or passed & fired, "what passed has fired, then or now"
