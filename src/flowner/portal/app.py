"""The portal as an application: its pages, and what every answer carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowner.errors import AccessDenied, FlownerError, Invalid, NotFound
from flowner.portal import assets
from flowner.portal.pages import (
    adding,
    administering,
    approvals,
    apps,
    audit,
    bundles,
    choosing,
    connections,
    consents,
    designer,
    flow,
    flows,
    importing,
    making,
    ownership,
    panes,
    people,
    resubmitting,
    run,
    running,
    runs,
    several,
    sign_in,
    versions,
    who,
    writing,
)
from flowner.portal.problems import our_fault, problem
from flowner.portal.rooms import Rooms
from flowner.portal.sandbox import PORTAL_POLICY
from flowner.portal.visiting import SignInNeeded, back_to, is_secure, require_same_site

_HEADERS: Final = {
    "Content-Security-Policy": PORTAL_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""A page that frames another's says so in headers of its own (`portal/sandbox.py`)."""


def build(rooms: Rooms) -> ASGIApp:
    """Return the application."""
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers={
            SignInNeeded: _sign_in,
            FlownerError: problem,
            HTTPException: _no_page,
            Exception: our_fault,
        },
    )
    app.state.rooms = rooms
    # Around all, the page for our own faults too.
    return _Guard(app, rooms)


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
        *writing.routes,
        *choosing.routes,
        *apps.routes,
        *approvals.routes,
        *bundles.routes,
        *connections.routes,
        *consents.routes,
        *panes.routes,
        *running.routes,
        *people.routes,
        *runs.routes,
        *several.routes,
        *run.routes,
        *resubmitting.routes,
        *who.routes,
        *administering.routes,
        *audit.routes,
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
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        return await problem(request, Invalid("this address takes no such request"), status=405)
    if status != 404:
        return await problem(request, Invalid("the form cannot be read"), status=status)
    return await problem(request, NotFound("there is no page at this address"))


class _Guard:
    """Looks where requests that change something come from, and dresses every answer."""

    def __init__(self, app: Starlette, rooms: Rooms) -> None:
        self._app, self._rooms = app, rooms

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
                if is_secure(Request(scope), self._rooms):
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        scope["app"] = self._app
        request = Request(scope)
        try:
            self._require_host(request)
            if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
                require_same_site(request, self._rooms)
        except FlownerError as error:
            response = await problem(request, error)
            await response(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)

    def _require_host(self, request: Request) -> None:
        """Refuse a name that is not ours: somebody may let theirs lead here."""
        hosts = self._rooms.hosts
        named = urlsplit(f"//{request.headers.get('host', '')}").hostname
        if hosts is not None and named not in hosts:
            raise AccessDenied("this server is not called so")
