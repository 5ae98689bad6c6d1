"""Whether this process can do its work, and how much of it waits."""

from __future__ import annotations

import asyncio

from flowner.database import Database
from flowner.engine.dispatch import Dispatcher
from flowner.errors import Unavailable
from flowner.journal.wakes import Wakes
from flowner.telemetry.metrics import Metrics

_PATIENCE = 3.0
"""Seconds that the database may take to answer."""


class Vitals:
    """The state of one process, as those ask who keep it up."""

    def __init__(
        self, database: Database, wakes: Wakes, dispatcher: Dispatcher, metrics: Metrics
    ) -> None:
        self._database, self._wakes = database, wakes
        self._dispatcher, self._metrics = dispatcher, metrics
        self._working: tuple[asyncio.Task[None], ...] = ()
        self.ends = False
        """Whether the process was told to end."""

    def watch(self, *tasks: asyncio.Task[None]) -> None:
        """Watch what moves runs in this process: it is not well when one of them stops."""
        self._working = tasks

    async def hindrances(self) -> list[str]:
        """Return why no work should be sent here: none when all is well. 1 query.

        ``draining``: the process is about to end. ``database``: it does not answer in time.
        ``migrations``: it lacks some. ``worker``: what moves runs here has stopped.
        """
        found = ["draining"] if self.ends else []
        try:
            async with asyncio.timeout(_PATIENCE):
                if not await self._database.is_current():
                    found.append("migrations")
        except (Unavailable, TimeoutError):
            found.append("database")
        if self._working and not self.ends and not self._moves():
            found.append("worker")
        return found

    async def measure(self) -> None:
        """Set the gauges to what is true now. 1 query."""
        open_now, idle, asked = self._database.load()
        self._metrics.set(
            runs_in_hand=self._dispatcher.in_hand,
            database_connections=open_now,
            database_connections_idle=idle,
            database_requests_waiting=asked,
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                waiting = await self._wakes.waiting()
        except (Unavailable, TimeoutError):
            self._metrics.set(database_up=0)
            return
        self._metrics.set(
            database_up=1, queue_lag_seconds=waiting.lag_seconds, runs_parked=waiting.parked
        )

    def _moves(self) -> bool:
        return self._dispatcher.is_alive and not any(task.done() for task in self._working)
