"""The addresses that flows give out: of HTTP triggers, and of actions that wait to be answered.

ANY  /hooks/{flow}[/{path}]           call an HTTP trigger: signed address, or a token
ANY  /callbacks/{run}/{action}?sig=   answer an action of a run
"""

from __future__ import annotations

import asyncio
import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowner.api.doors import GUID, REPLY_SECONDS, Doors, person_of
from flowner.api.reading import read_content
from flowner.definitions.flow import FlowKind
from flowner.errors import AccessDenied, Code, NotFound
from flowner.runs.requests import request_outputs
from flowner.values import FlowId, JsonObject, PrincipalId, RunId

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_CALLERS = ("All", "Tenant", "User")
_KEPT_BACK = frozenset({"authorization", "cookie"})


async def _hook(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    flow = FlowId(request.path_params["flow"].lower())
    inputs = await _trigger_inputs(doors, flow)
    caller = await _caller(request, flow, inputs)
    outputs = _outputs(request, inputs) | await _body(request)
    run = doors.running.fresh_run()
    with doors.replies.expect(run) as (reply, _):
        if run not in await doors.running.call(flow, outputs, caller, run=run):
            return Response(status_code=202)
        try:
            said = await asyncio.wait_for(asyncio.shield(reply), REPLY_SECONDS)
        except TimeoutError:
            said = None
    headers = {"x-ms-workflow-run-id": str(run)}
    if said is None:
        return Response(status_code=202, headers=headers)
    headers |= {name: str(value) for name, value in said.headers.items()}
    if not said.has_body:
        return Response(status_code=said.status, headers=headers)
    if isinstance(said.body, str):
        return Response(said.body, status_code=said.status, headers=headers)
    return JSONResponse(said.body, status_code=said.status, headers=headers)


def _outputs(request: Request, inputs: JsonObject) -> JsonObject:
    method = inputs.get("method")
    if isinstance(method, str) and method.upper() != request.method:
        raise NotFound(f"this address is called by {method.upper()}")
    path = request.path_params.get("path", "")
    if path and not inputs.get("relativePath"):
        raise NotFound("the flow has no address below its own")
    return request_outputs(
        inputs, target=f"{path}?{request.url.query}", headers=_headers(request), body=b""
    )


def _headers(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in _KEPT_BACK}


async def _body(request: Request) -> JsonObject:
    body = await read_content(request)
    return {} if body is None else {"body": body}


async def _callback(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    given, path = str(request.path_params["run"]), str(request.path_params["path"])
    run = RunId(int(given)) if given.isascii() and given.isdigit() and len(given) < 20 else RunId(0)
    signature = doors.callback_signature(run, path)
    if not hmac.compare_digest(request.query_params.get("sig", "").encode(), signature.encode()):
        raise AccessDenied(
            "the address is not signed, or not for this action", code=Code.UNAUTHENTICATED
        )
    headers: JsonObject = {**_headers(request)}
    if not await doors.callbacks.answer(run, path, headers, await read_content(request)):
        raise NotFound("nobody waits for this answer any more")
    return Response(status_code=202)


async def _caller(request: Request, flow: FlowId, inputs: JsonObject) -> PrincipalId | None:
    """Say who calls, if they may: by signature, or by a token that the trigger lets in."""
    doors: Doors = request.app.state.doors
    allowed = inputs.get("triggerAuthenticationType") or "All"
    if allowed not in _CALLERS:
        raise AccessDenied(f"the flow lets in `{allowed}`, which is nobody: correct its trigger")
    if allowed == "All":
        given = request.query_params.get("sig", "")
        if not hmac.compare_digest(given.encode(), doors.signature(flow).encode()):
            raise AccessDenied(
                "the address is not signed, or not for this flow", code=Code.UNAUTHENTICATED
            )
        return None
    person = await person_of(request)
    named = str(inputs.get("triggerAllowedUsers") or "").replace(";", ",").split(",")
    users = {one.strip().lower() for one in named if one.strip()}
    if allowed == "User" and users and person not in users:
        known = {await _id_of(doors, one) for one in users}
        if person not in known:
            raise AccessDenied("this flow may be called by named users, and you are none of them")
    return person


async def _id_of(doors: Doors, name: str) -> PrincipalId | None:
    try:
        return await doors.running.somebody(name)
    except NotFound:
        return None


async def _trigger_inputs(doors: Doors, flow: FlowId) -> JsonObject:
    if not GUID.fullmatch(flow):
        raise NotFound(f"there is no flow `{flow[:40]}`")
    trigger = await doors.running.trigger(flow)
    if trigger.flow_kind is not FlowKind.HTTP:
        raise NotFound(f"there is no flow `{flow}`")
    return trigger.inputs if isinstance(trigger.inputs, dict) else {}


routes = [
    Route("/hooks/{flow}", _hook, methods=_METHODS),
    Route("/hooks/{flow}/{path:path}", _hook, methods=_METHODS),
    Route("/callbacks/{run}/{path:path}", _callback, methods=_METHODS),
]
