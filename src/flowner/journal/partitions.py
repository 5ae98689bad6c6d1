"""The journal by weeks: entries and action records lie in a partition for each week of run ids.

A run's id begins with its time, so what belongs to one run lies in one partition, however long it
lives. Partitions are made ahead; what has none goes into the one for the rest, so that no append
fails for lack of one. A week of which no run is left is dropped whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from flowner.clock import first_run_id
from flowner.database import Transaction

TABLES: Final = ("entry", "action")
# INVARIANT: one transaction locks one of them, because statements lock both in any order. The
# entries' are made and dropped last: what has none of theirs, or still has one, is begun again.
_IN_TURN: Final = ("action", "entry")
AHEAD: Final = 4
"""Weeks that are made before they begin."""
_WEEK: Final = timedelta(weeks=1)
_EPOCH: Final = datetime(2020, 1, 6, tzinfo=UTC)
"""A Monday."""
_PER_WEEK: Final = first_run_id(_EPOCH + _WEEK) - first_run_id(_EPOCH)
_PATIENCE: Final = "SET LOCAL lock_timeout = '2s'"
"""So long others may wait behind us, who wait for a lock; then it is tried again later."""
_PARTITIONS: Final = r"""
SELECT substring(name from 'entry_(.*)') AS name,
    (regexp_match(bound, 'FROM \(''?(-?\d+)''?\)'))[1]::bigint AS low,
    (regexp_match(bound, 'TO \(''?(-?\d+)''?\)'))[1]::bigint AS high
FROM (SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'journal.entry'::regclass) p
WHERE bound <> 'DEFAULT' ORDER BY high
"""
# INVARIANT: what is written into the rest meanwhile waits for the lock, and is then routed anew.
_MAKE: Final = (
    "CREATE TABLE journal.{table}_{name} (LIKE journal.{table} INCLUDING ALL)",
    "LOCK TABLE journal.{table}_rest IN ACCESS EXCLUSIVE MODE",
    """WITH moved AS (
        DELETE FROM journal.{table}_rest WHERE run >= {low} AND run < {high} RETURNING *)
    INSERT INTO journal.{table}_{name} SELECT * FROM moved""",
    """ALTER TABLE journal.{table} ATTACH PARTITION journal.{table}_{name}
    FOR VALUES FROM ({low}) TO ({high})""",
)
_IN_REST: Final = (
    "SELECT DISTINCT floor((run - {first}) / {per_week}::numeric)::int AS week"
    " FROM journal.{table}_rest"
)
_USED: Final = (
    "SELECT EXISTS (SELECT FROM journal.run WHERE id >= %s AND id < %s) AS used",
    "SELECT EXISTS (SELECT FROM journal.wake WHERE run >= %s AND run < %s) AS used",
)
_LEFT_BEHIND: Final = """
WITH lone AS (
    SELECT DISTINCT run FROM journal.{table}_{name} x
    WHERE NOT EXISTS (SELECT FROM journal.run r WHERE r.id = x.run) LIMIT 500
), gone AS (
    DELETE FROM journal.{table}_{name} x USING lone WHERE x.run = lone.run)
SELECT count(*) AS runs FROM lone
"""


@dataclass(frozen=True, slots=True)
class Partition:
    """The part of the journal whose runs have ids from ``low`` up to, not including, ``high``."""

    name: str
    low: int
    """-2^63 for the first of all, which has no lower bound."""
    high: int

    def holds(self, run: int) -> bool:
        """Say whether a run's entries lie in it."""
        return self.low <= run < self.high


async def partitions(transaction: Transaction) -> list[Partition]:
    """Return them in the order of their runs, without the rest: 1 query."""
    found = await transaction.execute(_PARTITIONS.encode())
    return [
        Partition(row["name"], -(1 << 63) if row["low"] is None else row["low"], row["high"])
        for row in await found.fetchall()
    ]


def week_of(moment: datetime) -> datetime:
    """Return the Monday on which the week of a moment begins, in UTC."""
    return _EPOCH + (moment - _EPOCH) // _WEEK * _WEEK


async def make_ahead(transaction: Transaction, now: datetime) -> int:
    """Make what is missing from this week on, and for what lies in the rest; answers how many.

    Each table's in a transaction of its own, which moves what is in the rest. Stops where somebody
    holds a lock for longer than 2 seconds: the next pass goes on.
    """
    there, made = await partitions(transaction), 0
    for week in sorted(await _wanted(transaction, now)):
        holders = [one.name for one in there if one.holds(first_run_id(week))]
        if holders and (
            holders != [_name(week)] or await _is_there(transaction, _IN_TURN[0], _name(week))
        ):
            continue
        try:
            await _make(transaction, week)
        except psycopg.errors.LockNotAvailable:
            break
        made += 1
    return made


async def behind(transaction: Transaction, now: datetime) -> str | None:
    """Say in words how the partitions lag; None: they do not. At most 4 queries."""
    there = await partitions(transaction)
    for moment, which in ((now, "this week"), (now + _WEEK, "next week")):
        if not any(one.holds(first_run_id(moment)) for one in there):
            return f"there is no partition of the journal for {which}"
    for table in TABLES:
        rest = await transaction.execute(f"SELECT FROM journal.{table}_rest LIMIT 1".encode())
        if await rest.fetchone() is not None:
            return "entries of runs lie outside the partitions of the journal"
    return None


async def drop_unused(transaction: Transaction, before: datetime) -> int:
    """Drop the weeks before a moment's of which no run is left; answers how many.

    Nobody waits behind it for longer than 2 seconds; where it would take longer, the week stays
    until the next pass.
    """
    dropped, bound = 0, first_run_id(week_of(before))
    for one in await partitions(transaction):
        if one.high > bound:
            break
        if await _used(transaction, one):
            continue
        try:
            dropped += await _drop(transaction, one)
        except psycopg.errors.LockNotAvailable:
            break
    return dropped


async def delete_left_behind(transaction: Transaction, one: Partition) -> int:
    """Remove what lies in a partition of runs that are gone, of 500 runs; answers of how many."""
    runs = 0
    for table in TABLES:
        statement = _LEFT_BEHIND.format(table=table, name=one.name)
        row = await (await transaction.execute(statement.encode())).fetchone()
        runs = max(runs, 0 if row is None else int(row["runs"]))
    return runs


async def _wanted(transaction: Transaction, now: datetime) -> set[datetime]:
    wanted = {week_of(now) + _WEEK * ahead for ahead in range(AHEAD + 1)}
    for table in TABLES:
        asked = _IN_REST.format(table=table, first=first_run_id(_EPOCH), per_week=_PER_WEEK)
        found = await transaction.execute(asked.encode())
        wanted |= {_EPOCH + _WEEK * row["week"] for row in await found.fetchall()}
    return wanted


async def _make(transaction: Transaction, week: datetime) -> None:
    bounds = {"low": first_run_id(week), "high": first_run_id(week + _WEEK)}
    for table in _IN_TURN:
        name = _name(week)
        if await _is_there(transaction, table, name):
            continue
        async with transaction.transaction():
            await transaction.execute(_PATIENCE)
            for statement in _MAKE:
                named = statement.format(table=table, name=name, **bounds)
                await transaction.execute(named.encode())


async def _used(transaction: Transaction, one: Partition) -> bool:
    for statement in _USED:
        row = await (await transaction.execute(statement, (one.low, one.high))).fetchone()
        if row is None or row["used"]:
            return True
    return False


async def _drop(transaction: Transaction, one: Partition) -> bool:
    for table in _IN_TURN:
        if not await _is_there(transaction, table, one.name):
            continue
        async with transaction.transaction():
            await transaction.execute(_PATIENCE)
            # The whole first, as those who write do.
            await transaction.execute(f"LOCK TABLE ONLY journal.{table}".encode())
            await transaction.execute(f"LOCK TABLE journal.{table}_{one.name}".encode())
            # INVARIANT: whoever was writing has committed or waits: what is seen now is true.
            if await _used(transaction, one):
                return False
            await transaction.execute(f"DROP TABLE journal.{table}_{one.name}".encode())
    return True


def _name(week: datetime) -> str:
    return f"{week:%Y%m%d}"


async def _is_there(transaction: Transaction, table: str, name: str) -> bool:
    found = await transaction.execute(
        "SELECT to_regclass(%s) IS NOT NULL AS there", (f"journal.{table}_{name}",)
    )
    row = await found.fetchone()
    return row is not None and bool(row["there"])
