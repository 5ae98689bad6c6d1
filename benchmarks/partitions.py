"""What partitions cost: appends, loads and the audit's pages with 0, 12 and 60 of them.

Beside a journal that is not partitioned, in turns, on one server in the same run. What else the
machine does falls on all; processor time of the database's own process says more than the clock.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg

from flowner.clock import SystemClock, first_run_id, fresh_run_id
from flowner.database import Database
from flowner.database.connections import open_pool
from flowner.database.embedded import EmbeddedServer
from flowner.database.migrate import migrate
from flowner.journal import appending
from flowner.journal.actions import WantedActions, search
from flowner.journal.creating import Creation
from flowner.journal.creating import write as create
from flowner.journal.partitions import TABLES, week_of
from flowner.journal.records import ActionRecord, Append, Entry, RunHeader
from flowner.journal.store import open_journal
from flowner.values import FlowId, RunId

RUNS, STEPS, LOADS, PAGES, TURNS = 16, 60, 200, 20, 13
WEEKS = {"none": None, "0": 0, "12": 12, "60": 60}
"""Partitions of the past that each database has; None: its journal is not partitioned."""
CLOCK, FLOW = SystemClock(), FlowId("00000000-0000-4000-8000-0000000000f1")
RECORD = ActionRecord(
    acting=None, actor=None, account="a@b.example", connection=None, reference=None, lender=None,
    rule="action.connection", connector="bench", operation="Do", status="Succeeded", code="",
    attempt=1, refused=False, planned=True,
)  # fmt: skip


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        try:
            await measured(server.url)
        finally:
            server.release()


async def measured(url: str) -> None:
    spent: dict[tuple[str, str], list[tuple[float, float]]] = {}
    async with AsyncExitStack() as stack:
        opened = {}
        for name, weeks in WEEKS.items():
            mine = await prepared(url, name, weeks)
            opened[name] = await stack.enter_async_context(open_pool(mine, pool_size=1))
        for what, work in (("append", _append), ("load", _load), ("audit page", _page)):
            for turn in range(TURNS):
                for name, database in opened.items():
                    took = await work(database)
                    if turn:
                        spent.setdefault((what, name), []).append(took)
        # A database's process that has looked at hundreds of relations may get its memory anew for
        # every statement from then on; see docs/decisions/0016-journal-partitions.md.
        for _ in range(TURNS):
            for name, database in opened.items():
                spent.setdefault(("append after", name), []).append(await _append(database))
    for what in ("append", "load", "audit page", "append after"):
        plain = statistics.median(cpu for _, cpu in spent[what, "none"])
        for name in WEEKS:
            walls, cpus = zip(*spent[what, name], strict=True)
            cpu = statistics.median(cpus)
            print(
                f"{what:12}{name:>5} partitions {statistics.median(walls):8.2f} ms"
                f" ({min(walls):.2f} to {max(walls):.2f}), database CPU {cpu:.2f} ms"
                f" ({min(cpus):.2f} to {max(cpus):.2f}), ratio {cpu / plain:.2f}"
            )


async def prepared(url: str, name: str, weeks: int | None) -> str:
    """Make a database whose journal has so many partitions of the past; answers its address."""
    head, mark, tail = url.partition("?")
    mine = f"{head.rsplit('/', 1)[0]}/bench_{name}{mark}{tail}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE bench_{name}".encode())
    await asyncio.to_thread(migrate, mine)
    async with await psycopg.AsyncConnection.connect(mine, autocommit=True) as connection:
        for table in TABLES:
            if weeks is None:
                await connection.execute(f"CREATE TABLE journal.one (LIKE journal.{table}"
                                         " INCLUDING ALL)".encode())  # fmt: skip
                await connection.execute(f"DROP TABLE journal.{table}".encode())
                await connection.execute(f"ALTER TABLE journal.one RENAME TO {table}".encode())
                continue
            await connection.execute(f"DROP TABLE journal.{table}_first".encode())
            monday = week_of(datetime.now(UTC))
            for back in range(weeks + 1):
                low, high = monday - timedelta(weeks=back), monday - timedelta(weeks=back - 1)
                await connection.execute(
                    f"CREATE TABLE journal.{table}_{low:%Y%m%d} PARTITION OF journal.{table}"
                    f" FOR VALUES FROM ({first_run_id(low)}) TO ({first_run_id(high)})".encode()
                )
    return mine


async def _append(database: Database) -> tuple[float, float]:
    runs = [fresh_run_id(CLOCK) for _ in range(RUNS)]
    async with database.connection() as connection:
        group = [Creation(header=_header(r), entries=[_entry()], claim=("w", 900.0)) for r in runs]
        await create(connection, group)

    async def work() -> None:
        for step in range(STEPS):
            entries, first = (_entry(), _entry(RECORD)), 1 + 2 * step
            added = [
                Append(run=run, owner="w", expected=first, entries=entries, status="Running")
                for run in runs
            ]
            assert await appending.write(database, added, CLOCK.now()) == [None] * RUNS

    return await _timed(database, work, STEPS)


async def _load(database: Database) -> tuple[float, float]:
    async with database.connection() as connection:
        found = await connection.execute("SELECT run FROM journal.wake ORDER BY run DESC LIMIT 1")
        row = await found.fetchone()
    async with open_journal(database) as journal:

        async def work() -> None:
            for _ in range(LOADS):
                assert (await journal.load(RunId(row["run"]))).next_seq == 1 + 2 * STEPS

        return await _timed(database, work, LOADS)


async def _page(database: Database) -> tuple[float, float]:
    async def work() -> None:
        for _ in range(PAGES):
            async with database.connection() as connection:
                assert len(await search(connection, WantedActions(flow=FLOW))) == 50

    return await _timed(database, work, PAGES)


async def _timed(
    database: Database, work: Callable[[], Awaitable[None]], times: int
) -> tuple[float, float]:
    """Return milliseconds by the clock, and of the database's processor, for each time."""
    async with database.connection() as connection:
        backend = connection.info.backend_pid
    begun, busy = time.perf_counter(), _cpu_seconds(backend)
    await work()
    wall, cpu = time.perf_counter() - begun, _cpu_seconds(backend) - busy
    return wall / times * 1e3, cpu / times * 1e3


def _cpu_seconds(process: int) -> float:
    """Return how long a process has worked; Linux says it exactly, others to a hundredth."""
    exact = Path(f"/proc/{process}/schedstat")
    if exact.exists():
        return int(exact.read_text().split()[0]) / 1e9
    return sum(psutil.Process(process).cpu_times()[:2])


def _header(run: RunId) -> RunHeader:
    return RunHeader(
        id=run, flow=FLOW, flow_version=1, flow_name="F", kind="instant", status="Running",
        initiator=None, principal=None, rule=None, plan={}, plan_hash="", started=CLOCK.now(),
    )  # fmt: skip


def _entry(record: ActionRecord | None = None) -> Entry:
    return Entry(kind="action-ended", path="p", data=b"x" * 200, at=CLOCK.now(), record=record)


if __name__ == "__main__":
    asyncio.run(main())
