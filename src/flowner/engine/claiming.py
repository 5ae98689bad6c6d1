"""The driver that PostgreSQL is enough for: claims from the wake table, renewed leases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from flowner.engine.dispatch import Means
from flowner.engine.grip import Grip
from flowner.engine.rounds import POLL_SECONDS, Rounds, pause_until
from flowner.values import RunId

_STUMBLE_SECONDS = 2.0
"""A pause before a run that could not be moved is given back."""


class PostgresDispatcher:
    """Claims runs and has each activated by one task of this process, `concurrency` at a time."""

    def __init__(self, means: Means) -> None:
        self._wakes, self._activate = means.wakes, means.activate
        self._concurrency, self._drain = means.concurrency, means.drain
        self._rounds = Rounds(means)
        self._grip = Grip(means, self._put_off)

    @property
    def in_hand(self) -> int:
        return len(self._grip)

    @property
    def is_alive(self) -> bool:
        return self._rounds.is_alive

    @property
    def claim(self) -> tuple[str, float] | None:
        has_room = not self._drain.asked.is_set() and len(self._grip) < 4 * self._concurrency
        return (self._wakes.owner, self._wakes.lease_seconds) if has_room else None

    def take_up(self, run: RunId, work: Awaitable[None] | None = None) -> None:
        task = self._grip.take_up(run, work)
        task.add_done_callback(lambda _: self._rounds.nudge())

    async def run(self) -> None:
        helpers = [
            asyncio.create_task(self._rounds.hear(), name="wake listener"),
            asyncio.create_task(self._grip.renew(), name="lease renewal"),
        ]
        try:
            await self._rounds.go(self._look)
        finally:
            self._drain.asked.set()
            try:
                await self._grip.come_to_rest()
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)

    async def _look(self) -> float:
        while (room := self._concurrency - len(self._grip)) > 0:
            claimed = await self._wakes.claim(room)
            for run in claimed:
                self.take_up(run)
            if len(claimed) < room:
                break
        if len(self._grip) >= self._concurrency:
            return POLL_SECONDS
        return pause_until(await self._wakes.soonest())

    async def _put_off(self, run: RunId) -> None:
        await asyncio.sleep(_STUMBLE_SECONDS)
        await self._wakes.release([run])
