"""Waiting for our own database, where giving up would cost a run its action."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flowner.errors import DatabaseAway

T = TypeVar("T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


async def when_back(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the database answers. ``ask`` may be asked any number of times: it only reads, or
    does nothing twice.

    Who loses the run meanwhile is cancelled, and asks no more.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return await ask()
        except DatabaseAway:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
