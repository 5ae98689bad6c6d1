"""Errors to responses: the one table."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

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

_STATUS: dict[type[FlownerError], int] = {
    Invalid: 400,
    AccessDenied: 403,
    NotFound: 404,
    Conflict: 409,
    Refused: 409,
    Unavailable: 503,
}


def answer(request: Request, error: Exception) -> JSONResponse:
    """Return the response for an error of ours, in the shape of the Web API."""
    del request
    if not isinstance(error, FlownerError):
        raise error
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 400)
    headers = {}
    if error.code is Code.UNAUTHENTICATED:
        status, headers = 401, {"WWW-Authenticate": "Bearer"}
    body = {"error": {"code": error.code.value, "message": error.message}}
    return JSONResponse(body, status_code=status, headers=headers)
