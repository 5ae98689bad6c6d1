"""From schedules to runs: each occurrence once, whoever's clock strikes first.

However many occurrences passed while nobody was at work, a flow fires once for them when somebody
is back: for the first of them, whose time the trigger says. Then it goes on with the next that lies
ahead, on the grid that it had. Turning a flow on fires nothing: its first occurrence is the next
one after that moment, and what passed while it was off is gone.

A clock that is set forward makes what it leaps over pass, for which a flow fires once. When a clock
is set back, a time comes again: what has fired in it does not fire again, what has not, does.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from flowner.clock import Clock, Watch
from flowner.database import Database, Transaction
from flowner.database.savepoints import apart
from flowner.errors import FlownerError, Invalid, NotFound, Unavailable
from flowner.identity.cause import ClockStruck
from flowner.journal.schedules import (
    Due,
    fire,
    last_firing,
    next_schedule,
    set_schedule,
    take_due,
    take_later,
)
from flowner.journal.wakes import latest_start
from flowner.rows.facts import read_flow_facts
from flowner.triggers.occasions import Occasion
from flowner.triggers.published import Published
from flowner.triggers.recurrence import Rule
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
        self._published, self._clock, self._watch = published, clock, Watch(clock)
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
            if not self._watch.began:
                self._watch.begin(await latest_start(transaction))
            if self._watch.set_back() is not None:
                await self._begin_again(transaction)
                self._watch.heed()
            due = await take_due(transaction, self._clock.now(), _AT_ONCE)
            for one in due:
                await self._fire(transaction, one)
        return len(due)

    async def _begin_again(self, transaction: Transaction) -> None:
        """Let schedules fire in the time that comes again; what has fired in it does not."""
        now = self._clock.now()
        for one in await take_later(transaction, now):
            with suppress(Invalid):
                rule = await self._rule(transaction, one.flow)
                anchor = min(one.anchor, now)
                after = None if rule is None else rule.next_after(now, anchor=anchor)
                if after is not None and after < one.at:
                    await set_schedule(transaction, one.flow, after, anchor=anchor)

    async def bring_forward(self, flow: FlowId) -> None:
        """Make a scheduled flow due now; afterwards its schedule goes on as before."""
        async with self._database.transaction() as transaction:
            await set_schedule(transaction, flow, self._clock.now())
        self._sooner.set()

    async def _fire(self, transaction: Transaction, due: Due) -> None:
        try:
            async with apart(transaction):
                rule = await self._rule(transaction, due.flow)
                after = rule.next_after(self._past(due), anchor=due.anchor) if rule else None
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the other schedules must go on
            _LOG.exception("a schedule cannot be read", flow=due.flow)
            said = error if isinstance(error, FlownerError) else OUR_FAULT
            await record(self._starter, _occasion(due.flow, due.at), said, transaction)
            await set_schedule(transaction, due.flow, self._clock.now() + _LATER)
            return
        at = None if rule is None else await self._claimed(transaction, due, rule)
        if at is not None:
            await attempt(self._starter, _occasion(due.flow, at), transaction)
        await set_schedule(transaction, due.flow, after)

    async def _claimed(self, transaction: Transaction, due: Due, rule: Rule) -> datetime | None:
        """Claim the occurrence that is due; in a time that comes again, the first since the last.

        None: all that is due has fired.
        """
        if await fire(transaction, due.flow, due.at):
            return due.at
        last = await last_firing(transaction, due.flow, self._past(due))
        at = rule.next_after(last or due.at, anchor=due.anchor)
        if at is None or at > self._clock.now():
            return None
        return at if await fire(transaction, due.flow, at) else None

    async def _rule(self, transaction: Transaction, flow: FlowId) -> Rule | None:
        """Return what a flow recurs by; None: it is off, or gone."""
        try:
            facts = await read_flow_facts(transaction, flow)
        except NotFound:
            return None
        if not facts.on:
            return None
        version = await self._published.get(flow, facts.version, within=transaction)
        return rule_of(version.flow)

    def _past(self, due: Due) -> datetime:
        return max(due.at, self._clock.now())

    async def _pause(self) -> float:
        with suppress(FlownerError):
            async with self._database.connection() as connection:
                soonest = await next_schedule(connection)
            if soonest is not None:
                wait = (soonest - self._clock.now()).total_seconds()
                return min(max(wait, 0.05), _LONGEST_PAUSE)
        return _LONGEST_PAUSE


def _occasion(flow: FlowId, at: datetime) -> Occasion:
    return Occasion(
        flow=flow,
        cause=ClockStruck(),
        outputs={"headers": {}, "body": {"scheduledTime": at.isoformat()}},
    )
