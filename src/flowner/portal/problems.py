"""Errors to pages: what is wrong, its code, and what to do."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from flowner.errors import (
    AccessDenied,
    Code,
    Conflict,
    FlownerError,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
)
from flowner.portal.rendering import bare_page, page
from flowner.portal.visiting import SignInNeeded, visit_of

_STATUS: dict[type[FlownerError], tuple[int, str]] = {
    NotFound: (404, "Not found"),
    AccessDenied: (403, "Not allowed"),
    Conflict: (409, "Somebody was quicker"),
    Refused: (409, "Not possible"),
    Invalid: (400, "Something is not right"),
    Unavailable: (503, "Not now"),
}


async def problem(request: Request, error: Exception, *, status: int | None = None) -> Response:
    """Return the page for an error of ours; a part of a page gets a message to show.

    ``status`` is that of the error's kind, unless it is given.
    """
    if not isinstance(error, FlownerError):
        raise error
    usual, title = kind_of(error)
    status = status or usual
    said = {"title": title, "message": sentence(error.message), "code": error.code.value}
    try:
        visit = await visit_of(request)
    except SignInNeeded:
        return bare_page(request, "problem.html", status=status, **said)
    if visit.is_partial:
        answer = page(visit, "parts/problem.html", status=status, **said)
        answer.headers["HX-Retarget"] = "#toasts"
        answer.headers["HX-Reswap"] = "beforeend"
        return answer
    return page(visit, "problem.html", status=status, **said)


def kind_of(error: FlownerError) -> tuple[int, str]:
    """Return the HTTP status of an error's kind, and what people call the kind."""
    kinds = (found for kind, found in _STATUS.items() if isinstance(error, kind))
    return next(kinds, (400, "Not possible"))


async def our_fault(request: Request, error: Exception) -> Response:
    """Return the page for what went wrong with us: the log tells what, this tells nothing."""
    del error
    said = {
        "title": "Something went wrong here",
        "message": "It is written down for those who run this server. Try again.",
        "code": Code.INTERNAL.value,
    }
    return bare_page(request, "problem.html", status=500, **said)


def sentence(message: str) -> str:
    """Return a message of ours as a sentence."""
    begun = message[:1].upper() + message[1:]
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."
