"""Apps with pages of their own: uploaded by who owns them, locked into a frame for everybody."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from flowner.definitions.asking import answers
from flowner.definitions.bundles import INDEX, SCRIPT, kind_of, read_bundle
from flowner.definitions.documents import parse_object
from flowner.errors import Code, FlownerError, Invalid, NotFound, Refused
from flowner.flows.apps import Carried, Seen
from flowner.flows.running import Press
from flowner.portal import problems, sandbox
from flowner.portal.assets import content_of
from flowner.portal.pages.running import heard, inputs_asked, record_of
from flowner.portal.rendering import page
from flowner.portal.rooms import Rooms
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.values import AppId, JsonObject, RunId

PATIENCE = 120.0
"""Seconds that a bundle's page waits for what a flow answers, as Power Apps waits."""
_KEPT: Final = "private, max-age=3600, immutable"
"""The address changes with the content, and with the ticket."""


async def _open(visit: Visit) -> Response:
    app = AppId(visit.path("app"))
    opened = await visit.rooms.apps.open(app, visit.me)
    if opened.bundle is None:
        return go(f"/apps/{app}")
    asked = await visit.rooms.consent.asked(visit.me, app, for_app=True)
    if any(one.provided and not one.is_settled for one in asked):
        return go(f"/apps/{app}/consent?next=/apps/{app}/open")
    path = sandbox.folder(app, sandbox.issue(visit, app, opened.bundle.digest))
    shown = page(
        visit,
        "app_bundle.html",
        one=opened,
        asked=asked,
        frame=path + INDEX,
        allowed=sandbox.ALLOWED,
    )
    shown.headers["Content-Security-Policy"] = sandbox.around(visit.request, path)
    return shown


async def _file(request: Request) -> Response:
    """Send a file of a bundle to whoever has a ticket. Nobody is signed in where it is shown."""
    rooms: Rooms = request.app.state.rooms
    app, given = AppId(str(request.path_params["app"])), str(request.path_params["ticket"])
    path = str(request.path_params["path"]) or INDEX
    if request.headers.get("sec-fetch-dest") == "document":
        return RedirectResponse(f"/apps/{app}/open", status_code=303)
    try:
        content = await _content(rooms, sandbox.read(request, app, given), path)
    except FlownerError as error:
        status, _ = problems.kind_of(error)
        said = problems.sentence(error.message)
        return PlainTextResponse(said, status, sandbox.within(request))
    mark = f'W/"{hashlib.sha256(content).hexdigest()}"'
    headers = sandbox.within(request, sandbox.folder(app, given))
    headers |= {"ETag": mark, "Cache-Control": "no-cache" if path == SCRIPT else _KEPT}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind_of(path), headers=headers)


async def _content(rooms: Rooms, ticket: sandbox.Ticket, path: str) -> bytes:
    person = await rooms.sessions.holder(ticket.session)
    if person is None:
        raise NotFound("there is no such file")
    if path == SCRIPT:
        # Asked for like any other file: by those alone who may open the app.
        await rooms.bundles.file(ticket.app, ticket.digest, INDEX, person)
        return content_of(SCRIPT)
    return await rooms.bundles.file(ticket.app, ticket.digest, path, person)


async def _upload(visit: Visit, form: Form) -> Response:
    app = AppId(visit.path("app"))
    given = await form.file("bundle")
    if given is None:
        raise Invalid("choose the bundle: a zip with an `index.html`", code=Code.INVALID_BUNDLE)
    name, content = given
    # Elsewhere: nobody waits while a zip is unpacked.
    bundle = await asyncio.to_thread(read_bundle, content)
    await visit.rooms.bundles.put(app, bundle, name, visit.me)
    return go(f"/apps/{app}", said="Whoever opens the app now sees this bundle.")


async def _remove(visit: Visit, form: Form) -> Response:
    del form
    app = AppId(visit.path("app"))
    await visit.rooms.bundles.remove(app, visit.me)
    return go(f"/apps/{app}", said="The bundle is gone. The app shows forms.")


async def _download(visit: Visit) -> Response:
    content = await visit.rooms.bundles.packed(AppId(visit.path("app")), visit.me)
    headers = {"Content-Disposition": 'attachment; filename="bundle.zip"'}
    return Response(content, media_type="application/zip", headers=headers)


async def _flows(visit: Visit) -> Response:
    try:
        opened = await _opened(visit)
        return JSONResponse({"flows": [await _told(visit, one) for one in opened.flows]})
    except FlownerError as error:
        return _refused(error)


async def _told(visit: Visit, flow: Carried) -> JsonObject:
    inputs = (await visit.rooms.running.trigger(flow.flow)).inputs
    schema = inputs.get("schema") if isinstance(inputs, dict) else None
    return {"name": flow.name, "id": flow.flow, "on": flow.on, "inputs": schema or {}}


async def _call(visit: Visit, form: Form) -> Response:
    """Run a flow of the app's for the page in the frame; answers its outputs, or why not."""
    run: RunId | None = None
    try:
        opened = await _opened(visit)
        flow = opened.called(form.needed("flow", "Flow"))
        await _require_consent(visit, opened, flow)
        given = parse_object(form.text("inputs", "{}").encode())
        inputs = answers(await inputs_asked(visit, flow.flow), given)
        press = Press(flow=flow.flow, by=visit.me, inputs=inputs, app=opened.id)
        run, said = await heard(visit, press, PATIENCE)
        if said is None:
            raise _unanswered(flow, await record_of(visit, run))
        if said.status >= 400:
            raise Refused(f"`{flow.name}` answered with {said.status}", code=Code.RUN_FAILED)
    except FlownerError as error:
        return _refused(error, run)
    return JSONResponse({"outputs": said.body if said.has_body else {}, "run": str(run)})


async def _opened(visit: Visit) -> Seen:
    try:
        return await visit.rooms.apps.open(AppId(visit.path("app")), visit.me)
    except NotFound:
        raise NotFound("this app is not shared with you any more") from None


async def _require_consent(visit: Visit, opened: Seen, flow: Carried) -> None:
    for one in await visit.rooms.consent.asked(visit.me, opened.id, for_app=True):
        if one.provided and not one.is_settled and flow.name in one.flows:
            raise Refused(
                f"`{flow.name}` acts as you through `{one.connector}`, and you have chosen no"
                " connection for that, or it is broken",
                code=Code.INVOKER_CONNECTION_OVERRIDE_FAILED,
            )


def _unanswered(flow: Carried, record: JsonObject) -> Refused:
    """Return why a run has answered nothing."""
    if not record["ended"]:
        return Refused(
            f"`{flow.name}` has answered nothing for {PATIENCE:.0f} seconds; it goes on",
            code=Code.RESPONSE_TIMEOUT,
        )
    if record["status"] == "Succeeded":
        return Refused(
            f"`{flow.name}` ended without an answer: it has no action *Respond to a Power App or"
            " flow*, or did not come to it",
            code=Code.NO_RESPONSE,
        )
    actions = record["actions"] if isinstance(record["actions"], list) else []
    errors = [one["error"] for one in actions if isinstance(one, dict) and one["error"]]
    reason = record["error"] or next(iter(errors), None)
    ended = f"`{flow.name}` ended as {record['status']}"
    return Refused(f"{ended}: {reason}" if reason else ended, code=Code.RUN_FAILED)


def _refused(error: FlownerError, run: RunId | None = None) -> Response:
    status, _ = problems.kind_of(error)
    told: JsonObject = {"code": error.code.value, "message": problems.sentence(error.message)}
    if run is not None:
        told["run"] = str(run)
    return JSONResponse({"error": told}, status_code=status)


routes = [
    get("/apps/{app:uuid}/open", _open),
    get("/apps/{app:uuid}/flows", _flows),
    post("/apps/{app:uuid}/call", _call),
    post("/apps/{app:uuid}/bundle", _upload),
    post("/apps/{app:uuid}/bundle/remove", _remove),
    get("/apps/{app:uuid}/bundle.zip", _download),
    # Not by `get`: there is no cookie where this is asked for, but a ticket.
    Route("/apps/{app:uuid}/bundle/{ticket}/{path:path}", _file, methods=["GET"]),
]
