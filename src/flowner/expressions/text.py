"""Values to text: what interpolation, ``concat``, ``string`` and ``join`` make of them."""

from __future__ import annotations

import base64
import binascii
import json
import math
from decimal import Decimal
from typing import Any

from flowner.expressions.numbers import float_text

CONTENT_TYPE, CONTENT = "$content-type", "$content"


def is_content(value: object) -> bool:
    """Say whether a value is a content object: bytes with a media type."""
    return isinstance(value, dict) and set(value) >= {CONTENT_TYPE, CONTENT} and len(value) == 2


def content_bytes(value: dict[str, Any]) -> bytes:
    """Return the bytes of a content object; empty where it is not base64."""
    try:
        return base64.b64decode(str(value[CONTENT]))
    except (binascii.Error, ValueError):
        return b""


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
        return content_bytes(value).decode("utf-8", "replace")
    return to_json(value)


def to_json(value: Any) -> str:
    """Return a value as compact JSON; doubles keep ``.0``."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
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
            members = (
                f"{json.dumps(name, ensure_ascii=False)}:{to_json(inner)}"
                for name, inner in value.items()
            )
            return "{" + ",".join(members) + "}"
        case _:
            raise TypeError(f"{type(value).__name__} is no value of the language")


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
