"""The flows that somebody may know of, and in whose name each runs: what lists show."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from flowner.access.decide import Permit, decide_flow
from flowner.access.vocabulary import ConnectionFacts, FlowAction, FlowFacts, FlowRole, Who
from flowner.database import Database
from flowner.definitions.flow import Flow, FlowKind, Source
from flowner.errors import FlownerError, NotFound
from flowner.flows.asking import may_know, principal
from flowner.identity.acting import bound_connection
from flowner.identity.activation import used_bindings
from flowner.identity.marks import Mark, MarkKind, flow_marks, principal_mark, running_mark
from flowner.identity.world import World
from flowner.journal.store import Journal
from flowner.rows.facts import (
    read_all_flow_facts,
    read_common_world,
    read_flow_facts,
    read_world,
)
from flowner.triggers.published import Published, Version
from flowner.values import FlowId, PrincipalId


class Part(StrEnum):
    """What somebody is to a flow."""

    OWNER = auto()
    CO_OWNER = "co-owner"
    RUN_ONLY = "run-only"
    ADMINISTRATOR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """How a flow's newest run stands."""

    id: str
    status: str
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One flow as a list shows it."""

    facts: FlowFacts
    part: Part
    kind: FlowKind
    owner: Mark
    marks: tuple[Mark, ...]
    """In whose name it runs, first; then whose accounts it uses."""
    uses_mine: bool
    """Whether it acts through a connection of whoever asks."""
    as_others: bool
    """Whether it runs, or acts, as somebody other than its owner."""
    last: LastRun | None
    may: frozenset[FlowAction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One flow, opened by somebody who may know of it."""

    listed: Listed
    flow: Flow
    world: World
    runs_as: Mark


class Portfolio:
    """Lists flows under the law of flows: whoever may do something with one knows of it."""

    def __init__(self, database: Database, published: Published, journal: Journal) -> None:
        self._database, self._published, self._journal = database, published, journal

    async def of(self, person: PrincipalId) -> list[Listed]:
        """Return the flows that somebody may know of, by name: a handful of queries for all."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            known = [
                facts
                for facts in await read_all_flow_facts(transaction)
                if facts.version and may_know(who, facts)
            ]
            versions: dict[FlowId, Version] = {}
            for facts in known:
                with suppress(FlownerError):  # one that cannot be read hides no other
                    versions[facts.id] = await self._published.get(
                        facts.id, facts.version, within=transaction
                    )
            known = [facts for facts in known if facts.id in versions]
            references = {name for one in versions.values() for name in one.references}
            people = {person, *(facts.owner for facts in known)}
            world = await read_common_world(transaction, people, references)
        last = await self._last(known, who)
        listed = [
            _listed(facts, versions[facts.id].flow, world, who, last.get(facts.id))
            for facts in known
        ]
        return sorted(listed, key=lambda one: one.facts.name.casefold())

    async def open(self, flow: FlowId, person: PrincipalId) -> Opened:
        """Return one flow; `NotFound` also where they may do nothing with it."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            facts = await read_flow_facts(transaction, flow)
            if not may_know(who, facts):
                raise NotFound(f"there is no flow `{flow}`")
            version = await self._published.get(flow, facts.version, within=transaction)
            world = await read_world(transaction, facts, [person], version.references)
        last = await self._last([facts], who)
        return Opened(
            listed=_listed(facts, version.flow, world, who, last.get(flow)),
            flow=version.flow,
            world=world,
            runs_as=running_mark(version.flow, facts, world),
        )

    async def _last(self, flows: Sequence[FlowFacts], who: Who) -> dict[FlowId, LastRun]:
        """Return the newest run of each flow that somebody may see: their own, of run-only ones."""
        own = [one.id for one in flows if part_of(one, who) is Part.RUN_ONLY]
        others = [one.id for one in flows if one.id not in own]
        headers = await self._journal.newest(others)
        if own:
            headers |= await self._journal.newest(own, initiator=who.id)
        return {
            flow: LastRun(id=str(one.id), status=one.status, started=one.started)
            for flow, one in headers.items()
        }


def _listed(facts: FlowFacts, flow: Flow, world: World, who: Who, last: LastRun | None) -> Listed:
    marks = flow_marks(flow, facts, world)
    return Listed(
        facts=facts,
        part=part_of(facts, who),
        kind=flow.trigger.flow_kind,
        owner=principal_mark(world.principals.get(facts.owner), facts.owner),
        marks=marks,
        uses_mine=any(one.owner == who.id for one in _used(flow, facts, world)),
        as_others=any(one.kind is not MarkKind.OWNER for one in marks),
        last=last,
        may=frozenset(
            action for action in FlowAction if isinstance(decide_flow(who, action, facts), Permit)
        ),
    )


def _used(flow: Flow, facts: FlowFacts, world: World) -> list[ConnectionFacts]:
    """Return the fixed connections that a flow acts through."""
    found = [
        bound_connection(facts, binding, world)
        for binding in used_bindings(flow)
        if binding.source is Source.EMBEDDED
    ]
    return [one for one in found if isinstance(one, ConnectionFacts)]


def part_of(facts: FlowFacts, who: Who) -> Part:
    """Return the most that somebody is to a flow that they may know of."""
    if facts.owner == who.id:
        return Part.OWNER
    roles = {share.role for share in facts.shares if share.holder in who.identities}
    if FlowRole.CO_OWNER in roles:
        return Part.CO_OWNER
    return Part.RUN_ONLY if roles else Part.ADMINISTRATOR
