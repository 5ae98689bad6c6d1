"""What can be wrong with flows that are on, and with what listens for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from flowner.access.vocabulary import FlowFacts
from flowner.clock import Clock
from flowner.database import Transaction
from flowner.database.condition import Fault
from flowner.definitions.flow import FlowKind, Source
from flowner.errors import FlownerError
from flowner.identity.acting import fixed_refusal
from flowner.identity.activation import used_bindings
from flowner.identity.world import World
from flowner.journal.schedules import scheduled
from flowner.rows import registry
from flowner.rows.facts import read_all_flow_facts, read_world
from flowner.triggers.published import Published, Version
from flowner.triggers.registration import register, rule_of, unregister
from flowner.values import FlowId

_LISTENS: Final = "mending lets it be heard; a schedule is counted from now on"
_SILENCED: Final = "mending removes it"
_MENDS: Final = {
    "schedule-missing": True,
    "registration-missing": True,
    "schedule-left-over": False,
    "registration-left-over": False,
}
"""By fault, whether its flow is to be heard."""


class Examining:
    """Looks at every flow that is on: 10 queries for each, so minutes for some thousands."""

    def __init__(self, published: Published, clock: Clock) -> None:
        self._published, self._clock = published, clock

    async def faults(self, transaction: Transaction) -> list[Fault]:
        """Return what is wrong with flows, by their names."""
        flows = sorted(await read_all_flow_facts(transaction), key=lambda one: one.name.casefold())
        clocked = await scheduled(transaction)
        rows = await registry.select(transaction, "callbackregistration", {})
        heard = {FlowId(str(row["workflowid"])) for row in rows}
        faults: list[Fault] = []
        for facts in flows:
            if facts.on:
                faults += await self._of(transaction, facts, clocked, heard)
        off = {one.id: one.name for one in flows if not one.on}
        known = {one.id for one in flows}
        for listening, what in ((clocked, "schedule"), (heard, "registration")):
            faults += _left_over(listening - (known - off.keys()), off, what)
        return faults

    async def mend(self, transaction: Transaction, fault: Fault) -> None:
        """Mend one of the faults that mend; nothing happens where the flow has changed by now."""
        id, heard = FlowId(fault.about), _MENDS[fault.code]
        facts = {one.id: one for one in await read_all_flow_facts(transaction)}.get(id)
        if heard is not (facts is not None and facts.on):
            return
        if facts is None or not heard:
            await unregister(transaction, id)
            return
        version = await self._published.get(id, facts.version, within=transaction)
        await register(transaction, id, version.flow, facts.owner, self._clock.now())

    async def _of(
        self, transaction: Transaction, facts: FlowFacts, clocked: set[FlowId], heard: set[FlowId]
    ) -> list[Fault]:
        try:
            version = await self._published.get(facts.id, facts.version, within=transaction)
        except FlownerError as error:
            said = f"the flow `{facts.name}` is on and cannot be read: {error.message}"
            return [_fault("flow-unreadable", facts.id, said, "publish a version that can be")]
        world = await read_world(transaction, facts, [], version.references)
        return [
            *_orphaned(facts, world),
            *_cut_off(facts, version, world),
            *_unheard(facts, version, clocked, heard, self._clock.now()),
        ]


def _orphaned(facts: FlowFacts, world: World) -> Iterable[Fault]:
    owner = world.principals.get(facts.owner)
    if owner is None or not owner.who.enabled:
        yield _fault(
            "flow-orphaned",
            facts.id,
            f"the flow `{facts.name}` is on, and {world.name_of(facts.owner)}, who owns it, is"
            " disabled or not there",
            "hand it over: `flowner flows hand-over`",
        )


def _cut_off(facts: FlowFacts, version: Version, world: World) -> Iterable[Fault]:
    for binding in used_bindings(version.flow):
        if binding.source is not Source.EMBEDDED:
            continue
        refusal = fixed_refusal(facts, binding, world)
        if refusal is not None:
            said = f"the flow `{facts.name}` is on and cannot act through `{binding.key}`"
            yield _fault("flow-cut-off", facts.id, said, refusal.message)


def _unheard(
    facts: FlowFacts, version: Version, clocked: set[FlowId], heard: set[FlowId], now: datetime
) -> Iterable[Fault]:
    trigger = version.flow.trigger
    if trigger.rows is not None and facts.id not in heard:
        said = f"the flow `{facts.name}` is on, and no change of a row starts it"
        yield _fault("registration-missing", facts.id, said, _LISTENS)
    if trigger.flow_kind is not FlowKind.SCHEDULED or facts.id in clocked:
        return
    try:
        ends = rule_of(version.flow).next_after(now) is None
    except FlownerError as error:
        said = f"the schedule of the flow `{facts.name}` cannot be read: {error.message}"
        yield _fault("flow-unreadable", facts.id, said, "publish a version that can be")
        return
    if not ends:
        said = f"the flow `{facts.name}` is on, and its schedule never fires"
        yield _fault("schedule-missing", facts.id, said, _LISTENS)


def _left_over(listening: set[FlowId], off: dict[FlowId, str], what: str) -> Iterable[Fault]:
    for id in sorted(listening):
        which = f"the flow `{off[id]}`, which is off" if id in off else f"a flow {id} that is gone"
        said = f"there is a {what} for {which}"
        yield _fault(f"{what}-left-over", id, said, _SILENCED)


def _fault(code: str, about: FlowId, text: str, advice: str) -> Fault:
    return Fault(code=code, about=about, text=text, advice=advice, mends=code in _MENDS)
