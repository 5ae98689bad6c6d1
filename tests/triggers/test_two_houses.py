"""What happens while nobody is at work starts once, when two houses begin to work together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from flowner.clock import HeldClock
from flowner.journal.schedules import set_schedule
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.runs.events import decode
from flowner.server import House, at_work, open_house
from flowner.settings import Settings
from flowner.values import FlowId
from worlds import written
from worlds.living import PATIENCE, RECURRENCE, Living
from worlds.still import CLERK, Still

CHANGES, HOUSES = 120, 2


def test_two_houses_start_everything_once(
    database_url: str, tmp_path_factory: Any, run: Callable[..., Any]
) -> None:
    folder: Path = tmp_path_factory.mktemp("shared")
    settings = Settings(database_url=database_url, data_folder=folder, port=0)

    async def story() -> None:
        async with AsyncExitStack() as stack:
            houses = [await stack.enter_async_context(open_house(settings)) for _ in range(HOUSES)]
            rows, clock = await _prepared(houses[0])
            for house in houses:
                await stack.enter_async_context(at_work(house))
            async with asyncio.timeout(PATIENCE):
                while True:
                    if await _ended(houses[0]) >= CHANGES + 1:
                        break
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            assert await _ended(houses[0]) == CHANGES + 1
            assert len(await houses[0].journal.runs(flow=clock)) == 1
            assert await _sizes(houses[0], rows) == Counter(range(CHANGES))

    run(story())


async def _prepared(house: House) -> tuple[FlowId, FlowId]:
    """Make a row flow and a scheduled one; change rows, and let the schedule be overdue."""
    await house.metadata.create_table(
        "t_once", set_name="t_onces", primary_name="t_name", columns={"t_size": Type.WHOLE}
    )
    await house.directory.add_role("Clerk", {("t_once", "Create"): 8}, id=CLERK)
    living = Living(house)
    still = Still(house, HeldClock(), living)
    rows = await still.listener("ada", written.row_trigger("t_once", message=1))
    clock = await living.flow("ada", RECURRENCE)
    ada = Caller(await living.person("ada"))
    for size in range(CHANGES):
        await house.store.create(ada, "t_once", {"t_name": "x", "t_size": size})
    async with house.database.transaction() as transaction:
        await set_schedule(transaction, clock, house.clock.now() - timedelta(days=3))
    return rows, clock


async def _ended(house: House) -> int:
    async with house.database.connection() as connection:
        found = await connection.execute(
            "SELECT count(*) AS n FROM journal.run WHERE status = 'Succeeded'"
        )
        row = await found.fetchone()
    return 0 if row is None else int(row["n"])


async def _sizes(house: House, flow: FlowId) -> Counter[int]:
    """Return which changes the runs of a flow began with."""
    async with house.database.connection() as connection:
        found = await connection.execute(
            "SELECT e.data FROM journal.entry e JOIN journal.run r ON r.id = e.run"
            " WHERE r.flow = %s AND e.seq = 0",
            (flow,),
        )
        events = [decode(bytes(row["data"])) for row in await found.fetchall()]
    return Counter(event.trigger["outputs"]["body"]["t_size"] for event in events)
