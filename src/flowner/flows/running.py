"""Pressing and calling: how people and programs set flows off, and hear what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.clock import Clock, fresh_run_id
from flowner.database import Database
from flowner.definitions.flow import FlowKind, Trigger
from flowner.directory.facts import Facts
from flowner.errors import Code, NotFound, Refused
from flowner.flows.asking import may_know, principal
from flowner.identity.cause import Called, Pressed
from flowner.rows.facts import read_flow_facts
from flowner.rows.versions import find_flow, find_flows, find_principal, only_one
from flowner.triggers.headers import trigger_headers
from flowner.triggers.occasions import Occasion
from flowner.triggers.published import Published
from flowner.triggers.start import Starter
from flowner.values import AppId, FlowId, Json, JsonObject, PrincipalId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody wants an instant flow to run."""

    flow: FlowId
    by: PrincipalId
    inputs: JsonObject
    """By the names of the trigger's inputs (``text``, ``number`` …), or by their titles."""
    app: AppId | None = None


class Running:
    """Sets flows off in somebody's name."""

    def __init__(
        self, database: Database, starter: Starter, facts: Facts, published: Published, clock: Clock
    ) -> None:
        self._database, self._starter, self._facts = database, starter, facts
        self._published, self._clock = published, clock

    async def find(self, name_or_id: str) -> FlowId:
        """Return the flow that a person means."""
        async with self._database.connection() as connection:
            return await find_flow(connection, name_or_id)

    async def known(
        self, name_or_id: str, to: PrincipalId, *, within: AppId | None = None
    ) -> FlowId:
        """Return the flow that somebody means, of those that they may know of.

        ``within`` is the app they ask from. A flow that they may do nothing with is not found, in
        the same words as one that there is not.
        """
        async with self._database.connection() as connection:
            who = (await principal(connection, to)).who
            mine = [
                flow
                for flow in await find_flows(connection, name_or_id)
                if may_know(who, await read_flow_facts(connection, flow), within=within)
            ]
        return only_one(mine, name_or_id)

    async def somebody(self, name_or_id: str) -> PrincipalId:
        """Return whom a person means."""
        async with self._database.connection() as connection:
            return await find_principal(connection, name_or_id)

    async def trigger(self, flow: FlowId) -> Trigger:
        """Return the trigger of a flow's current version; `NotFound` when there is none."""
        facts = await (await self._facts.now()).flow(flow)
        return (await self._published.get(flow, facts.version)).flow.trigger

    def fresh_run(self) -> RunId:
        """Return an id for a run that somebody wants to wait for from its first moment."""
        return fresh_run_id(self._clock)

    async def press(
        self, press: Press, *, run: RunId | None = None, answers: bool = False
    ) -> RunId:
        """Run an instant flow in the name of whoever presses it."""
        moment = await self._facts.now()
        facts = await moment.flow(press.flow)
        version = await self._published.get(press.flow, facts.version)
        world = await moment.world(facts, [press.by], version.references)
        who = world.principals.get(press.by)
        if who is None:
            raise NotFound(f"there is no principal `{press.by}`")
        trigger = version.flow.trigger
        if trigger.flow_kind is not FlowKind.INSTANT:
            raise Refused(
                f"`{facts.name}` is no instant flow: it is {trigger.flow_kind}, and nobody"
                " can press it",
                code=Code.TRIGGER_NOT_ENABLED,
            )
        occasion = Occasion(
            flow=press.flow,
            cause=Pressed(press.by, press.app),
            outputs={
                "headers": trigger_headers(who.id, who.name, who.mail, self._clock.now()),
                "body": _named(press.inputs, trigger.inputs),
            },
            answers=answers,
            run=run,
        )
        return await self._starter.start(occasion)

    async def call(
        self, flow: FlowId, outputs: JsonObject, by: PrincipalId | None, *, run: RunId | None = None
    ) -> list[RunId]:
        """Run a flow whose trigger is an HTTP request; answers the runs that began.

        None, where the trigger's conditions do not hold; several, with ids of their own and no
        response, where it splits what came.
        """
        return await self._starter.start_each(
            Occasion(flow=flow, cause=Called(by), outputs=outputs, answers=True, run=run)
        )


def _named(inputs: JsonObject, written: Json) -> JsonObject:
    """Give inputs that were named by their titles the names that the flow reads them by."""
    schema = written.get("schema") if isinstance(written, dict) else None
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return inputs
    titles = {
        str(one["title"]).lower(): name
        for name, one in properties.items()
        if isinstance(one, dict) and "title" in one
    }
    return {
        name if name in properties else titles.get(name.lower(), name): value
        for name, value in inputs.items()
    }
