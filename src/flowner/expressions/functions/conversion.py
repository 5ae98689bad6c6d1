"""From one type to another."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from flowner.expressions.arguments import SOLE, a_string, bounded, fail, not_convertible, wrong_type
from flowner.expressions.catalogue import Family, function
from flowner.expressions.errors import ExpressionError
from flowner.expressions.lenient_json import read_lenient
from flowner.expressions.number_texts import plain_number, read_double
from flowner.expressions.numbers import INT_MAX, INT_MIN, fit_decimal, is_number
from flowner.expressions.text import content_bytes, is_content, is_xml, to_text
from flowner.expressions.xml_json import xml_to_json
from flowner.expressions.xml_tree import Unreadable, read_xml_bytes

_F = Family.CONVERSION


@function("int", _F, "int(value)",
          "As a whole number. A text is read as a double first, so beyond 2^53 its end is lost.",
          ("int('10')", 10), ("int(10.0)", 10), ("int(true)", 1), ("int(' 1,000 ')", 1000),
          errors=(("int('10.5')", "cannot be converted"), ("int(null)", "cannot be converted")))  # fmt: skip
def int_(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        read = None if value.rstrip()[-1:] in ("+", "-") else read_double(value)
        return not_convertible("int") if read is None else _whole_of_text(read)
    if not isinstance(value, float | Decimal) or not math.isfinite(value):
        not_convertible("int")
    if value != int(value) or not INT_MIN <= value <= INT_MAX:
        not_convertible("int")
    return int(value)


def _whole_of_text(read: float) -> int:
    if math.isnan(read):  # the engine casts it, which gives the least number
        return INT_MIN
    if math.isinf(read) or read != math.floor(read) or not INT_MIN <= read < INT_MAX:
        not_convertible("int")
    return int(read)


@function("float", _F, "float(value, locale?)", "As a double, read as a culture writes numbers.",
          ("float('10.333')", 10.333), ("float('1,5', 'de-DE')", 1.5), ("float(3)", 3.0),
          errors=(("float('abc')", "cannot be converted"), ("float(null)", "cannot be converted")))  # fmt: skip
def float_(value: Any, locale: Any = None) -> float:
    culture = None if locale is None else a_string("float", 1, locale)
    if isinstance(value, str):
        read = read_double(value, culture)
        return not_convertible("float") if read is None else read
    if not isinstance(value, int | float | Decimal):
        not_convertible("float")
    try:
        return float(value)
    except OverflowError:
        not_convertible("float")


@function("decimal", _F, "decimal(value)",
          "As an exact decimal number of up to 28 digits. It keeps its zeros: 1.10.",
          ("decimal('1.25')", 1.25), ("string(decimal('1.10'))", "1.10"),
          errors=(("decimal('1e3')", "not a valid decimal, '1e3'"),
                  ("decimal(null)", "not a valid decimal, '<null>'")))  # fmt: skip
def decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, list | dict):
        not_convertible("decimal")
    text = "<null>" if value is None else to_text(value)
    plain = (
        plain_number(text, exponent=False) if isinstance(value, str) or is_number(value) else None
    )
    found = None if plain is None else fit_decimal(Decimal(plain))
    if found is None:
        raise ExpressionError(
            "The template language 'decimal' function was invoked with a parameter that is not a"
            f" valid decimal, '{text[:200]}'. The value cannot be converted to the target type."
        )
    return abs(found) if found == 0 else found


@function(
    "bool", _F, "bool(value)", "As true or false: a number other than 0 is true.",
    ("bool(1)", True), ("bool('false')", False),
    errors=(("bool('yes')", "cannot be converted"), ("bool(null)", "cannot be converted")),
)  # fmt: skip
def bool_(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return value != 0
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    not_convertible("bool")


@function("string", _F, "string(value)", "As text; arrays and objects as JSON.",
          ("string(10)", "10"), ("string(true)", "True"), ("string(createArray(true))", "[true]"),
          errors=(("string()", "one parameter"),))  # fmt: skip
def string(value: Any) -> str:
    return bounded("string", to_text(value))


@function("json", _F, "json(value)", "The value that a JSON text, or XML, stands for.",
          ("json('[1, 2]')", [1, 2]), ("json('{a: 1,}')", {"a": 1}),
          ("json(xml('<a x=\"1\">t</a>'))", {"a": {"@x": "1", "#text": "t"}}),
          errors=(("json('abc')", "Unexpected character"), ("json(1)", "a string or an XML")))  # fmt: skip
def json_(value: Any) -> Any:
    if isinstance(value, str):
        return read_lenient(value)
    if not is_content(value):
        wrong_type("json", SOLE, "a string or an XML", value)
    if not is_xml(value):
        return read_lenient(content_bytes(value).decode("utf-8-sig", "replace"))
    try:
        return xml_to_json(read_xml_bytes(content_bytes(value)))
    except Unreadable as error:
        fail("json", f"parameter is not valid. The provided XML value cannot be parsed: '{error}'.")
