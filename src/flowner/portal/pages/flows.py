"""My flows: those of one's own, those that are shared, and in whose name each runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from flowner.flows.portfolio import Listed, Part
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, go, local, post
from flowner.values import FlowId

TABS: Final[dict[str, tuple[str, frozenset[Part]]]] = {
    "mine": ("My flows", frozenset({Part.OWNER})),
    "shared": ("Shared with me", frozenset({Part.CO_OWNER})),
    "runonly": ("Run only", frozenset({Part.RUN_ONLY})),
    "all": ("All", frozenset(Part)),
}
"""By name in the address: the title, and what one is to the flows in it."""
FILTERS: Final[dict[str, tuple[str, Callable[[Listed], bool]]]] = {
    "mine": ("Uses my account", lambda one: one.uses_mine),
    "others": ("Runs as someone else", lambda one: one.as_others),
    "on": ("On", lambda one: one.facts.on),
    "broken": ("Needs attention", lambda one: any(mark.problem for mark in one.marks)),
}
_SORTS: Final[dict[str, Callable[[Listed], Any]]] = {
    "name": lambda one: one.facts.name.casefold(),
    "owner": lambda one: one.owner.label.casefold(),
    "kind": lambda one: one.kind.value,
    "run": lambda one: one.last.started.timestamp() if one.last else 0.0,
}


async def _list(visit: Visit) -> Response:
    everything = await visit.rooms.portfolio.of(visit.me)
    text, wanted = visit.query("text").casefold(), visit.query("filter")
    tab = visit.query("tab") or ("all" if text else _first_tab(everything))
    tab = tab if tab in TABS else "mine"
    shown = [
        one for one in everything if one.part in TABS[tab][1] and text in one.facts.name.casefold()
    ]
    if wanted in FILTERS:
        shown = [one for one in shown if FILTERS[wanted][1](one)]
    sort = visit.query("sort")
    if sort.removeprefix("-") in _SORTS:
        shown.sort(key=_SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    kept = {"tab": tab, "text": visit.query("text")}
    return page(
        visit,
        "flows.html",
        flows=shown,
        tab=tab,
        tabs=[
            (name, f"{title} ({_count(everything, parts)})", f"/flows?tab={name}")
            for name, (title, parts) in TABS.items()
        ],
        filters=_filters(kept, wanted),
        address=_address(kept | {"filter": wanted}),
        sort=sort,
        text=visit.query("text"),
        has_any=bool(everything),
    )


def _filters(kept: dict[str, str], wanted: str) -> list[tuple[str, str, bool, str]]:
    """Return each filter: its name and title, whether it is on, and the address that turns it."""
    return [
        (name, title, name == wanted, _address(kept | ({} if name == wanted else {"filter": name})))
        for name, (title, _) in FILTERS.items()
    ]


def _address(values: dict[str, str]) -> str:
    return f"/flows?{urlencode({name: value for name, value in values.items() if value})}"


def _first_tab(flows: list[Listed]) -> str:
    """Return the first tab that has flows in it."""
    for name, (_, parts) in TABS.items():
        if any(one.part in parts for one in flows):
            return name
    return "mine"


def _count(flows: list[Listed], parts: frozenset[Part]) -> int:
    return sum(one.part in parts for one in flows)


async def _turn(visit: Visit, form: Form) -> Response:
    flow = FlowId(visit.path("flow"))
    if form.text("on") == "yes":
        await visit.rooms.turning.on(flow, visit.me)
        said = "It is on. You lend it the connections of yours that it uses."
    else:
        await visit.rooms.turning.off(flow, visit.me)
        said = "It is off. Nothing starts it; runs that are under way go on."
    return go(local(form.text("next", f"/flows/{flow}")), said=said)


routes = [get("/flows", _list), post("/flows/{flow:uuid}/turn", _turn)]
