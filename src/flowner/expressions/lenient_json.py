"""JSON as Newtonsoft's reader takes it: more than the standard allows.

Single quotes, names without quotes, comments, trailing commas, ``NaN`` and ``Infinity``, and
whatever follows the value are all accepted. Depth and length are bounded.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import INT_MAX, INT_MIN

MAX_DEPTH: Final = 128
_SPACE: Final = re.compile(r"(?:\s|\ufeff|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER: Final = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_NAME: Final = re.compile(r"[\w$]+")
_CONSTANTS: Final[dict[str, Any]] = {
    "true": True, "false": False, "null": None, "undefined": None, "NaN": math.nan,
    "Infinity": math.inf, "-Infinity": -math.inf,
}  # fmt: skip
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def read_lenient(text: str) -> Any:
    """Return the value. Raises `ExpressionError` with what stands where it should not."""
    try:
        return json.loads(text, parse_constant=_CONSTANTS.__getitem__, parse_int=_whole)
    except (ValueError, RecursionError):
        return _Reader(text).read()


def _whole(text: str) -> int | float:
    value = int(text) if len(text) < 25 else 2 * INT_MAX
    return value if INT_MIN <= value <= INT_MAX else float(text)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def read(self) -> Any:
        self._skip()
        if self._at >= len(self._text):
            self._fail("there is no value")
        return self._value(0)

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            self._fail(f"it is nested more than {MAX_DEPTH} deep")
        mark = self._peek()
        if mark == "{":
            return self._object(depth)
        if mark == "[":
            return self._array(depth)
        if mark in ("'", '"'):
            return self._string()
        for name, value in _CONSTANTS.items():
            if self._text.startswith(name, self._at):
                self._at += len(name)
                return value
        return self._number()

    def _object(self, depth: int) -> dict[str, Any]:
        self._at += 1
        found: dict[str, Any] = {}
        while True:
            self._skip()
            mark = self._peek()
            if mark == "}":
                self._at += 1
                return found
            if mark == "" and found:
                return found
            name = self._string() if mark in ("'", '"') else self._bare_name()
            self._skip()
            if self._peek() != ":":
                self._fail("a `:` is missing after a name")
            self._at += 1
            self._skip()
            found.pop(name, None)
            found[name] = self._value(depth + 1)
            if not self._comma("}"):
                return found

    def _array(self, depth: int) -> list[Any]:
        self._at += 1
        found: list[Any] = []
        while True:
            self._skip()
            mark = self._peek()
            if mark == "]":
                self._at += 1
                return found
            if mark == "" and found:
                return found
            if mark == ",":
                self._at += 1
                found.append(None)
                continue
            found.append(self._value(depth + 1))
            if not self._comma("]"):
                return found

    def _comma(self, end: str) -> bool:
        """Pass a comma; False when the value ended, or the text did."""
        self._skip()
        mark = self._peek()
        if mark == ",":
            self._at += 1
            return True
        if mark == end:
            self._at += 1
            return False
        if mark == "":
            return False
        self._fail(f"`{mark}` stands where `,` or `{end}` should")

    def _bare_name(self) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            self._fail("a name is missing")
        self._at = match.end()
        return match[0]

    def _string(self) -> str:
        quote = self._text[self._at]
        self._at += 1
        parts: list[str] = []
        while True:
            if self._at >= len(self._text):
                self._fail("a text has no end")
            mark = self._text[self._at]
            self._at += 1
            if mark == quote:
                return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            parts.append(self._escaped() if mark == "\\" else mark)

    def _escaped(self) -> str:
        mark = self._text[self._at : self._at + 1]
        self._at += 1
        if mark == "u":
            digits = self._text[self._at : self._at + 4]
            if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
                self._fail("`\\u` is not followed by four hexadecimal digits")
            self._at += 4
            return chr(int(digits, 16))
        if mark in _ESCAPES:
            return _ESCAPES[mark]
        if mark and mark in "\\/\"'\n":
            return mark
        self._fail(f"`\\{mark}` is no escape")

    def _number(self) -> int | float:
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            self._fail(f"`{self._text[self._at : self._at + 10]}` is no value")
        self._at = match.end()
        text = match[0]
        if "x" in text.lower():
            return int(text, 16)
        if re.fullmatch(r"[-+]?\d+", text):
            return _whole(text)
        return float(text)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _fail(self, why: str) -> NoReturn:
        raise ExpressionError(
            "The template language function 'json' parameter is not valid. The provided value"
            f" cannot be parsed: {why}, at character {self._at}. Please see"
            " https://aka.ms/logicexpressions#json for usage details."
        )
