"""The flows that somebody may know of, and in whose name each runs: what lists show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from flowner.access.decide import Permit, decide_flow
from flowner.access.vocabulary import FlowAction, FlowFacts, FlowRole, Who
from flowner.database import Database, Transaction
from flowner.definitions.flow import Flow, FlowKind
from flowner.errors import FlownerError, NotFound
from flowner.flows.asking import may_know, principal
from flowner.identity.marks import Mark, MarkKind, flow_marks, principal_mark, running_mark
from flowner.identity.world import World
from flowner.journal.store import Journal
from flowner.rows import registry
from flowner.rows.facts import read_flow_facts, read_world
from flowner.triggers.published import Published
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
        """Return the flows that somebody may know of, by name."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            found = []
            for row in await registry.select(transaction, "workflow", {}):
                facts = await read_flow_facts(transaction, FlowId(row["workflowid"]))
                if facts.version and may_know(who, facts):
                    try:
                        found.append(await self._listed(transaction, facts, who))
                    except FlownerError:
                        continue
        listed = [one.listed for one in found]
        return sorted(listed, key=lambda one: one.facts.name.casefold())

    async def open(self, flow: FlowId, person: PrincipalId) -> Opened:
        """Return one flow; `NotFound` also where they may do nothing with it."""
        async with self._database.transaction() as transaction:
            who = (await principal(transaction, person)).who
            facts = await read_flow_facts(transaction, flow)
            if not may_know(who, facts):
                raise NotFound(f"there is no flow `{flow}`")
            return await self._listed(transaction, facts, who)

    async def _listed(self, transaction: Transaction, facts: FlowFacts, who: Who) -> Opened:
        version = await self._published.get(facts.id, facts.version, within=transaction)
        world = await read_world(transaction, facts, [who.id], version.references)
        runs_as = running_mark(version.flow, facts, world)
        marks = flow_marks(version.flow, facts, world)
        part = part_of(facts, who)
        listed = Listed(
            facts=facts,
            part=part,
            kind=version.flow.trigger.flow_kind,
            owner=principal_mark(world.principals.get(facts.owner), facts.owner),
            marks=marks,
            uses_mine=any(one.owner == who.id for one in world.connections.values()),
            as_others=any(one.kind is not MarkKind.OWNER for one in marks),
            last=await self._last(facts.id, who, part),
            may=frozenset(
                action
                for action in FlowAction
                if isinstance(decide_flow(who, action, facts), Permit)
            ),
        )
        return Opened(listed=listed, flow=version.flow, world=world, runs_as=runs_as)

    async def _last(self, flow: FlowId, who: Who, part: Part) -> LastRun | None:
        initiator = who.id if part is Part.RUN_ONLY else None
        headers = await self._journal.runs(flow=flow, initiator=initiator, limit=1)
        if not headers:
            return None
        (newest,) = headers
        return LastRun(id=str(newest.id), status=newest.status, started=newest.started)


def part_of(facts: FlowFacts, who: Who) -> Part:
    """Return the most that somebody is to a flow that they may know of."""
    if facts.owner == who.id:
        return Part.OWNER
    roles = {share.role for share in facts.shares if share.holder in who.identities}
    if FlowRole.CO_OWNER in roles:
        return Part.CO_OWNER
    return Part.RUN_ONLY if roles else Part.ADMINISTRATOR
