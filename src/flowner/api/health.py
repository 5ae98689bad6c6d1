"""What those ask who keep the server up. Nothing of it is private, and nobody signs in for it.

GET  /healthz   whether the process answers at all
GET  /readyz    whether work should be sent to it; 503 says why not, in one word each
GET  /metrics   figures for Prometheus, for whom the settings let in
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowner.engine.vitals import Vitals
from flowner.telemetry.metrics import Metrics
from flowner.values import Secret

_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_THROUGH: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers that a proxy adds: then the peer is the proxy, and whoever asks is somewhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What these routes need."""

    vitals: Vitals
    metrics: Metrics
    readers: str
    """Of `/metrics`: ``no``, ``loopback`` or ``token``."""
    token: Secret | None


def routes(watch: Watch) -> list[Route]:
    """Return the routes. That of `/metrics` answers 404 to whom it is not for."""

    async def alive(request: Request) -> Response:
        del request
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> Response:
        del request
        because = await watch.vitals.hindrances()
        if because:
            return JSONResponse({"status": "not ready", "because": because}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def metrics(request: Request) -> Response:
        refused = _refused(watch, request)
        if refused is not None:
            return refused
        await watch.vitals.measure()
        return Response(watch.metrics.page(), media_type=_TYPE)

    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _refused(watch: Watch, request: Request) -> Response | None:
    match watch.readers:
        case "loopback" if _asks_from_here(request):
            return None
        case "token" if watch.token is not None:
            given = request.headers.get("authorization", "").encode()
            if hmac.compare_digest(given, b"Bearer " + watch.token.reveal().encode()):
                return None
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        case _:
            raise HTTPException(404)


def _asks_from_here(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _THROUGH):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
