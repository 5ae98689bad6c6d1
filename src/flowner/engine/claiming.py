"""The driver that PostgreSQL is enough for: claims from the wake table, renewed leases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from flowner.engine.dispatch import Means
from flowner.engine.grip import Grip
from flowner.engine.hands import Hands
from flowner.engine.rounds import POLL_SECONDS, Rounds, pause_until
from flowner.values import FlowId, RunId

_STUMBLE_SECONDS = 2.0
"""A pause before a run that could not be moved is given back."""
_FULL_SECONDS = 0.2
"""How often a process without room looks for runs of flows that it has none of in hand."""


class PostgresDispatcher:
    """Claims runs and has each activated by one task of this process, `concurrency` at a time."""

    def __init__(self, means: Means) -> None:
        self._wakes, self._drain = means.wakes, means.drain
        self._hands = Hands(means.concurrency)
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
        has_room = not self._drain.asked.is_set() and self._hands.takes_what_is_made()
        return (self._wakes.owner, self._wakes.lease_seconds) if has_room else None

    def take_up(
        self,
        run: RunId,
        flow: FlowId,
        work: Awaitable[None] | None = None,
        *,
        in_spare: bool = False,
    ) -> None:
        """``in_spare``: it takes a place that is kept for flows that have nothing in hand."""

        def gone(_: asyncio.Task[bool]) -> None:
            if self._grip.find(run) is None:
                self._hands.let_go(run)
            self._rounds.nudge()

        task = self._grip.take_up(run, work)
        self._hands.take(run, flow, in_spare=in_spare)
        task.add_done_callback(gone)

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
        await self._claim()
        places = self._hands.places
        if not places.room:
            return _FULL_SECONDS if places.spare else POLL_SECONDS
        return pause_until(await self._wakes.soonest())

    async def _claim(self) -> None:
        while (places := self._hands.places).room or places.spare:
            claimed = await self._wakes.claim(places)
            for place, (run, flow) in enumerate(claimed.items()):
                self.take_up(run, flow, in_spare=place >= places.room)
            if places.room:
                self._hands.behind = self._wakes.crowded
            if len(claimed) < max(places.room, 1):
                return

    async def _put_off(self, run: RunId) -> None:
        await asyncio.sleep(_STUMBLE_SECONDS)
        await self._wakes.release([run])
