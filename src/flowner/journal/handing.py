"""Wakes that somebody else is told of: the outbox to a dispatcher outside the database.

A wake whose `handed` is its `due` is known outside, and left alone until its `lease` while it has
no owner. Whatever changes `due`, a message above all, makes it unknown again: no writer of wakes
has to know of this. What is known and not done when the lease has run out, is handed over again.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowner.clock import Clock
from flowner.database import Database
from flowner.journal.wakes import Wakes
from flowner.values import RunId

_LEFT_ALONE = "now() + greatest(due - %(now)s, interval '0') + make_interval(secs => %(lease)s)"
_HAND_OVER = f"""
UPDATE journal.wake SET owner = NULL, handed = due, lease = {_LEFT_ALONE}
WHERE run IN (
    SELECT run FROM journal.wake
    WHERE due <= %(now)s AND CASE WHEN owner IS NULL
        THEN handed IS DISTINCT FROM due OR lease IS NULL OR lease < now()
        ELSE lease < now() - make_interval(secs => %(lease)s) END
    ORDER BY due LIMIT %(most)s FOR UPDATE SKIP LOCKED)
RETURNING run
"""  # noqa: S608 - constants of ours
_TAKE_BACK = """
UPDATE journal.wake SET handed = NULL WHERE run = ANY(%s) AND owner IS NULL
"""
_TAKE = """
UPDATE journal.wake SET owner = %(owner)s, lease = now() + make_interval(secs => %(lease)s)
WHERE run = %(run)s AND due <= %(now)s AND (owner IS NULL OR lease < now())
RETURNING run
"""
_PUT_DOWN = f"""
UPDATE journal.wake SET owner = NULL, handed = due, lease = {_LEFT_ALONE}
WHERE run = %(run)s AND owner = %(owner)s
"""  # noqa: S608
_ANSWER = f"""
UPDATE journal.wake SET handed = CASE WHEN owner IS NULL THEN due ELSE handed END,
    lease = CASE WHEN owner IS NULL THEN {_LEFT_ALONE} ELSE lease END
WHERE run = %(run)s
RETURNING extract(epoch FROM CASE WHEN owner IS NULL THEN due - %(now)s ELSE lease - now() END)
    AS left
"""  # noqa: S608
_SOONEST = """
SELECT extract(epoch FROM min(CASE
    WHEN owner IS NOT NULL THEN lease + make_interval(secs => %(lease)s) - now()
    WHEN handed = due AND lease IS NOT NULL THEN lease - now()
    ELSE due - %(now)s END)) AS left
FROM (SELECT due, owner, lease, handed FROM journal.wake ORDER BY due LIMIT 1000) AS next
"""


class Handing:
    """Hands wakes over, and takes those runs whose turn has come outside."""

    def __init__(self, database: Database, wakes: Wakes, clock: Clock) -> None:
        self._database, self._wakes, self._clock = database, wakes, clock

    async def hand_over(self, most: int) -> list[RunId]:
        """Return up to ``most`` runs that are due and nobody's, and that nobody outside knows of.

        They count as known from then on, for as long as a lease: whoever asks has to tell, and if
        they die before, others are asked to. So is what died in the hands of a worker, a lease
        after its lease.
        """
        return await self._runs(_HAND_OVER, most=most)

    async def take_back(self, runs: Iterable[RunId]) -> None:
        """Let runs count as unknown again: nobody could be told of them."""
        async with self._database.connection() as connection:
            await connection.execute(_TAKE_BACK, (list(runs),))

    async def take(self, run: RunId) -> bool:
        """Take one run, if it is due and nobody's; False leaves it as it is."""
        return bool(await self._runs(_TAKE, run=run))

    async def put_down(self, run: RunId) -> None:
        """Give a run back that will be tried again outside."""
        await self._runs(_PUT_DOWN + "RETURNING run", run=run)

    async def answer(self, run: RunId) -> float | None:
        """Return in how many seconds a run is to be looked at again; None: it is over.

        It counts as known outside from then on. Who owns it meanwhile is left alone for as long as
        their lease lasts now.
        """
        async with self._database.connection() as connection:
            row = await (await connection.execute(_ANSWER, self._values(run=run))).fetchone()
        return None if row is None else max(float(row["left"]), 0.0)

    async def soonest(self) -> float | None:
        """Return in how many seconds `hand_over` may find something; None: nothing waits."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_SOONEST, self._values())).fetchone()
        return None if row is None or row["left"] is None else float(row["left"])

    async def _runs(self, statement: str, **values: int) -> list[RunId]:
        async with self._database.connection() as connection:
            found = await connection.execute(statement.encode(), self._values(**values))
            return [RunId(row["run"]) for row in await found.fetchall()]

    def _values(self, **values: int) -> dict[str, object]:
        own = {"owner": self._wakes.owner, "lease": self._wakes.lease_seconds}
        return own | {"now": self._clock.now()} | values
