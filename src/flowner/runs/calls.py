"""Actions that ask a connector: what goes out, and what an answer makes of the action."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from msgspec import UNSET

from flowner.definitions.flow import Call, Status
from flowner.errors import Invalid
from flowner.runs import polling
from flowner.runs.commands import Failure, Invoke, Success, Transient
from flowner.runs.compiled import CompiledFlow, Node
from flowner.runs.durations import duration, later
from flowner.runs.events import Fault
from flowner.runs.http_status import status_name
from flowner.runs.results import ActionFault, Result
from flowner.runs.retry import RETRIED, pause, read_policy
from flowner.runs.state import Calling
from flowner.runs.templates import ItemScope
from flowner.values import Json, JsonObject

CHANGESET: Final = "ExecuteChangeset"
"""The operation that carries out a Changeset's requests, all or none of them."""
_BUILT_IN: Final = {"Http": "http", "HttpWebhook": "http", "Workflow": "workflow"}
_LEGACY: Final = ("method", "path", "queries", "headers", "body")
_LONGEST_SAID: Final = 2000
"""Characters kept of what the outside says of an attempt."""
_WAITING: Final = frozenset({"OpenApiConnectionWebhook", "ApiConnectionWebhook", "HttpWebhook"})


def evaluated(node: Node, scope: ItemScope) -> JsonObject:
    """Return the action's inputs as records show them: ``host`` as written, no credentials."""
    template = node.templates.get("inputs")
    value = None if template is None else template.evaluate(scope)
    inputs = value if isinstance(value, dict) else {}
    written = node.action.inputs
    if isinstance(written, dict) and "host" in written:
        return {"host": written["host"], **inputs}
    return inputs


def deadline(node: Node, scope: ItemScope, now: datetime) -> datetime | None:
    """Return when the action times out, by its ``limit``. Raises `ActionFault`."""
    template = node.templates.get("limit")
    limit = None if template is None else template.evaluate(scope)
    timeout = limit.get("timeout") if isinstance(limit, dict) else None
    if timeout is None:
        return None
    try:
        return later(now, duration(str(timeout)))
    except Invalid as error:
        raise ActionFault(error.message, error_code="InvalidTimeout") from None


def invocation(
    compiled: CompiledFlow,
    node: Node,
    path: str,
    calling: Calling,
    *,
    run: int,
    authentication: Json = None,
) -> Invoke:
    """Return the call that is to be made."""
    call = node.action.call
    inputs: JsonObject = calling.inputs if isinstance(calling.inputs, dict) else {}
    if node.type == "Changeset":
        call = next(compiled.inside(node)).action.call
        inputs = {"parameters": _requests(inputs)}
        call = None if call is None else replace(call, operation=CHANGESET, legacy=False)
    connector, operation, binding = _asked_of(node, call, inputs)
    parameters = polling.request(calling) if calling.poll else _parameters(node, call, inputs)
    if authentication is not None and polling.may_be_told(calling):
        parameters["authentication"] = authentication
    configured = node.action.source.get("runtimeConfiguration")
    return Invoke(
        path=path,
        action=node.name,
        connector=connector,
        operation=operation,
        binding=binding,
        call=call,
        parameters=parameters,
        attempt=calling.attempt,
        idempotency_key=f"{run}/{path}",
        due=calling.due,
        slot=calling.slot,
        configuration=configured if isinstance(configured, dict) else {},
        waits=node.type in _WAITING,
    )


def _asked_of(node: Node, call: Call | None, inputs: JsonObject) -> tuple[str, str, str]:
    """Return connector, operation and binding."""
    if call is not None:
        return call.connector, call.operation, call.binding
    if node.type == "ServiceProvider":
        return _service_provider(inputs)
    return _BUILT_IN.get(node.type, node.type), node.type, ""


def _requests(inputs: JsonObject) -> JsonObject:
    requests = inputs.get("requests")
    found: list[Json] = []
    for request in requests if isinstance(requests, list) else ():
        if isinstance(request, dict) and isinstance(request["inputs"], dict):
            parameters = request["inputs"].get("parameters", {})
            found.append(
                {
                    "name": request["name"],
                    "operation": request["operation"],
                    "parameters": parameters,
                }
            )
    return {"requests": found}


def _parameters(node: Node, call: Call | None, inputs: JsonObject) -> JsonObject:
    if (call is not None and not call.legacy) or node.type == "ServiceProvider":
        found = inputs.get("parameters")
        return dict(found) if isinstance(found, dict) else {}
    if call is not None:
        if call.operation and "parameters" in inputs:
            found = inputs["parameters"]
            return dict(found) if isinstance(found, dict) else {}
        return {name: inputs[name] for name in _LEGACY if name in inputs}
    return {name: value for name, value in inputs.items() if name != "retryPolicy"}


def _service_provider(inputs: JsonObject) -> tuple[str, str, str]:
    found = inputs.get("serviceProviderConfiguration")
    written: Mapping[str, Json] = found if isinstance(found, dict) else {}
    connector = str(written.get("serviceProviderId", "")).rsplit("/", 1)[-1]
    return connector, str(written.get("operationId", "")), str(written.get("connectionName", ""))


def answered(outcome: Success | Failure | Transient) -> Result:
    """Return how the action ends with this answer."""
    match outcome:
        case Success():
            failed = outcome.status >= 400
            return Result(
                Status.FAILED if failed else Status.SUCCEEDED,
                status_name(outcome.status),
                outputs=_outputs(outcome.status, outcome),
            )
        case Failure(status=None):
            return Result(Status.FAILED, outcome.code, error=Fault(outcome.code, outcome.message))
        case Failure() | Transient():
            status = outcome.status or 0
            return Result(
                Status.FAILED,
                status_name(status),
                outputs=_outputs(status, outcome) if outcome.has_body else _explained(outcome),
            )
        case _:
            assert_never(outcome)


def said(outcome: Success | Failure | Transient, secure: Sequence[str]) -> str:
    """Return in words why an attempt failed: the server's, or what the outside answered with.

    What the outside answered stays unsaid where the action's outputs are not to be seen.
    """
    if isinstance(outcome, Transient) and outcome.message:
        return outcome.message
    if "outputs" in secure or not isinstance(outcome.body, dict):
        return ""
    error = outcome.body.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return message[:_LONGEST_SAID] if isinstance(message, str) else ""


def _outputs(status: int, outcome: Success | Failure | Transient) -> JsonObject:
    outputs: JsonObject = {"statusCode": status, "headers": dict(outcome.headers)}
    if outcome.has_body:
        outputs["body"] = outcome.body
    return outputs


def _explained(outcome: Failure | Transient) -> JsonObject:
    """Put the message into the body, where connectors put theirs."""
    status = outcome.status or 0
    error: JsonObject = {"code": outcome.code or status_name(status), "message": outcome.message}
    return {"statusCode": status, "headers": dict(outcome.headers), "body": {"error": error}}


def next_pause(
    calling: Calling,
    outcome: Success | Failure | Transient,
    chance: Callable[[int, int], int],
) -> timedelta | None:
    """Return how long to wait before the next attempt; None: there is none.

    Raises `ActionFault` for a retry policy that is none.
    """
    if isinstance(outcome, Failure) or (
        isinstance(outcome, Success) and outcome.status not in RETRIED
    ):
        return None
    inputs = calling.inputs
    written = inputs.get("retryPolicy") if isinstance(inputs, dict) else None
    asked = (
        outcome.retry_after_seconds
        if isinstance(outcome, Transient)
        else polling.retry_after(outcome.headers)
    )
    try:
        policy = read_policy(written)
    except Invalid as error:
        raise ActionFault(error.message, error_code="InvalidRetryPolicy") from None
    after = None if asked is None else timedelta(seconds=min(max(asked, 0.0), 86_400.0))
    return pause(policy, calling.failed + 1, after, chance)


def static_result(written: JsonObject) -> Result:
    """Return the outcome that the author put in place of the action."""
    status = written.get("status")
    outputs, error = written.get("outputs"), written.get("error")
    known = Status(status) if status in tuple(Status) else Status.SUCCEEDED
    number = outputs.get("statusCode") if isinstance(outputs, dict) else None
    code = written.get("code") or (status_name(number) if isinstance(number, int) else "OK")
    return Result(
        known,
        str(code),
        outputs=UNSET if outputs is None else outputs,
        error=Fault(str(error.get("code", "")), str(error.get("message", "")))
        if isinstance(error, dict)
        else None,
    )
