"""Credentials that an action brings along, by the kinds of authentication that flows name.

Source: https://learn.microsoft.com/azure/logic-apps/logic-apps-securing-a-logic-app
"""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from flowner.connectors.http.address import read_url
from flowner.connectors.http.request import Request
from flowner.sdk.context import Answer, Rejected
from flowner.values import Json, JsonObject

_AUTHORITY: Final = "https://login.microsoftonline.com"
Send = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a credential adds to a request."""

    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    """With the client's certificate."""


async def sign(authentication: Json, send: Send) -> Signed:
    """Return what the authentication adds; ``send`` fetches a token where one is needed.

    Raises:
        Rejected: its kind is not offered, a part is missing, or the authority said no.
    """
    if not isinstance(authentication, dict):
        if authentication in (None, ""):
            return Signed()
        raise Rejected("`authentication` is no object with a `type`")
    kind = str(authentication.get("type") or "None")
    match kind.lower():
        case "none":
            return Signed()
        case "basic":
            pair = f"{_part(authentication, 'username')}:{_part(authentication, 'password')}"
            return _authorized(f"Basic {base64.b64encode(pair.encode()).decode()}")
        case "raw":
            return _authorized(_part(authentication, "value"))
        case "activedirectoryoauth":
            return _authorized(f"Bearer {await _token(authentication, send)}")
        case "clientcertificate":
            pfx, password = authentication.get("pfx"), authentication.get("password")
            return Signed(tls=_with_certificate(str(pfx or ""), str(password or "")))
        case _:
            raise Rejected(
                f"authentication of type `{kind[:40]}` is not offered here: take `Basic`, `Raw`,"
                " `ClientCertificate` or `ActiveDirectoryOAuth`"
            )


def _authorized(value: str) -> Signed:
    if "\r" in value or "\n" in value:
        raise Rejected("the authentication holds what no header can")
    return Signed(headers={"Authorization": value})


def _part(authentication: JsonObject, name: str) -> str:
    value = authentication.get(name)
    if not isinstance(value, str):
        raise Rejected(f"the authentication's `{name}` is missing")
    return value


async def _token(authentication: JsonObject, send: Send) -> str:
    authority = str(authentication.get("authority") or _AUTHORITY).rstrip("/")
    tenant = _part(authentication, "tenant")
    form = {
        "grant_type": "client_credentials",
        "client_id": _part(authentication, "clientId"),
        "client_secret": _part(authentication, "secret"),
        "resource": str(authentication.get("audience") or ""),
    }
    answer = await send(
        Request(
            method="POST",
            url=read_url(f"{authority}/{tenant}/oauth2/token"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
    )
    token = answer.body.get("access_token") if isinstance(answer.body, dict) else None
    if answer.status >= 400 or not isinstance(token, str):
        raise Rejected(
            f"the authority gave no token (status {answer.status}): see that tenant, client id,"
            " secret and audience belong together",
            status=401,
            code="Unauthorized",
        )
    return token


def _with_certificate(pfx: str, password: str) -> ssl.SSLContext:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(
            base64.b64decode(pfx, validate=True), password.encode() or None
        )
    except (ValueError, binascii.Error):
        key = certificate = None
        others = []
    if key is None or certificate is None:
        raise Rejected("the client certificate cannot be read: give `pfx` as base64 of PKCS #12")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = [certificate, *others]
    context = ssl.create_default_context()
    # OpenSSL reads a key from files alone; the folder is ours and gone a moment later.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "client.pem"
        file.touch(mode=0o600)
        file.write_bytes(pem + b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        context.load_cert_chain(file)
    return context
