"""Approvals: what is asked of one, what one asked, what became of it; and the links in mails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flowner.approvals.links import Link
from flowner.errors import AccessDenied
from flowner.portal.rendering import bare_page, page
from flowner.portal.rooms import Rooms
from flowner.portal.visiting import (
    Form,
    SignInNeeded,
    Visit,
    back_to,
    get,
    go,
    post,
    visit_of,
)
from flowner.values import PrincipalId

_KINDS: Final = {
    "Basic": "Approve or reject: the first to respond decides",
    "BasicAwaitAll": "Approve or reject: everyone must approve",
    "CustomResponse": "One answer of several",
    "CustomResponseAwaitAll": "Everyone answers",
    "Sequential": "One after the other",
}
STATES: Final = {
    "Pending": ("warn", "clock", "Waiting"),
    "Completed": ("good", "checkmark_circle", "Settled"),
    "TimedOut": ("bad", "timer", "Out of time"),
    "Canceled": ("", "subtract_circle", "Given up"),
    "Cancelled": ("", "subtract_circle", "Cancelled"),
}
"""How the states of approvals are shown: style, glyph, word."""


async def _list(visit: Visit) -> Response:
    tab = visit.query("tab", "received")
    found = await visit.rooms.approvals.of(visit.me, tab)
    asked = await visit.rooms.sign_ins.of(visit.me) if tab == "received" else []
    tabs = [
        ("received", "Received", "/approvals"),
        ("sent", "Sent", "/approvals?tab=sent"),
        ("history", "History", "/approvals?tab=history"),
    ]
    return page(
        visit, "approvals.html", found=found, tab=tab, tabs=tabs, asked=asked, states=STATES
    )


async def _open(visit: Visit) -> Response:
    seen = await visit.rooms.approvals.open(visit.path("approval"), visit.me)
    return page(visit, "approval.html", seen=seen, one=seen.approval, people=seen.people,
                kinds=_KINDS, states=STATES)  # fmt: skip


async def _respond(visit: Visit, form: Form) -> Response:
    id = visit.path("approval")
    request = form.text("request") or None
    approval = await visit.rooms.answers.respond(
        id,
        visit.me,
        form.needed("response", "Answer"),
        comments=form.text("comments"),
        via="portal",
        request=request,
    )
    what = (
        f"It is settled: {approval.outcome}." if approval.outcome else "Others have yet to answer."
    )
    return go("/approvals", said=f"Answered. {what}")


async def _reassign(visit: Visit, form: Form) -> Response:
    id, request = visit.path("approval"), form.guid("request", "Question")
    to = PrincipalId(form.guid("to", "Somebody else"))
    await visit.rooms.answers.reassign(id, request, to, visit.me)
    return go("/approvals", said=f"It is asked of {await visit.rooms.roster.named(to)} now.")


async def _cancel(visit: Visit, form: Form) -> Response:
    id = visit.path("approval")
    await visit.rooms.answers.cancel(id, visit.me, reason=form.text("reason"), via="portal")
    return go("/approvals?tab=sent", said="It is cancelled, and its run goes on.")


async def _ask_before_answering(request: Request) -> Response:
    """Show what a link would answer. Nothing comes of it."""
    link = request.app.state.rooms.links.read(request.query_params)
    visit = await _whoever(request, link)
    if visit is None and not request.app.state.rooms.answers_without_sign_in:
        return RedirectResponse(back_to(request), status_code=303)
    rooms: Rooms = request.app.state.rooms
    seen = await rooms.approvals.of_request(link.request, link.person)
    context: dict[str, Any] = {"link": link, "seen": seen, "one": seen.approval,
                               "people": seen.people, "states": STATES,
                               "name": await rooms.roster.named(link.person)}  # fmt: skip
    if visit is None:
        return bare_page(request, "answer.html", **context)
    return page(visit, "answer.html", **context)


async def _answer(request: Request, form: Form, link: Link, visit: Visit | None) -> Response:
    rooms: Rooms = request.app.state.rooms
    seen = await rooms.approvals.of_request(link.request, link.person)
    approval = await rooms.answers.respond(
        seen.approval.id,
        link.person,
        link.response,
        comments=form.text("comments"),
        via="mail",
        request=link.request,
    )
    context: dict[str, Any] = {"approval": approval, "link": link}
    if visit is None:
        return bare_page(request, "answered.html", **context)
    return page(visit, "answered.html", **context)


async def _whoever(request: Request, link: Link) -> Visit | None:
    """Return the visit of the link's person; None where nobody is signed in."""
    try:
        visit = await visit_of(request)
    except SignInNeeded:
        return None
    if visit.me != link.person:
        name = await visit.rooms.roster.named(link.person)
        raise AccessDenied(
            f"this link is for {name}, and you are signed in as {visit.visitor.name}: nobody"
            " answers in another's name"
        )
    return visit


def _linked(
    answer: Callable[[Request, Form, Link, Visit | None], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Register what a link's page sends: signed, and by its person or, where it may be, nobody."""

    async def endpoint(request: Request) -> Response:
        rooms: Rooms = request.app.state.rooms
        async with request.form() as data:
            form = Form(data)
            link = rooms.links.read({name: form.text(name) for name in Link.__slots__})
            visit = await _whoever(request, link)
            if visit is None and not rooms.answers_without_sign_in:
                raise SignInNeeded
            if visit is not None and not visit.sent(form):
                raise AccessDenied("the form is not from a page of this session: load it again")
            return await answer(request, form, link, visit)

    return endpoint


routes = [
    get("/approvals", _list),
    Route("/approvals/answer", _ask_before_answering, methods=["GET"]),
    Route("/approvals/answer", _linked(_answer), methods=["POST"]),
    get("/approvals/{approval:uuid}", _open),
    post("/approvals/{approval:uuid}/respond", _respond),
    post("/approvals/{approval:uuid}/reassign", _reassign),
    post("/approvals/{approval:uuid}/cancel", _cancel),
]
