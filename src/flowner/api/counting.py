"""Around the application: every request is counted, and continues the trace it came with."""

from __future__ import annotations

from typing import Final

from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowner.telemetry.telemetry import Telemetry

_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Counting:
    """Counts requests by route template, so that addresses never become labels."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; one that ends without an answer counts as 499."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 499

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        try:
            with self._telemetry.tracing.arriving(parent):
                await self._app(scope, receive, noting)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._telemetry.metrics.request(method, _template(scope), status)


def _template(scope: Scope) -> str:
    route = scope.get("route")
    if route is None or isinstance(route, Mount):
        return _UNMATCHED
    root = scope.get("root_path", "").removeprefix(scope.get("app_root_path", ""))
    return f"{root}{route.path}"
