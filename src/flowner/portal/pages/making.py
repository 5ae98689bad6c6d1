"""A new flow: from a trigger alone, or from a template."""

from __future__ import annotations

from starlette.responses import Response

from flowner.definitions.beginnings import BEGINNINGS, begun
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, post


async def _new(visit: Visit) -> Response:
    return page(
        visit,
        "new_flow.html",
        groups=[
            ("Templates", [one for one in BEGINNINGS if not one.is_blank]),
            ("A trigger alone", [one for one in BEGINNINGS if one.is_blank]),
        ],
        chosen=visit.query("from", BEGINNINGS[0].id),
    )


async def _make(visit: Visit, form: Form) -> Response:
    name = form.needed("name", "Name")
    flow = begun(form.needed("from", "What it begins with"), name)
    id = await visit.rooms.publishing.create(flow, visit.me)
    return go(f"/flows/{id}/edit", said=f"{name} is made. It is yours, and off.")


routes = [get("/flows/new", _new), post("/flows/new", _make)]
