"""The run inspector: what happened, card by card, and in whose name each was done."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from flowner.flows.inspecting import Inspected
from flowner.portal.asked import run_in
from flowner.portal.inspecting import Sheet, error_of, shown
from flowner.portal.rendering import counted, page
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.values import FlowId, JsonObject

_BLANK: Final[JsonObject] = dict.fromkeys(
    ("principal", "actor", "account", "connection", "reference", "lentBy", "rule", "because", "ask",
     "refused", "message", "seen", "child")
) | {"asPlanned": True, "answeredBy": []}  # fmt: skip
"""What a record of who acted may be without."""


async def _inspect(visit: Visit) -> Response:
    seen = await open_run(visit)
    card, iteration = visit.query("card"), visit.query("iteration")
    is_live = visit.is_partial and visit.query("live") == "yes"
    if visit.is_partial and not iteration:
        there = visit.there
        card = there.get("card", "") if is_live else card
        iteration = there.get("iteration", "")
    sheet = Sheet(seen, visit.rooms.connectors, card, iteration)
    context = _context(sheet)
    if is_live:
        return page(visit, "parts/run_live.html", **context)
    if visit.is_partial:
        return page(visit, "parts/run_card.html", **context)
    return page(visit, "run.html", **context)


async def open_run(visit: Visit) -> Inspected:
    """Return the run that the address names; `NotFound` also where they may not see it."""
    run, flow = run_in(visit.path("run")), FlowId(visit.path("flow"))
    return await visit.rooms.inspecting.open(run, visit.me, flow=flow)


def _address(sheet: Sheet) -> str:
    here = base_of(sheet.seen)
    if sheet.card is None:
        return here
    at = f"&iteration={sheet.iteration}" if sheet.iteration else ""
    return f"{here}?card={quote(sheet.card.name, safe='')}{at}"


def base_of(seen: Inspected) -> str:
    """Return the address of a run's inspector."""
    return f"/flows/{seen.header.flow}/runs/{seen.header.id}"


def _context(sheet: Sheet) -> dict[str, Any]:
    seen, record = sheet.seen, sheet.record
    acting = record.acting if record is not None and isinstance(record.acting, dict) else None
    planned = seen.planned(sheet.card.name) if sheet.card is not None else None
    return {
        "seen": seen,
        "header": seen.header,
        "sheet": sheet,
        "drawing": sheet.drawing,
        "statuses": sheet.statuses,
        "base": base_of(seen),
        "card": sheet.card,
        "address": _address(sheet),
        "record": record,
        "acting": _BLANK | (acting or planned or {}) if acting or planned else None,
        "has_acted": acting is not None,
        "mark": seen.mark_of(acting or planned),
        "error": None if record is None else error_of(record),
        "inputs": None if record is None else shown(record.inputs),
        "outputs": None if record is None else shown(record.outputs),
        "asked": _whom_to_ask(seen),
        "failures": sheet.failures() if seen.may_go_on else (),
    }


def _whom_to_ask(seen: Inspected) -> str:
    """Return the name of who can mend a run that failed; '' where nothing says so."""
    if seen.header.status != "Failed":
        return ""
    for record in seen.record.actions.values():
        acting = record.acting
        if isinstance(acting, dict) and acting.get("refused"):
            return seen.ask_of(acting)
    return "" if seen.header.principal is not None else seen.ask_of({})


async def _cancel(visit: Visit, form: Form) -> Response:
    seen = await open_run(visit)
    asked = await visit.rooms.cancelling.cancel(
        seen.header.id, visit.me, reason=form.text("reason")
    )
    also = f", and {counted(asked - 1, 'run')} that it called" if asked > 1 else ""
    return go(base_of(seen), said=f"It is asked to stop{also}.")


routes = [
    get("/flows/{flow:uuid}/runs/{run:int}", _inspect),
    post("/flows/{flow:uuid}/runs/{run:int}/cancel", _cancel),
]
