"""In whose name would it run? Asked before anything runs, answered by the one resolver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowner.access.vocabulary import FlowFacts
from flowner.database import Database
from flowner.definitions.flow import Flow, FlowKind
from flowner.directory.facts import Facts
from flowner.errors import Invalid
from flowner.identity.cause import Called, Cause, ClockStruck, Happened, Pressed, RowChanged
from flowner.identity.plan import plan
from flowner.identity.record import acting_record, refusal_record
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.identity.world import World
from flowner.rows.versions import find_flow, find_principal
from flowner.triggers.published import Published
from flowner.values import AppId, FlowId, Json, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What is supposed to set the flow off; names or ids of principals."""

    as_person: str | None = None
    modified_by: str | None = None
    row_owner: str | None = None
    app: AppId | None = None
    """The app that an instant flow is pressed from."""

    @property
    def names(self) -> dict[str, str]:
        """Who is named, by what they are supposed to be."""
        titled = {"as": self.as_person, "modified": self.modified_by, "owner": self.row_owner}
        return {title: name for title, name in titled.items() if name is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The resolver's answer with the names to read it by."""

    flow: Flow
    facts: FlowFacts
    world: World
    answer: Plan | Refusal


class Explain:
    """Answers *who* for flows that are published here."""

    def __init__(self, database: Database, facts: Facts, published: Published) -> None:
        self._database, self._facts, self._published = database, facts, published

    async def who(self, flow_name: str, supposed: Supposed) -> Explanation:
        """Explain one flow. `Invalid` when its trigger needs somebody who is not named."""
        return (await self.each(flow_name, [supposed]))[0]

    async def what_if(self, flow_name: str, people: Sequence[str]) -> list[Explanation]:
        """Explain one flow for each of several people, in their order."""
        return await self.each(
            flow_name,
            [Supposed(as_person=person, modified_by=person, row_owner=person) for person in people],
        )

    async def each(self, flow_name: str, supposed: Sequence[Supposed]) -> list[Explanation]:
        """Explain one flow on several occasions, in their order: its facts are read once."""
        async with self._database.connection() as connection:
            flow_id = await find_flow(connection, flow_name)
            names = {name for one in supposed for name in one.names.values()}
            ids = {name: await find_principal(connection, name) for name in sorted(names)}
        occasions = [
            ({title: ids[name] for title, name in one.names.items()}, one.app) for one in supposed
        ]
        return await self.on(flow_id, occasions)

    async def on(
        self, flow: FlowId, occasions: Sequence[tuple[Mapping[str, PrincipalId], AppId | None]]
    ) -> list[Explanation]:
        """Explain one flow on several occasions, whose people are known: see `supposed_cause`."""
        moment = await self._facts.now()
        facts = await moment.flow(flow)
        version = await self._published.get(flow, facts.version)
        people = {id for named, _ in occasions for id in named.values()}
        world = await moment.world(facts, people, version.references)
        return [
            Explanation(
                flow=version.flow,
                facts=facts,
                world=world,
                answer=plan(version.flow, facts, supposed_cause(version.flow, named, app), world),
            )
            for named, app in occasions
        ]


def supposed_cause(flow: Flow, named: Mapping[str, PrincipalId], app: AppId | None = None) -> Cause:
    """Build the cause that the flow's trigger would have."""
    match flow.trigger.flow_kind:
        case FlowKind.INSTANT:
            if "as" not in named:
                raise Invalid("an instant flow runs as whoever triggers it: say `--as PERSON`")
            return Pressed(named["as"], app)
        case FlowKind.SCHEDULED:
            return ClockStruck()
        case FlowKind.HTTP:
            return Called(named.get("as"))
        case FlowKind.AUTOMATED:
            if flow.trigger.rows is None:
                return Happened(named.get("as"))
            by = named.get("modified") or named.get("as")
            return RowChanged(by, named.get("owner"))


def explanation_json(explained: Explanation) -> JsonObject:
    """Return an explanation as ``flowner who --json`` prints it; principals with their names."""
    answer, name = explained.answer, explained.world.name_of
    entry: JsonObject = {
        "flow": explained.facts.name,
        "version": explained.facts.version,
        "kind": explained.flow.trigger.flow_kind.value,
        "owner": name(explained.facts.owner),
    }
    if isinstance(answer, Refusal):
        entry["runs_as"] = None
        entry["refused"] = refusal_record(answer)
        entry["actions"] = []
        return entry
    entry["initiator"] = None if answer.initiator is None else name(answer.initiator)
    entry["runs_as"] = name(answer.running.principal)
    entry["rule"] = answer.running.rule.value
    entry["fallback"] = answer.running.fallback
    entry["actions"] = [
        _verdict_json(action, verdict, explained.world)
        for action, verdict in answer.actions.items()
    ]
    return entry


def _verdict_json(action: str, verdict: Acting | Refusal, world: World) -> Json:
    entry: JsonObject = {"action": action}
    if isinstance(verdict, Refusal):
        return entry | {"acting_as": None} | refusal_record(verdict)
    entry["acting_as"] = world.name_of(verdict.principal)
    record = acting_record(verdict)
    record["actor"] = None if verdict.actor is None else world.name_of(verdict.actor)
    return entry | record
