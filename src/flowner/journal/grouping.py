"""Group commit: what all runs of a process write travels in one statement, a group at a time.

There is no lingering: a group forms while the one before it is on its way to the disk. While the
database is away the group is written again and again, for as long as `PATIENCE`: a database that
starts anew costs time, and no run its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg

from flowner.errors import DatabaseAway

_MOST = 200
"""Additions in one statement."""
PATIENCE = 15.0
"""Seconds for which a database that is away is waited for."""
_PAUSE = 0.25
_IN_THE_WAY = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.CheckViolation,
)
"""The last: a partition was attached between finding one's place and writing there."""

A = TypeVar("A")
Verdicts = Sequence[Exception | None]


class Grouped(Generic[A]):
    """Collects additions and has ``write`` write them. Start it with `run`.

    ``write`` answers for each addition, in order: None when it is durable, or why it is refused.
    ``is_there`` is asked of what is refused after a first try of which nobody heard the end.
    """

    def __init__(
        self,
        write: Callable[[Sequence[A]], Awaitable[Verdicts]],
        is_there: Callable[[A], Awaitable[bool]],
    ) -> None:
        self._write, self._is_there = write, is_there
        self._waiting: list[tuple[A, asyncio.Future[None]]] = []
        self._some = asyncio.Event()

    async def add(self, addition: A) -> None:
        """Return when the addition is durable. Raises what `write` answers or raises for it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((addition, future))
        self._some.set()
        await future

    async def run(self) -> None:
        """Write for ever; cancel it when nobody adds any more."""
        while True:
            await self._some.wait()
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            if not self._waiting:
                self._some.clear()
            await self._settle(group)

    async def _settle(self, group: Sequence[tuple[A, asyncio.Future[None]]]) -> None:
        verdicts = await self._verdicts([addition for addition, _ in group])
        for (_, future), verdict in zip(group, verdicts, strict=True):
            if future.done():
                continue
            if verdict is None:
                future.set_result(None)
            else:
                future.set_exception(verdict)

    async def _verdicts(self, group: Sequence[A]) -> Verdicts:
        last: Exception | None = None
        in_doubt = False
        for _ in range(round(PATIENCE / _PAUSE)):
            try:
                return await self._tried(group, in_doubt=in_doubt)
            except DatabaseAway as error:
                last, in_doubt = error, True
            except _IN_THE_WAY as error:
                last = error
            await asyncio.sleep(_PAUSE)
        return [last] * len(group)

    async def _tried(self, group: Sequence[A], *, in_doubt: bool) -> Verdicts:
        """Write once; ``in_doubt``: an earlier try may have got through."""
        try:
            verdicts = await self._write(group)
        except _IN_THE_WAY:
            raise
        except psycopg.errors.IntegrityError as error:
            if len(group) > 1:
                # One spoils the statement for all: find it.
                return [(await self._tried([one], in_doubt=in_doubt))[0] for one in group]
            verdicts = [error]
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001 - everybody who waits must hear of it
            return [error] * len(group)
        if not in_doubt:
            return verdicts
        return [
            None if verdict is None or await self._is_there(addition) else verdict
            for addition, verdict in zip(group, verdicts, strict=True)
        ]
