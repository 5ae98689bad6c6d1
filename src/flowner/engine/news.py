"""What processes on one database tell one another, beyond whose turn a run is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from flowner.database import Database
from flowner.engine.replies import Replies
from flowner.errors import Unavailable
from flowner.journal.store import ANSWERED
from flowner.rows.catalogue import CHANGED, Catalogue

_LOG = structlog.get_logger(__name__)
_LOOK_SECONDS = 2.0
"""The safety net under the notifications."""


class News:
    """Hears of runs that answered elsewhere and of tables that changed elsewhere."""

    def __init__(self, database: Database, replies: Replies, catalogue: Catalogue) -> None:
        self._database, self._replies, self._catalogue = database, replies, catalogue
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
        async for channel, payload in self._database.listen(ANSWERED, CHANGED):
            if channel != ANSWERED:
                self._catalogue.forget()
            if channel != CHANGED:
                await self._attend(payload)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._attend("")

    async def _attend(self, payload: str) -> None:
        try:
            await self._replies.hear(payload)
        except Unavailable:
            pass  # whoever waits waits on: the next look comes
        except Exception:  # noqa: BLE001 - one run that cannot be read must not deafen the others
            _LOG.exception("an answer could not be read; it will be looked for again")
