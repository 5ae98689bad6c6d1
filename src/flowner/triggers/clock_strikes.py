"""From schedules to runs: each occurrence once, whoever's clock strikes first.

However many occurrences passed while nobody was at work, a flow fires once for them when somebody
is back: for the first of them, whose time the trigger says. Then it goes on with the next that lies
ahead, on the grid that it had. Turning a flow on fires nothing: its first occurrence is the next
one after that moment, and what passed while it was off is gone.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.database.savepoints import apart
from flowner.errors import FlownerError, NotFound, Unavailable
from flowner.identity.cause import ClockStruck
from flowner.journal.schedules import Due, fire, next_schedule, set_schedule, take_due
from flowner.rows.facts import read_flow_facts
from flowner.triggers.occasions import Occasion
from flowner.triggers.published import Published
from flowner.triggers.registration import rule_of
from flowner.triggers.start import Starter
from flowner.triggers.unattended import OUR_FAULT, attempt, record
from flowner.values import FlowId

_LOG = structlog.get_logger(__name__)
_AT_ONCE = 50
_LONGEST_PAUSE = 5.0
_LATER = timedelta(hours=1)
"""How long a schedule that cannot be read is let lie."""


class ClockStrikes:
    """Fires scheduled flows."""

    def __init__(
        self, database: Database, starter: Starter, published: Published, clock: Clock
    ) -> None:
        self._database, self._starter = database, starter
        self._published, self._clock = published, clock
        self._sooner = asyncio.Event()

    async def run(self) -> None:
        """Fire for ever."""
        while True:
            try:
                await self.strike()
            except Unavailable as error:
                _LOG.warning("schedules put off", reason=error.message)
                await asyncio.sleep(1.0)
            except Exception:  # noqa: BLE001 - the schedule is still there; try again later
                _LOG.exception("schedules could not be fired; they will be tried again")
                await asyncio.sleep(1.0)
            with suppress(TimeoutError):
                async with asyncio.timeout(await self._pause()):
                    await self._sooner.wait()
            self._sooner.clear()

    async def strike(self) -> int:
        """Fire everything that is due now; answers how many occurrences."""
        async with self._database.transaction() as transaction:
            due = await take_due(transaction, self._clock.now(), _AT_ONCE)
            for one in due:
                await self._fire(transaction, one)
        return len(due)

    async def bring_forward(self, flow: FlowId) -> None:
        """Make a scheduled flow due now; afterwards its schedule goes on as before."""
        async with self._database.transaction() as transaction:
            await set_schedule(transaction, flow, self._clock.now())
        self._sooner.set()

    async def _fire(self, transaction: Transaction, due: Due) -> None:
        occasion = Occasion(
            flow=due.flow,
            cause=ClockStruck(),
            outputs={"headers": {}, "body": {"scheduledTime": due.at.isoformat()}},
        )
        try:
            async with apart(transaction):
                on, after = await self._after(transaction, due)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the other schedules must go on
            _LOG.exception("a schedule cannot be read", flow=due.flow)
            said = error if isinstance(error, FlownerError) else OUR_FAULT
            await record(self._starter, occasion, said, transaction)
            await set_schedule(transaction, due.flow, self._clock.now() + _LATER)
            return
        if on and await fire(transaction, due.flow, due.at):
            await attempt(self._starter, occasion, transaction)
        await set_schedule(transaction, due.flow, after)

    async def _after(self, transaction: Transaction, due: Due) -> tuple[bool, datetime | None]:
        """Say whether the flow is there and on, and when it is due after now."""
        try:
            facts = await read_flow_facts(transaction, due.flow)
        except NotFound:
            return False, None
        if not facts.on:
            return False, None
        version = await self._published.get(due.flow, facts.version, within=transaction)
        moment = max(due.at, self._clock.now())
        return True, rule_of(version.flow).next_after(moment, anchor=due.anchor)

    async def _pause(self) -> float:
        with suppress(FlownerError):
            async with self._database.connection() as connection:
                soonest = await next_schedule(connection)
            if soonest is not None:
                wait = (soonest - self._clock.now()).total_seconds()
                return min(max(wait, 0.05), _LONGEST_PAUSE)
        return _LONGEST_PAUSE
