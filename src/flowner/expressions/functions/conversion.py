"""From one type to another."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from flowner.expressions.arguments import wrong_type
from flowner.expressions.catalogue import Family, function
from flowner.expressions.errors import ExpressionError
from flowner.expressions.lenient_json import read_lenient
from flowner.expressions.numbers import INT_MAX, INT_MIN
from flowner.expressions.text import content_bytes, is_content, to_text, type_name

_F = Family.CONVERSION
_NUMBER: Final = re.compile(r"[+-]?(?:[\d,]*\d[\d,]*)?(?:\.\d*)?(?:[eE][+-]?\d+)?[+-]?")


@function("int", _F, "int(value)", "As a whole number.", ("int('10')", 10), ("int(10.0)", 10))
def int_(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float | Decimal):
        return _whole(value, value)
    if not isinstance(value, str):
        _refuse("int", value)
    text = value.strip().replace(",", "") if value.strip()[:1] != "," else ""
    if re.fullmatch(r"[+-]?\d+", text):
        return min(max(int(text), INT_MIN), INT_MAX) if text[0] == "-" else _whole(int(text), value)
    if not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", text):
        _refuse("int", value)
    return _whole(Decimal(text), value)


def _whole(number: float | Decimal, given: Any) -> int:
    if isinstance(number, float) and not math.isfinite(number):
        _refuse("int", given)
    if number != int(number) or not INT_MIN <= number <= INT_MAX:
        _refuse("int", given)
    return int(number)


@function("float", _F, "float(value, locale?)", "As a double.", ("float('10.333')", 10.333))
def float_(value: Any, locale: Any = None) -> float:
    if isinstance(value, int | float | Decimal):
        return float(value)
    if not isinstance(value, str):
        _refuse("float", value)
    text = value.strip()
    if locale is not None and "," in text and str(locale)[:2].lower() in _COMMA_DECIMALS:
        text = text.replace(".", "").replace(",", ".")
    special = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf, "∞": math.inf}
    if text.lower() in special:
        return special[text.lower()]
    if not text or not _NUMBER.fullmatch(text) or not re.search(r"\d", text):
        _refuse("float", value)
    if text[-1] in "+-":
        text = text[-1] + text[:-1]
    try:
        return float(text.replace(",", ""))
    except ValueError:
        _refuse("float", value)


_COMMA_DECIMALS: Final = frozenset(
    {"de", "fr", "es", "it", "nl", "da", "sv", "nb", "pl", "pt", "is"}
)


@function("decimal", _F, "decimal(value)", "As an exact decimal number.",
          ("decimal('1.25')", 1.25))  # fmt: skip
def decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        _refuse("decimal", value)
    try:
        if isinstance(value, float):
            return Decimal(repr(value))
        if isinstance(value, str):
            text = value.strip().replace(",", "")
            if not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)", text):
                _refuse("decimal", value)
            found = Decimal(text)
        else:
            found = Decimal(value)
    except InvalidOperation:
        _refuse("decimal", value)
    if abs(found) > _LARGEST or not found.is_finite():
        _refuse("decimal", value)
    return found


_LARGEST: Final = Decimal(2**96 - 1)


@function(
    "bool", _F, "bool(value)", "As true or false.", ("bool(1)", True), ("bool('false')", False)
)
def bool_(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return value != 0
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    _refuse("bool", value)


@function("string", _F, "string(value)", "As text.", ("string(10)", "10"))
def string(value: Any) -> str:
    return to_text(value)


@function("json", _F, "json(value)", "The value that a JSON text, or XML, stands for.",
          ("json('[1, 2]')", [1, 2]))  # fmt: skip
def json_(value: Any) -> Any:
    if isinstance(value, str):
        return read_lenient(value)
    if is_content(value):
        return read_lenient(content_bytes(value).decode("utf-8-sig", "replace"))
    wrong_type("json", 0, "a string or an XML", value)


def _refuse(name: str, value: Any) -> NoReturn:
    if isinstance(value, str):
        raise ExpressionError(
            f"The template language function '{name}' was invoked with a parameter that is not"
            " valid. The value cannot be converted to the target type."
        )
    if value is None or isinstance(value, list | dict):
        raise ExpressionError(
            f"The template language function '{name}' was invoked with a parameter that is not"
            f" valid: a value of type '{type_name(value)}' cannot be converted to the target type."
        )
    raise ExpressionError(
        f"The template language function '{name}' was invoked with a parameter that is not valid."
        " The value cannot be converted to the target type."
    )
