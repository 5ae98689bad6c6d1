"""Runs that wait for their principal: of whom Run as names, and who cannot be had now.

Such a run has a number and a place in the history, and has not begun. It begins when they can be
had, in their name, with what set it off then; after thirty days it is refused.
"""

from __future__ import annotations

import structlog

from flowner.clock import Clock
from flowner.database import Database
from flowner.errors import Code, FlownerError, Refused, Unavailable
from flowner.journal.holding import let_go
from flowner.journal.lining import leave_line
from flowner.journal.records import Loaded
from flowner.triggers.occasions import read_occasion
from flowner.triggers.start import Starter

_LOG = structlog.get_logger(__name__)


class HeldStarts:
    """Lets held runs begin, or ends them."""

    def __init__(self, database: Database, starter: Starter, clock: Clock) -> None:
        self._database, self._starter, self._clock = database, starter, clock

    async def look(self, loaded: Loaded) -> None:
        """Begin a run, if its principal can be had; else put it off, or refuse it.

        All in one transaction: what is taken away, and what takes its place.
        """
        run = loaded.header.id
        async with self._database.transaction() as transaction:
            held = await let_go(transaction, run)
            if held is None:
                return
            occasion = read_occasion(run, held)
            if loaded.inbox:
                stopped = Refused("it was cancelled while it waited", code=Code.RUN_AS_UNAVAILABLE)
                await self._starter.refuse(occasion, stopped, within=transaction)
                await leave_line(transaction, run, self._clock.now())
                return
            try:
                await self._starter.start(occasion, within=transaction)
            except Unavailable:
                raise
            except FlownerError as error:
                _LOG.info("held run refused", run=run, code=error.code.value)
                await leave_line(transaction, run, self._clock.now())
