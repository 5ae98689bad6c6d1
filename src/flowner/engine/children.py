"""Child flows: started in the parent's name, once; they answer through the parent's inbox."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from flowner.database import Database
from flowner.definitions.codec import read_flow
from flowner.engine.invoke import Called, InHand
from flowner.engine.patience import when_back
from flowner.errors import Code, Conflict, DatabaseAway, FlownerError, Refused
from flowner.identity.cause import CalledByParent
from flowner.identity.record import acting_record
from flowner.identity.save import child_findings
from flowner.identity.verdict import Acting
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.rows.facts import read_flow_facts
from flowner.rows.versions import find_flow, read_version
from flowner.runs.commands import Failure, Invoke, Parked, Reply
from flowner.runs.messages import ENCODER, Answered
from flowner.triggers.occasions import Occasion
from flowner.triggers.start import Starter
from flowner.values import FlowId, Json, JsonObject, PrincipalId, RunId

Told: TypeAlias = "tuple[tuple[RunId, bytes], ...]"
CHILD = "workflow"
MOST_GENERATIONS = 50
"""Parents above a run; a flow that calls itself ends there."""
_CALLABLE = "Request"
"""The type of trigger that a parent can call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Calls child flows and tells parents what came of them."""

    database: Database
    journal: Journal
    starter: Starter

    async def call(self, command: Invoke, hand: InHand, *, again: bool) -> Called:
        """Start the child; its answer comes later.

        ``again``: this attempt was under way when a worker died. The child that it has is the one.
        """
        planned = hand.plan.actions.get(command.action)
        acting = acting_record(planned) if isinstance(planned, Acting) else {}
        try:
            run = await self._called(command, hand) if again else None
            run = run or await self._start(command, hand)
        except FlownerError as error:
            failure = Failure(code=error.code.value, message=error.message, status=400)
            return Called(outcome=failure, acting=acting)
        return Called(
            outcome=Parked(reason=f"child run {run}"), acting=acting | {"child": str(run)}
        )

    async def _called(self, command: Invoke, hand: InHand) -> RunId | None:
        look = partial(self.journal.child, hand.run, command.path, command.attempt)
        return await when_back(look)

    async def _start(self, command: Invoke, hand: InHand) -> RunId:
        host = command.parameters.get("host")
        name = host.get("workflowReferenceName") if isinstance(host, dict) else None
        if not isinstance(name, str):
            raise Refused("the action does not say which flow it calls", code=Code.NOT_FOUND)
        flow, owner = await when_back(lambda: self._callable(name, hand))
        occasion = Occasion(
            flow=flow,
            cause=CalledByParent(
                run=hand.run,
                principal=hand.plan.running.principal,
                initiator=hand.plan.initiator,
                owner=owner,
            ),
            outputs={
                "headers": command.parameters.get("headers") or {},
                "body": command.parameters.get("body"),
            },
            answers=True,
            parent_path=command.path,
            parent_attempt=command.attempt,
        )
        while True:
            try:
                return await self.starter.start(occasion)
            except (Conflict, DatabaseAway) as error:
                # Somebody has called it, or we have and did not hear of it.
                run = await self._called(command, hand)
                if run is not None:
                    return run
                if isinstance(error, Conflict):
                    raise

    async def _callable(self, name: str, hand: InHand) -> tuple[FlowId, PrincipalId]:
        """Return the flow that a name means, if it can be called, and the parent's owner."""
        async with self.database.connection() as connection:
            parent = await read_flow_facts(connection, hand.plan.flow)
            flow = await find_flow(connection, name)
            facts = await read_flow_facts(connection, flow)
            document, _ = await read_version(connection, flow, facts.version)
        child = read_flow(document, name=facts.name)
        if child.trigger.type != _CALLABLE:
            raise Refused(
                f"the flow `{facts.id}` cannot be called: its trigger is no request",
                code=Code.TRIGGER_NOT_ENABLED,
            )
        for finding in child_findings(hand.version.flow, "", child):
            raise Refused(finding.message, code=Code.CHILD_INVOKER_UNSUPPORTED)
        await self._not_too_deep(hand.run)
        return flow, parent.owner

    async def _not_too_deep(self, run: RunId) -> None:
        depth = await self.journal.depth(run)
        if depth >= MOST_GENERATIONS:
            raise Refused(
                f"flows call one another {depth} deep; a child may have {MOST_GENERATIONS}"
                " generations above it",
                code=Code.BAD_REQUEST,
            )


def told_parent(header: RunHeader, said: Reply | Failure | None) -> Told:
    """Return the answer to the parent's action, if there is a parent.

    ``said`` None: the child ended in silence.
    """
    if header.parent is None or header.parent_path is None:
        return ()
    answer = Answered(header.parent_path, 202, child=header.id)
    match said:
        case Reply():
            answer.status = said.status
            answer.body, answer.has_body = said.body, said.has_body
        case Failure():
            answer.status = said.status or 502
            answer.code, answer.message = said.code, said.message
        case None:
            pass
    return ((header.parent, ENCODER.encode(answer)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Hands answers from outside to actions that wait for them."""

    journal: Journal

    async def answer(self, run: RunId, path: str, headers: JsonObject, body: Json) -> bool:
        """Answer the action at ``path``; False when the run is over. A second answer is ignored."""
        answer = Answered(path, 200, body, body is not None, dict(headers))
        return await self.journal.post(run, ENCODER.encode(answer))
