"""Numbers and time spans in text: recognised, and written in .NET's formats."""

from __future__ import annotations

import re
from typing import Any, Final

from flowner.expressions.arguments import a_number, a_string, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.number_formats import MAX_FORMAT, write_number
from flowner.expressions.number_texts import read_double
from flowner.expressions.spans import read_span, write_span

_F = Family.CONVERSION
_NAMED: Final = "first parameter 'string'"


@function("isInt", _F, "isInt(text)", "Whether a text is a whole number of 32 bits.",
          ("isInt('10')", True), ("isInt('10.5')", False), ("isInt('2147483648')", False),
          errors=(("isInt(1)", "first parameter 'string' to be a string"),))  # fmt: skip
def is_int(value: Any) -> bool:
    text = a_string("isInt", _NAMED, value, "a string").strip("\t\r\n ")
    return bool(re.fullmatch(r"[+-]?[0-9]{1,25}", text)) and -(2**31) <= int(text) < 2**31


@function("isFloat", _F, "isFloat(text, locale?)", "Whether a text is a number, as a culture writes them.",
          ("isFloat('10,000.00')", True), ("isFloat('1,5', 'de-DE')", True), ("isFloat('a')", False),
          errors=(("isFloat(1.5)", "first parameter 'string' to be a string"),))  # fmt: skip
def is_float(value: Any, locale: Any = None) -> bool:
    text = a_string("isFloat", _NAMED, value, "a string")
    # Without a culture this function asks none, where `float` asks that of the United States.
    culture = "" if locale is None else a_string("isFloat", 1, locale)
    return read_double(text, culture) is not None


@function("formatNumber", _F, "formatNumber(number, format, locale?)",
          "A number, written in a standard or custom numeric format.",
          ("formatNumber(1234567890, '0,0.00', 'en-US')", "1,234,567,890.00"),
          ("formatNumber(17.5, 'C2')", "$17.50"), ("formatNumber(123456789, '000-00-0000')", "123-45-6789"),
          errors=(("formatNumber('1', 'N2')", "an integer or a decimal number"),
                  ("formatNumber(1, 'Q')", "format string 'Q' is not valid")))  # fmt: skip
def format_number(number: Any, form: Any, locale: Any = None) -> str:
    value = a_number("formatNumber", 0, number)
    pattern = a_string("formatNumber", 1, form)
    culture = None if locale is None else a_string("formatNumber", 2, locale)
    text = None if len(pattern) > MAX_FORMAT else write_number(value, pattern, culture)
    if text is None:
        fail(
            "formatNumber",
            f"format string '{pattern[:MAX_FORMAT]}' is not valid. The format string should be a"
            " numeric format string.",
        )
    return text


@function("formatTimeSpan", _F, "formatTimeSpan(span, format?, locale?)",
          "A time span (as `dateDifference` gives it), written in a .NET format.",
          ("formatTimeSpan('1.02:03:04', 'hh\\:mm')", "02:03"),
          ("formatTimeSpan('1.02:00:00', 'g')", "1:2:00:00"),
          errors=(("formatTimeSpan('soon')", "time span"), ("formatTimeSpan('1:00', 'Q')", "format")),
          source="https://learn.microsoft.com/dotnet/standard/base-types/standard-timespan-format-strings")  # fmt: skip
def format_time_span(span: Any, form: Any = None, locale: Any = None) -> str:
    text = a_string("formatTimeSpan", 0, span)
    pattern = "c" if form is None else a_string("formatTimeSpan", 1, form)
    if locale is not None:
        a_string("formatTimeSpan", 2, locale)
    ticks = read_span(text)
    if ticks is None:
        fail("formatTimeSpan", f"was invoked with '{text[:100]}', which is not a time span.")
    written = write_span(ticks, pattern)
    if written is None:
        fail(
            "formatTimeSpan", f"was invoked with the format '{pattern[:100]}', which is not valid."
        )
    return written
