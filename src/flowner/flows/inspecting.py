"""One run, opened: the flow as it was then, every action, and whoever acted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flowner.access.decide import Permit, decide_flow
from flowner.access.vocabulary import FlowAction, FlowFacts
from flowner.database import Database
from flowner.definitions.flow import Flow
from flowner.errors import NotFound
from flowner.flows.apps import name_of_app
from flowner.flows.asking import principal
from flowner.flows.cancelling import Cancelling, children_of
from flowner.flows.history import History
from flowner.identity.marks import Mark, principal_mark, ran_as_mark, ran_mark
from flowner.identity.world import Principal, World
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.rows.facts import read_flow_facts, read_principals
from flowner.runs.events import decode
from flowner.runs.records import RunRecord, run_record
from flowner.runs.taking import BAD
from flowner.triggers.published import Published
from flowner.values import FlowId, Json, JsonObject, PrincipalId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A run as its inspector shows it; secrets are struck out."""

    header: RunHeader
    flow: Flow
    """The version that ran."""
    facts: FlowFacts
    record: RunRecord
    people: Mapping[PrincipalId, Principal]
    ran_as: Mark | None
    """None: it was refused before it had a principal."""
    initiator: Mark | None
    app: str | None
    """The name of the app that it was set off from."""
    cancelled_by: str | None
    children: tuple[RunHeader, ...]
    """Of those that may be seen."""
    parent: RunHeader | None
    may_cancel: bool
    may_resubmit: bool

    @property
    def may_go_on(self) -> bool:
        """Whether they may run it again from an action on."""
        return self.may_resubmit and self.header.status in {status.value for status in BAD}

    @property
    def world(self) -> World:
        return World(principals=self.people)

    def name_of(self, id: Json) -> str:
        """Return the name of somebody whom a record speaks of."""
        return self.world.name_of(PrincipalId(id)) if isinstance(id, str) else ""

    def ask_of(self, acting: JsonObject) -> str:
        """Return the name of who can mend a refusal: whom it names, else the flow's owner.

        Nobody is sent to somebody who is not there any more: administrators always are.
        """
        asked = acting.get("ask")
        named = [PrincipalId(asked)] if isinstance(asked, str) else []
        for one in (*named, self.facts.owner):
            found = self.people.get(one)
            if found is not None and found.who.enabled:
                return found.name
        return "an administrator"

    def mark_of(self, acting: Json) -> Mark | None:
        """Return who acted, or would; None where no account was needed."""
        if not isinstance(acting, dict) or acting.get("rule") == "action.none":
            return None
        if not acting.get("principal") and not acting.get("refused"):
            return None
        who = self.people.get(PrincipalId(str(acting.get("principal") or "")))
        return ran_mark(acting, who, self.facts.owner)

    def planned(self, name: str) -> JsonObject | None:
        """Return what was decided for an action before the run began."""
        actions = self.header.plan.get("actions")
        found = actions.get(name) if isinstance(actions, dict) else None
        return found if isinstance(found, dict) else None


class Inspecting:
    """Opens runs for those who may see them."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        published: Published,
        history: History,
        cancelling: Cancelling,
    ) -> None:
        self._database, self._journal, self._published = database, journal, published
        self._history, self._cancelling = history, cancelling

    async def open(self, run: RunId, reader: PrincipalId, *, flow: FlowId) -> Inspected:
        """Return a run of a flow; `NotFound` also when the reader may not see it."""
        header = await self._history.seen(reader, run)
        if header.flow != flow:
            raise NotFound(f"there is no run {run} of this flow")
        version = await self._published.get(flow, header.flow_version)
        events = [decode(one.entry.data) for one in await self._journal.entries(run)]
        record = run_record(version.compiled, events)
        children = await self._seen(children_of(events), reader)
        parent = await self._seen([header.parent] if header.parent else [], reader)
        async with self._database.connection() as connection:
            facts = await read_flow_facts(connection, flow)
            who = (await principal(connection, reader)).who
            people = await read_principals(connection, set(_named(header, record, facts)))
            app = None if header.app is None else await name_of_app(connection, header.app)
        initiator = None if header.initiator is None else people.get(header.initiator)
        principal_ = None if header.principal is None else people.get(header.principal)
        stopped = record.cancelled_by
        return Inspected(
            header=header,
            flow=version.flow,
            facts=facts,
            record=record,
            people=people,
            ran_as=None
            if header.principal is None
            else ran_as_mark(header.rule, principal_, facts.owner),
            initiator=None if header.initiator is None else principal_mark(initiator, facts.owner),
            app=app,
            cancelled_by=None
            if stopped is None
            else World(principals=people).name_of(PrincipalId(stopped) if stopped else None),
            children=tuple(children),
            parent=parent[0] if parent else None,
            may_cancel=header.ended is None and await self._cancelling.may(header, reader),
            may_resubmit=header.ended is not None
            and header.principal is not None
            and header.parent is None
            and isinstance(decide_flow(who, FlowAction.RUN, facts, within=header.app), Permit),
        )

    async def _seen(self, runs: list[RunId], reader: PrincipalId) -> list[RunHeader]:
        found = []
        for run in runs:
            try:
                found.append(await self._history.seen(reader, run))
            except NotFound:
                continue
        return found


def _named(header: RunHeader, record: RunRecord, facts: FlowFacts) -> Iterator[PrincipalId]:
    """Yield everybody whom a run's record speaks of."""
    yield facts.owner
    yield from (one for one in (header.initiator, header.principal) if one is not None)
    if record.cancelled_by:
        yield PrincipalId(record.cancelled_by)
    actions = header.plan.get("actions")
    acting: list[Json] = list(actions.values()) if isinstance(actions, dict) else []
    acting += [one.acting for one in record.actions.values()]
    acting += [one.acting for action in record.actions.values() for one in action.attempts]
    for one in acting:
        if isinstance(one, dict):
            for part in ("principal", "actor", "lentBy", "ask"):
                if isinstance(id := one.get(part), str) and id:
                    yield PrincipalId(id)
