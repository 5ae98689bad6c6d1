"""The lists of look-ups: tables and columns; people have a page of their own."""

from __future__ import annotations

from starlette.responses import Response

from flowner.portal.rendering import page
from flowner.portal.visiting import Visit, get


async def _tables(visit: Visit) -> Response:
    found = await visit.rooms.choices.tables(visit.query("text"))
    return page(visit, "parts/choices.html", choices=found)


async def _columns(visit: Visit) -> Response:
    found = await visit.rooms.choices.columns(visit.query("table"), visit.query("text"))
    return page(visit, "parts/choices.html", choices=found)


routes = [get("/choices/tables", _tables), get("/choices/columns", _columns)]
