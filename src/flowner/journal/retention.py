"""Retention: ended runs go, with all that is theirs, when their flow keeps them no longer.

A run goes with the other runs of its week. Where none of a week stays, its partitions of the
journal are dropped whole; where one does, the others' rows are deleted one by one.

What people decided and managed (approvals, `rows.audit`) is not a run's, and stays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from flowner.clock import Clock, first_run_id
from flowner.database import Database, Transaction
from flowner.errors import Unavailable
from flowner.journal.partitions import (
    Partition,
    delete_left_behind,
    drop_unused,
    make_ahead,
    partitions,
    week_of,
)
from flowner.values import FlowId, RunId

_LOG = structlog.get_logger(__name__)
_AT_ONCE: Final = 500
_BETWEEN_PASSES: Final = timedelta(hours=1)
_A_WEEK: Final = timedelta(weeks=1)
"""A clock may be set back by as much without a run in a week that was dropped."""
_LEAST_PAUSE: Final = 0.1
_LOCK: Final = 7_310_002
"""An advisory lock's number: whoever holds it removes, the others leave it to them."""

# INVARIANT: a run stays while anything of its family may still move: a run below it, at whatever
# depth, or its parent, which asks for its child again when it is taken up after a crash.
# A cancelled run stays while an approval of it would otherwise look open again.
_OF_AGE = """
    CASE coalesce(k.days, %(days)s) WHEN 0 THEN false
    ELSE r.ended < %(now)s - make_interval(days => coalesce(k.days, %(days)s))
        AND r.id < (extract(epoch FROM date_trunc('week', %(now)s - make_interval(
            days => coalesce(k.days, %(days)s)), 'UTC') - timestamptz '2020-01-01 00:00:00+00')
            * 1000)::bigint << 22 END
"""
_STAYS = f"""
SELECT EXISTS (
    SELECT FROM journal.run r LEFT JOIN journal.keeping k ON k.flow = r.flow
    WHERE r.id >= %(low)s AND r.id < %(high)s AND ({_OF_AGE}) IS NOT TRUE) AS stays
"""  # noqa: S608 - constants of ours
_OLD = f"""
SELECT r.id FROM journal.run r LEFT JOIN journal.keeping k ON k.flow = r.flow
WHERE r.id > %(after)s AND r.id < %(bound)s
  AND {_OF_AGE}
  AND NOT EXISTS (SELECT FROM journal.wake w WHERE w.run = r.id)
  AND NOT EXISTS (SELECT FROM journal.run p WHERE p.id = r.parent AND p.ended IS NULL)
  AND NOT EXISTS (
      WITH RECURSIVE below(id, ended) AS (
          SELECT c.id, c.ended FROM journal.run c WHERE c.parent = r.id
          UNION SELECT c.id, c.ended FROM journal.run c JOIN below b ON c.parent = b.id)
      SELECT FROM below WHERE ended IS NULL)
  AND NOT (r.status = 'Cancelled' AND EXISTS (
      SELECT FROM rows.approval a
      WHERE a.runid = r.id AND a.outcome IS NULL AND NOT a.waits
        AND (a.due IS NULL OR a.due > %(now)s)))
ORDER BY r.id LIMIT %(most)s FOR UPDATE OF r SKIP LOCKED
"""  # noqa: S608 - constants of ours
_IN_PARTITIONS: Final = (
    "DELETE FROM journal.entry WHERE run = ANY(%s)",
    "DELETE FROM journal.action WHERE run = ANY(%s)",
)
_THEIRS: Final = (
    "DELETE FROM journal.snapshot WHERE run = ANY(%s)",
    "DELETE FROM journal.inbox WHERE run = ANY(%s)",
    "DELETE FROM journal.queue WHERE run = ANY(%s)",
    "DELETE FROM journal.held WHERE run = ANY(%s)",
    "DELETE FROM rows.approvalwait WHERE runid = ANY(%s)",
    "DELETE FROM rows.letter l USING rows.signinask s"  # noqa: ISC004 - one statement
    " WHERE l.aboutid = s.signinaskid AND s.runid = ANY(%s)",
    "DELETE FROM rows.signinask WHERE runid = ANY(%s)",
    "DELETE FROM journal.run WHERE id = ANY(%s)",
)
# A schedule's occurrence can fire again only while it lies at or after the schedule's next time.
_FIRINGS = """
DELETE FROM journal.firing f WHERE f.occurrence < %(old)s AND NOT EXISTS (
    SELECT FROM journal.schedule s WHERE s.flow = f.flow AND s.next <= f.occurrence)
"""
_LEAST = "SELECT min(days) AS days FROM journal.keeping WHERE days > 0"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction removed."""

    runs: int
    last: RunId
    """The newest of them: the next batch looks after it."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Runs that are looked at one batch after the other."""

    after: int
    bound: int
    at_once: int
    theirs: Sequence[str]
    """What removes them."""


async def keep_for(transaction: Transaction, flow: FlowId, days: int | None) -> None:
    """Say how many days a flow's ended runs are kept; 0: for ever; None: as long as all others."""
    await transaction.execute("DELETE FROM journal.keeping WHERE flow = %s", (flow,))
    if days is not None:
        await transaction.execute(
            "INSERT INTO journal.keeping (flow, days) VALUES (%s, %s)", (flow, days)
        )


async def kept_for(transaction: Transaction, flow: FlowId) -> int | None:
    """Return what `keep_for` was told last."""
    found = await transaction.execute("SELECT days FROM journal.keeping WHERE flow = %s", (flow,))
    row = await found.fetchone()
    return None if row is None else int(row["days"])


class Retention:
    """Removes old runs: one process of a database at a time, one small transaction after another.

    A process that ends in the middle has removed whole runs; the next pass goes on.
    """

    def __init__(self, database: Database, clock: Clock, days: int) -> None:
        """``days``: how long runs are kept whose flow does not say it; 0: for ever."""
        self._database, self._clock, self._days = database, clock, days

    async def run(self) -> None:
        """Remove for ever."""
        while True:
            try:
                gone = await self.sweep()
                if gone:
                    _LOG.info("old runs are removed", runs=gone)
            except Unavailable as error:
                _LOG.warning("old runs are not removed now", reason=error.message)
            except Exception:  # noqa: BLE001 - they are still there; try later
                _LOG.exception("old runs could not be removed; it will be tried again")
            await asyncio.sleep(_BETWEEN_PASSES.total_seconds())

    async def sweep(self) -> int:
        """Remove all that is old now; answers how many runs. 0 where another process is at it.

        It makes the next weeks' partitions first, and drops in the end those of which no run is
        left. It rests between its transactions at least as long as they take. On a connection of
        its own.
        """
        async with self._database.aside() as connection:
            locked = await connection.execute("SELECT pg_try_advisory_lock(%s) AS ours", (_LOCK,))
            row = await locked.fetchone()
            if row is None or not row["ours"]:
                return 0
            await make_ahead(connection, self._clock.now())
            newest = await self._newest(connection)
            whole = [] if newest is None else await self._whole(connection, newest)
            gone = 0
            for one in whole:
                gone += await self._remove(connection, _of(one))
            if newest is not None:
                rest = _Stretch(0, first_run_id(newest), _AT_ONCE, (*_IN_PARTITIONS, *_THEIRS))
                gone += await self._remove(connection, rest)
                await connection.execute(_FIRINGS, {"old": newest})
            await self._drop(connection, whole)
            return gone

    async def _remove(self, connection: Transaction, stretch: _Stretch) -> int:
        gone, after = 0, RunId(stretch.after)
        while True:
            begun = time.monotonic()
            batch = await self._batch(connection, stretch, after)
            if batch is None:
                return gone
            gone, after = gone + batch.runs, batch.last
            await asyncio.sleep(max(_LEAST_PAUSE, time.monotonic() - begun))

    async def _newest(self, connection: Transaction) -> datetime | None:
        """Return the moment before which a run may be old; None: all are kept for ever."""
        found = await (await connection.execute(_LEAST)).fetchone()
        days = [one for one in (self._days, found and found["days"]) if one]
        return self._clock.now() - timedelta(days=min(days)) if days else None

    async def _whole(self, connection: Transaction, newest: datetime) -> list[Partition]:
        """Return the partitions none of whose runs stays for its own sake."""
        whole, bound = [], first_run_id(week_of(newest))
        values = {"days": self._days, "now": self._clock.now()}
        for one in await partitions(connection):
            if one.high > bound:
                break
            asked = values | {"low": one.low, "high": one.high}
            row = await (await connection.execute(_STAYS, asked)).fetchone()
            if row is not None and not row["stays"]:
                whole.append(one)
        return whole

    async def _drop(self, connection: Transaction, whole: Sequence[Partition]) -> None:
        """Drop the weeks that are empty; of one that is not, remove what the runs left that went.

        A family of which one still moves keeps what nobody could foresee.
        """
        dropped = await drop_unused(connection, self._clock.now() - _A_WEEK)
        if dropped:
            _LOG.info("weeks of the journal are dropped", weeks=dropped)
        names = {one.name for one in await partitions(connection)}
        for one in whole:
            runs = 1 if one.name in names else 0
            while runs:
                runs = await delete_left_behind(connection, one)
                await asyncio.sleep(_LEAST_PAUSE)

    async def _batch(
        self, connection: Transaction, stretch: _Stretch, after: RunId
    ) -> Batch | None:
        values = {
            "after": after,
            "bound": stretch.bound,
            "days": self._days,
            "now": self._clock.now(),
            "most": stretch.at_once,
        }
        async with connection.transaction():
            found = await connection.execute(_OLD, values)
            old = [int(row["id"]) for row in await found.fetchall()]
            for statement in stretch.theirs if old else ():
                await connection.execute(statement.encode(), (old,))
        return Batch(len(old), RunId(old[-1])) if old else None


def _of(whole: Partition) -> _Stretch:
    """Return the runs of a partition that is dropped afterwards: what lies in it is not deleted."""
    return _Stretch(max(whole.low, 1) - 1, whole.high, _AT_ONCE * 10, _THEIRS)
