"""Several runs: resubmitted or cancelled, after what would differ was said over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from flowner.errors import FlownerError, Invalid
from flowner.flows.history import Asked, Ran
from flowner.portal.asked import is_id, person_in, run_in
from flowner.portal.pages.runs import DAYS, FILTERS
from flowner.portal.rendering import page
from flowner.portal.summing import summed
from flowner.portal.visiting import Form, Visit, get, go, post
from flowner.values import FlowId, RunId

MOST: Final = 100
"""How many runs are taken at a time."""
_WORK: Final = ("resubmit", "cancel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one run."""

    ran: Ran
    became: Ran | None
    """The run that it became."""
    refused: str
    """Why nothing was done; '' where it was."""


async def _before(visit: Visit) -> Response:
    work = _work(visit.query("do"))
    chosen, is_cut = await _chosen(visit)
    if not chosen:
        return go(_back(visit), said="Choose runs first, or all that match.")
    shared: dict[str, Any] = {"work": work, "back": _back(visit), "is_cut": is_cut, "most": MOST}
    if work == "cancel":
        return await _before_cancelling(visit, chosen, shared)
    over = [one.header.id for one in chosen if one.header.ended is not None]
    previews = [await visit.rooms.resubmitting.preview(one, visit.me) for one in over]
    left = len(chosen) - len(over)
    return page(visit, "several.html", sum=summed(previews), runs=(), left=left, **shared)


async def _before_cancelling(
    visit: Visit, chosen: Sequence[Ran], shared: dict[str, Any]
) -> Response:
    may = [
        one
        for one in chosen
        if one.header.ended is None and await visit.rooms.cancelling.may(one.header, visit.me)
    ]
    left = len(chosen) - len(may)
    return page(visit, "several.html", sum=None, runs=may, left=left, **shared)


async def _chosen(visit: Visit) -> tuple[list[Ran], bool]:
    """Return the runs that are meant, and whether more match than are taken at a time."""
    history, asked = visit.rooms.history, visit.request.query_params
    if visit.query("all") != "yes":
        ids = [run_in(one) for one in dict.fromkeys(asked.getlist("run"))]
        found = await history.these(visit.me, ids[:MOST])
        return [*found.values()], len(ids) > MOST
    flow = visit.query("flow")
    matching = await history.page(
        visit.me,
        Asked(
            flow=FlowId(flow) if is_id(flow) else None,
            status=visit.query("status") or None,
            ran_as=person_in(visit.query("as")),
            initiator=person_in(visit.query("by")),
            account=visit.query("account") or None,
            since=visit.rooms.clock.now() - DAYS,
            limit=MOST,
        ),
    )
    return [*matching.runs], matching.older is not None


async def _carry_out(visit: Visit, form: Form) -> Response:
    work = _work(form.text("do"))
    # The oldest first: they begin in the order in which they began.
    runs = sorted({run_in(one) for one in form.texts("run")})[:MOST]
    done: Sequence[tuple[RunId, RunId | int | FlownerError]]
    if work == "resubmit":
        done = await visit.rooms.resubmitting.resubmit_each(runs, visit.me)
    else:
        cancelling, reason = visit.rooms.cancelling, form.text("reason")
        done = await cancelling.cancel_each(runs, visit.me, reason=reason)
    pairs = [(f"{work}", _pair(run, found)) for run, found in done]
    asked = [*pairs, ("back", _local(form.text("back")))]
    return go(f"/runs/several/done?{urlencode(asked)}")


def _pair(run: RunId, found: RunId | int | FlownerError) -> str:
    return f"{run}." if isinstance(found, FlownerError) else f"{run}.{found}"


async def _done(visit: Visit) -> Response:
    """Show what became of each. All of it is in the address: it can be loaded again and again."""
    work = next((one for one in _WORK if visit.query(one)), "")
    pairs = [one.partition(".") for one in visit.request.query_params.getlist(_work(work))[:MOST]]
    became = {run_in(run): found for run, _, found in pairs}
    news = {run: run_in(new) for run, new in became.items() if new and work == "resubmit"}
    known = await visit.rooms.history.these(visit.me, [*became, *news.values()])
    results = [
        Result(
            ran=known[run],
            became=known.get(news[run]) if run in news else None,
            refused="" if found else await _why_not(visit, work, known[run]),
        )
        for run, found in became.items()
        if run in known
    ]
    moving = [
        one for one in results if not one.refused and (one.became or one.ran).header.ended is None
    ]
    here = f"{visit.request.url.path}?{visit.request.url.query}"
    template = "parts/several_done.html" if visit.is_partial else "several_done.html"
    return page(
        visit, template, work=work, results=results, moving=len(moving), address=here,
        back=_local(visit.query("back")),
        refused=sum(1 for one in results if one.refused),
    )  # fmt: skip


async def _why_not(visit: Visit, work: str, ran: Ran) -> str:
    """Return why nothing was done to a run: asked again, since nothing keeps it."""
    if work == "cancel":
        over = ran.header.ended is not None
        return "it is over" if over else "its initiator or an owner of its flow may stop it"
    preview = await visit.rooms.resubmitting.preview(ran.header.id, visit.me)
    return "it was refused then" if preview.refused is None else preview.refused.message


def _work(asked: str) -> str:
    if asked not in _WORK:
        raise Invalid("runs are resubmitted or cancelled")
    return asked


def _back(visit: Visit) -> str:
    flow = visit.query("flow")
    kept = {name: visit.query(name) for name in FILTERS if visit.query(name)}
    here = f"/flows/{flow}/runs" if is_id(flow) else "/runs"
    return f"{here}?{urlencode(kept)}" if kept else here


def _local(address: str) -> str:
    """Return the address of a list of runs; of anything else, that of all runs."""
    return address if address.startswith(("/runs", "/flows/")) else "/runs"


routes = [
    get("/runs/several", _before),
    post("/runs/several", _carry_out),
    get("/runs/several/done", _done),
]
