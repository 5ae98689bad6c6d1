"""One call of one operation: identity proved again, the secret opened, the connector asked.

This is the one place where a credential meets a call. Nothing of it comes back: whatever the
outside answers is searched for the secrets that were used, and they are struck out
(`outcomes`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import orjson

from flowner.approvals.requesting import Asking, Requests
from flowner.clock import Clock
from flowner.database import Database
from flowner.directory.facts import Facts, Moment
from flowner.engine.approvals_as import ApprovalsAs
from flowner.engine.outcomes import ask_for, is_refused, secrets_in, strike, wanted_items
from flowner.engine.pacing import Pacer
from flowner.engine.patience import when_back
from flowner.engine.rows_as import PeopleAs, RowsAs
from flowner.engine.watching import watched
from flowner.errors import Code, FlownerError, Refused
from flowner.flows.refreshing import Refreshing
from flowner.flows.sign_ins_asked import SignInsAsked, Step
from flowner.identity.plan import prove
from flowner.identity.record import acting_record, refusal_record
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.rows.callers import Caller
from flowner.rows.store import Store
from flowner.runs.commands import Failure, Invoke, Outcome, Parked, Throttled
from flowner.sdk import context as sdk
from flowner.sdk.connector import ACCESS_TOKEN, Connector, Operation, Repeat
from flowner.telemetry.telemetry import Telemetry
from flowner.triggers.published import Version
from flowner.values import ConnectionId, Json, JsonObject, RunId, Secret
from flowner.vault.store import Vault
from flowner.webapi.service import WebApi

_Opened: TypeAlias = "tuple[Mapping[str, Secret], Mapping[str, Json]]"
_Ask: TypeAlias = "Callable[[sdk.OperationContext], Awaitable[tuple[Outcome, str | None]]]"


@dataclass(frozen=True, slots=True)
class InHand:
    """The run that a call belongs to."""

    run: RunId
    version: Version
    plan: Plan
    plan_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What came of a call, and in whose name it was made."""

    outcome: Outcome
    acting: JsonObject
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoker:
    """Makes calls."""

    database: Database
    facts: Facts
    store: Store
    webapi: WebApi
    vault: Vault
    refreshing: Refreshing
    requests: Requests
    sign_ins: SignInsAsked
    pacer: Pacer
    clock: Clock
    connectors: Mapping[str, Connector]
    """By every id that flows know them by."""
    allow_private_addresses: bool = False
    telemetry: Telemetry = field(default_factory=Telemetry)

    def repeat(self, command: Invoke, version: Version) -> Repeat:
        """Say what happens if this call is made twice; NEVER where nobody knows."""
        try:
            return self._operation(command, version)[1].repeat
        except Refused:
            return Repeat.HARMLESS

    async def call(self, command: Invoke, hand: InHand, *, repeated: bool) -> Called:
        """Make the call. Never raises: whatever happens becomes an outcome with its record.

        ``repeated``: an earlier attempt may have got through.
        """
        with watched(self.telemetry, command, self._known(command, hand.version)) as ended:
            called = await self._call(command, hand, repeated=repeated)
            ended(called.outcome, called.acting)
        return called

    async def _call(self, command: Invoke, hand: InHand, *, repeated: bool) -> Called:
        try:
            moment, verdict = await when_back(lambda: self._proved(command.action, hand))
        except FlownerError as error:
            return Called(
                outcome=Failure(code=error.code.value, message=error.message),
                acting={"refused": error.code.value, "message": error.message},
            )
        if isinstance(verdict, Refusal):
            return await self._refused(command, hand, verdict)
        acting = _record(verdict) | self._about(command, hand, verdict)
        try:
            connector, operation, parameters = self._operation(command, hand.version)
            if connector.needs_connection and verdict.connection is None:
                raise Refused(f"`{connector.title}` needs a connection, and the action has none")
            key = self.pacer.key(verdict.connection, connector, parameters)
            throttled = await self._throttled(command, connector, key, parameters)
            if throttled is not None:
                return Called(outcome=throttled, acting=acting, account=verdict.account)
            opened = await when_back(lambda: self._open(verdict.connection, moment))
            caller = Caller(verdict.principal, verdict.actor)
            context = self._context(command, hand, verdict.account, opened, caller)
            context = replace(context, repeated=repeated)
            minimum = wanted_items(command.configuration)
            ask = partial(ask_for, minimum, connector, operation, parameters)
            outcome, seen, used = await self._asked(verdict.connection, context, ask)
            await self.pacer.answered(key, outcome)
            outcome = strike(outcome, [*used, *secrets_in(parameters.get("authentication"))])
        except FlownerError as error:
            if error.code is Code.INVALID_CONNECTION:  # found out before anything went out
                _, now = await when_back(lambda: self._proved(command.action, hand))
                if isinstance(now, Refusal):
                    return await self._refused(command, hand, now)
            failure = Failure(code=error.code.value, message=error.message)
            return Called(outcome=failure, acting=acting, account=verdict.account)
        if seen is not None:
            acting["seen"] = seen
        return Called(outcome=outcome, acting=acting, account=verdict.account)

    async def _refused(self, command: Invoke, hand: InHand, refusal: Refusal) -> Called:
        record = _record(refusal) | self._about(command, hand, refusal)
        return Called(outcome=await self._parked(command, hand, refusal), acting=record)

    async def _throttled(
        self, command: Invoke, connector: Connector, key: str | None, parameters: JsonObject
    ) -> Throttled | None:
        """Return until when a call has to wait for a limit; None: it may go out."""
        declared = self.pacer.allowance(connector, parameters)
        if self.pacer.is_free(key, declared):
            return None
        waits = await when_back(
            lambda: self.pacer.wait(key, declared, command.slot, connector.title)
        )
        if waits is not None:
            self.telemetry.metrics.call_throttled(connector.ids[0])
        return waits

    async def _proved(self, action: str, hand: InHand) -> tuple[Moment, Acting | Refusal]:
        moment = await self.facts.now()
        return moment, await self._prove(action, hand, moment)

    async def proved(
        self, action: str, hand: InHand, inputs: Json
    ) -> tuple[Acting | Refusal, JsonObject]:
        """Say in whose name an action acts, or why it may not, as things stand now.

        With its record: of a call that was taken, whose worker died before it said so.
        """
        _, verdict = await when_back(lambda: self._proved(action, hand))
        call = hand.version.compiled.by_name[action.casefold()].action.call
        record = _record(verdict) | _as_planned(action, hand, verdict)
        if call is not None:
            binding = hand.version.flow.bindings.get(call.binding)
            record["connector"] = call.connector if binding is None else binding.connector
            record["operation"] = call.operation
        record["sent"] = _digest(inputs.get("parameters") if isinstance(inputs, dict) else None)
        return verdict, record

    async def _parked(self, command: Invoke, hand: InHand, refusal: Refusal) -> Outcome:
        """Ask who can mend what is missing, where that is their own sign-in; else it fails."""
        binding = hand.version.flow.bindings.get(refusal.binding or "")
        if binding is not None and refusal.ask is not None:
            step = Step(flow=hand.plan.flow, run=hand.run, path=command.path, due=command.due)
            ask = partial(self.sign_ins.ask, step, refusal.ask, binding.key, binding.connector)
            due = await when_back(ask)
            if due is not None:
                return Parked(reason=refusal.message, due=due, late=Code.SIGN_IN_TIMED_OUT.value)
        return Failure(code=refusal.code.value, message=refusal.message)

    async def _asked(
        self, connection: ConnectionId | None, context: sdk.OperationContext, ask: _Ask
    ) -> tuple[Outcome, str | None, list[str]]:
        """Make the call, and once more with another token where the outside refuses the one it got.

        A 401 says that nothing was carried out, so that whatever it was may be done then. Answers
        the outcome, whom the caller was taken for, and every secret that was used.
        """
        outcome, seen = await ask(context)
        used = [secret.reveal() for secret in context.credential.values()]
        token = context.credential.get(ACCESS_TOKEN)
        if token is None or connection is None or not is_refused(outcome):
            return outcome, seen, used
        try:
            other = await when_back(lambda: self.refreshing.again(connection, token))
        except FlownerError:  # nobody answers there: what is known is the refusal
            return outcome, seen, used
        if other is None:
            return outcome, seen, used
        outcome, seen = await ask(replace(context, credential=other))
        if is_refused(outcome):
            why = "the outside refuses tokens that are new: 401"
            await when_back(lambda: self.refreshing.stop(connection, why))
        return outcome, seen, [*used, *(secret.reveal() for secret in other.values())]

    async def _prove(self, action: str, hand: InHand, moment: Moment) -> Acting | Refusal:
        """Decide again, from this moment's facts; the same question is answered once a moment."""
        made = hand.plan
        facts = await moment.flow(made.flow)
        people = (made.running.principal,)
        world = await moment.world(facts, people, hand.version.references)
        return moment.remembered(
            (made.flow, made.version, made.running, made.app, action),
            lambda: prove(
                hand.version.flow,
                facts,
                made,
                hand.version.compiled.by_name[action.casefold()].action,
                world,
            ),
        )

    def _about(self, command: Invoke, hand: InHand, verdict: Acting | Refusal) -> JsonObject:
        shown = {n: value for n, value in command.parameters.items() if n != "authentication"}
        return {
            **_as_planned(command.action, hand, verdict),
            "attempt": command.attempt,
            "connector": self._connector(command, hand.version),
            "operation": command.operation or str(command.parameters.get("method") or ""),
            "sent": _digest(shown),
        }

    def _operation(
        self, command: Invoke, version: Version
    ) -> tuple[Connector, Operation, JsonObject]:
        id = self._connector(command, version)
        connector = self.connectors.get(id)
        if connector is None:
            raise Refused(f"there is no connector `{id}` on this server")
        name, parameters = command.operation, command.parameters
        # Even where an old action says its operation, its parameters stand in the path.
        old = connector.legacy_call(parameters) if "path" in parameters else None
        if old is not None:
            name, parameters = old
        operation = connector.operations.get(name) or self._by_method(connector, parameters)
        if operation is None:
            raise Refused(f"`{connector.title}` has no operation `{name}` on this server")
        return connector, operation, parameters

    def _connector(self, command: Invoke, version: Version) -> str:
        binding = version.flow.bindings.get(command.binding)
        return binding.connector if binding is not None else command.connector

    def _known(self, command: Invoke, version: Version) -> str:
        """Return the operation's id, or a word for all that are not on this server."""
        try:
            return self._operation(command, version)[1].id
        except Refused:
            return "unknown"

    def _by_method(self, connector: Connector, parameters: JsonObject) -> Operation | None:
        method = parameters.get("method")
        return connector.operations.get(method.upper()) if isinstance(method, str) else None

    def _context(
        self, command: Invoke, hand: InHand, account: str, opened: _Opened, caller: Caller
    ) -> sdk.OperationContext:
        secrets, settings = opened
        asking = Asking(
            flow=hand.plan.flow,
            run=hand.run,
            path=command.path,
            key=command.idempotency_key,
            owner=caller.acting_for,
            due=command.due,
        )
        return sdk.OperationContext(
            idempotency_key=command.idempotency_key,
            account=account,
            settings=settings,
            credential=secrets,
            people=PeopleAs(self.store, caller),
            rows=RowsAs(self.store, self.webapi, caller),
            approvals=ApprovalsAs(self.requests, asking),
            timeout_seconds=self._seconds(command),
            allow_private_addresses=self.allow_private_addresses,
            trace_headers=self.telemetry.tracing.headers_for,
        )

    async def _open(self, connection: ConnectionId | None, moment: Moment) -> _Opened:
        if connection is None:
            return {}, {}
        kept = await self.vault.open(connection, epoch=moment.epoch)
        secrets = await self.refreshing.fresh(connection, kept)
        return secrets, await moment.settings(connection)

    def _seconds(self, command: Invoke) -> float:
        if command.due is None:
            return 120.0
        left = (command.due - self.clock.now()).total_seconds()
        return min(120.0, max(left, 0.1))


def _digest(sent: Json) -> str:
    data = orjson.dumps(sent, option=orjson.OPT_SORT_KEYS, default=str)
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _record(verdict: Acting | Refusal) -> JsonObject:
    return acting_record(verdict) if isinstance(verdict, Acting) else refusal_record(verdict)


def _as_planned(action: str, hand: InHand, verdict: Acting | Refusal) -> JsonObject:
    """Say whether an action acts as it was planned to, and else as whom it was."""
    planned = hand.plan.actions.get(action)
    record: JsonObject = {"plan": hand.plan_hash, "asPlanned": verdict == planned}
    if verdict != planned and planned is not None:
        record["planned"] = _record(planned)
    return record
