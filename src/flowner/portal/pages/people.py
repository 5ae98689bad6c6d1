"""The people picker's list."""

from __future__ import annotations

from starlette.responses import Response

from flowner.errors import Invalid
from flowner.identity.marks import Mark, MarkKind
from flowner.identity.world import PrincipalKind
from flowner.portal.rendering import page
from flowner.portal.visiting import Visit, get

_MARKS = {
    PrincipalKind.APPLICATION: MarkKind.APP,
    PrincipalKind.GROUP: MarkKind.NOBODY,
    PrincipalKind.TEAM: MarkKind.NOBODY,
}


async def _search(visit: Visit) -> Response:
    """Answer the options of a list box.

    ``kinds``: kinds of principals, with commas. ``as``: ``upn`` for how they sign in, where a flow
    is told; their ids otherwise.
    """
    asked = visit.query("kinds", "user").split(",")
    try:
        kinds = frozenset(PrincipalKind(one) for one in asked)
    except ValueError as error:
        raise Invalid("there is no such kind of principal") from error
    found = await visit.rooms.roster.search(visit.query("text"), kinds=kinds)
    options = [
        (one, Mark(kind=_MARKS.get(one.kind, MarkKind.PERSON), label=one.name)) for one in found
    ]
    return page(visit, "parts/people.html", options=options, as_upn=visit.query("as") == "upn")


routes = [get("/people", _search)]
