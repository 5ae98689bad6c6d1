"""The management API.

POST /api/flows/{flow}/run     press an instant flow, in the name of the token's holder
GET  /api/flows/{flow}/who     in whose name would it run for them (?app=: from within an app)
GET  /api/runs                 the runs they may see
GET  /api/runs/{run}           one of them, with its actions
POST /api/runs/{run}/resubmit  run it again, as whom it ran: its trigger, or `{"from": …}` an action
GET  /api/runs/{run}/resubmit  what would differ, were it resubmitted now (?from=, ?version=)
POST /api/runs/{run}/cancel    stop it, and the runs that it called
GET  /health                   whether the server is up

A run is stopped at Power Automate's address, too: …/flows/{flow}/runs/{run}/cancel.

Approvals are in `approvals`, the addresses that flows give out in `hooks`, Dataverse's Web API in
`webapi`, the token endpoint in `oauth`, SCIM in `scim`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from flowner.api import approvals, hooks, oauth, webapi
from flowner.api.doors import GUID, REPLY_SECONDS, Doors, person_of
from flowner.api.problems import answer, no_route, our_fault
from flowner.api.reading import read_object
from flowner.errors import FlownerError, Invalid, NotFound
from flowner.flows.differences import preview_json
from flowner.flows.explain import Supposed, explanation_json
from flowner.flows.running import Press
from flowner.triggers.earlier import GoOn
from flowner.values import AppId, Json, RunId

_MOST_REASON: Final = 500
_THEIR_CANCEL: Final = (
    "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/runs/{run}/cancel"
)
"""Where clients of Power Automate's own service stop a run; there is one environment here.

Source: https://pnp.github.io/cli-microsoft365/cmd/flow/run/run-cancel
"""
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def build(doors: Doors, *, beside: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the application. ``beside``: what answers at all other addresses."""
    app = Starlette(
        routes=[
            Route("/api/flows/{flow}/run", _run, methods=["POST"]),
            Route("/api/flows/{flow}/who", _who, methods=["GET"]),
            Route("/api/runs", _runs, methods=["GET"]),
            Route("/api/runs/{run}", _one_run, methods=["GET"]),
            Route("/api/runs/{run}/resubmit", _resubmit, methods=["POST"]),
            Route("/api/runs/{run}/resubmit", _preview, methods=["GET"]),
            Route("/api/runs/{run}/cancel", _cancel, methods=["POST"]),
            Route(_THEIR_CANCEL, _cancel, methods=["POST"]),
            *approvals.routes,
            *hooks.routes,
            *webapi.routes,
            Mount("/scim/v2", app=_scim),
            *oauth.routes,
            Route("/health", _health, methods=["GET"]),
            Route("/api/{rest:path}", _nothing, methods=_METHODS),
            *beside,
        ],
        exception_handlers={
            FlownerError: answer,
            HTTPException: no_route,
            Exception: our_fault,
        },
    )
    app.state.doors = doors
    return app


async def _scim(scope: Scope, receive: Receive, send: Send) -> None:
    from flowner.api import scim  # noqa: PLC0415 - most of a second, and few ever ask

    await scim.router(scope, receive, send)


async def _health(request: Request) -> JSONResponse:
    del request
    return JSONResponse({"status": "up"})


async def _nothing(request: Request) -> Response:
    """Say what is wrong with an address of the API: where it is known, its method."""
    known = (route.matches(request.scope)[0] for route in request.app.routes)
    raise HTTPException(405 if Match.PARTIAL in known else 404)


async def _run(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await person_of(request)
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
    person = await person_of(request)
    app = _app(request.query_params.get("app"))
    flow = await doors.running.known(request.path_params["flow"], person, within=app)
    explained = await doors.explain.who(
        flow, Supposed(as_person=person, modified_by=person, app=app)
    )
    return JSONResponse(explanation_json(explained))


async def _runs(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await person_of(request)
    return JSONResponse({"value": await doors.history.runs(person)})


async def _one_run(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await person_of(request)
    return JSONResponse(await doors.history.run(person, _run_id(request.path_params["run"])))


async def _cancel(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await person_of(request)
    run = _run_id(request.path_params["run"])
    flow = request.path_params.get("flow")
    if flow is not None and (await doors.history.seen(person, run)).flow != flow.lower():
        raise NotFound(f"the flow has no run {run}")
    reason = str((await read_object(request)).get("reason") or "")[:_MOST_REASON]
    asked = await doors.cancelling.cancel(run, person, reason=reason)
    return JSONResponse({"run": str(run), "asked": asked}, status_code=200 if flow else 202)


async def _resubmit(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await person_of(request)
    earlier = _run_id(request.path_params["run"])
    body = await read_object(request)
    go_on = _go_on(body.get("from"), body.get("version"))
    run = await doors.resubmitting.resubmit(earlier, person, go_on=go_on)
    return JSONResponse({"run": str(run)}, status_code=202)


async def _preview(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await person_of(request)
    earlier, asked = _run_id(request.path_params["run"]), request.query_params
    go_on = _go_on([*asked.getlist("from")], asked.get("version"))
    preview = await doors.resubmitting.preview(earlier, person, go_on=go_on)
    return JSONResponse(preview_json(preview))


def _go_on(given: Json, version: Json) -> GoOn | None:
    """Read where a run is to go on; None: from its trigger, which takes the current version."""
    at = [given] if isinstance(given, str) else given or []
    if not isinstance(at, list) or not all(isinstance(one, str) and one for one in at):
        raise Invalid("`from` is an action's name or path, or a list of them", pointer="/from")
    if version not in (None, "own", "current") or (version == "own" and not at):
        raise Invalid(
            "`version` is `current`, or, with `from`, `own`: the one that ran", pointer="/version"
        )
    names = tuple(one for one in at if isinstance(one, str))
    return GoOn(at=names, current=version == "current") if names else None


def _run_id(given: str) -> RunId:
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 20 else 0
    if not 0 < number < 1 << 63:
        raise NotFound(f"there is no run `{given[:20]}`")
    return RunId(number)


def _app(given: Json) -> AppId | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str) or not GUID.fullmatch(given):
        raise Invalid("`app` is not an app's id", pointer="/app")
    return AppId(given.lower())
