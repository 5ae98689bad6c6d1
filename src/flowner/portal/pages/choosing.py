"""The lists of look-ups: tables and columns; people have a page of their own."""

from __future__ import annotations

from starlette.responses import Response

from flowner.portal.rendering import page
from flowner.portal.visiting import Visit, get


async def _tables(visit: Visit) -> Response:
    named = visit.query("as") == "named"
    found = await visit.rooms.choices.tables(visit.query("text"), named=named)
    return page(visit, "parts/choices.html", choices=found)


async def _columns(visit: Visit) -> Response:
    table, text, spelled = (visit.query(name) for name in ("table", "text", "as"))
    choices = visit.rooms.choices
    if spelled:
        found = await choices.column_names(table, text, named=spelled == "named")
    else:
        found = await choices.columns(table, text)
    return page(visit, "parts/choices.html", choices=found)


routes = [get("/choices/tables", _tables), get("/choices/columns", _columns)]
