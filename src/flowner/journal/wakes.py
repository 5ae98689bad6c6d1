"""Who moves which run, and when. Timer, ready queue and lease are one row.

When a run is due, the house's clock says, as in everything that a run sees of time; how long a
lease lasts, the database's, which is the same for all who compete for it.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime

from flowner.clock import Clock, SystemClock
from flowner.database import Database, Transaction
from flowner.journal.claiming import Places, Turns
from flowner.values import FlowId, RunId

CHANNEL = "flowner_wake"

_RENEW = """
UPDATE journal.wake SET lease = now() + make_interval(secs => %s)
WHERE owner = %s AND run = ANY(%s) AND lease > now() RETURNING run
"""
_RELEASE = """
UPDATE journal.wake SET owner = NULL, lease = NULL, due = least(due, %s)
WHERE owner = %s AND run = ANY(%s)
"""
_GIVE_BACK = """
WITH given AS (
    UPDATE journal.wake SET owner = NULL, lease = NULL, due = least(due, %s)
    WHERE owner = %s RETURNING run)
SELECT count(*) AS runs, pg_notify('flowner_wake', '') FROM given
"""
_SOONEST = """
SELECT extract(epoch FROM min(CASE WHEN owner IS NULL THEN due - %s ELSE lease - now() END)) AS left
FROM (
    SELECT due, owner, lease FROM journal.wake ORDER BY due LIMIT 1000) AS next
"""


_SET_BACK = """
UPDATE journal.wake SET due = %(now)s WHERE due > %(now)s AND due <= %(shown)s
"""
_WAITING = """
SELECT (SELECT extract(epoch FROM %(now)s - due) FROM journal.wake
        WHERE due <= %(now)s AND (owner IS NULL OR lease < now()) ORDER BY due LIMIT 1) AS lag,
       (SELECT count(*) FROM (
           SELECT FROM journal.wake WHERE due > %(now)s AND owner IS NULL LIMIT 100000) p) AS parked
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How the runs of all processes stand that nobody moves."""

    lag_seconds: float
    """Since when the oldest one that is due waits for a worker; 0: none does."""
    parked: int
    """Those that wait for a time or an answer; counted to 100,000."""


class Wakes:
    """The claims of one worker, which has a name of its own."""

    def __init__(
        self,
        database: Database,
        owner: str,
        *,
        clock: Clock | None = None,
        lease_seconds: float = 20.0,
    ) -> None:
        self._database, self.owner, self.lease_seconds = database, owner, lease_seconds
        self._clock, self._turns = clock or SystemClock(), Turns(owner, lease_seconds)

    @property
    def crowded(self) -> bool:
        """Whether more runs may be due than were claimed the last time."""
        return self._turns.crowded

    async def claim(self, places: Places | int) -> dict[RunId, FlowId]:
        """Take runs that are due and nobody's, or whose holder went silent; see `Turns.claim`.

        A number of ``places`` is room for whatever flow.
        """
        if isinstance(places, int):
            places = Places(room=places)
        async with self._database.connection() as connection:
            return await self._turns.claim(connection, places, self._clock.now())

    async def renew(self, runs: Iterable[RunId]) -> set[RunId]:
        """Keep the leases on ``runs``; answers those that are still ours."""
        async with self._database.connection() as connection:
            values = (self.lease_seconds, self.owner, list(runs))
            found = await connection.execute(_RENEW, values)
            return {RunId(row["run"]) for row in await found.fetchall()}

    async def release(self, runs: Iterable[RunId]) -> None:
        """Give runs back unfinished, for anybody to take at once."""
        async with self._database.connection() as connection:
            await connection.execute(_RELEASE, (self._clock.now(), self.owner, list(runs)))

    async def give_back(self) -> int:
        """Give back everything that is ours, at the end, and tell the others; answers how many.

        Whatever was claimed while nobody looked is among it. Reads every wake.
        """
        async with self._database.connection() as connection:
            values = (self._clock.now(), self.owner)
            row = await (await connection.execute(_GIVE_BACK, values)).fetchone()
            return 0 if row is None else int(row["runs"])

    async def soonest(self) -> float | None:
        """Return in how many seconds the next run falls due, or the next lease runs out.

        None: nothing waits. Less than 0: something has been due for as long.
        """
        async with self._database.connection() as connection:
            row = await (await connection.execute(_SOONEST, (self._clock.now(),))).fetchone()
            return None if row is None or row["left"] is None else float(row["left"])

    async def set_back(self, shown: datetime) -> None:
        """Keep those due that were due when the clock showed ``shown``; it has been set back."""
        values = {"now": self._clock.now(), "shown": shown}
        async with self._database.connection() as connection:
            await connection.execute(_SET_BACK, values)

    async def latest_start(self) -> datetime | None:
        """Return when the newest run of all began; None: there is none."""
        async with self._database.connection() as connection:
            return await latest_start(connection)

    async def waiting(self) -> Waiting:
        """Return how much work waits: 1 query that reads at most 100,000 wakes."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_WAITING, {"now": self._clock.now()})).fetchone()
        return Waiting(0.0, 0) if row is None else Waiting(float(row["lag"] or 0), row["parked"])

    def listen(self) -> AsyncIterator[tuple[str, str]]:
        """Yield whenever there may be new work, for ever."""
        return self._database.listen(CHANNEL)


def fresh_owner() -> str:
    """Return a name that no other worker has, and that says where it works."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


async def latest_start(transaction: Transaction) -> datetime | None:
    """Return when the newest run of all began; None: there is none. One look into an index.

    It is the last that a clock is known to have shown before this process began.
    """
    found = await transaction.execute("SELECT started FROM journal.run ORDER BY id DESC LIMIT 1")
    row = await found.fetchone()
    return None if row is None else row["started"]
