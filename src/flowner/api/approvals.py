"""Approvals over HTTP, in the name of the token's holder.

GET  /api/approvals?which=            received (the default), sent or history
GET  /api/approvals/{id}              one of them
POST /api/approvals/{id}/respond      {"response", "comments", "request"}
POST /api/approvals/{id}/reassign     {"to", "request"}
POST /api/approvals/{id}/cancel       {"reason"}, by who asked
GET  /api/sign-ins                    the runs that wait for them to choose a connection
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowner.api.doors import Doors, person_of
from flowner.api.reading import read_object
from flowner.errors import Invalid
from flowner.values import JsonObject, PrincipalId


async def _list(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person = await person_of(request)
    which = request.query_params.get("which", "received")
    found = await doors.approvals.of(person, which)
    link = doors.approvals.link
    return JSONResponse({"value": [one.as_json(link(one.approval.id)) for one in found]})


async def _one(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    return await _shown(doors, request.path_params["approval"], await person_of(request))


async def _respond(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person, id = await person_of(request), request.path_params["approval"]
    body = await read_object(request)
    await doors.answers.respond(
        id,
        person,
        _text(body, "response", needed=True),
        comments=_text(body, "comments"),
        request=_text(body, "request") or None,
    )
    return await _shown(doors, id, person)


async def _reassign(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person, id = await person_of(request), request.path_params["approval"]
    body = await read_object(request)
    to = await doors.running.somebody(_text(body, "to", needed=True))
    question = _text(body, "request") or await doors.approvals.to_reassign(id, person, None)
    await doors.answers.reassign(id, question, to, person)
    return JSONResponse({"to": to})


async def _cancel(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    person, id = await person_of(request), request.path_params["approval"]
    body = await read_object(request)
    await doors.answers.cancel(id, person, reason=_text(body, "reason"))
    return await _shown(doors, id, person)


async def _shown(doors: Doors, id: str, person: PrincipalId) -> Response:
    seen = await doors.approvals.open(id, person)
    return JSONResponse(seen.as_json(doors.approvals.link(seen.approval.id)))


async def _sign_ins(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    asked = await doors.sign_ins.of(await person_of(request))
    return JSONResponse({"value": [one.as_json() for one in asked]})


def _text(body: JsonObject, name: str, *, needed: bool = False) -> str:
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value):
        raise Invalid(f"`{name}` is not a text", pointer=f"/{name}")
    return value


routes = [
    Route("/api/approvals", _list, methods=["GET"]),
    Route("/api/approvals/{approval}", _one, methods=["GET"]),
    Route("/api/approvals/{approval}/respond", _respond, methods=["POST"]),
    Route("/api/approvals/{approval}/reassign", _reassign, methods=["POST"]),
    Route("/api/approvals/{approval}/cancel", _cancel, methods=["POST"]),
    Route("/api/sign-ins", _sign_ins, methods=["GET"]),
]
