"""The management API and the addresses of HTTP triggers.

POST /api/flows/{flow}/run     press an instant flow, in the name of the token's holder
GET  /api/flows/{flow}/who     in whose name would it run for them (?app=: from within an app)
GET  /api/runs                 the runs they may see
GET  /api/runs/{run}           one of them, with its actions
POST /api/runs/{run}/resubmit  run its trigger again, as whom it ran
POST /hooks/{flow}             call an HTTP trigger: signed address, or a token
GET  /health                   whether the server is up
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowner.api.problems import answer, no_route, our_fault
from flowner.api.reading import read_body, read_object
from flowner.definitions.flow import FlowKind
from flowner.directory.tokens import Tokens
from flowner.engine.replies import Replies
from flowner.errors import AccessDenied, Code, FlownerError, Invalid, NotFound
from flowner.flows.explain import Explain, Supposed, explanation_json
from flowner.flows.history import History
from flowner.flows.resubmitting import Resubmitting
from flowner.flows.running import Press, Running
from flowner.values import AppId, FlowId, Json, JsonObject, PrincipalId, RunId

REPLY_SECONDS = 120.0
"""How long a caller waits for a Response action; then the answer is 202."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the routes need."""

    tokens: Tokens
    running: Running
    history: History
    resubmitting: Resubmitting
    explain: Explain
    replies: Replies
    signature: Callable[[FlowId], str]


def build(doors: Doors) -> Starlette:
    """Return the application."""
    app = Starlette(
        routes=[
            Route("/api/flows/{flow}/run", _run, methods=["POST"]),
            Route("/api/flows/{flow}/who", _who, methods=["GET"]),
            Route("/api/runs", _runs, methods=["GET"]),
            Route("/api/runs/{run}", _one_run, methods=["GET"]),
            Route("/api/runs/{run}/resubmit", _resubmit, methods=["POST"]),
            Route("/hooks/{flow}", _hook, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            Route("/health", _health, methods=["GET"]),
        ],
        exception_handlers={
            FlownerError: answer,
            HTTPException: no_route,
            Exception: our_fault,
        },
    )
    app.state.doors = doors
    return app


async def _health(request: Request) -> JSONResponse:
    del request
    return JSONResponse({"status": "up"})


async def _run(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await _person(request)
    body = await read_object(request)
    inputs, app = body.get("inputs", {}), _app(body.get("app"))
    if not isinstance(inputs, dict):
        raise Invalid("`inputs` is not an object", pointer="/inputs")
    flow = await doors.running.known(request.path_params["flow"], person, within=app)
    press = Press(flow=flow, by=person, inputs=inputs, app=app)
    run = doors.running.fresh_run()
    with doors.replies.expect(run) as (reply, _):
        await doors.running.press(press, run=run, answers=True)
        try:
            said = await asyncio.wait_for(asyncio.shield(reply), REPLY_SECONDS)
        except TimeoutError:
            said = None
    record = await doors.history.run(person, run)
    record["reply"] = None if said is None else {"status": said.status, "body": said.body}
    return JSONResponse(record)


async def _who(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await _person(request)
    app = _app(request.query_params.get("app"))
    flow = await doors.running.known(request.path_params["flow"], person, within=app)
    explained = await doors.explain.who(
        flow, Supposed(as_person=person, modified_by=person, app=app)
    )
    return JSONResponse(explanation_json(explained))


async def _runs(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await _person(request)
    return JSONResponse({"value": await doors.history.runs(person)})


async def _one_run(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await _person(request)
    return JSONResponse(await doors.history.run(person, _run_id(request.path_params["run"])))


async def _resubmit(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await _person(request)
    earlier = _run_id(request.path_params["run"])
    run = await doors.resubmitting.resubmit(earlier, person)
    return JSONResponse({"run": str(run)}, status_code=202)


async def _hook(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    flow = FlowId(request.path_params["flow"].lower())
    caller = await _caller(request, flow)
    outputs: JsonObject = {
        "headers": {
            name: value for name, value in request.headers.items() if name not in _KEPT_BACK
        },
        "queries": {name: value for name, value in request.query_params.items() if name != "sig"},
        "body": await read_body(request),
    }
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


_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CALLERS = ("All", "Tenant", "User")
_KEPT_BACK = frozenset({"authorization", "cookie"})


async def _caller(request: Request, flow: FlowId) -> PrincipalId | None:
    """Say who calls, if they may: by signature, or by a token that the trigger lets in."""
    doors: Doors = request.app.state.doors
    inputs = await _trigger_inputs(doors, flow)
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
    person = await _person(request)
    named = str(inputs.get("triggerAllowedUsers") or "").replace(";", ",").split(",")
    users = {one.strip().lower() for one in named if one.strip()}
    if allowed == "User" and users and person not in users:
        known = {await _id_of(doors, one) for one in users}
        if person not in known:
            raise AccessDenied("this flow may be called by named users, and you are none of them")
    return person


def _run_id(given: str) -> RunId:
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 20 else 0
    if not 0 < number < 1 << 63:
        raise NotFound(f"there is no run `{given[:20]}`")
    return RunId(number)


def _app(given: Json) -> AppId | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str) or not _GUID.fullmatch(given):
        raise Invalid("`app` is not an app's id", pointer="/app")
    return AppId(given.lower())


async def _id_of(doors: Doors, name: str) -> PrincipalId | None:
    try:
        return await doors.running.somebody(name)
    except NotFound:
        return None


async def _trigger_inputs(doors: Doors, flow: FlowId) -> JsonObject:
    if not _GUID.fullmatch(flow):
        raise NotFound(f"there is no flow `{flow[:40]}`")
    trigger = await doors.running.trigger(flow)
    if trigger.flow_kind is not FlowKind.HTTP:
        raise NotFound(f"there is no flow `{flow}`")
    return trigger.inputs if isinstance(trigger.inputs, dict) else {}


async def _person(request: Request) -> PrincipalId:
    doors: Doors = request.app.state.doors
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    person = await doors.tokens.recognise(token) if scheme.lower() == "bearer" else None
    if person is None:
        raise AccessDenied("sign in with a bearer token", code=Code.UNAUTHENTICATED)
    return person
