"""What runs notice while 100,000 old ones are removed: ten-step runs a second with and without.

The two are measured in turns in one process, so what else the machine does falls on both.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from engine import AT_ONCE, nothing, prepare, runs
from flowner import server
from flowner.journal.retention import Retention
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs

OLD, ENTRIES, CALLS, ROUND, ROUNDS = 100_000, 22, 10, 200, 4

_RUNS = """
INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, plan, plan_hash, started,
    ended)
SELECT n, gen_random_uuid(), 1, 'Old', 'instant', 'Succeeded', '{}', '', now() - interval '60 days',
    now() - interval '60 days' FROM generate_series(1, %s) n
"""
_ENTRIES = """
INSERT INTO journal.entry SELECT n, seq, now(), 'action-ended', 'Step', repeat('x', 100)::bytea
FROM generate_series(1, %s) n, generate_series(0, %s) seq
"""
_CALLS = """
INSERT INTO journal.action (run, seq, at, path, flow, fallback, status, code, attempt, refused,
    planned, principal, acting, initiator)
SELECT n, seq, now(), 'Step', gen_random_uuid(), false, 'Succeeded', '', 1, false, true,
    gen_random_uuid(), gen_random_uuid(), gen_random_uuid()
FROM generate_series(1, %s) n, generate_series(0, %s) seq
"""


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), concurrency=AT_ONCE)
        original = server.connectors
        server.connectors = lambda: {**original(), "bench": nothing}
        async with server.open_house(settings) as house, server.at_work(house):
            ada, flow = await prepare(house)
            await _plant(house)
            await runs(house, ada, flow, ROUND)
            rates: dict[bool, list[float]] = {True: [], False: []}
            sweep = None
            for turn in range(2 * ROUNDS):
                removing = turn % 2 == 1
                if removing:
                    sweep = asyncio.create_task(Retention(house.database, house.clock, 28).sweep())
                begun = time.perf_counter()
                await runs(house, ada, flow, ROUND)
                rates[removing].append(ROUND / (time.perf_counter() - begun))
                if removing and sweep is not None:
                    if sweep.done():
                        raise SystemExit("all old runs were gone too soon: take more of them")
                    sweep.cancel()
                    await asyncio.gather(sweep, return_exceptions=True)
            left, begun = await _left(house), time.perf_counter()
            gone = await Retention(house.database, house.clock, 28).sweep()
            alone = gone / (time.perf_counter() - begun)
    without, beside = (statistics.median(rates[one]) for one in (False, True))
    print(f"ten-step runs a second                 {without:8.0f}   {_spread(rates[False])}")
    print(f"while old runs are removed             {beside:8.0f}   {_spread(rates[True])}")
    print(f"ratio                                  {beside / without:8.2f}")
    print(f"removed meanwhile                      {OLD - left:8d}   of {OLD}")
    print(f"old runs removed a second, idle        {alone:8.0f}")


async def _plant(house) -> None:
    async with house.database.aside() as connection:
        await connection.execute(_RUNS, (OLD,))
        await connection.execute(_ENTRIES, (OLD, ENTRIES - 1))
        await connection.execute(_CALLS, (OLD, CALLS - 1))
        await connection.execute("VACUUM ANALYZE")


async def _left(house) -> int:
    async with house.database.connection() as connection:
        found = await connection.execute(
            "SELECT count(*) AS runs FROM journal.run WHERE id <= %s", (OLD,)
        )
        return (await found.fetchone())["runs"]


def _spread(rates: list[float]) -> str:
    return f"({min(rates):.0f} to {max(rates):.0f})"


if __name__ == "__main__":
    configure_logs("text", "warning")
    asyncio.run(main())
