"""The token endpoint, and the documents by which clients find it.

POST /oauth2/v2.0/token, /{tenant}/oauth2/v2.0/token   OAuth 2.0 client credentials
GET  /.well-known/openid-configuration                 where that is, for clients that ask
GET  /{tenant}/v2.0/.well-known/openid-configuration   the same, as clients of Entra ask

Errors are those of RFC 6749, section 5.2. This server has one directory: every tenant is it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flowner.api.doors import Doors, base_of
from flowner.api.reading import read_bytes
from flowner.errors import Invalid
from flowner.values import Secret

_GRANT: Final = "client_credentials"
_MOST_BYTES: Final = 64 * 1024
_ALL: Final = "/.default"
_UNCACHED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class _Wrong(Exception):
    """Why there is no token."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True, slots=True)
class _Client:
    id: str
    secret: Secret


async def _token(request: Request) -> Response:
    doors: Doors = request.app.state.doors
    try:
        given = await _form(request)
        client = _client(request, given)
        _require_grant(given)
        _require_scope(request, given)
        granted = await doors.applications.sign_in(client.id, client.secret)
        if granted is None:
            raise _Wrong("invalid_client", "the client is unknown or its secret is wrong", 401)
    except _Wrong as wrong:
        return _refused(wrong)
    content = {
        "token_type": "Bearer",
        "expires_in": int(granted.life.total_seconds()),
        "access_token": granted.token.reveal(),
    }
    return JSONResponse(content, headers=_UNCACHED)


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _Wrong("invalid_request", "the body is not application/x-www-form-urlencoded")
    try:
        data = await read_bytes(request, _MOST_BYTES)
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=100)
    except (Invalid, ValueError):
        raise _Wrong("invalid_request", "the body cannot be read") from None
    given = dict(pairs)
    if len(given) < len(pairs):
        raise _Wrong("invalid_request", "a parameter is given twice")
    # Source: https://www.rfc-editor.org/rfc/rfc6749#section-3.2
    return {name: value for name, value in given.items() if value}


def _client(request: Request, given: dict[str, str]) -> _Client:
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        if "client_secret" in given:
            raise _Wrong("invalid_request", "the client's secret is given in two places")
        client = _basic(coded)
        if given.get("client_id", client.id) != client.id:
            raise _Wrong("invalid_request", "two clients are named")
        return client
    if "client_id" not in given or "client_secret" not in given:
        raise _Wrong("invalid_client", "give `client_id` and `client_secret`", 401)
    return _Client(given["client_id"], Secret(given["client_secret"]))


def _basic(coded: str) -> _Client:
    # Both parts are form-encoded first: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _Wrong("invalid_client", "the Authorization header cannot be read", 401) from None
    id, _, secret = text.partition(":")
    return _Client(unquote_plus(id), Secret(unquote_plus(secret)))


def _require_grant(given: dict[str, str]) -> None:
    if "grant_type" not in given:
        raise _Wrong("invalid_request", "`grant_type` is missing")
    if given["grant_type"] != _GRANT:
        raise _Wrong("unsupported_grant_type", f"only `{_GRANT}` is offered")


def _require_scope(request: Request, given: dict[str, str]) -> None:
    """Refuse what is asked for another service: a token of ours opens nothing there."""
    named = given.get("scope", "").split()
    bases = {base_of(request), f"{request.url.scheme}://{request.url.netloc}"}
    for scope in named:
        if not scope.endswith(_ALL) or scope.removesuffix(_ALL).rstrip("/") not in bases:
            raise _Wrong("invalid_scope", f"the only scope is `{base_of(request)}{_ALL}`")


def _refused(wrong: _Wrong) -> Response:
    headers = dict(_UNCACHED)
    if wrong.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="flowner", charset="UTF-8"'
    content = {"error": wrong.error, "error_description": wrong.description}
    return JSONResponse(content, wrong.status, headers=headers)


async def _authorize(request: Request) -> Response:
    """Answer who would sign a person in by a program: that is not offered, and said so."""
    del request
    return _refused(
        _Wrong("unsupported_response_type", "programs sign in at the token endpoint alone")
    )


async def _by_post(request: Request) -> Response:
    """Say that tokens are asked for by POST: what stands beside the API would know no such page."""
    del request
    raise HTTPException(405, headers={"Allow": "POST"})


async def _discovery(request: Request) -> Response:
    """Say what is true of this server, in the fields that clients look for.

    Clients of Entra insist on an authorization endpoint; ours answers that it offers none.
    """
    base, tenant = base_of(request), request.path_params.get("tenant")
    at = base if tenant is None else f"{base}/{tenant}"
    content = {
        "issuer": base if tenant is None else f"{at}/v2.0",
        "token_endpoint": f"{at}/oauth2/v2.0/token",
        "authorization_endpoint": f"{at}/oauth2/v2.0/authorize",
        "response_types_supported": [],
        "grant_types_supported": [_GRANT],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "scopes_supported": [f"{base}{_ALL}"],
    }
    return JSONResponse(content)


_WELL_KNOWN: Final = ".well-known/openid-configuration"
_OTHERS: Final = ["GET", "PUT", "PATCH", "DELETE"]
_TOKEN: Final = ("/oauth2/v2.0/token", "/{tenant}/oauth2/v2.0/token")
routes = [
    *(Route(at, _token, methods=["POST"]) for at in _TOKEN),
    *(Route(at, _by_post, methods=_OTHERS) for at in _TOKEN),
    Route("/oauth2/v2.0/authorize", _authorize),
    Route("/{tenant}/oauth2/v2.0/authorize", _authorize),
    Route("/{tenant}/oauth2/authorize", _authorize),
    Route(f"/{_WELL_KNOWN}", _discovery),
    Route(f"/{{tenant}}/v2.0/{_WELL_KNOWN}", _discovery),
]
