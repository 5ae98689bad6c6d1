"""Apps: flows that somebody puts together for others; asked once, run in each one's own name."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from flowner.portal.pages.running import inputs_asked, pressed
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, local, post
from flowner.values import AppId, ConnectionId, FlowId, PrincipalId


async def _list(visit: Visit) -> Response:
    return page(visit, "apps.html", apps=await visit.rooms.apps.of(visit.me))


async def _make(visit: Visit, form: Form) -> Response:
    app = await visit.rooms.apps.make(form.needed("name", "Name"), visit.me)
    return go(f"/apps/{app}", said="It is yours. Add flows, then share it.")


async def _open(visit: Visit) -> Response:
    app = AppId(visit.path("app"))
    opened = await visit.rooms.apps.open(app, visit.me)
    if opened.bundle and not opened.mine and visit.query("view") != "forms":
        return go(f"/apps/{app}/open")
    asked = await visit.rooms.consent.asked(visit.me, app, for_app=True)
    if not all(one.is_settled for one in asked) and not opened.mine:
        return go(f"/apps/{app}/consent?next={quote(f'/apps/{app}')}")
    return await _shown(visit, app)


async def _shown(visit: Visit, app: AppId, *, result: object = None, ran: str = "") -> Response:
    opened = await visit.rooms.apps.open(app, visit.me)
    inputs = {one.flow: await inputs_asked(visit, one.flow) for one in opened.flows}
    mine = []
    if opened.mine:
        carried = {one.flow for one in opened.flows}
        mine = [
            one
            for one in await visit.rooms.portfolio.of(visit.me)
            if one.kind == "instant"
            and one.facts.id not in carried
            and "SHARE" in {action.name for action in one.may}
        ]
    return page(
        visit,
        "app.html",
        one=opened,
        inputs=inputs,
        offered=mine,
        asked=await visit.rooms.consent.asked(visit.me, app, for_app=True),
        result=result,
        ran=ran,
    )


async def _press(visit: Visit, form: Form) -> Response:
    app, flow = AppId(visit.path("app")), FlowId(visit.path("flow"))
    await visit.rooms.apps.open(app, visit.me)
    result = await pressed(visit, form, flow, app)
    return await _shown(visit, app, result=result, ran=flow)


async def _consent(visit: Visit) -> Response:
    app = AppId(visit.path("app"))
    opened = await visit.rooms.apps.open(app, visit.me)
    asked = await visit.rooms.consent.asked(visit.me, app, for_app=True)
    there = visit.query("next", f"/apps/{app}")
    return page(
        visit,
        "consent.html",
        name=opened.name,
        here_again=f"/apps/{app}/consent?next={quote(there)}",
        action=f"/apps/{app}/consent",
        asked=asked,
        next=local(there),
        whole=all(one.is_settled for one in asked),
    )


async def _choose(visit: Visit, form: Form) -> Response:
    app = AppId(visit.path("app"))
    for key, connection in form.guids("choice:").items():
        await visit.rooms.consent.choose(visit.me, app, key, ConnectionId(connection), for_app=True)
    return go(local(form.text("next", f"/apps/{app}")))


async def _carry(visit: Visit, form: Form) -> Response:
    app = AppId(visit.path("app"))
    await visit.rooms.apps.carry(app, FlowId(form.guid("flow", "Flow")), visit.me)
    return go(f"/apps/{app}", said="Whoever the app is shared with may run it, from the app alone.")


async def _share(visit: Visit, form: Form) -> Response:
    app = AppId(visit.path("app"))
    holder = PrincipalId(form.guid("holder", "Person or group"))
    await visit.rooms.apps.share(app, holder, visit.me)
    known = await visit.rooms.roster.named(holder)
    return go(f"/apps/{app}", said=f"{known} may open it, and run its flows in their own name.")


async def _unshare(visit: Visit, form: Form) -> Response:
    app = AppId(visit.path("app"))
    holder = PrincipalId(form.guid("holder", "Person or group"))
    await visit.rooms.apps.unshare(app, holder, visit.me)
    return go(f"/apps/{app}", said="It is shared with them no more.")


routes = [
    get("/apps", _list),
    post("/apps", _make),
    get("/apps/{app:uuid}", _open),
    get("/apps/{app:uuid}/consent", _consent),
    post("/apps/{app:uuid}/consent", _choose),
    post("/apps/{app:uuid}/carry", _carry),
    post("/apps/{app:uuid}/share", _share),
    post("/apps/{app:uuid}/unshare", _unshare),
    post("/apps/{app:uuid}/flows/{flow:uuid}", _press),
]
