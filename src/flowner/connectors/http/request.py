"""What goes out: method, address, headers and body from an action's evaluated inputs."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

import httpx

from flowner.connectors.http.address import read_url
from flowner.sdk.context import Rejected
from flowner.values import Json, JsonObject

_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Headers that the connection decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, before anybody has signed it."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def read_request(method: str, inputs: JsonObject) -> Request:
    """Make the request that the inputs ask for. ``queries`` take the place of the address's own.

    Raises:
        Rejected: a part of them means nothing.
    """
    url = read_url(inputs.get("uri"))
    queries = inputs.get("queries")
    if isinstance(queries, dict):
        given = {name: _text(value) for name, value in queries.items()}
        url = url.copy_with(query=urlencode(given, quote_via=quote, errors="replace").encode())
    headers = _headers(inputs)
    body, kind = body_of(inputs.get("body"))
    named = {name.lower() for name in headers}
    if body is not None and kind and "content-type" not in named:
        headers["Content-Type"] = kind
    return Request(method=method, url=url, headers=headers, body=body)


def _headers(inputs: JsonObject) -> dict[str, str]:
    given = inputs.get("headers")
    found: dict[str, str] = {}
    for name, value in given.items() if isinstance(given, dict) else ():
        if value is None or name.lower() in _OURS:
            continue
        text = _text(value)
        if not name.isascii() or not name.isprintable() or "\r" in text or "\n" in text:
            raise Rejected(f"the header `{name[:60]}` holds what no header can")
        found[name] = text
    cookie = inputs.get("cookie")
    if isinstance(cookie, str) and cookie:
        found["Cookie"] = cookie
    return found


def body_of(body: Json) -> tuple[bytes | None, str]:
    """Return a body's bytes and media type; None: there is none."""
    if body is None:
        return None, ""
    if isinstance(body, str):
        return body.encode(errors="replace"), "text/plain; charset=utf-8"
    if isinstance(body, dict):
        kind, data, parts = (
            body.get(f"${name}") for name in ("content-type", "content", "multipart")
        )
        if isinstance(parts, list):
            return _multipart(parts, str(kind or "multipart/form-data"))
        if isinstance(kind, str) and isinstance(data, str):
            return _decoded(data), kind
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace"), "application/json; charset=utf-8"


def _multipart(parts: list[Json], kind: str) -> tuple[bytes, str]:
    media, boundary = kind.partition(";")[0], secrets.token_hex(16)
    lines = []
    for part in parts:
        if not isinstance(part, dict):
            raise Rejected("a part of the multipart body is no object with `headers` and `body`")
        data, own = body_of(part.get("body"))
        headers = _headers(part)
        if own and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = own
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        lines += [f"--{boundary}\r\n{head}\r\n".encode(), data or b"", b"\r\n"]
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines), f"{media}; boundary={boundary}"


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected("the body's `$content` is no base64") from None


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    return json.dumps(value, ensure_ascii=False)
