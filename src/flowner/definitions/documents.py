"""JSON as it arrives: bytes to objects, within bounds, with the place of every fault."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Final, NoReturn

from flowner.errors import Code, Invalid
from flowner.values import Json, JsonObject

MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest JSON document that is read."""
MAX_DEPTH: Final = 128
"""Nested arrays and objects; the deepest real flow that we know of has 35."""
MAX_NODES: Final = 2_000_000
"""Values in one document; the largest real flow that we know of has some 20,000."""


_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Fault(Exception):
    """A fault below some place; each level on the way up adds its own token."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.tokens: list[str] = []


class _Twice:
    """Stands in a parsed object for a member that was written twice."""


def parse(data: bytes, *, file: str | None = None) -> Json:
    """Parse one JSON document: UTF-8, or UTF-16/32 with or without a byte order mark.

    Raises `Invalid` (`INVALID_JSON`) with the 0-based character offset of what cannot be
    understood, or with the pointer of a member that is written twice.
    """
    if len(data) > MAX_BYTES:
        _refuse(f"{len(data)} bytes of JSON; at most {MAX_BYTES} are read", file)
    text = _text(data, file)
    twice: list[str] = []
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=lambda members: _object(members, twice),
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        what = _lowered(error.msg).removesuffix(" at")
        message = f"is not JSON: {what} at line {error.lineno}, column {error.colno}"
        raise Invalid(message, code=Code.INVALID_JSON, file=file, position=error.pos) from None
    except ValueError as error:
        raise Invalid(f"is not JSON: {error}", code=Code.INVALID_JSON, file=file) from None
    except RecursionError:
        _refuse(f"is nested deeper than {MAX_DEPTH} levels", file)
    if twice:
        own(value, file=file)
    return value


def parse_object(data: bytes, *, file: str | None = None) -> JsonObject:
    """Parse one JSON document that has to be an object."""
    value = parse(data, file=file)
    if not isinstance(value, dict):
        _refuse(f"holds {_kind(value)} where a JSON object is expected", file, pointer="")
    return value


def own(value: Json, *, file: str | None = None) -> Json:
    """Copy a JSON value, refusing what is too deep, too large or not JSON at all."""
    try:
        return _copied(value, MAX_DEPTH, [MAX_NODES])
    except _Fault as fault:
        raise Invalid(
            fault.message,
            code=Code.INVALID_JSON,
            file=file,
            pointer=pointer("", *reversed(fault.tokens)),
        ) from None


def copied(value: Json) -> Json:
    """Copy a JSON value that `own` has admitted before."""
    if isinstance(value, dict):
        return {key: copied(member) for key, member in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def copied_object(value: JsonObject) -> JsonObject:
    """Copy a JSON object that `own` has admitted before."""
    return {key: copied(member) for key, member in value.items()}


def pointer(base: str, *tokens: str | int) -> str:
    """Extend a JSON pointer. Source: https://www.rfc-editor.org/rfc/rfc6901#section-3."""
    return base + "".join(
        "/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens
    )


def _text(data: bytes, file: str | None) -> str:
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        message = f"is not JSON: byte {error.start} is not {error.encoding} text"
        raise Invalid(message, code=Code.INVALID_JSON, file=file, position=error.start) from None


def _object(members: list[tuple[str, Json]], twice: list[str]) -> JsonObject:
    found = dict(members)
    if len(found) != len(members):
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                twice.append(name)
                found[name] = _Twice()  # type: ignore[assignment]
            seen.add(name)
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is not a JSON number")


def _copied(value: Json, depth: int, left: list[int]) -> Json:
    if isinstance(value, str):
        return _legible(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, dict):
        return _copied_object(value, depth, left)
    if isinstance(value, list):
        _room(len(value), depth, left)
        return [_below(item, index, depth, left) for index, item in enumerate(value)]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Fault("holds a number that is too large for JSON")
        return value
    if isinstance(value, _Twice):
        raise _Fault("is written twice in the same object; one of the two would be lost")
    raise _Fault(f"holds a {type(value).__name__}, which is not JSON")


def _copied_object(value: JsonObject, depth: int, left: list[int]) -> JsonObject:
    _room(len(value), depth, left)
    found: JsonObject = {}
    for key, member in value.items():
        if not isinstance(key, str):
            raise _Fault(f"holds a member whose name is a {type(key).__name__}, not a text")
        found[_legible(key)] = _below(member, key, depth, left)
    return found


def _legible(text: str) -> str:
    """Refuse what JSON can escape, and neither UTF-8 nor a database can hold."""
    if "\0" in text or not (text.isascii() or _SURROGATE.search(text) is None):
        raise _Fault("holds the character U+0000 or half of a surrogate pair")
    return text


def _below(value: Json, token: str | int, depth: int, left: list[int]) -> Json:
    try:
        return _copied(value, depth - 1, left)
    except _Fault as fault:
        fault.tokens.append(str(token))
        raise


def _room(size: int, depth: int, left: list[int]) -> None:
    left[0] -= size + 1
    if depth <= 0:
        raise _Fault(f"is nested deeper than {MAX_DEPTH} levels")
    if left[0] < 0:
        raise _Fault(f"holds more than {MAX_NODES} values")


def _refuse(message: str, file: str | None, *, pointer: str | None = None) -> NoReturn:
    raise Invalid(message, code=Code.INVALID_JSON, file=file, pointer=pointer)


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _kind(value: Json) -> str:
    names: Iterable[tuple[type, str]] = (
        (bool, "a boolean"),
        (list, "an array"),
        (str, "a text"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "a number or null")
