"""What an authorization server is asked, and what its answers mean.

Its addresses are chosen by who makes a connection, so they are called as a flow's are: checked, and
by the address that was checked.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

from flowner.connectors.http.operations import send
from flowner.errors import AccessDenied, Code, Invalid, Unavailable
from flowner.sdk.connector import AuthorizationServer
from flowner.sdk.context import Answer, OperationContext, Rejected, Transient
from flowner.values import Json, JsonObject, Secret

_SECONDS: Final = 10.0
_NAMES: Final = ("preferred_username", "upn", "email", "unique_name", "sub")
"""Claims that name an account, the one that people know first."""
_CODE: Final = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What the token endpoint gave."""

    access: Secret
    refresh: Secret | None
    life: timedelta | None
    id_token: str | None


def require_safe(server: AuthorizationServer) -> None:
    """Refuse addresses over which a secret would be read: https, or this machine."""
    for address in (server.authorization_url, server.token_url, server.userinfo_url):
        if address is not None and not _is_safe(address):
            raise Invalid(f"`{address[:200]}` is no https address to sign in at")
    if not server.client_id:
        raise Invalid("there is no client id to sign in with")


async def exchange(
    server: AuthorizationServer, form: Mapping[str, str], secret: Secret | None, *, private: bool
) -> Granted:
    """Exchange a code, a refresh token, or the client's own credentials, for tokens.

    Raises:
        AccessDenied: the server says no.
        Unavailable: it does not answer as it should.
    """
    given, headers = dict(form), {"Content-Type": "application/x-www-form-urlencoded"}
    if secret is None:
        given["client_id"] = server.client_id
    else:
        # What every server takes: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
        pair = f"{quote_plus(server.client_id)}:{quote_plus(secret.reveal())}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    inputs: JsonObject = {"uri": server.token_url, "headers": {**headers}, "body": urlencode(given)}
    answer = await _call("POST", inputs, private=private)
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status in (400, 401, 403):
        said = body.get("error")
        why = f": `{said}`" if isinstance(said, str) and _CODE.fullmatch(said) else ""
        raise AccessDenied(
            f"the tokens were refused where they are issued{why}", code=Code.ACCESS_DENIED
        )
    access, life = body.get("access_token"), body.get("expires_in")
    if answer.status != 200 or not isinstance(access, str) or not access:
        raise Unavailable(f"`{_host(server.token_url)}` does not issue tokens as it should")
    return Granted(
        access=Secret(access),
        refresh=_secret(body.get("refresh_token")),
        life=_life(life),
        id_token=_text(body.get("id_token")),
    )


async def ask_where(issuer: str, *, private: bool) -> str:
    """Return an issuer's token endpoint, as its discovery document says.

    Raises:
        Invalid: the address is not safe, or is no issuer's.
        Unavailable: nobody answers there.

    Source: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
    """
    if not _is_safe(issuer):
        raise Invalid(f"`{issuer[:200]}` is no https address of an issuer")
    uri = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    answer = await _call("GET", {"uri": uri, "headers": {}}, private=private)
    body = answer.body if answer.status == 200 and isinstance(answer.body, dict) else {}
    found = body.get("token_endpoint")
    if body.get("issuer") != issuer or not isinstance(found, str):
        raise Invalid(f"`{issuer[:200]}` says of itself no token endpoint: give it yourself")
    return found


async def ask_who(
    server: AuthorizationServer, granted: Granted, nonce: str, *, private: bool
) -> str:
    """Return the account that signed in, by its id token and what is said of it besides.

    The id token comes from the token endpoint itself, over a connection that proves whose it is:
    https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation, rule 6.
    """
    claims = {} if granted.id_token is None else _claims(granted.id_token)
    if claims:
        meant = claims.get("aud")
        if server.client_id not in (meant if isinstance(meant, list) else [meant]):
            raise _denied("the answer is for another client")
        if not hmac.compare_digest(str(claims.get("nonce")), nonce):
            raise _denied("the answer is to another question")
    if server.userinfo_url is not None:
        headers: JsonObject = {"Authorization": f"Bearer {granted.access.reveal()}"}
        inputs: JsonObject = {"uri": server.userinfo_url, "headers": headers}
        answer = await _call("GET", inputs, private=private)
        more = answer.body if answer.status == 200 and isinstance(answer.body, dict) else {}
        if not claims or more.get("sub") == claims.get("sub"):
            claims = {**more, **claims}
    for name in _NAMES:
        found = claims.get(name)
        if isinstance(found, str) and found.strip():
            return found.strip()[:200]
    raise _denied("it is not said who signed in: ask for the scope `openid`")


async def _call(method: str, inputs: JsonObject, *, private: bool) -> Answer:
    context = OperationContext(
        idempotency_key="",
        account="",
        timeout_seconds=_SECONDS,
        allow_private_addresses=private,
    )
    headers = inputs["headers"]
    accepting = {**(headers if isinstance(headers, dict) else {}), "Accept": "application/json"}
    try:
        return await send(method, {**inputs, "headers": accepting}, context)
    except (Rejected, Transient) as error:
        raise Unavailable(error.message) from None


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        found = json.loads(base64.urlsafe_b64decode(padded))
    except (IndexError, ValueError):
        raise _denied("the id token cannot be read") from None
    return found if isinstance(found, dict) else {}


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not host or parts.username or parts.scheme not in ("http", "https"):
        return False
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _life(said: Json) -> timedelta | None:
    try:
        seconds = int(said) if isinstance(said, (int, float, str)) else 0
    except ValueError:
        return None
    return timedelta(seconds=min(seconds, 10 * 365 * 86_400)) if seconds > 0 else None


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def _secret(value: Json) -> Secret | None:
    return Secret(value) if isinstance(value, str) and value else None


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _denied(why: str) -> AccessDenied:
    return AccessDenied(f"the sign-in did not succeed: {why}", code=Code.ACCESS_DENIED)
