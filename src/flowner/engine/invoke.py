"""One call of one operation: identity proved again, the secret opened, the connector asked.

This is the one place where a credential meets a call. Nothing of it comes back: whatever the
outside answers is searched for the secrets that were used, and they are struck out.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import orjson
import structlog

from flowner.clock import Clock
from flowner.database import Database
from flowner.directory.facts import Facts, Moment
from flowner.engine.rows_as import PeopleAs, RowsAs
from flowner.errors import FlownerError, Refused
from flowner.identity.plan import prove
from flowner.identity.record import acting_record, refusal_record
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.rows.callers import Caller
from flowner.rows.store import Store
from flowner.runs.commands import Failure, Invoke, Outcome, Success, Transient
from flowner.sdk import context as sdk
from flowner.sdk.connector import Connector, Operation, Repeat
from flowner.triggers.published import Version
from flowner.values import ConnectionId, Json, JsonObject, RunId, Secret
from flowner.vault.store import Vault

_LOG = structlog.get_logger(__name__)
_SHORTEST = 4
"""Secrets shorter than this are not searched for: they would be found everywhere."""
_STRUCK = "*****"
_Opened: TypeAlias = "tuple[Mapping[str, Secret], Mapping[str, Json]]"
HTTP = "http"


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
    vault: Vault
    clock: Clock
    connectors: Mapping[str, Connector]
    """By every id that flows know them by."""
    allow_private_addresses: bool = False

    def repeat(self, command: Invoke, version: Version) -> Repeat:
        """Say what happens if this call is made twice; NEVER where nobody knows."""
        try:
            return self._operation(command, version)[1].repeat
        except Refused:
            return Repeat.HARMLESS

    async def call(self, command: Invoke, hand: InHand) -> Called:
        """Make the call. Never raises: whatever happens becomes an outcome with its record."""
        try:
            moment = await self.facts.now()
            verdict = await self._prove(command, hand, moment)
        except FlownerError as error:
            return Called(
                outcome=Failure(code=error.code.value, message=error.message),
                acting={"refused": error.code.value, "message": error.message},
            )
        if isinstance(verdict, Refusal):
            record = refusal_record(verdict) | self._about(command, hand, verdict)
            failure = Failure(code=verdict.code.value, message=verdict.message)
            return Called(outcome=failure, acting=record)
        acting = acting_record(verdict) | self._about(command, hand, verdict)
        try:
            connector, operation, parameters = self._operation(command, hand.version)
            if connector.needs_connection and verdict.connection is None:
                raise Refused(f"`{connector.title}` needs a connection, and the action has none")
            opened = await self._open(verdict.connection, moment)
            caller = Caller(verdict.principal, verdict.actor)
            context = self._context(command, verdict.account, opened, caller)
            outcome, seen = await _asked(operation, parameters, context)
            outcome = strike(outcome, context.credential)
        except FlownerError as error:
            failure = Failure(code=error.code.value, message=error.message)
            return Called(outcome=failure, acting=acting, account=verdict.account)
        if seen is not None:
            acting["seen"] = seen
        return Called(outcome=outcome, acting=acting, account=verdict.account)

    async def _prove(self, command: Invoke, hand: InHand, moment: Moment) -> Acting | Refusal:
        """Decide again, from this moment's facts; the same question is answered once a moment."""
        made = hand.plan
        facts = await moment.flow(made.flow)
        people = (made.running.principal,)
        world = await moment.world(facts, people, hand.version.references)
        return moment.remembered(
            (made.flow, made.version, made.running, made.app, command.action),
            lambda: prove(
                hand.version.flow,
                facts,
                made,
                hand.version.compiled.by_name[command.action.casefold()].action,
                world,
            ),
        )

    def _about(self, command: Invoke, hand: InHand, verdict: Acting | Refusal) -> JsonObject:
        planned = hand.plan.actions.get(command.action)
        shown = {n: value for n, value in command.parameters.items() if n != "authentication"}
        sent = orjson.dumps(shown, option=orjson.OPT_SORT_KEYS, default=str)
        record: JsonObject = {
            "plan": hand.plan_hash,
            "asPlanned": verdict == planned,
            "attempt": command.attempt,
            "sent": "sha256:" + hashlib.sha256(sent).hexdigest(),
        }
        if verdict != planned and planned is not None:
            record["planned"] = (
                acting_record(planned) if isinstance(planned, Acting) else refusal_record(planned)
            )
        return record

    def _operation(
        self, command: Invoke, version: Version
    ) -> tuple[Connector, Operation, JsonObject]:
        binding = version.flow.bindings.get(command.binding)
        id = binding.connector if binding is not None else command.connector
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

    def _by_method(self, connector: Connector, parameters: JsonObject) -> Operation | None:
        method = parameters.get("method")
        return connector.operations.get(method.upper()) if isinstance(method, str) else None

    def _context(
        self, command: Invoke, account: str, opened: _Opened, caller: Caller
    ) -> sdk.OperationContext:
        secrets, settings = opened
        return sdk.OperationContext(
            idempotency_key=command.idempotency_key,
            account=account,
            settings=settings,
            credential=secrets,
            people=PeopleAs(self.store, caller),
            rows=RowsAs(self.store, caller),
            timeout_seconds=self._seconds(command),
            allow_private_addresses=self.allow_private_addresses,
        )

    async def _open(self, connection: ConnectionId | None, moment: Moment) -> _Opened:
        if connection is None:
            return {}, {}
        secrets = await self.vault.open(connection, epoch=moment.epoch)
        return secrets, await moment.settings(connection)

    def _seconds(self, command: Invoke) -> float:
        if command.due is None:
            return 120.0
        left = (command.due - self.clock.now()).total_seconds()
        return min(120.0, max(left, 0.1))


async def _asked(
    operation: Operation, parameters: JsonObject, context: sdk.OperationContext
) -> tuple[Outcome, str | None]:
    try:
        async with asyncio.timeout(context.timeout_seconds):
            answer = await operation.perform(parameters, context)
    except sdk.Rejected as error:
        return _rejected(error), None
    except sdk.Transient as error:
        return Transient(
            message=error.message,
            status=error.status,
            retry_after_seconds=error.retry_after_seconds,
        ), None
    except TimeoutError:
        return Transient(
            message=f"no answer within {context.timeout_seconds:.0f} seconds", status=504
        ), None
    except Exception as error:  # noqa: BLE001 - a connector's defect must not stop the run
        _LOG.error("connector failed", operation=operation.id, error=type(error).__name__)
        return Failure(
            code="InternalServerError",
            message=f"the connector failed while it carried out `{operation.id}`",
            status=500,
        ), None
    outcome = Success(
        status=answer.status,
        headers=dict(answer.headers),
        body=answer.body,
        has_body=answer.has_body,
    )
    return outcome, answer.seen


def _rejected(error: sdk.Rejected) -> Failure:
    body: Json = error.body
    if body is None:
        body = {"error": {"code": error.code, "message": error.message}}
    return Failure(
        code=error.code, message=error.message, status=error.status, body=body, has_body=True
    )


def strike(outcome: Outcome, secrets: Mapping[str, Secret]) -> Outcome:
    """Strike every secret that was used out of an outcome."""
    texts = [text for secret in secrets.values() if len(text := secret.reveal()) >= _SHORTEST]
    if not texts:
        return outcome
    match outcome:
        case Success():
            return Success(
                status=outcome.status,
                headers=_struck_headers(outcome.headers, texts),
                body=_struck(outcome.body, texts),
                has_body=outcome.has_body,
            )
        case Failure():
            return Failure(
                code=outcome.code,
                message=_struck_text(outcome.message, texts),
                status=outcome.status,
                headers=_struck_headers(outcome.headers, texts),
                body=_struck(outcome.body, texts),
                has_body=outcome.has_body,
            )
        case Transient():
            return Transient(
                message=_struck_text(outcome.message, texts),
                status=outcome.status,
                code=outcome.code,
                retry_after_seconds=outcome.retry_after_seconds,
                body=_struck(outcome.body, texts),
                has_body=outcome.has_body,
            )
        case _:
            return outcome


def _struck_headers(headers: Mapping[str, Json], texts: list[str]) -> dict[str, Json]:
    return {name: _struck(value, texts) for name, value in headers.items()}


def _struck(value: Json, texts: list[str]) -> Json:
    match value:
        case str():
            return _struck_text(value, texts)
        case list():
            return [_struck(item, texts) for item in value]
        case dict():
            return {_struck_text(key, texts): _struck(item, texts) for key, item in value.items()}
        case _:
            return value


def _struck_text(value: str, texts: list[str]) -> str:
    for text in texts:
        value = value.replace(text, _STRUCK)
    return value
