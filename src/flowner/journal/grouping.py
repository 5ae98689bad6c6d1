"""Group commit: what all runs of a process write travels in one statement, a group at a time.

There is no lingering: a group forms while the one before it is on its way to the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg

_MOST = 200
"""Additions in one statement."""

A = TypeVar("A")
Verdicts = Sequence[Exception | None]


class Grouped(Generic[A]):
    """Collects additions and has ``write`` write them. Start it with `run`.

    ``write`` answers for each addition, in order: None when it is durable, or why it is refused.
    """

    def __init__(self, write: Callable[[Sequence[A]], Awaitable[Verdicts]]) -> None:
        self._write = write
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
        verdicts: Verdicts
        try:
            verdicts = await self._write([addition for addition, _ in group])
        except psycopg.errors.IntegrityError as error:
            if len(group) > 1:
                # One spoils the statement for all: find it.
                for one in group:
                    await self._settle([one])
                return
            verdicts = [error]
        except Exception as error:  # noqa: BLE001 - everybody who waits must hear of it
            verdicts = [error] * len(group)
        for (_, future), verdict in zip(group, verdicts, strict=True):
            if future.done():
                continue
            if verdict is None:
                future.set_result(None)
            else:
                future.set_exception(verdict)
