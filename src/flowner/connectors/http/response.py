"""What comes back: status, headers and body in the shapes that flows read."""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Iterable
from typing import Final

import httpx

from flowner.sdk.context import Answer, Rejected
from flowner.values import Json

MOST_BYTES: Final = 104_857_600
"""A message's size. Source: the limits page of Power Automate."""
_NAMES: Final = """
Accept-Ranges Age Allow Cache-Control Connection Content-Disposition Content-Encoding
Content-Language Content-Length Content-Location Content-MD5 Content-Range Content-Type Date ETag
Expires Last-Modified Location Pragma Proxy-Authenticate Retry-After Server Set-Cookie Trailer
Transfer-Encoding Upgrade Vary Via Warning WWW-Authenticate
"""
_SPELLED: Final = {name.lower(): name for name in _NAMES.split()}
"""The headers that .NET knows, as it spells them; others stay as they came."""


async def read(response: httpx.Response) -> Answer:
    """Read a response to its end.

    Raises:
        Rejected: it is larger than `MOST_BYTES`, or says that it is JSON and is not.
    """
    data = bytearray()
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) > MOST_BYTES:
            raise Rejected(f"the response is larger than {MOST_BYTES} bytes", status=502)
    headers = joined(response.headers.raw)
    headers.setdefault("Content-Length", str(len(data)))
    kind = response.headers.get("content-type", "")
    body = content(kind, bytes(data)) if data else None
    return Answer(status=response.status_code, headers=headers, body=body, has_body=bool(data))


def joined(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers with repeated ones joined by commas."""
    found: dict[str, str] = {}
    for given, value in raw:
        name = given.decode("latin-1")
        name = _SPELLED.get(name.lower(), name)
        text = value.decode("latin-1")
        found[name] = f"{found[name]},{text}" if name in found else text
    return found


def content(kind: str, data: bytes) -> Json:
    """Return a body as flows see it: JSON, text, or a content object."""
    media = kind.partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        try:
            value: Json = json.loads(data)
        except (ValueError, RecursionError):
            raise Rejected(
                "the response says that its body is JSON, and it is not", status=400
            ) from None
        return value
    if media.startswith("text/"):
        return data.decode(_charset(kind), errors="replace")
    return {
        "$content-type": kind or "application/octet-stream",
        "$content": base64.b64encode(data).decode(),
    }


def _charset(kind: str) -> str:
    for part in kind.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"')
            try:
                codecs.lookup(charset)
            except (LookupError, ValueError):
                break
            return charset
    return "utf-8"
