"""From the change feed to runs: taken and started in one transaction; none is lost or doubled."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from flowner.database import Database, Transaction
from flowner.errors import Unavailable
from flowner.identity.cause import RowChanged
from flowner.rows.feed import CHANNEL, Change, take
from flowner.rows.standing import Standings
from flowner.rows.subscriptions import listening
from flowner.triggers.occasions import Occasion
from flowner.triggers.start import Starter
from flowner.triggers.unattended import attempt
from flowner.values import JsonObject

_LOG = structlog.get_logger(__name__)
_AT_ONCE = 50
_POLL_SECONDS = 5.0


class RowChanges:
    """Feeds row triggers."""

    def __init__(self, database: Database, starter: Starter) -> None:
        self._database, self._starter = database, starter
        self._standings = Standings()
        self._some = asyncio.Event()

    async def run(self) -> None:
        """Feed for ever."""
        listener = asyncio.create_task(self._hear(), name="row change listener")
        try:
            while True:
                while await self._feed_some():
                    pass
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await self._some.wait()
                self._some.clear()
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    async def feed(self) -> int:
        """Start what the waiting changes set off; answers how many changes there were."""
        async with self._database.transaction() as transaction:
            changes = await take(transaction, _AT_ONCE)
            for change in changes:
                await self._start(transaction, change)
        return len(changes)

    async def _feed_some(self) -> bool:
        try:
            # Again until there are none: what was left to another process may have been let go.
            return await self.feed() > 0
        except Unavailable as error:
            _LOG.warning("row changes put off", reason=error.message)
            await asyncio.sleep(1.0)
            return False
        except Exception:  # noqa: BLE001 - the changes are still there; try again later
            _LOG.exception("row changes could not be fed; they will be tried again")
            await asyncio.sleep(1.0)
            return False

    async def _start(self, transaction: Transaction, change: Change) -> None:
        for heard in await listening(transaction, change, self._standings):
            occasion = Occasion(
                flow=heard.flow,
                cause=RowChanged(by=change.acting_for, row_owner=change.owner),
                outputs={"headers": {}, "body": _body(heard.change)},
            )
            await attempt(self._starter, occasion, transaction, wanted=heard.wants)

    async def _hear(self) -> None:
        async for _ in self._database.listen(CHANNEL):
            self._some.set()


def _body(change: Change) -> JsonObject:
    return {
        **change.row,
        "SdkMessage": change.message,
        "ItemInternalId": change.id,
        "RowVersion": change.row.get("versionnumber"),
    }
