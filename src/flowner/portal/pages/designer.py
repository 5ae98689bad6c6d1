"""The designer: a flow's draft as cards; undone, checked, published."""

from __future__ import annotations

from starlette.responses import Response

from flowner.portal.desk import (
    changed,
    desk_of,
    flow_of,
    panel,
    panel_context,
    whole_page,
)
from flowner.portal.pages.edits import edits
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, post


async def _open(visit: Visit) -> Response:
    draft = await visit.rooms.drafting.open(flow_of(visit), visit.me)
    desk = await desk_of(visit, draft)
    name = visit.query("card")
    if visit.is_partial:
        return await panel(visit, desk, name)
    return whole_page(
        visit, desk, await panel_context(visit, desk, name) if name else {"card": None}
    )


async def _undo(visit: Visit, form: Form) -> Response:
    before = await desk_of(visit, await visit.rooms.drafting.open(flow_of(visit), visit.me))
    again = form.text("which") == "redo"
    doing = visit.rooms.drafting.redo if again else visit.rooms.drafting.undo
    draft = await doing(flow_of(visit), visit.me)
    # What is open stays open, as far as it is there: it may have been made by what is undone.
    return await changed(visit, before, draft, visit.there.get("card", ""), visit.there.get("tab"))


async def _discard(visit: Visit, form: Form) -> Response:
    del form
    await visit.rooms.drafting.discard(flow_of(visit), visit.me)
    return go(f"/flows/{flow_of(visit)}/edit", said="The draft is gone: this is what is published.")


async def _publish(visit: Visit, form: Form) -> Response:
    seen = form.text("seen")
    number = await visit.rooms.drafting.publish(
        flow_of(visit), visit.me, seen=int(seen) if seen.isdecimal() else None
    )
    return go(f"/flows/{flow_of(visit)}", said=f"Version {number} is published.")


async def _check(visit: Visit) -> Response:
    draft = await visit.rooms.drafting.open(flow_of(visit), visit.me)
    desk = await desk_of(visit, draft)
    cards = desk.drawing.cards()
    told = []
    for finding in desk.findings:
        of = next((one for one in cards if finding.message in one.problems), None)
        told.append((finding, of))
    return page(visit, "parts/checker.html", told=told, draft=draft)


routes = [
    get("/flows/{flow:uuid}/edit", _open),
    get("/flows/{flow:uuid}/edit/check", _check),
    *(post(f"/flows/{{flow:uuid}}/edit/{name}", doing) for name, doing in edits.items()),
    post("/flows/{flow:uuid}/edit/undo", _undo),
    post("/flows/{flow:uuid}/edit/discard", _discard),
    post("/flows/{flow:uuid}/edit/publish", _publish),
]
