"""How a run begins. There is no other way.

Facts of this moment, the plan, the law, then one statement: the run, its first entry and its wake.
A start that is refused leaves a record too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeAlias

from flowner.access.decide import require_flow
from flowner.access.vocabulary import FlowAction, FlowFacts
from flowner.clock import Clock, fresh_run_id
from flowner.database import Database, Transaction
from flowner.definitions.flow import Flow, FlowKind, Status
from flowner.directory.facts import Facts
from flowner.errors import Code, Conflict, FlownerError, Invalid, NotFound, Refused, Unavailable
from flowner.identity.cause import (
    Called,
    Cause,
    ClockStruck,
    Happened,
    Pressed,
    Resubmitted,
    RowChanged,
    initiator_of,
)
from flowner.identity.plan import plan
from flowner.identity.record import plan_hash, plan_record
from flowner.identity.verdict import Plan, Refusal
from flowner.identity.world import World
from flowner.journal.holding import Held, hold
from flowner.journal.lining import join_line
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.runs.commands import World as WorldNow
from flowner.runs.events import RunStarted
from flowner.runs.trigger import conditions_hold, split, trigger_record
from flowner.telemetry.telemetry import Telemetry
from flowner.triggers.admitting import item_of, make_in_order, order_of
from flowner.triggers.earlier import at_version, entries_of
from flowner.triggers.occasions import (
    PATIENCE,
    Occasion,
    ToBeHeld,
    people_of,
    refused,
    unsigned,
    write_occasion,
)
from flowner.triggers.published import Published
from flowner.triggers.surroundings import outputs_of, parameters_of, traced, workflow_of
from flowner.values import JsonObject, RunId

Claim = tuple[str, float]
_Decided: TypeAlias = "tuple[Plan, JsonObject, str]"
"""A plan, its record and the record's fingerprint."""
_KINDS = {
    RowChanged: FlowKind.AUTOMATED,
    Happened: FlowKind.AUTOMATED,
    ClockStruck: FlowKind.SCHEDULED,
    Called: FlowKind.HTTP,
}


@dataclass(frozen=True, slots=True)
class _Item:
    """What one run would begin with, and whether the trigger's conditions want it."""

    occasion: Occasion
    wanted: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Taker:
    """A dispatcher of this process that can take a run up at once."""

    claim: Callable[[], Claim | None]
    take_up: Callable[[RunHeader, bytes], None]
    """Given the header and the first entry, so that neither is read back."""


class Starter:
    """Starts runs."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        facts: Facts,
        published: Published,
        clock: Clock,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._database, self._journal, self._telemetry = database, journal, telemetry or Telemetry()
        self._facts, self._published, self._clock = facts, published, clock
        self.taker: Taker | None = None

    async def start_each(
        self, occasion: Occasion, *, within: Transaction | None = None
    ) -> list[RunId]:
        """Start a run for each item that the trigger's ``splitOn`` makes, if its conditions hold.

        One run, when it does not split; nobody can wait for the runs of one that does. An item
        that is refused is recorded, and the others start. Raises as `start`, and `Invalid` for a
        split or a condition that cannot be evaluated: the first reason, when nothing started.
        """
        facts = await (await self._facts.now()).flow(occasion.flow)
        if not facts.on:
            return [await self.start(occasion, within=within)]
        try:
            items = await self._items(occasion, facts.version)
        except Unavailable:
            raise
        except FlownerError as error:
            await self.refuse(occasion, error, within=within)
            raise
        started, refused = [], []
        for one in items:
            try:
                if await self._asked_for(one, within):
                    started.append(await self.start(one.occasion, within=within))
            except Unavailable:
                raise
            except FlownerError as error:
                refused.append(error)
        if refused and not started:
            raise refused[0]
        return started

    async def refuse(
        self, occasion: Occasion, error: FlownerError, *, within: Transaction | None = None
    ) -> None:
        """Record why an event started no run of a flow; `NotFound` when there is no such flow."""
        facts = await (await self._facts.now()).flow(occasion.flow)
        kind = _KINDS.get(type(occasion.cause), FlowKind.INSTANT)
        await self._record_refusal(occasion, facts, kind, error, within)

    async def start(self, occasion: Occasion, *, within: Transaction | None = None) -> RunId:
        """Start a run, or raise the reason why not, which is recorded as well.

        Raises `NotFound` for flows that the person may not know of, `AccessDenied`, or `Refused`:
        the flow is off, its principal cannot be had (unless the trigger says to wait), or the
        person has yet to sign in. ``within`` is where the run, or its refusal, is written.
        """
        moment = await self._facts.now()
        facts = at_version(occasion, await moment.flow(occasion.flow))
        version = await self._published.get(occasion.flow, facts.version)
        people = people_of(occasion.cause)
        world = await moment.world(facts, people, version.references)
        try:
            decided = moment.remembered(
                ("plan", facts.id, facts.version, occasion.cause),
                lambda: self._decide(version.flow, facts, occasion.cause, world),
            )
            return await self._begin(occasion, facts, version.flow, decided, within)
        except (Conflict, Unavailable):  # no refusal: it is begun already, or may be tried again
            raise
        except ToBeHeld as waiting:
            return await self._hold(occasion, facts, version.flow, waiting, within)
        except FlownerError as error:
            if not isinstance(error, NotFound):
                kind = version.flow.trigger.flow_kind
                await self._record_refusal(occasion, facts, kind, error, within)
            raise

    async def considered(self, occasion: Occasion) -> Plan:
        """Return in whose name `start` would run now, and start nothing; raises as it does."""
        moment = await self._facts.now()
        facts = at_version(occasion, await moment.flow(occasion.flow))
        version = await self._published.get(occasion.flow, facts.version)
        world = await moment.world(facts, people_of(occasion.cause), version.references)
        return self._decide(version.flow, facts, occasion.cause, world)[0]

    def _decide(self, flow: Flow, facts: FlowFacts, cause: Cause, world: World) -> _Decided:
        """Ask the resolver and the law; a pure answer from the facts of one moment."""
        if isinstance(cause, Pressed | Resubmitted) and cause.by in world.principals:
            who = world.principals[cause.by].who
            require_flow(who, FlowAction.RUN, facts, within=cause.app)
        if not facts.on:
            raise Refused(
                f"could not execute workflow '{facts.id}' trigger '{flow.trigger.name}' with state"
                " 'Disabled': trigger is not enabled",
                code=Code.TRIGGER_NOT_ENABLED,
            )
        made = plan(flow, facts, cause, world)
        if isinstance(made, Refusal):
            raise refused(made)
        if made.asks and isinstance(cause, Pressed | Resubmitted):
            raise unsigned(made, world.name_of(initiator_of(cause)), facts.name)
        record = plan_record(made)
        return made, record, plan_hash(record)

    async def _begin(
        self,
        occasion: Occasion,
        facts: FlowFacts,
        flow: Flow,
        decided: _Decided,
        within: Transaction | None,
    ) -> RunId:
        now = self._clock.now()
        run = occasion.run or fresh_run_id(self._clock)
        started = await self._started(occasion, facts, flow, decided, (run, now))
        header = _header(occasion, facts, flow, decided, (run, now))
        entries = entries_of(occasion, started)
        order = order_of(flow.trigger, occasion.outputs)
        if order is not None:
            async with self._database.transaction(within) as transaction:
                await make_in_order(self._journal, header, entries, order, transaction)
            return run
        taker = self.taker if within is None and occasion.takes_over is None else None
        claim = taker.claim() if taker is not None else None
        await self._journal.create(header, entries, claim=claim, within=within)
        if claim is not None and taker is not None:
            taker.take_up(header, entries[0].data)
        return run

    async def _started(
        self,
        occasion: Occasion,
        facts: FlowFacts,
        flow: Flow,
        decided: _Decided,
        moment: tuple[RunId, datetime],
    ) -> RunStarted:
        made, record, _ = decided
        run, now = moment
        return RunStarted(
            at=now,
            run=run,
            flow=facts.id,
            version=facts.version,
            trigger=trigger_record(
                flow.trigger, outputs_of(flow, occasion.outputs, made), now, run=str(run)
            ),
            plan=record,
            parameters=await parameters_of(self._database, flow),
            workflow=workflow_of(facts, run),
            answers=occasion.answers,
            trace=self._telemetry.tracing.begun(traced(made, run)),
        )

    async def _items(self, occasion: Occasion, number: int) -> list[_Item]:
        version = await self._published.get(occasion.flow, number)
        if version.flow.trigger.source.get("splitOn") is not None:
            occasion = replace(occasion, run=None, answers=False)
        world = WorldNow(
            now=self._clock.now(), chance=self._clock.chance, guid=self._clock.fresh_guid
        )
        parameters = await parameters_of(self._database, version.flow)
        return [
            _Item(
                replace(occasion, outputs=outputs),
                partial(conditions_hold, version.compiled, outputs, world, parameters=parameters),
            )
            for outputs in split(version.compiled, occasion.outputs, world, parameters=parameters)
        ]

    async def _asked_for(self, one: _Item, within: Transaction | None) -> bool:
        try:
            return one.wanted()
        except Invalid as error:
            await self.refuse(one.occasion, error, within=within)
            raise

    async def _record_refusal(
        self,
        occasion: Occasion,
        facts: FlowFacts,
        kind: FlowKind,
        error: FlownerError,
        within: Transaction | None,
    ) -> None:
        header = self._unbegun(occasion, facts, kind, error, waits=False)
        await self._journal.create(header, [], within=within)
        self._telemetry.metrics.run_refused(facts.id, error.code.value)

    async def _hold(
        self,
        occasion: Occasion,
        facts: FlowFacts,
        flow: Flow,
        waiting: ToBeHeld,
        within: Transaction | None,
    ) -> RunId:
        """Keep a run that waits for its principal; raises when it has waited long enough."""
        kind, now = flow.trigger.flow_kind, self._clock.now()
        until = occasion.held_until or now + PATIENCE
        occasion = replace(occasion, held_until=until)
        if now >= until:
            await self._record_refusal(occasion, facts, kind, waiting, within)
            raise waiting
        header = self._unbegun(occasion, facts, kind, waiting, waits=True)
        held = Held(principal=waiting.awaits, occasion=write_occasion(occasion), until=until)
        async with self._database.transaction(within) as transaction:
            await self._journal.create(header, [], within=transaction)
            await hold(transaction, header.id, held, now)
            if (item := item_of(flow.trigger, occasion.outputs)) is not None:
                await join_line(transaction, header.id, header.flow, item)
        return header.id

    def _unbegun(
        self,
        occasion: Occasion,
        facts: FlowFacts,
        kind: FlowKind,
        error: FlownerError,
        *,
        waits: bool,
    ) -> RunHeader:
        now = self._clock.now()
        return RunHeader(
            id=occasion.run or fresh_run_id(self._clock),
            flow=facts.id,
            flow_version=facts.version,
            flow_name=facts.name,
            kind=kind.value,
            status=(Status.WAITING if waits else Status.FAILED).value,
            initiator=initiator_of(occasion.cause),
            principal=None,
            rule=None,
            app=getattr(occasion.cause, "app", None),
            plan={},
            plan_hash="",
            started=now if occasion.held_until is None else occasion.held_until - PATIENCE,
            ended=None if waits else now,
            code=error.code.value,
            error=error.message,
        )


def _header(
    occasion: Occasion,
    facts: FlowFacts,
    flow: Flow,
    decided: _Decided,
    moment: tuple[RunId, datetime],
) -> RunHeader:
    made, record, fingerprint = decided
    run, now = moment
    return RunHeader(
        id=run,
        flow=facts.id,
        flow_version=facts.version,
        flow_name=facts.name,
        kind=flow.trigger.flow_kind.value,
        status=Status.RUNNING.value,
        initiator=made.initiator,
        principal=made.running.principal,
        rule=made.running.rule.value,
        fallback=made.running.fallback,
        parent=made.parent,
        parent_path=occasion.parent_path,
        parent_attempt=occasion.parent_attempt,
        app=made.app,
        plan=record,
        plan_hash=fingerprint,
        started=now,
    )
