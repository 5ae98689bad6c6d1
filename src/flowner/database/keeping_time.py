"""The database's clock, kept in mind: the one time of all processes that work on one database.

A process asks the database what time it is and counts on by itself, with a clock that nobody sets
(`time.monotonic`). So the clocks of processes cannot disagree by more than an answer takes, and
setting the clock of a machine on which none but a process of ours runs moves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from time import monotonic

import structlog

from flowner.clock import Clock, SystemClock
from flowner.database.connections import Database
from flowner.errors import Unavailable

_LOG = structlog.get_logger(__name__)
_EVERY_SECONDS = 5.0
_LEAP = timedelta(seconds=1)


class DatabaseClock(SystemClock):
    """Shows the process's own time until it was set for the first time."""

    def __init__(self) -> None:
        self._kept = (super().now(), monotonic())

    def now(self) -> datetime:
        moment, since = self._kept
        return moment + timedelta(seconds=monotonic() - since)

    async def set(self, database: Database) -> timedelta:
        """Set it by the database's; answers by how much it was wrong. 1 query.

        What could as well be the time that the answer took is left as it is.
        """
        async with database.connection() as connection:
            asked = monotonic()
            found = await connection.execute("SELECT clock_timestamp() AS now")
            row = await found.fetchone()
            took = monotonic() - asked
        if row is None:
            return timedelta()
        moment = row["now"] + timedelta(seconds=took / 2)
        wrong: timedelta = moment - self.now()
        if abs(wrong) > timedelta(seconds=took / 2):
            self._kept = (moment, asked + took)
        return wrong

    async def keep(self, database: Database) -> None:
        """Set it again and again, for ever; while the database is away it goes on by itself."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                wrong = await self.set(database)
            except Unavailable:
                continue
            if abs(wrong) > _LEAP:
                _LOG.warning("the database's clock was set", seconds=wrong.total_seconds())


@asynccontextmanager
async def kept_time(database: Database, clock: Clock | None = None) -> AsyncIterator[Clock]:
    """Yield the database's clock, which is kept right while the block lasts, or ``clock``."""
    if clock is not None:
        yield clock
        return
    kept = DatabaseClock()
    with suppress(Unavailable):
        await kept.set(database)
    keeping = asyncio.create_task(kept.keep(database), name="the database's clock")
    try:
        yield kept
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
