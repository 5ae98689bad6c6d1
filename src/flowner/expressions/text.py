"""Values to text: what interpolation, ``concat``, ``string`` and ``join`` make of them."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from decimal import Decimal
from typing import Any, Final

from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import float_text

CONTENT_TYPE, CONTENT = "$content-type", "$content"
MAX_TEXT: Final = 104_857_600
"""Characters that ``concat``, ``join`` and ``replace`` make at most."""
_MEDIA: Final = re.compile(
    r"\s*[^\s;/]+/[^\s;/]+\s*(?:;\s*[^;=\s]+\s*=\s*(?:\"[^\"]*\"|[^;=\"]*)\s*)*;?\s*"
)
_HALVES: Final = re.compile("[\ud800-\udfff]")
"""Halves of characters that stand alone; no encoding can write them."""
_ESCAPED: Final = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def is_content(value: object) -> bool:
    """Say whether a value is a content object: bytes with a media type."""
    return isinstance(value, dict) and CONTENT in value and CONTENT_TYPE in value


def is_xml(value: dict[str, Any]) -> bool:
    """Say whether a content object calls itself XML."""
    media = str(value[CONTENT_TYPE]).partition(";")[0].strip().lower()
    return media in ("application/xml", "text/xml") or media.endswith("+xml")


def content_bytes(value: dict[str, Any]) -> bytes:
    """Return the bytes of a content object. Raises `ExpressionError` where they are no base64."""
    try:
        return base64.b64decode(re.sub(r"[ \t\r\n]", "", str(value[CONTENT])), validate=True)
    except (binascii.Error, ValueError):
        raise _no_text() from None


def utf8(text: str) -> bytes:
    """Return a text in UTF-8; halves of characters become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _content_text(value: dict[str, Any]) -> str:
    if not _MEDIA.fullmatch(str(value[CONTENT_TYPE])):
        raise _no_text()
    return content_bytes(value).decode("utf-8", "replace")


def _no_text() -> ExpressionError:
    return ExpressionError(
        "Template language expression cannot be evaluated: one of string interpolation segments is"
        " not valid. The value cannot be converted to string."
    )


def to_text(value: Any) -> str:
    """Return a value as text, as the language stringifies it at the top level."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True:
        return "True"
    if value is False:
        return "False"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_content(value):
        return _content_text(value)
    return to_json(value)


def to_json(value: Any) -> str:
    """Return a value as compact JSON; doubles keep ``.0``."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case int():
            return str(value)
        case float():
            return _float_json(value)
        case Decimal():
            text = format(value, "f")
            return text if "." in text else text + ".0"
        case list():
            return "[" + ",".join(map(to_json, value)) + "]"
        case dict():
            members = (f"{_quoted(name)}:{to_json(inner)}" for name, inner in value.items())
            return "{" + ",".join(members) + "}"
        case _:
            raise TypeError(f"{type(value).__name__} is no value of the language")


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    if text.isascii():
        return quoted
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", quoted.translate(_ESCAPED))


def _float_json(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return f'"{float_text(value)}"'
    text = float_text(value)
    return text if "." in text or "E" in text else text + ".0"


def type_name(value: Any) -> str:
    """Return a value's type as error messages call it."""
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float() | Decimal():
            return "Float"
        case str():
            return "String"
        case list():
            return "Array"
        case _:
            return "Object"
