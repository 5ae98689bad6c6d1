"""What runs notice while 100,000 old ones are removed: ten-step runs a second with and without.

The two are measured in turns in one process, so what else the machine does falls on both. In the
end, a week of which no run stays beside one of which a single run stays: `--weeks` measures this
alone.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from engine import AT_ONCE, nothing, prepare, runs
from flowner import server
from flowner.clock import first_run_id
from flowner.journal.partitions import TABLES, make_ahead, week_of
from flowner.journal.retention import Retention
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs

OLD, ENTRIES, CALLS, ROUND, ROUNDS = 100_000, 22, 10, 200, 4
OF_A_WEEK = 10_000

_RUNS = """
INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, plan, plan_hash, started,
    ended)
SELECT n, gen_random_uuid(), 1, 'Old', 'instant', 'Succeeded', '{}', '', now() - interval '60 days',
    now() - interval '60 days' FROM generate_series(%s::bigint, %s) n
"""
_ENTRIES = """
INSERT INTO journal.entry SELECT n, seq, now(), 'action-ended', 'Step', repeat('x', 100)::bytea
FROM generate_series(%s::bigint, %s) n, generate_series(0, %s) seq
"""
_CALLS = """
INSERT INTO journal.action (run, seq, at, path, flow, fallback, status, code, attempt, refused,
    planned, principal, acting, initiator)
SELECT n, seq, now(), 'Step', gen_random_uuid(), false, 'Succeeded', '', 1, false, true,
    gen_random_uuid(), gen_random_uuid(), gen_random_uuid()
FROM generate_series(%s::bigint, %s) n, generate_series(0, %s) seq
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


async def _plant(house, first: int = 1, count: int = OLD) -> None:
    last = first + count - 1
    async with house.database.aside() as connection:
        await connection.execute(_RUNS, (first, last))
        await connection.execute(_ENTRIES, (first, last, ENTRIES - 1))
        await connection.execute(_CALLS, (first, last, CALLS - 1))
        await connection.execute("VACUUM ANALYZE")


async def weeks() -> None:
    """Remove a week of which nothing stays, and one of which one run stays."""
    with tempfile.TemporaryDirectory() as folder:
        async with server.open_house(Settings(data_folder=Path(folder))) as house:
            now = house.clock.now()
            async with house.database.connection() as connection:
                for table in TABLES:  # the weeks before the first one have no partitions else
                    await connection.execute(f"DROP TABLE journal.{table}_first".encode())
            for stays in (True, False):
                week = week_of(now - timedelta(weeks=20 if stays else 12))
                first = first_run_id(week)
                async with house.database.connection() as connection:
                    await make_ahead(connection, week)
                await _plant(house, first, OF_A_WEEK)
                if stays:
                    async with house.database.connection() as connection:
                        await connection.execute(
                            "UPDATE journal.run SET ended = NULL WHERE id = %s", (first,)
                        )
                begun, written = time.perf_counter(), await _written(house)
                gone = await Retention(house.database, house.clock, 28).sweep()
                logged = (await _written(house) - written) / 1e6
                name = "row by row: one run stays" if stays else "whole: none stays"
                rate = gone / (time.perf_counter() - begun)
                print(f"a week of {OF_A_WEEK} runs, {name:26} {rate:8.0f} runs a second,"
                      f" {logged:.0f} MB of log")  # fmt: skip


async def _written(house) -> float:
    async with house.database.connection() as connection:
        found = await connection.execute("SELECT pg_current_wal_lsn() - '0/0' AS bytes")
        return float((await found.fetchone())["bytes"])


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
    if "--weeks" not in sys.argv:
        asyncio.run(main())
    asyncio.run(weeks())
