"""In whose name: what a flow would run as, and each of its actions, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from flowner.definitions.flow import Flow, FlowKind
from flowner.flows.explain import Supposed
from flowner.flows.foretelling import depends_on_who
from flowner.portal.asked import person_in
from flowner.portal.rendering import page
from flowner.portal.visiting import Visit, get
from flowner.values import FlowId, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody whom the page asks for."""

    name: str
    title: str
    kinds: str
    """Whom the picker offers."""
    id: PrincipalId
    label: str


_PEOPLE: Final = "user,service account,application"
_INSTANT: Final = (("as", "Who triggers it", _PEOPLE),)
_ROWS: Final = (
    ("modified", "Who changes the row", _PEOPLE),
    ("owner", "Whose row it is", "user,team"),
)


async def _who(visit: Visit) -> Response:
    flow = FlowId(visit.path("flow"))
    opened = await visit.rooms.portfolio.open(flow, visit.me)
    asked = [await _asked(visit, *one) for one in _pickers(opened.flow)]
    given = {one.name: one.id for one in asked}
    supposed = Supposed(
        as_person=given.get("as"), modified_by=given.get("modified"), row_owner=given.get("owner")
    )
    told = await visit.rooms.foretelling.about(flow, visit.me, supposed)
    matrix = None
    if depends_on_who(opened.flow):
        chosen = [one.id for one in asked if visit.query(one.name)]
        matrix = await visit.rooms.foretelling.matrix(
            flow, visit.me, chosen, text=visit.query("text").strip(), page=_number(visit)
        )
    return page(
        visit, "who.html", one=opened.listed, flow=opened.flow, asked=asked, told=told,
        matrix=matrix, text=visit.query("text").strip(),
        supposed={one.name: one.id for one in asked if visit.query(one.name)},
    )  # fmt: skip


def _number(visit: Visit) -> int:
    """Return which page of people an address asks for; the first where it says nothing of sense."""
    text = visit.query("page")
    return max(1, int(text)) if text.isdecimal() and len(text) < 7 else 1


def _pickers(flow: Flow) -> tuple[tuple[str, str, str], ...]:
    if flow.trigger.flow_kind is FlowKind.INSTANT:
        return _INSTANT
    return _ROWS if flow.trigger.rows is not None else ()


async def _asked(visit: Visit, name: str, title: str, kinds: str) -> Asked:
    """Return who an address names, or the visitor where it names nobody."""
    person = person_in(visit.query(name)) or visit.me
    known = await visit.rooms.roster.person(person)
    return Asked(name=name, title=title, kinds=kinds, id=person, label=known.name)


routes = [get("/flows/{flow:uuid}/who", _who)]
