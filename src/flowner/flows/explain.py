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
from flowner.values import AppId, Json, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What is supposed to set the flow off; names or ids of principals."""

    as_person: str | None = None
    modified_by: str | None = None
    row_owner: str | None = None
    app: AppId | None = None
    """The app that an instant flow is pressed from."""


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
        async with self._database.connection() as connection:
            flow_id = await find_flow(connection, flow_name)
            named = {
                title: await find_principal(connection, name)
                for title, name in (
                    ("as", supposed.as_person),
                    ("modified", supposed.modified_by),
                    ("owner", supposed.row_owner),
                )
                if name is not None
            }
        moment = await self._facts.now()
        facts = await moment.flow(flow_id)
        version = await self._published.get(flow_id, facts.version)
        cause = supposed_cause(version.flow, named, supposed.app)
        world = await moment.world(facts, named.values(), version.references)
        answer = plan(version.flow, facts, cause, world)
        return Explanation(flow=version.flow, facts=facts, world=world, answer=answer)

    async def what_if(self, flow_name: str, people: Sequence[str]) -> list[Explanation]:
        """Explain one flow for each of several people, in their order."""
        return [
            await self.who(
                flow_name, Supposed(as_person=person, modified_by=person, row_owner=person)
            )
            for person in people
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
