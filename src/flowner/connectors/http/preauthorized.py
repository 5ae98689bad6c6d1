"""HTTP with a connection: one web service, asked with the token of whoever signed in for it, or of
an application.

The token goes to the service of the connection's base address, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx

from flowner.connectors.http.address import read_url
from flowner.connectors.http.operations import send
from flowner.sdk.connector import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    ISSUER,
    TOKEN_URL,
    AuthorizationServer,
    Connector,
    Credentials,
    ParameterForm,
    Repeat,
    SignIn,
)
from flowner.sdk.context import Answer, OperationContext, Rejected
from flowner.values import Json, JsonObject

_METHODS: Final = ("GET", "PUT", "POST", "PATCH", "DELETE")


def _of_the_application(settings: Mapping[str, Json]) -> AuthorizationServer:
    return AuthorizationServer(
        token_url=str(settings.get("tokenUrl", "")),
        client_id=str(settings.get("clientId", "")),
        scopes=tuple(str(settings.get("scopes") or "").split()),
        resource=str(settings.get("resource", "")) or None,
    )


def _authorization(settings: Mapping[str, Json]) -> AuthorizationServer:
    return AuthorizationServer(
        authorization_url=str(settings.get("authorizationUrl", "")),
        token_url=str(settings.get("tokenUrl", "")),
        userinfo_url=str(settings.get("userinfoUrl", "")) or None,
        client_id=str(settings.get("clientId", "")),
        scopes=tuple(str(settings.get("scopes") or "openid profile email offline_access").split()),
    )


_BASE: Final = ParameterForm(
    name="baseResourceUrl",
    title="Base address",
    required=True,
    description="the token is sent to addresses below it, and nowhere else",
)
_TOKENS: Final = "Where tokens are issued"

connector: Final = Connector(
    ids=("shared_webcontents",),
    title="HTTP with sign-in",
    summary="Asks one web service, as whoever signed in for the connection, or as an application.",
    credentials=(
        Credentials(
            id="oauth",
            title="Sign in",
            sign_in=SignIn.OAUTH,
            settings=(
                _BASE,
                ParameterForm(name="authorizationUrl", title="Where to sign in", required=True),
                ParameterForm(name="tokenUrl", title=_TOKENS, required=True),
                ParameterForm(
                    name="userinfoUrl",
                    title="Who signed in",
                    description="needed where the service's id tokens name no account",
                ),
                ParameterForm(
                    name="clientId",
                    title="Client id",
                    required=True,
                    description="what this server is registered as, where one signs in",
                ),
                ParameterForm(
                    name="scopes",
                    title="Scopes",
                    description="with spaces between; openid profile email offline_access if empty",
                ),
            ),
            secrets=(ParameterForm(name=CLIENT_SECRET, title="Client secret", type="password"),),
            authorization=_authorization,
        ),
        Credentials(
            id="client-credentials",
            title="As an application",
            sign_in=SignIn.CLIENT_CREDENTIALS,
            settings=(
                _BASE,
                ParameterForm(
                    name=ISSUER,
                    title="Issuer",
                    description="says where tokens are issued, if you leave that empty",
                ),
                ParameterForm(
                    name=TOKEN_URL,
                    title=_TOKENS,
                    description="the token endpoint, if you leave the issuer empty",
                ),
                ParameterForm(
                    name="clientId",
                    title="Client id",
                    required=True,
                    description="what the application is registered as there",
                ),
                ParameterForm(
                    name="scopes", title="Scopes", description="with spaces between, if any"
                ),
                ParameterForm(
                    name="resource",
                    title="Resource",
                    description="where the token endpoint asks what the token is for",
                ),
            ),
            secrets=(
                ParameterForm(
                    name=CLIENT_SECRET, title="Client secret", type="password", required=True
                ),
            ),
            authorization=_of_the_application,
        ),
    ),
)


@connector.operation(
    "InvokeHttp",
    title="Invoke an HTTP request",
    repeat=Repeat.NEVER,
    parameters=(
        ParameterForm(name="request/method", title="Method", required=True, choices=_METHODS),
        ParameterForm(name="request/url", title="Address", required=True),
        ParameterForm(name="request/headers", title="Headers", type="object"),
        ParameterForm(name="request/body", title="Body", type="any"),
    ),
)
async def invoke(parameters: JsonObject, context: OperationContext) -> Answer:
    """Send a request as the connection's account, and answer whatever comes back.

    Called twice: it may be done twice, so after a crash a person has to look.
    """
    method = str(parameters.get("request/method") or "GET").upper()
    if method not in _METHODS:
        raise Rejected(f"`request/method` is `{method[:20]}`: use one of {', '.join(_METHODS)}")
    headers = parameters.get("request/headers")
    return await _ask(
        method,
        parameters.get("request/url"),
        context,
        headers=headers if isinstance(headers, dict) else {},
        body=parameters.get("request/body"),
    )


@connector.operation(
    "GetFileContent",
    title="Get web resource",
    repeat=Repeat.HARMLESS,
    parameters=(ParameterForm(name="path", title="Path of the resource", required=True),),
)
async def get(parameters: JsonObject, context: OperationContext) -> Answer:
    """Read what is at an address, as the connection's account.

    Called twice: it reads twice.
    """
    return await _ask("GET", parameters.get("path"), context)


async def _ask(
    method: str,
    where: Json,
    context: OperationContext,
    *,
    headers: JsonObject | None = None,
    body: Json = None,
) -> Answer:
    token = context.credential.get(ACCESS_TOKEN)
    if token is None:
        raise Rejected("nobody is signed in for the connection: sign in again", status=401)
    kept = {n: v for n, v in (headers or {}).items() if n.lower() != "authorization"}
    inputs: JsonObject = {
        "uri": str(_below(context.settings.get("baseResourceUrl"), where)),
        "headers": {**kept, "Authorization": f"Bearer {token.reveal()}"},
        "body": body,
    }
    return await send(method, inputs, context)


def _below(base: Json, where: Json) -> httpx.URL:
    """Return an address below the base; `Rejected` for any other: the token is not for it."""
    root = read_url(base)
    root = root.copy_with(path=f"{root.path.rstrip('/')}/", query=None, fragment=None)
    text = where if isinstance(where, str) else ""
    try:
        url = root.join(text) if "://" in text else root.join(f"./{text.lstrip('/')}")
    except (httpx.InvalidURL, ValueError):
        raise Rejected("the address is none that can be called") from None
    same = (url.scheme, url.host, url.port) == (root.scheme, root.host, root.port)
    if not same or not url.path.startswith(root.path) or url.userinfo:
        raise Rejected(f"the address is not below `{root}`, which the connection is for")
    return url
