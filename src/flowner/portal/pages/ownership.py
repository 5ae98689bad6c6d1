"""The ownership map: owners, their flows, and through whose accounts those act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from starlette.responses import Response

from flowner.flows.estate import Holding
from flowner.identity.marks import principal_mark
from flowner.portal.mapping import TALL, WIDE, WIDTH, drawn
from flowner.portal.rendering import page
from flowner.portal.visiting import Visit, get


async def _ownership(visit: Visit) -> Response:
    everything = await visit.rooms.estate.everything(visit.me)
    shown = _filtered(visit, everything)
    owners = {one.owner.id: one.owner.name for one in everything if one.owner}
    lenders = {use.owner.id: use.owner.name for one in everything for use in one.uses if use.owner}
    return page(
        visit,
        "ownership.html",
        holdings=[
            (one, principal_mark(one.owner), [(use, principal_mark(use.owner)) for use in one.uses])
            for one in shown
        ],
        picture=drawn(shown),
        size=(WIDTH, WIDE, TALL),
        people=sorted((owners | lenders).items(), key=lambda one: one[1].casefold()),
        connectors=sorted({use.connector for one in everything for use in one.uses}),
        asked={
            name: visit.query(name) for name in ("person", "connector", "filter", "more", "view")
        },
    )


def _filtered(visit: Visit, holdings: Iterable[Holding]) -> list[Holding]:
    person, connector = visit.query("person"), visit.query("connector")
    more = visit.query("more")
    found = list(holdings)
    uses = Counter(
        id
        for one in found
        for id in {use.connection.id for use in one.uses if use.connection is not None}
    )
    if person:
        found = [one for one in found if _has(one, person)]
    if connector:
        found = [one for one in found if any(use.connector == connector for use in one.uses)]
    if visit.query("filter") == "orphaned":
        found = [one for one in found if one.problems]
    if more.isdecimal():
        found = [
            one
            for one in found
            if any(use.connection and uses[use.connection.id] > int(more[:6]) for use in one.uses)
        ]
    return found


def _has(holding: Holding, person: str) -> bool:
    everybody = (holding.owner, *(use.owner for use in holding.uses))
    return any(one is not None and one.id == person for one in everybody)


routes = [get("/admin/ownership", _ownership)]
