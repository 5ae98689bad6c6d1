"""The portal as an application: its pages, and what every answer carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowner.errors import FlownerError, NotFound
from flowner.portal import assets
from flowner.portal.pages import (
    adding,
    administering,
    choosing,
    designer,
    flow,
    flows,
    importing,
    making,
    ownership,
    people,
    sign_in,
    versions,
)
from flowner.portal.problems import our_fault, problem
from flowner.portal.rooms import Rooms
from flowner.portal.visiting import SignInNeeded, back_to, require_same_site

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""No script and no style but our files': nothing that is shown can run."""


def build(rooms: Rooms) -> Starlette:
    """Return the application."""
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(GZipMiddleware, minimum_size=1024), Middleware(_Guard)],
        exception_handlers={
            SignInNeeded: _sign_in,
            FlownerError: problem,
            HTTPException: _no_page,
            Exception: our_fault,
        },
    )
    app.state.rooms = rooms
    return app


def _routes() -> Sequence[BaseRoute]:
    return [
        Route("/", _home, methods=["GET"]),
        *assets.routes,
        *sign_in.routes,
        *flows.routes,
        *flow.routes,
        *making.routes,
        *importing.routes,
        *versions.routes,
        *designer.routes,
        *adding.routes,
        *choosing.routes,
        *people.routes,
        *administering.routes,
        *ownership.routes,
    ]


async def _home(request: Request) -> Response:
    del request
    return RedirectResponse("/flows", status_code=303)


async def _sign_in(request: Request, error: Exception) -> Response:
    del error
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    return RedirectResponse(back_to(request), status_code=303)


async def _no_page(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code != 404:
        return await problem(request, NotFound("this address answers no such request"))
    return await problem(request, NotFound("there is no page at this address"))


class _Guard:
    """Looks where requests that change something come from, and dresses every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            request = Request(scope)
            try:
                require_same_site(request)
            except FlownerError as error:
                response = await problem(request, error)
                await response(scope, receive, dressed)
                return
        await self._app(scope, receive, dressed)
