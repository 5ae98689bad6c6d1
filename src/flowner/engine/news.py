"""What processes on one database tell one another, beyond whose turn a run is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from flowner.database import Database
from flowner.engine.pacing import Pacer
from flowner.engine.replies import Replies
from flowner.errors import Unavailable
from flowner.journal.pacing import CHANNEL as PACED
from flowner.journal.store import ANSWERED
from flowner.rows.catalogue import CHANGED, Catalogue

_LOG = structlog.get_logger(__name__)
_LOOK_SECONDS = 2.0
"""The safety net under the notifications."""


class News:
    """Hears of runs that answered, tables that changed and limits that were met elsewhere."""

    def __init__(
        self, database: Database, replies: Replies, catalogue: Catalogue, pacer: Pacer
    ) -> None:
        self._database, self._replies, self._catalogue = database, replies, catalogue
        self._pacer = pacer
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners = 0

    @asynccontextmanager
    async def heard(self) -> AsyncIterator[None]:
        """Hear the news while the block lasts. Blocks may overlap: they share one connection."""
        self._listeners += 1
        if self._listeners == 1:
            self._tasks = [
                asyncio.create_task(self._hear(), name="news"),
                asyncio.create_task(self._look(), name="replies of other processes"),
            ]
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self) -> None:
        async for channel, payload in self._database.listen(ANSWERED, CHANGED, PACED):
            if channel in ("", CHANGED):
                self._catalogue.forget()
            if channel in ("", ANSWERED):
                await self._attend(self._replies.hear, payload)
            if channel in ("", PACED):
                await self._attend(self._pacer.hear, payload)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._attend(self._replies.hear, "")

    async def _attend(self, hear: Callable[[str], Awaitable[None]], payload: str) -> None:
        try:
            await hear(payload)
        except Unavailable:
            pass  # whoever waits waits on: the next look comes
        except Exception:  # noqa: BLE001 - one run that cannot be read must not deafen the others
            _LOG.exception("news could not be read; they will be looked for again")
