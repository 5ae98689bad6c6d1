"""Runs: what happened in the last 28 days, who set it off, and in whose name it ran."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from flowner.flows.history import Asked
from flowner.portal.asked import person_in, run_in
from flowner.portal.rendering import page
from flowner.portal.visiting import Visit, get
from flowner.values import FlowId

DAYS: Final = timedelta(days=28)
SHOWN: Final = 30
STATUSES: Final = ("Succeeded", "Failed", "Running", "Waiting", "Cancelled", "TimedOut")
FILTERS: Final = ("status", "as", "by", "account")
"""What an address filters by; its pages follow one another by ``before``."""


async def _all(visit: Visit) -> Response:
    return await _shown(visit, None, {})


async def _of_flow(visit: Visit) -> Response:
    flow = FlowId(visit.path("flow"))
    opened = await visit.rooms.portfolio.open(flow, visit.me)
    return await _shown(visit, flow, {"one": opened.listed})


async def _shown(visit: Visit, flow: FlowId | None, more: dict[str, Any]) -> Response:
    before = visit.query("before")
    asked = {name: visit.query(name) for name in FILTERS if visit.query(name)}
    found = await visit.rooms.history.page(
        visit.me,
        Asked(
            flow=flow,
            status=asked.get("status"),
            ran_as=person_in(visit.query("as")),
            initiator=person_in(visit.query("by")),
            account=asked.get("account"),
            since=visit.rooms.clock.now() - DAYS,
            before=run_in(before) if before else None,
            limit=SHOWN,
        ),
    )
    here = f"/flows/{flow}/runs" if flow else "/runs"
    older = None if found.older is None else _address(here, asked | {"before": str(found.older)})
    return page(
        visit,
        "runs.html",
        **({"one": None} | more),
        found=found,
        asked={name: asked.get(name, "") for name in FILTERS},
        filtered=bool(asked),
        statuses=STATUSES,
        base=here,
        newest=_address(here, asked) if before else None,
        older=older,
    )


def _address(here: str, values: dict[str, str]) -> str:
    return f"{here}?{urlencode(values)}" if values else here


routes = [get("/runs", _all), get("/flows/{flow:uuid}/runs", _of_flow)]
