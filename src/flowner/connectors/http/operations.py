"""The methods that flows name, each with what happens if it is called twice."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Final

import certifi
import httpx

from flowner.connectors.http.address import Place, read_url, resolve
from flowner.connectors.http.request import Request, read_request
from flowner.connectors.http.response import read
from flowner.connectors.http.signing import Signed, sign
from flowner.sdk.connector import Connector, ParameterForm, Repeat
from flowner.sdk.context import Answer, OperationContext, Rejected, Transient
from flowner.values import JsonObject

MOST_HOPS: Final = 10
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_KEPT: Final = frozenset({307, 308})
"""Redirects that keep method and body. Source: RFC 9110, section 15.4."""
_PRIVATE: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that another origin is not told."""


def _next_page(body: JsonObject, parameters: JsonObject) -> JsonObject | None:
    """Follow the link that paged answers carry, where it leads to the same host."""
    for name in ("nextLink", "@odata.nextLink", "@nextLink"):
        link = body.get(name)
        if isinstance(link, str) and link:
            here = read_url(parameters.get("uri"))
            there = here.join(link)
            if (there.scheme, there.netloc) != (here.scheme, here.netloc):
                return None
            return {**{n: v for n, v in parameters.items() if n != "queries"}, "uri": str(there)}
    return None


connector: Final = Connector(
    ids=("http",),
    title="HTTP",
    summary="Sends requests to anywhere that the server may reach.",
    needs_connection=False,
    next_page=_next_page,
)

_FORMS: Final = (
    ParameterForm(name="uri", title="URI", required=True),
    ParameterForm(name="headers", title="Headers", type="object"),
    ParameterForm(name="queries", title="Queries", type="object"),
    ParameterForm(name="body", title="Body", type="any"),
    ParameterForm(name="cookie", title="Cookie"),
    ParameterForm(name="authentication", title="Authentication", type="object"),
)
_REPEATS: Final = {
    "GET": Repeat.HARMLESS,
    "HEAD": Repeat.HARMLESS,
    "OPTIONS": Repeat.HARMLESS,
    "TRACE": Repeat.HARMLESS,
    "PUT": Repeat.WITH_KEY,
    "DELETE": Repeat.WITH_KEY,
    "POST": Repeat.NEVER,
    "PATCH": Repeat.NEVER,
}
_TWICE: Final = {
    Repeat.HARMLESS: "it reads twice.",
    Repeat.WITH_KEY: "the method means the same when it is said twice (RFC 9110, section 9.2.2).",
    Repeat.NEVER: "it would be done twice, so after a crash a person has to look.",
}


def _declare(method: str, repeat: Repeat) -> None:
    async def perform(parameters: JsonObject, context: OperationContext) -> Answer:
        return await send(method, parameters, context)

    perform.__doc__ = f"""Send a {method} request, and answer whatever comes back.

    Called twice: {_TWICE[repeat]}
    """
    connector.operation(method, title=f"HTTP {method}", repeat=repeat, parameters=_FORMS)(perform)


async def send(method: str, parameters: JsonObject, context: OperationContext) -> Answer:
    """Send the request that the parameters ask for, signed, and follow where it is sent on to.

    Raises:
        Rejected: the parameters mean nothing, or the address is not one that flows may reach.
        Transient: nobody answers; ``perhaps_done`` when the request may have got through.
    """

    async def plainly(request: Request) -> Answer:
        return await _follow(request, Signed(), context)

    request = read_request(method, parameters)
    return await _follow(request, await sign(parameters.get("authentication"), plainly), context)


async def _follow(request: Request, signed: Signed, context: OperationContext) -> Answer:
    request = replace(request, headers={**request.headers, **signed.headers})
    tls = signed.tls
    for _ in range(MOST_HOPS):
        place = await resolve(request.url, private=context.allow_private_addresses)
        answer = await _once(request, place, tls, context)
        location = answer.headers.get("Location")
        if answer.status not in _MOVED or not location:
            return answer
        following = _moved(request, answer.status, location)
        if following is None:
            return answer
        if _origin(following.url) != _origin(request.url):
            tls = None
            kept = {n: v for n, v in following.headers.items() if n.lower() not in _PRIVATE}
            following = replace(following, headers=kept)
        request = following
    raise Rejected(f"the address was moved more than {MOST_HOPS} times", status=508)


def _trace(request: Request, place: Place, context: OperationContext) -> Mapping[str, str]:
    """Return what continues the trace, unless the flow's author says something of their own."""
    if any(name.lower() == "traceparent" for name in request.headers):
        return {}
    return context.trace_headers(place.url.host)


def _moved(request: Request, status: int, location: str) -> Request | None:
    """Return the request to make next; None: this one is not followed."""
    try:
        url = request.url.join(location)
    except (httpx.InvalidURL, ValueError):
        return None
    if url.scheme not in ("http", "https") or (request.url.scheme, url.scheme) == ("https", "http"):
        return None
    if status in _KEPT or request.method in ("GET", "HEAD"):
        return replace(request, url=url)
    bare = {n: v for n, v in request.headers.items() if not n.lower().startswith("content-")}
    return replace(request, url=url, method="GET", headers=bare, body=None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _once(
    request: Request, place: Place, tls: ssl.SSLContext | None, context: OperationContext
) -> Answer:
    try:
        async with (
            httpx.AsyncClient(
                verify=tls or _trusting(), timeout=context.timeout_seconds, trust_env=False
            ) as client,
            client.stream(
                request.method,
                place.pinned,
                headers={
                    **request.headers,
                    **_trace(request, place, context),
                    "Host": place.host_header,
                },
                content=request.body,
                extensions={"sni_hostname": place.url.host},
            ) as response,
        ):
            return await read(response)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Transient(f"`{place.url.host}` does not answer: {_why(error)}", status=502) from None
    except (httpx.TransportError, asyncio.IncompleteReadError) as error:
        raise Transient(
            f"`{place.url.host}` fell silent: {_why(error)}", status=502, perhaps_done=True
        ) from None
    except httpx.InvalidURL:
        raise Rejected("`uri` is no address that can be called") from None


@cache
def _trusting() -> ssl.SSLContext:
    """Return the context that trusts what the system and certifi trust: read once, it is slow."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _why(error: Exception) -> str:
    """Say what happened without the address, whose queries may hold a secret."""
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    text = str(error)
    return (
        "its certificate is not trusted"
        if "CERTIFICATE" in text.upper()
        else (type(error).__name__)
    )


for _method, _repeat in _REPEATS.items():
    _declare(_method, _repeat)


@connector.operation(
    "HttpWebhook",
    title="HTTP webhook",
    repeat=Repeat.NEVER,
    parameters=(ParameterForm(name="subscribe", title="Subscribe", type="object", required=True),),
)
async def subscribe(parameters: JsonObject, context: OperationContext) -> Answer:
    """Send the `subscribe` request; the action ends when its callback address is called.

    Called twice: the outside may be subscribed twice, so after a crash a person has to look.
    """
    request, signing = parameters.get("subscribe"), parameters.get("authentication")
    if not isinstance(request, dict):
        raise Rejected("`subscribe` is missing: give the request that asks to be called back")
    method = str(request.get("method") or "POST").upper()
    if method not in _REPEATS:
        raise Rejected(f"`{method[:20]}` is no method to subscribe by")
    own = signing.get("subscribe") if isinstance(signing, dict) else None
    answer = await send(method, {**request, "authentication": own}, context)
    if answer.status >= 400:
        raise Rejected.answered("the outside refused the subscription", answer, code="BadRequest")
    return Answer(later=True)
