"""The audit: what flows did, in whose name and through whose account; and what people managed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from flowner.errors import NotFound
from flowner.flows.auditing import Act, ActionPage, FoundAction, Place, act_json, action_json
from flowner.flows.searching import (
    ACTIONS,
    ACTS,
    RULES,
    STATUSES,
    read_moment,
    wanted_actions,
    wanted_acts,
)
from flowner.portal.asked import is_id, person_in, run_in
from flowner.portal.rendering import page
from flowner.portal.spreadsheets import download
from flowner.portal.visiting import Visit, get
from flowner.runs import paths
from flowner.values import FlowId

SHOWN: Final = 30
_PEOPLE: Final = (("by", "Initiated by"), ("as", "Ran as"), ("acting", "Acted as"))
_FEW: Final = (("actor", "Actor"), ("lender", "Lent by"))
_MORE: Final = ("actor", "lender", "connection", "reference", "rule", "connector", "operation")
"""What is asked for less often, and folded away."""
_ACTIONS_COLUMNS: Final = (
    "at", "initiator", "ran_as", "run_rule", "fallback", "flow", "action", "connector",
    "operation", "acted_as", "actor", "account", "connection", "reference", "lent_by", "rule",
    "status", "code", "attempt", "refused", "as_planned", "run", "flow_id", "initiator_id",
    "ran_as_id", "acted_as_id", "actor_id", "lent_by_id",
)  # fmt: skip
_ACTS_COLUMNS: Final = (
    "at", "by", "actor", "act", "target", "about", "before", "after", "target_id", "by_id",
    "actor_id", "about_id",
)  # fmt: skip


async def _audit(visit: Visit) -> Response:
    return await (_acts(visit) if visit.query("tab") == "acts" else _actions(visit))


async def _actions(visit: Visit) -> Response:
    auditing = visit.rooms.auditing
    asked = _asked(visit, ACTIONS)
    offers = await auditing.offers(visit.me)
    problem, found = "", ActionPage(done=(), older=None)
    try:
        named = await _with_flow(visit, asked)
    except NotFound as error:
        problem = error.message
    else:
        before = visit.query("before")
        place = _place(before) if before else None
        wanted = wanted_actions(named, limit=SHOWN, before=place)
        if visit.query("format") == "csv":
            rows = auditing.every_action(visit.me, wanted)
            return download("audit", _ACTIONS_COLUMNS, (action_json(one) async for one in rows))
        found = await auditing.actions(visit.me, wanted)
    return page(
        visit,
        "audit.html",
        problem=problem,
        found=[(one, _address(one.found, offers.flows), _title(one.found)) for one in found.done],
        offers=offers,
        flow_name=_called(asked.get("flow", ""), offers.flows),
        people=[await _person(visit, *one) for one in _PEOPLE],
        few=[await _person(visit, *one) for one in _FEW],
        statuses=STATUSES,
        rules=RULES,
        is_more=any(name in asked for name in _MORE),
        **_paging(visit, "", asked, None if found.older is None else _place_text(found.older)),
    )


async def _acts(visit: Visit) -> Response:
    auditing = visit.rooms.auditing
    asked = _asked(visit, ACTS)
    before = visit.query("before")
    wanted = wanted_acts(asked, limit=SHOWN, before=int(run_in(before)) if before else None)
    if visit.query("format") == "csv":
        await auditing.require(visit.me)
        rows = auditing.every_act(visit.me, wanted)
        return download("audit-acts", _ACTS_COLUMNS, (act_json(one) async for one in rows))
    found = await auditing.acts(visit.me, wanted)
    older = None if found.older is None else str(found.older)
    return page(
        visit,
        "audit_acts.html",
        found=found.managed,
        people=[
            await _person(visit, "by", "Done by"),
            await _person(visit, "about", "Concerns"),
        ],
        acts=[one.value for one in Act],
        **_paging(visit, "acts", asked, older),
    )


def _asked(visit: Visit, names: tuple[str, ...]) -> dict[str, str]:
    """Return what an address filters by; its moments as fields of forms say them, in UTC."""
    asked = {name: visit.query(name).strip() for name in names if visit.query(name).strip()}
    times = {name: read_moment(asked[name]) for name in ("from", "to") if name in asked}
    return asked | {name: f"{one:%Y-%m-%dT%H:%M:%S}" for name, one in times.items()}


async def _with_flow(visit: Visit, asked: Mapping[str, str]) -> dict[str, str]:
    """Return what is asked for with the id of a flow that is called by its name.

    An id is taken as it is, for flows that are deleted. `NotFound` where nothing is called so.
    """
    named = asked.get("flow")
    if named is None or is_id(named):
        return {**asked}
    return {**asked, "flow": await visit.rooms.running.find(named)}


def _called(flow: str, flows: Mapping[FlowId, str]) -> str:
    """Return how a search names a flow to people: an id only where the name says too little."""
    name = flows.get(FlowId(flow))
    return flow if name is None or list(flows.values()).count(name) > 1 else name


async def _person(visit: Visit, name: str, title: str) -> dict[str, str]:
    """Return a picker: its field, its title, and whom the address names in it."""
    person = person_in(visit.query(name))
    label = "" if person is None else await visit.rooms.roster.named(person)
    return {"name": name, "title": title, "id": person or "", "label": label}


def _place_text(place: Place) -> str:
    at, run, seq = place
    return f"{at.isoformat()}~{run}~{seq}"


def _place(text: str) -> Place:
    """Read a place as `_place_text` wrote it."""
    at, _, rest = text.partition("~")
    run, _, seq = rest.partition("~")
    if not seq.isdecimal() or int(seq) >= 2**31:
        raise NotFound("there is no such page")
    return read_moment(at), run_in(run), int(seq)


def _address(found: FoundAction, flows: Mapping[FlowId, str]) -> str:
    """Return where the run inspector shows a call; '' where its flow is deleted."""
    if found.flow not in flows:
        return ""
    run = f"/flows/{found.flow}/runs/{found.run}"
    if not found.path:
        return run
    pieces = list(paths.parts(found.path))
    turns = ".".join(str(index + 1) for _, index in pieces if index is not None)
    asked = {"card": pieces[-1][0]} | ({"iteration": turns} if turns else {})
    return f"{run}?{urlencode(asked)}"


def _title(found: FoundAction) -> str:
    """Return what an action is called; '' where a run was refused as a whole."""
    return list(paths.parts(found.path))[-1][0] if found.path else ""


def _paging(visit: Visit, tab: str, asked: dict[str, str], older: str | None) -> dict[str, Any]:
    """Return what both tabs say of their addresses."""
    of_tab = {"tab": tab} if tab else {}

    def address(more: Mapping[str, str]) -> str:
        values = {**of_tab, **asked, **more}
        return f"/admin/audit?{urlencode(values)}" if values else "/admin/audit"

    return {
        "tab": tab,
        "asked": {name: asked.get(name, "") for name in (*ACTIONS, *ACTS)},
        "filtered": bool(asked),
        "base": "/admin/audit" + (f"?tab={tab}" if tab else ""),
        "narrowed": lambda name, value: address({name: value}),
        "newest": address({}) if visit.query("before") else None,
        "older": None if older is None else address({"before": older}),
        "file": address({"format": "csv"}),
    }


routes = [get("/admin/audit", _audit)]
