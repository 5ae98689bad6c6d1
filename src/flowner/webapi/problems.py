"""Errors to answers: the statuses and codes that clients of Dataverse know."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

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
from flowner.values import Json
from flowner.webapi.requests import Answer

_STATUS: Final[dict[type[FlownerError], int]] = {
    Invalid: 400,
    AccessDenied: 403,
    NotFound: 404,
    Conflict: 409,
    Refused: 400,
    Unavailable: 503,
}
_BY_CODE: Final = {
    Code.UNAUTHENTICATED: 401,
    Code.TOO_LARGE: 413,
    Code.ROW_VERSION: 412,
    Code.ROW_DUPLICATE: 412,
    Code.ROW_KEY_DUPLICATE: 412,
}
_OF_FLOWS: Final = "0x80060467"
"""What flows refuse, by codes of their own."""
_SAID: Final = {
    Code.BAD_REQUEST: "0x80040203",
    Code.ACCESS_DENIED: "0x80048405",
    Code.NOT_FOUND: "0x80040217",
    Code.CONFLICT: "0x80040237",
    Code.CANNOT_ACT_ON_BEHALF: "0x8004a110",
    Code.INVALID_JSON: "0x80048d19",
    Code.UNAVAILABLE: "0x80072321",
    Code.TOO_LARGE: "0x80044a02",
}
"""Dataverse's codes for those of ours that it spells otherwise."""


def problem(error: FlownerError) -> Answer:
    """Return the answer for an error."""
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 400)
    code = _SAID.get(error.code, error.code.value)
    message = error.message
    if error.position is not None:
        message += f" (at character {error.position})"
    if not code.startswith("0x") and error.code not in _BY_CODE:
        code, message = _OF_FLOWS, _wrapped(code, message, status)
    return Answer(
        status=_BY_CODE.get(error.code, status),
        content={"error": {"code": code, "message": message}},
        headers={"WWW-Authenticate": "Bearer"} if error.code is Code.UNAUTHENTICATED else {},
    )


def _wrapped(code: str, message: str, status: int) -> str:
    """Say what the flow service refused, as Dataverse says it."""
    details = json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
    said = HTTPStatus(status).phrase.replace(" ", "")
    return f'Flow client error returned with status code "{said}" and details "{details}".'


def fault() -> Answer:
    """Return the answer for what went wrong with us: the log tells what, this tells nothing."""
    said: Json = {"code": "0x80040216", "message": "an unexpected error occurred"}
    return Answer(status=500, content={"error": said})
