"""A loop that looks for due runs: when it is told, when one falls due, and now and then anyway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from flowner.clock import Watch
from flowner.engine.dispatch import Means
from flowner.errors import Unavailable

_LOG = structlog.get_logger(__name__)
POLL_SECONDS = 5.0
"""The safety net under the notifications."""
_SHORTEST_SECONDS = 0.005
"""So late a timer may be taken up, for those that end together to be taken up together."""
_STUMBLE_SECONDS = 1.0
_SILENT_SECONDS = 30.0
"""A loop that has not come round for so long hangs."""


class Rounds:
    """Goes round while the process is at work, and heeds a clock that is set back."""

    def __init__(self, means: Means) -> None:
        self._wakes, self._watch = means.wakes, Watch(means.clock)
        self._nudged = asyncio.Event()
        self._came_round: float | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the loop comes round. Must be asked from the loop."""
        now = asyncio.get_running_loop().time()
        return self._came_round is not None and now - self._came_round < _SILENT_SECONDS

    def nudge(self) -> None:
        """Have it come round at once."""
        self._nudged.set()

    async def go(self, look: Callable[[], Awaitable[float]]) -> None:
        """Look, for ever; ``look`` answers in how many seconds to look again."""
        while True:
            self._came_round = asyncio.get_running_loop().time()
            pause = await self._round(look)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._nudged.wait()
            self._nudged.clear()

    async def hear(self) -> None:
        """Come round whenever the database tells of new work, for ever."""
        async for _ in self._wakes.listen():
            self._nudged.set()

    async def _round(self, look: Callable[[], Awaitable[float]]) -> float:
        try:
            if not self._watch.began:
                self._watch.begin(await self._wakes.latest_start())
            if (shown := self._watch.set_back()) is not None:
                _LOG.warning("the clock was set back", shown=shown.isoformat())
                await self._wakes.set_back(shown)
                self._watch.heed()
            return await look()
        except Unavailable:
            return _STUMBLE_SECONDS
        except Exception:  # noqa: BLE001 - the runs are still there; try again later
            _LOG.exception("due runs could not be looked for; it will be tried again")
            return _STUMBLE_SECONDS


def pause_until(soonest: float | None) -> float:
    """Return how long a loop may rest when the next run falls due in ``soonest`` seconds."""
    if soonest is None:
        return POLL_SECONDS
    return min(max(soonest, _SHORTEST_SECONDS), POLL_SECONDS)
