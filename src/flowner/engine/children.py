"""Child flows: started in the parent's name, answered through the parent's inbox."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from flowner.database import Database
from flowner.definitions.codec import read_flow
from flowner.engine.invoke import Called, InHand
from flowner.errors import Code, FlownerError, Refused
from flowner.identity.cause import CalledByParent
from flowner.identity.record import acting_record
from flowner.identity.save import child_findings
from flowner.identity.verdict import Acting
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.rows.facts import read_flow_facts
from flowner.rows.versions import find_flow, read_version
from flowner.runs.commands import Failure, Invoke, Outcome, Parked, Reply, Success
from flowner.triggers.start import Occasion, Starter
from flowner.values import Json

CHILD = "workflow"


class Answered(msgspec.Struct, tag="answer"):
    """An inbox message: what an action that waits was answered."""

    path: str
    status: int
    body: object = None
    has_body: bool = False
    code: str = ""
    message: str = ""

    def outcome(self) -> Outcome:
        """Return the answer as the planner reads it: a failure where it carries a code."""
        if self.code:
            return Failure(code=self.code, message=self.message, status=self.status)
        body: Json = self.body  # type: ignore[assignment] # decoded from JSON
        return Success(status=self.status, body=body, has_body=self.has_body)


class CancelAsked(msgspec.Struct, tag="cancel"):
    """An inbox message: somebody wants the run stopped."""

    by: str
    reason: str = ""


Message = Answered | CancelAsked
ENCODER = msgspec.json.Encoder()
DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Calls child flows and tells parents what came of them."""

    database: Database
    journal: Journal
    starter: Starter

    async def call(self, command: Invoke, hand: InHand) -> Called:
        """Start the child; its answer comes later."""
        planned = hand.plan.actions.get(command.action)
        acting = acting_record(planned) if isinstance(planned, Acting) else {}
        try:
            run = await self._start(command, hand)
        except FlownerError as error:
            failure = Failure(code=error.code.value, message=error.message, status=400)
            return Called(outcome=failure, acting=acting)
        return Called(
            outcome=Parked(reason=f"child run {run}"), acting=acting | {"child": str(run)}
        )

    async def _start(self, command: Invoke, hand: InHand) -> int:
        host = command.parameters.get("host")
        name = host.get("workflowReferenceName") if isinstance(host, dict) else None
        if not isinstance(name, str):
            raise Refused("the action does not say which flow it calls", code=Code.NOT_FOUND)
        async with self.database.connection() as connection:
            flow = await find_flow(connection, name)
            facts = await read_flow_facts(connection, flow)
            document = await read_version(connection, flow, facts.version)
        child = read_flow(document, name=facts.name)
        for finding in child_findings(hand.version.flow, "", child):
            raise Refused(finding.message, code=Code.CHILD_INVOKER_UNSUPPORTED)
        return await self.starter.start(
            Occasion(
                flow=flow,
                cause=CalledByParent(
                    run=hand.run,
                    principal=hand.plan.running.principal,
                    initiator=hand.plan.initiator,
                ),
                outputs={
                    "headers": command.parameters.get("headers") or {},
                    "body": command.parameters.get("body"),
                },
                answers=True,
                parent_path=command.path,
            )
        )

    async def tell_parent(self, header: RunHeader, said: Reply | Failure | None) -> None:
        """Answer the parent's action, if there is a parent. None: the child ended in silence."""
        if header.parent is None or header.parent_path is None:
            return
        match said:
            case Reply():
                answer = Answered(header.parent_path, said.status, said.body, said.has_body)
            case Failure():
                answer = Answered(
                    header.parent_path, said.status or 502, None, False, said.code, said.message
                )
            case None:
                answer = Answered(header.parent_path, 202)
        await self.journal.post(header.parent, ENCODER.encode(answer))
