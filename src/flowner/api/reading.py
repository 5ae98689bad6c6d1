"""Requests as they arrive: bodies within bounds, as JSON or as text."""

from __future__ import annotations

from starlette.requests import Request

from flowner.definitions.documents import own, parse
from flowner.errors import Code, Invalid
from flowner.runs.requests import content
from flowner.values import Json, JsonObject

MOST_BYTES = 10 * 1024 * 1024


async def read_object(request: Request) -> JsonObject:
    """Return the body, which is a JSON object or nothing at all."""
    body = await read_body(request)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise Invalid("the body is not a JSON object", pointer="")
    return body


async def read_content(request: Request) -> Json:
    """Return the body as flows see it: JSON, text, a form, parts, or a content object.

    None: there is none. Raises as `read_body`.
    """
    kind = request.headers.get("content-type", "")
    media = kind.partition(";")[0].strip().lower()
    if media in ("", "application/json") or media.endswith("+json"):
        return await read_body(request)
    data = await read_bytes(request)
    return content(kind, data) if data else None


async def read_body(request: Request) -> Json:
    """Return the body: JSON unless the request says that it is something else; then its text.

    None: there is none. Raises `Invalid` for what is larger than `MOST_BYTES` or no JSON.
    """
    data = await read_bytes(request)
    if not data:
        return None
    if "json" not in request.headers.get("content-type", "json").lower():
        return data.decode("utf-8", "replace").replace("\0", "\ufffd")
    try:
        return own(parse(data))
    except Invalid as error:
        raise Invalid(
            f"the body {error.message}",
            code=error.code,
            pointer=error.pointer,
            position=error.position,
        ) from None


async def read_bytes(request: Request, most: int = MOST_BYTES) -> bytes:
    """Return the body as it is. `Invalid` for what is larger than ``most`` bytes."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Invalid(f"the body is larger than {most} bytes", code=Code.TOO_LARGE)
        parts.append(part)
    return b"".join(parts)
