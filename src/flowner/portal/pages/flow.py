"""One flow: its details, its last 28 days, its connections, and with whom it is shared."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from flowner.access.vocabulary import FlowAction
from flowner.definitions.rewiring import sharers
from flowner.flows.history import Asked
from flowner.identity.activation import used_bindings
from flowner.identity.marks import binding_mark
from flowner.portal.rendering import page
from flowner.portal.visiting import Visit, get
from flowner.values import FlowId

_DAYS = timedelta(days=28)
_SHOWN = 20


async def _details(visit: Visit) -> Response:
    flow = FlowId(visit.path("flow"))
    opened = await visit.rooms.portfolio.open(flow, visit.me)
    since = visit.rooms.clock.now() - _DAYS
    wanted = Asked(flow=flow, since=since, limit=_SHOWN)
    may = {action.name for action in opened.listed.may}
    shared = None
    if FlowAction.READ in opened.listed.may:
        shared = await visit.rooms.audience.of(flow, visit.me)
    return page(
        visit,
        "flow.html",
        opened=opened,
        one=opened.listed,
        flow=opened.flow,
        may=may,
        runs=(await visit.rooms.history.page(visit.me, wanted)).runs,
        bindings=[
            (
                binding,
                binding_mark(opened.flow, opened.listed.facts, binding, opened.world),
                sharers(opened.flow, binding.key),
            )
            for binding in used_bindings(opened.flow)
        ],
        shared=shared,
        pane=visit.query("pane"),
    )


routes = [get("/flows/{flow:uuid}", _details)]
