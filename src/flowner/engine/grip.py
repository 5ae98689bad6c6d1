"""The runs that this process holds the leases of: each moved by one task, leases renewed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from flowner.engine.dispatch import Means
from flowner.errors import Conflict, Unavailable
from flowner.values import RunId

_LOG = structlog.get_logger(__name__)


class Grip:
    """Moves runs whose lease we hold, and lets go of those whose lease is lost."""

    def __init__(self, means: Means, put_off: Callable[[RunId], Awaitable[None]]) -> None:
        """``put_off`` gives a run back that could not be moved now."""
        self._means, self._put_off = means, put_off
        self._active: dict[RunId, asyncio.Task[bool]] = {}

    def __len__(self) -> int:
        return len(self._active)

    def find(self, run: RunId) -> asyncio.Task[bool] | None:
        """Return the task that moves a run; None: it is not in our hands."""
        return self._active.get(run)

    def take_up(self, run: RunId, work: Awaitable[None] | None = None) -> asyncio.Task[bool]:
        """Move a run whose lease we hold; the task answers whether it was moved, or put off.

        ``work`` moves it without reading it first; None: `Means.activate` does.
        """
        moving = self._move(run, self._means.activate(run) if work is None else work)
        task = asyncio.create_task(moving, name=f"run {run}")
        self._active[run] = task
        task.add_done_callback(partial(self._gone, run))
        return task

    def _gone(self, run: RunId, task: asyncio.Task[bool]) -> None:
        if self._active.get(run) is task:
            del self._active[run]

    async def _move(self, run: RunId, work: Awaitable[None]) -> bool:
        try:
            await work
        except Conflict:
            _LOG.info("run lost to another worker", run=run)
            self._means.metrics.lease_lost()
        except asyncio.CancelledError:
            raise
        except Unavailable as error:
            _LOG.warning("run put off", run=run, reason=error.message)
            return await self._stumbled(run)
        except Exception:  # noqa: BLE001 - one broken run must not stop the others
            _LOG.exception("run could not be moved; it will be tried again", run=run)
            return await self._stumbled(run)
        return True

    async def _stumbled(self, run: RunId) -> bool:
        with suppress(Unavailable):
            await self._put_off(run)
        return False

    async def renew(self) -> None:
        """Keep the leases, for ever; whoever moves a run whose lease is lost is cancelled."""
        wakes = self._means.wakes
        pause = wakes.lease_seconds / 3
        while True:
            await asyncio.sleep(pause)
            held = list(self._active)
            try:
                kept = await wakes.renew(held) if held else set()
            except Unavailable:
                pause = min(wakes.lease_seconds / 20, 1.0)  # as soon as it is back
                continue
            pause = wakes.lease_seconds / 3
            for run in set(held) - kept:
                if (task := self._active.get(run)) is not None and task.cancel():
                    self._means.metrics.lease_lost()

    async def come_to_rest(self) -> None:
        """Wait for the runs in hand, for as long as draining may take, and give all back."""
        if self._active:
            tasks = list(self._active.values())
            _, late = await asyncio.wait(tasks, timeout=self._means.drain.seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            if late:
                _LOG.warning("runs dropped while their calls were out", runs=len(late))
        with suppress(Unavailable):
            await self._means.wakes.give_back()
