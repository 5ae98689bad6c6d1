"""Who may do what with a flow: run-only users with their connections, co-owners, the owner."""

from __future__ import annotations

from starlette.responses import Response

from flowner.access.vocabulary import FlowRole
from flowner.errors import Invalid
from flowner.portal.visiting import Form, Visit, go, post
from flowner.values import FlowId, PrincipalId


def _back(flow: FlowId, pane: str, said: str) -> Response:
    return go(f"/flows/{flow}?pane={pane}", said=said)


async def _share(visit: Visit, form: Form) -> Response:
    flow = FlowId(visit.path("flow"))
    said = form.text("role", FlowRole.RUN_ONLY)
    if said not in list(FlowRole):
        raise Invalid(f"`{said[:40]}` is no role on a flow", pointer="/role")
    role = FlowRole(said)
    holder = PrincipalId(form.guid("holder", "Person or group"))
    await visit.rooms.sharing.share(flow, holder, role, visit.me)
    known = await visit.rooms.roster.named(holder)
    if role is FlowRole.RUN_ONLY:
        return _back(flow, "run-only", f"{known} may run it, in their own name.")
    return _back(flow, "owners", f"{known} is a co-owner: may edit, run, share and see every run.")


async def _unshare(visit: Visit, form: Form) -> Response:
    flow = FlowId(visit.path("flow"))
    holder = PrincipalId(form.guid("holder", "Person or group"))
    await visit.rooms.sharing.unshare(flow, holder, visit.me)
    return _back(flow, form.text("pane", "run-only"), "It is shared with them no more.")


async def _provide(visit: Visit, form: Form) -> Response:
    flow, key = FlowId(visit.path("flow")), form.needed("key", "Connection")
    provided = form.text("provided") == "yes"
    await visit.rooms.audience.provide(flow, key, provided, visit.me)
    said = "From the next run on, each person uses their own." if provided else (
        "From the next run on, everybody uses this connection.")  # fmt: skip
    return _back(flow, "run-only", said)


async def _hand_over(visit: Visit, form: Form) -> Response:
    flow = FlowId(visit.path("flow"))
    to = PrincipalId(form.guid("to", "New owner"))
    await visit.rooms.sharing.hand_over(flow, to, visit.me)
    known = await visit.rooms.roster.named(to)
    return go(f"/flows/{flow}", said=f"{known} owns it now. No connection has moved.")


routes = [
    post("/flows/{flow:uuid}/share", _share),
    post("/flows/{flow:uuid}/unshare", _unshare),
    post("/flows/{flow:uuid}/provide", _provide),
    post("/flows/{flow:uuid}/hand-over", _hand_over),
]
