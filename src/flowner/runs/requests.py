"""What an HTTP request means to a Request trigger: headers, queries, path and body as outputs.

Source: traces of a real host; forms and multipart bodies as they appear there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote, unquote_plus

from flowner.errors import Code, Invalid, NotFound
from flowner.runs.plain import plain
from flowner.values import Json, JsonObject

MAX_PARTS: Final = 1_000
"""Parts of one multipart body, and pairs of one form or query."""
_OURS: Final = frozenset({"api-version", "sp", "sv", "sig"})
"""Queries that sign the address; the flow does not see them."""
_PLACE: Final = re.compile(r"\{([^{}/]+)\}")


def request_outputs(
    inputs: Json, *, target: str, headers: Mapping[str, str], body: bytes
) -> JsonObject:
    """Return a Request trigger's outputs.

    ``inputs`` are the trigger's, as written: ``relativePath`` is read from them. ``target`` is
    the path after the trigger's own address, with its query.

    Raises `NotFound` for a path that does not fit, `Invalid` for a body that its content type
    belies.
    """
    path, _, query = target.partition("?")
    outputs: JsonObject = {"headers": dict(headers)}
    queries = _queries(query)
    if queries:
        outputs["queries"] = queries
    template = inputs.get("relativePath") if isinstance(inputs, dict) else None
    if isinstance(template, str) and template:
        outputs["relativePathParameters"] = _path_parameters(template, path)
    if body:
        outputs["body"] = content(_content_type(headers), body)
    return outputs


def _queries(query: str) -> JsonObject:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError:
        raise Invalid(f"the address has more than {MAX_PARTS} queries") from None
    return {name: value for name, value in pairs if name not in _OURS}


def _path_parameters(template: str, path: str) -> JsonObject:
    wanted, given = template.strip("/").split("/"), path.strip("/").split("/")
    if len(wanted) != len(given):
        raise NotFound(f"the path does not fit; it must look like `{template}`")
    found: JsonObject = {}
    for piece, value in zip(wanted, given, strict=True):
        pattern = "".join(
            "(.+)" if place % 2 else re.escape(text)
            for place, text in enumerate(_PLACE.split(piece))
        )
        match = re.fullmatch(pattern, unquote(value), re.DOTALL)
        if match is None:
            raise NotFound(f"the path does not fit; it must look like `{template}`")
        found.update(zip(_PLACE.findall(piece), match.groups(), strict=True))
    return found


def _content_type(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.casefold() == "content-type"), "")


def content(content_type: str, body: bytes) -> Json:
    """Return a body as the language sees it: JSON, text, or a content object.

    Raises `Invalid` for JSON that is none.
    """
    kind = content_type.partition(";")[0].strip().casefold()
    if kind in ("", "application/json") or kind.endswith("+json"):
        return _json(body, strict=bool(kind))
    if kind.startswith("text/"):
        return body.decode(errors="replace")
    whole: JsonObject = {"$content-type": content_type, "$content": _base64(body)}
    if kind == "application/x-www-form-urlencoded":
        whole["$formdata"] = list(_form(body))
    elif kind.startswith("multipart/"):
        whole["$multipart"] = list(_multipart(content_type, body))
    return whole


def _json(body: bytes, *, strict: bool) -> Json:
    try:
        value: Json = plain(json.loads(body))
    except (ValueError, RecursionError):
        if strict:
            raise Invalid(
                "the body is not the JSON that its content type promises", code=Code.INVALID_JSON
            ) from None
        return body.decode(errors="replace")
    return value


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _form(body: bytes) -> Iterator[Json]:
    pieces = body.decode(errors="replace").split("&")
    if len(pieces) > MAX_PARTS:
        raise Invalid(f"the form has {len(pieces)} fields; at most {MAX_PARTS}")
    for piece in pieces:
        # A field that starts with `=` has no name, and all of it that follows is value.
        name, _, value = piece.partition("=")
        yield {"key": unquote_plus(name), "value": unquote_plus(value)}


def _multipart(content_type: str, body: bytes) -> Iterator[Json]:
    match = re.search(r"boundary=(?:\"([^\"]+)\"|([^;\s]+))", content_type, re.IGNORECASE)
    if match is None:
        raise Invalid("the multipart body has no boundary", code=Code.BAD_REQUEST)
    boundary = b"--" + (match[1] or match[2]).encode()
    parts = (b"\r\n" + body).split(b"\r\n" + boundary)[1:]
    if len(parts) > MAX_PARTS:
        raise Invalid(f"the body has {len(parts)} parts; at most {MAX_PARTS}")
    for part in parts:
        if part.startswith(b"--"):
            return
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        yield _part(head, data)


def _part(head: bytes, data: bytes) -> Json:
    headers: dict[str, str] = {}
    for line in head.decode(errors="replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    kind = _content_type(headers)
    whole: JsonObject = {**headers, "Content-Length": str(len(data))}
    return {"headers": whole, "body": content(kind or "application/octet-stream", data)}
