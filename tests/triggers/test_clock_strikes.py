"""An occurrence fires once, whoever's clock strikes first; a server that was down catches up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from flowner.journal.schedules import fire, next_schedule, set_schedule
from flowner.triggers.clock_strikes import ClockStrikes
from worlds.living import RECURRENCE, Living

STRIKERS, OVERDUE = 8, timedelta(days=3, hours=1)


@pytest.fixture(scope="module")
def flow(house, run):
    return run(Living(house).flow("ada", RECURRENCE))


def test_many_servers_fire_an_overdue_occurrence_once(house, run, flow) -> None:
    run(_strike_together(house, flow))


async def _strike_together(house, flow) -> None:
    now = house.clock.now().replace(microsecond=0)
    due = now - OVERDUE
    strikers = [
        ClockStrikes(house.database, house.starter, house.published, house.clock)
        for _ in range(STRIKERS)
    ]
    async with house.database.transaction() as transaction:
        await set_schedule(transaction, flow, due, anchor=due)
    await asyncio.gather(*(one.strike() for one in strikers))
    assert len(await house.journal.runs(flow=flow)) == 1
    async with house.database.connection() as connection:
        after = await next_schedule(connection)
    assert after is not None
    assert now < after <= now + timedelta(days=1)
    assert (after - due) % timedelta(days=1) == timedelta(0)


def test_an_occurrence_that_has_fired_does_not_fire_again(house, run, flow) -> None:
    async def again() -> list[bool]:
        at = house.clock.now() + timedelta(days=400)
        async with house.database.transaction() as transaction:
            return [await fire(transaction, flow, at) for _ in range(2)]

    assert run(again()) == [True, False]


def test_a_firing_that_was_not_committed_is_fired_again(house, run, flow) -> None:
    at = house.clock.now() - timedelta(minutes=1)

    async def die() -> None:
        async with house.database.transaction() as transaction:
            await fire(transaction, flow, at)
            raise ZeroDivisionError

    async def strike() -> int:
        before = len(await house.journal.runs(flow=flow))
        async with house.database.transaction() as transaction:
            await set_schedule(transaction, flow, at)
        await ClockStrikes(house.database, house.starter, house.published, house.clock).strike()
        return len(await house.journal.runs(flow=flow)) - before

    with pytest.raises(ZeroDivisionError):
        run(die())
    assert run(strike()) == 1
