"""Who calls `activate`, and when: claims from PostgreSQL, renewed leases, a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from flowner.clock import Clock
from flowner.errors import Conflict, Unavailable
from flowner.journal.wakes import Wakes
from flowner.values import RunId

_LOG = structlog.get_logger(__name__)
_POLL_SECONDS = 5.0
"""The safety net under the notifications."""
_STUMBLE_SECONDS = 2.0
"""A pause before a run that could not be moved is given back."""


class Dispatcher:
    """Claims runs and has each activated by one task of this process, `concurrency` at a time."""

    def __init__(
        self,
        wakes: Wakes,
        activate: Callable[[RunId], Awaitable[None]],
        clock: Clock,
        *,
        concurrency: int = 32,
    ) -> None:
        self._wakes, self._activate, self._clock = wakes, activate, clock
        self._concurrency = concurrency
        self._active: dict[RunId, asyncio.Task[None]] = {}
        self._nudged = asyncio.Event()
        self._draining = False

    @property
    def has_room(self) -> bool:
        """Whether a run made in this process may be taken up at once, without a claim."""
        return not self._draining and len(self._active) < 4 * self._concurrency

    @property
    def claim(self) -> tuple[str, float]:
        """What `Journal.create` needs to make a run that is already ours."""
        return self._wakes.owner, self._wakes.lease_seconds

    def take_up(self, run: RunId, work: Awaitable[None] | None = None) -> None:
        """Move a run whose lease we hold. Must be called from the loop.

        ``work`` moves it without reading it first; None: `activate` does.
        """
        moving = self._move(run, self._activate(run) if work is None else work)
        task = asyncio.create_task(moving, name=f"run {run}")
        self._active[run] = task
        task.add_done_callback(partial(self._gone, run))

    def _gone(self, run: RunId, task: asyncio.Task[None]) -> None:
        if self._active.get(run) is task:
            del self._active[run]

    async def run(self) -> None:
        """Claim and move runs until cancelled; then wait for those in hand to come to a rest."""
        helpers = [
            asyncio.create_task(self._hear(), name="wake listener"),
            asyncio.create_task(self._renew(), name="lease renewal"),
        ]
        try:
            while True:
                await self._claim_some()
                with suppress(TimeoutError):
                    async with asyncio.timeout(await self._pause()):
                        await self._nudged.wait()
                self._nudged.clear()
        finally:
            self._draining = True
            await self._drain()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _claim_some(self) -> None:
        while (room := self._concurrency - len(self._active)) > 0:
            try:
                claimed = await self._wakes.claim(room)
            except Unavailable:
                return
            for run in claimed:
                self.take_up(run)
            if len(claimed) < room:
                return

    async def _pause(self) -> float:
        if len(self._active) >= self._concurrency:
            return _POLL_SECONDS
        try:
            soonest = await self._wakes.soonest()
        except Unavailable:
            return _STUMBLE_SECONDS
        if soonest is None:
            return _POLL_SECONDS
        wait = (soonest - self._clock.now()).total_seconds()
        return min(max(wait, 0.02), _POLL_SECONDS)

    async def _move(self, run: RunId, work: Awaitable[None]) -> None:
        try:
            await work
        except Conflict:
            _LOG.info("run lost to another worker", run=run)
        except asyncio.CancelledError:
            raise
        except Unavailable as error:
            _LOG.warning("run put off", run=run, reason=error.message)
            await asyncio.sleep(_STUMBLE_SECONDS)
        except Exception:  # noqa: BLE001 - one broken run must not stop the others
            _LOG.exception("run could not be moved; it will be tried again", run=run)
            await asyncio.sleep(_STUMBLE_SECONDS)
            with suppress(Unavailable):
                await self._wakes.release([run])
        finally:
            self._nudged.set()

    async def _hear(self) -> None:
        async for _ in self._wakes.listen():
            self._nudged.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._wakes.lease_seconds / 3)
            held = list(self._active)
            if not held:
                continue
            with suppress(Unavailable):
                kept = await self._wakes.renew(held)
                for run in set(held) - kept:
                    if (task := self._active.get(run)) is not None:
                        task.cancel()

    async def _drain(self) -> None:
        """Let each run finish its step; give back what takes longer than a lease."""
        if not self._active:
            return
        tasks = list(self._active.values())
        _, late = await asyncio.wait(tasks, timeout=self._wakes.lease_seconds / 2)
        runs = [run for run, task in self._active.items() if task in late]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._wakes.release(runs)
