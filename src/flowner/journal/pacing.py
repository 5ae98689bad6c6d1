"""How fast calls may go out to one outside: what it limits, and what it asked for.

A `Pace` is one row that all processes share: before when nothing goes out, and the moments at
which the newest calls were let out. Whether one more may go is decided by two pure functions; the
rest reads and writes the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flowner.database import Database

CHANNEL: Final = "flowner_pace"
"""Where processes tell that something is to be left alone; the payload is its key."""
MOST_CALLS: Final = 100
"""Calls whose moments are kept; a limit of more is split into shorter periods."""
LONGEST: Final = timedelta(days=1)
"""So long something is left alone at most, whatever it asked for."""
_CAREFUL_PERIODS: Final = 10
"""After so many periods without a no, a limit that was found out is doubled."""
_WINDOW: Final = timedelta(minutes=1)
"""The longest period of a limit that was found out."""
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """So many calls in any stretch of time as long as ``period``."""

    calls: int
    period: timedelta

    def split(self) -> Allowance:
        """Return one of at most `MOST_CALLS` that allows no more than this one."""
        parts = -(-self.calls // MOST_CALLS)
        return Allowance(calls=self.calls // parts, period=self.period / parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is known of one outside."""

    not_before: datetime = _EVER
    slots: tuple[datetime, ...] = ()
    """When the newest calls go out, the oldest first."""
    found: Allowance | None = None
    """A limit that was found out by running into it; None: none, or it is long ago."""
    found_until: datetime = _EVER
    """When it is doubled."""


FREE: Final = Pace()
"""Nothing is known."""


def reserve(pace: Pace, declared: Allowance | None, now: datetime) -> tuple[Pace, datetime]:
    """Give a call its slot: the earliest moment that nothing forbids, after all given before."""
    pace = _eased(pace, now)
    at = max(now, pace.not_before, *pace.slots[-1:])
    limits = [limit.split() for limit in (declared, pace.found) if limit is not None]
    for limit in limits:
        if len(pace.slots) >= limit.calls:
            at = max(at, pace.slots[-limit.calls] + limit.period)
    return replace(pace, slots=(*pace.slots, at)[-MOST_CALLS:]), at


def told_no(pace: Pace, now: datetime, after: timedelta, passed: int) -> Pace:
    """Leave it alone for as long ``after`` as it asked; then go on more slowly than before.

    ``passed`` is how many calls got through in the minute, or the time ``after``, before. A no to a
    call that was out already when another was told no makes nothing slower.
    """
    after = min(max(after, timedelta(seconds=1)), LONGEST)
    until = max(pace.not_before, now + after)
    if now < pace.not_before:
        return replace(pace, not_before=until)
    period = min(after, _WINDOW)
    calls = passed if pace.found is None else min(passed, pace.found.calls // 2)
    # A tenth more than was asked, for calls that are late on their way.
    found = Allowance(calls=max(1, min(calls, MOST_CALLS)), period=period * 1.1)
    return replace(
        pace, not_before=until, found=found, found_until=until + period * _CAREFUL_PERIODS
    )


def _eased(pace: Pace, now: datetime) -> Pace:
    if pace.found is None or now < pace.found_until:
        return pace
    calls, period = pace.found.calls * 2, pace.found.period
    if calls > MOST_CALLS:
        return replace(pace, found=None)
    later = now + period * _CAREFUL_PERIODS
    return replace(pace, found=Allowance(calls=calls, period=period), found_until=later)


class Paces:
    """The rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(
        self, key: str, declared: Allowance | None, now: datetime
    ) -> tuple[Pace, datetime]:
        """Give one call its slot; no two get the same. 3 queries in one transaction."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO journal.pace (key) VALUES (%s) ON CONFLICT DO NOTHING", (key,)
            )
            found = await transaction.execute(_READ + b" WHERE key = %s FOR UPDATE", (key,))
            row = await found.fetchone()
            pace, at = reserve(_pace(row) if row else FREE, declared, now)
            await transaction.execute(_WRITE, _values(key, pace))
        return pace, at

    async def told_no(self, key: str, now: datetime, after: timedelta, passed: int) -> Pace:
        """Note that an outside wants to be left alone, and tell every process."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO journal.pace (key) VALUES (%s) ON CONFLICT DO NOTHING", (key,)
            )
            found = await transaction.execute(_READ + b" WHERE key = %s FOR UPDATE", (key,))
            row = await found.fetchone()
            pace = told_no(_pace(row) if row else FREE, now, after, passed)
            await transaction.execute(_WRITE, _values(key, pace))
            await transaction.execute("SELECT pg_notify(%s, %s)", (CHANNEL, key))
        return pace

    async def limited(self, key: str | None = None) -> Mapping[str, Pace]:
        """Return what is to be called with care now, by key; all of it, or what one key is."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                _READ + b" WHERE calls IS NOT NULL AND (%(key)s::text IS NULL OR key = %(key)s)",
                {"key": key},
            )
            return {row["key"]: _pace(row) for row in await found.fetchall()}


_READ: Final = (
    b"SELECT key, not_before, slots, calls, extract(epoch FROM period)::float AS period,"
    b" found_until FROM journal.pace"
)
_WRITE: Final = """
UPDATE journal.pace SET not_before = %(not_before)s, slots = %(slots)s, calls = %(calls)s,
    period = make_interval(secs => %(period)s), found_until = %(found_until)s
WHERE key = %(key)s
"""


def _values(key: str, pace: Pace) -> dict[str, Any]:
    return {
        "key": key,
        "not_before": pace.not_before,
        "slots": list(pace.slots),
        "calls": None if pace.found is None else pace.found.calls,
        "period": 0.0 if pace.found is None else pace.found.period.total_seconds(),
        "found_until": pace.found_until,
    }


def _pace(row: Mapping[str, Any]) -> Pace:
    found = None
    if row["calls"] is not None:
        found = Allowance(calls=row["calls"], period=timedelta(seconds=row["period"]))
    return Pace(
        not_before=row["not_before"],
        slots=tuple(row["slots"]),
        found=found,
        found_until=row["found_until"],
    )
