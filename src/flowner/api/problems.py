"""Errors to responses: the one table."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from flowner.api.doors import challenge
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


_BY_CODE = {Code.UNAUTHENTICATED: 401, Code.TOO_LARGE: 413, Code.TOO_MANY_SIGN_INS: 429}


def answer(request: Request, error: Exception) -> JSONResponse:
    """Return the response for an error of ours, in the shape of the Web API."""
    if not isinstance(error, FlownerError):
        raise error
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 400)
    said = {"code": error.code.value, "message": error.message}
    said |= {
        name: value
        for name, value in (("pointer", error.pointer), ("file", error.file))
        if value is not None
    }
    is_nobody = error.code is Code.UNAUTHENTICATED
    headers = {"WWW-Authenticate": challenge(request)} if is_nobody else {}
    return JSONResponse(
        {"error": said}, status_code=_BY_CODE.get(error.code, status), headers=headers
    )


def no_route(request: Request, error: Exception) -> JSONResponse:
    """Return the response for an address or a method that there is not."""
    if not isinstance(error, HTTPException):
        raise error
    code, message = Code.BAD_REQUEST, f"`{request.method}` is not offered at this address"
    if error.status_code == 404:
        code, message = Code.NOT_FOUND, "there is nothing at this address"
    body = {"error": {"code": code.value, "message": message}}
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)


def our_fault(request: Request, error: Exception) -> JSONResponse:
    """Return the response for what went wrong with us: the log tells what, this tells nothing."""
    del request, error
    body = {"error": {"code": Code.INTERNAL.value, "message": "something went wrong here"}}
    return JSONResponse(body, status_code=500)
