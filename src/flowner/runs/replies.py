"""Response and Terminate: what the flow tells its caller, and how it ends itself."""

from __future__ import annotations

from typing import Final

from flowner.definitions.flow import Status
from flowner.runs.commands import Reply
from flowner.runs.compiled import Node
from flowner.runs.events import Fault
from flowner.runs.results import HIDDEN, ActionFault, Result
from flowner.runs.state import State
from flowner.runs.templates import ItemScope
from flowner.values import Json, JsonObject

RESPONSE: Final = "Response"
"""The type of the action that answers."""
_ENDINGS: Final = {
    status.value.casefold(): status
    for status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
}


def response(node: Node, scope: ItemScope, state: State) -> Result:
    """Answer the caller. There is one answer, and only to somebody who waits for it."""
    inputs = _inputs(node, scope)
    if state.replied:
        raise ActionFault(
            f"The response action '{node.name}' cannot answer: the flow has answered already.",
            code="ActionResponseAlreadyDefined",
            error_code="ActionResponseAlreadyDefined",
            inputs=inputs,
        )
    if state.started is None or not state.started.answers:
        return Result(
            Status.SKIPPED,
            "ActionResponseSkipped",
            error=Fault(
                "ActionResponseSkipped",
                f"The response action '{node.name}' is skipped: nobody waits for an answer.",
            ),
        )
    outputs: JsonObject = {"statusCode": _status_code(node, inputs)}
    outputs.update((name, inputs[name]) for name in ("headers", "body") if name in inputs)
    return Result(inputs=inputs, outputs=outputs)


def _status_code(node: Node, inputs: JsonObject) -> int:
    written = inputs.get("statusCode", 200)
    text = str(written).strip()
    code = int(text) if text.isascii() and text.isdigit() and len(text) == 3 else 0
    if isinstance(written, bool) or code // 100 not in (2, 3, 4, 5):
        raise ActionFault(
            f"The response action '{node.name}' has the status code '{text[:20]}'; it must be a "
            "number from 200 to 599.",
            error_code="InvalidResponseStatusCode",
            inputs=inputs,
        )
    return code


def reply(path: str, outputs: JsonObject) -> Reply:
    """Return what a Response action with these outputs tells the caller."""
    status = outputs["statusCode"]
    return Reply(
        path=path,
        status=status if isinstance(status, int) else 200,
        headers=_reply_headers(outputs),
        body=outputs.get("body"),
        has_body="body" in outputs,
    )


def _reply_headers(outputs: JsonObject) -> JsonObject:
    """The author's, and a content type that fits the body."""
    headers = outputs.get("headers")
    found = dict(headers) if isinstance(headers, dict) else {}
    if "body" in outputs and not any(name.casefold() == "content-type" for name in found):
        found["Content-Type"] = _content_type(outputs["body"])
    return found


def _content_type(body: Json) -> str:
    if isinstance(body, str):
        return "text/plain; charset=utf-8"
    if isinstance(body, dict) and isinstance(body.get("$content-type"), str):
        return str(body["$content-type"])
    return "application/json; charset=utf-8"


def terminate(node: Node, scope: ItemScope, _state: State) -> Result:
    """End the run here; `State.ending` follows from the inputs."""
    inputs = _inputs(node, scope)
    status = _ENDINGS.get(str(inputs.get("runStatus")).casefold())
    if status is None:
        raise ActionFault(
            f"The run status '{inputs.get('runStatus')}' of action '{node.name}' is not one of "
            "'Succeeded', 'Failed', 'Cancelled'.",
            inputs=inputs,
        )
    return Result(code=HIDDEN, inputs=inputs | {"runStatus": status.value})


def _inputs(node: Node, scope: ItemScope) -> JsonObject:
    template = node.templates.get("inputs")
    inputs = None if template is None else template.evaluate(scope)
    return inputs if isinstance(inputs, dict) else {}
