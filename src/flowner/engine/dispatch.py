"""Who calls `activate`, and when: claims from PostgreSQL, renewed leases, a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from flowner.clock import Clock, Watch
from flowner.engine.hands import Hands
from flowner.errors import Conflict, Unavailable
from flowner.journal.wakes import Wakes
from flowner.telemetry.metrics import Metrics
from flowner.values import FlowId, RunId

_LOG = structlog.get_logger(__name__)
_POLL_SECONDS = 5.0
"""The safety net under the notifications."""
_FULL_SECONDS = 0.2
"""How often a process without room looks for runs of flows that it has none of in hand."""
_SHORTEST_SECONDS = 0.005
"""So late a timer may be taken up, for those that end together to be taken up together."""
_STUMBLE_SECONDS = 2.0
"""A pause before a run that could not be moved is given back."""
_SILENT_SECONDS = 30.0
"""A loop that has not come round for so long hangs."""


@dataclass(frozen=True, slots=True)
class Drain:
    """How `Dispatcher.run` ends."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set from then on."""
    seconds: float = 10.0
    """How long calls that are out may take then."""


class Dispatcher:
    """Claims runs and has each activated by one task of this process, `concurrency` at a time."""

    def __init__(
        self,
        wakes: Wakes,
        activate: Callable[[RunId], Awaitable[None]],
        clock: Clock,
        *,
        concurrency: int = 32,
        drain: Drain | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._wakes, self._activate, self._watch = wakes, activate, Watch(clock)
        self._hands, self._drain = Hands(concurrency), drain or Drain()
        self._active: dict[RunId, asyncio.Task[None]] = {}
        self._nudged = asyncio.Event()
        self._came_round: float | None = None
        self._metrics = metrics or Metrics()

    @property
    def has_room(self) -> bool:
        """Whether a run made in this process may be taken up at once, without a claim."""
        return not self._drain.asked.is_set() and self._hands.takes_what_is_made()

    @property
    def in_hand(self) -> int:
        """How many runs this process moves right now."""
        return len(self._active)

    @property
    def is_alive(self) -> bool:
        """Whether the loop of `run` comes round. Must be asked from the loop."""
        now = asyncio.get_running_loop().time()
        return self._came_round is not None and now - self._came_round < _SILENT_SECONDS

    @property
    def claim(self) -> tuple[str, float]:
        """What `Journal.create` needs to make a run that is already ours."""
        return self._wakes.owner, self._wakes.lease_seconds

    def take_up(
        self,
        run: RunId,
        flow: FlowId,
        work: Awaitable[None] | None = None,
        *,
        in_spare: bool = False,
    ) -> None:
        """Move a run whose lease we hold. Must be called from the loop.

        ``work`` moves it without reading it first; None: `activate` does. ``in_spare``: it takes a
        place that is kept for flows that have nothing in hand.
        """
        moving = self._move(run, self._activate(run) if work is None else work)
        task = asyncio.create_task(moving, name=f"run {run}")
        self._active[run] = task
        self._hands.take(run, flow, in_spare=in_spare)
        task.add_done_callback(partial(self._gone, run))

    def _gone(self, run: RunId, task: asyncio.Task[None]) -> None:
        if self._active.get(run) is task:
            del self._active[run]
            self._hands.let_go(run)

    async def run(self) -> None:
        """Claim and move runs until cancelled; then let those in hand come to a rest.

        A run rests when the calls that it has out are answered: it begins no others. Runs whose
        calls take longer than the time for draining are dropped as they are, and all are given
        back. Cancelled a second time it ends at once, and leases run out by themselves.
        """
        helpers = [
            asyncio.create_task(self._hear(), name="wake listener"),
            asyncio.create_task(self._renew(), name="lease renewal"),
        ]
        try:
            while True:
                self._came_round = asyncio.get_running_loop().time()
                pause = await self._claim_some()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._nudged.wait()
                self._nudged.clear()
        finally:
            self._drain.asked.set()
            try:
                await self._come_to_rest()
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)

    async def _claim_some(self) -> float:
        """Claim what there is room for; answers after how many seconds to look again."""
        try:
            if not self._watch.began:
                self._watch.begin(await self._wakes.latest_start())
            if (shown := self._watch.set_back()) is not None:
                _LOG.warning("the clock was set back", shown=shown.isoformat())
                await self._wakes.set_back(shown)
                self._watch.heed()
            await self._claim()
            return await self._pause()
        except Unavailable:
            return 1.0
        except Exception:  # noqa: BLE001 - the runs are still there; try again later
            _LOG.exception("runs could not be claimed; they will be tried again")
            return 1.0

    async def _claim(self) -> None:
        while (places := self._hands.places).room or places.spare:
            claimed = await self._wakes.claim(places)
            for place, (run, flow) in enumerate(claimed.items()):
                self.take_up(run, flow, in_spare=place >= places.room)
            if places.room:
                self._hands.behind = self._wakes.crowded
            if len(claimed) < max(places.room, 1):
                return

    async def _pause(self) -> float:
        places = self._hands.places
        if not places.room:
            return _FULL_SECONDS if places.spare else _POLL_SECONDS
        try:
            soonest = await self._wakes.soonest()
        except Unavailable:
            return _STUMBLE_SECONDS
        if soonest is None:
            return _POLL_SECONDS
        return min(max(soonest, _SHORTEST_SECONDS), _POLL_SECONDS)

    async def _move(self, run: RunId, work: Awaitable[None]) -> None:
        try:
            await work
        except Conflict:
            _LOG.info("run lost to another worker", run=run)
            self._metrics.lease_lost()
        except asyncio.CancelledError:
            raise
        except Unavailable as error:
            _LOG.warning("run put off", run=run, reason=error.message)
            await self._put_off(run)
        except Exception:  # noqa: BLE001 - one broken run must not stop the others
            _LOG.exception("run could not be moved; it will be tried again", run=run)
            await self._put_off(run)
        finally:
            self._nudged.set()

    async def _put_off(self, run: RunId) -> None:
        await asyncio.sleep(_STUMBLE_SECONDS)
        with suppress(Unavailable):
            await self._wakes.release([run])

    async def _hear(self) -> None:
        async for _ in self._wakes.listen():
            self._nudged.set()

    async def _renew(self) -> None:
        pause = self._wakes.lease_seconds / 3
        while True:
            await asyncio.sleep(pause)
            held = list(self._active)
            try:
                kept = await self._wakes.renew(held) if held else set()
            except Unavailable:
                pause = min(self._wakes.lease_seconds / 20, 1.0)  # as soon as it is back
                continue
            pause = self._wakes.lease_seconds / 3
            for run in set(held) - kept:
                if (task := self._active.get(run)) is not None and task.cancel():
                    self._metrics.lease_lost()

    async def _come_to_rest(self) -> None:
        if self._active:
            tasks = list(self._active.values())
            _, late = await asyncio.wait(tasks, timeout=self._drain.seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            if late:
                _LOG.warning("runs dropped while their calls were out", runs=len(late))
        with suppress(Unavailable):
            await self._wakes.give_back()
