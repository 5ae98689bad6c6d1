"""What one provides for flows and apps, and what acts in one's name: looked over, withdrawn."""

from __future__ import annotations

from starlette.responses import Response

from flowner.errors import NotFound
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.values import AppId, ConnectionId, FlowId


async def _mine(visit: Visit) -> Response:
    given = await visit.rooms.consent.given(visit.me)
    groups: dict[tuple[str, str, str], list[dict[str, object]]] = {}
    for one in given:
        flow, app = one["flow"], one["app"]
        of = ("flow", str(flow), str(one["flow_name"])) if flow else (
            "app", str(app), str(one["app_name"]))  # fmt: skip
        groups.setdefault(of, []).append(dict(one))
    linked = {of[1] for of in groups if await _may_open(visit, *of[:2])}
    return page(visit, "consents.html", groups=groups, linked=linked)


async def _may_open(visit: Visit, kind: str, id: str) -> bool:
    """Say whether there is a page to be led to: what is no longer shared has none."""
    try:
        if kind == "app":
            await visit.rooms.apps.open(AppId(id), visit.me)
        else:
            await visit.rooms.running.known(id, visit.me)
    except NotFound:
        return False
    return True


async def _withdraw(visit: Visit, form: Form) -> Response:
    of = form.guid("of", "Flow")
    kind = AppId if form.text("kind") == "app" else FlowId
    await visit.rooms.consent.withdraw(visit.me, kind(of))
    return go("/consents", said="Withdrawn. You are asked again before it next runs for you.")


async def _lent(visit: Visit) -> Response:
    return page(visit, "lent.html", lends=await visit.rooms.connections.lent(visit.me))


async def _take_back(visit: Visit, form: Form) -> Response:
    connection = ConnectionId(form.guid("connection", "Connection"))
    flow = FlowId(form.guid("flow", "Flow"))
    await visit.rooms.connections.take_back(connection, flow, visit.me)
    return go("/lent", said="Taken back. The flow's next action through it stops, and says why.")


routes = [
    get("/consents", _mine),
    post("/consents/withdraw", _withdraw),
    get("/lent", _lent),
    post("/lent/take-back", _take_back),
]
