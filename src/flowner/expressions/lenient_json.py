"""JSON as Newtonsoft's reader takes it: more than the standard allows.

Single quotes, names without quotes, comments, trailing commas, hexadecimal and octal numbers,
``NaN`` and ``Infinity``, missing brackets at the end and whatever follows the value are all
accepted. Depth is bounded.

Source: https://www.newtonsoft.com/json/help/html/T_Newtonsoft_Json_JsonTextReader.htm
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn, TypeVar

from flowner.expressions.arguments import fail
from flowner.expressions.numbers import INT_MAX, INT_MIN

MAX_DEPTH: Final = 128
_Container = TypeVar("_Container", dict[str, Any], list[Any])
_MAX_DIGITS: Final = 380
_MAX_SHOWN: Final = 1_000
_NUMBER_CHARS: Final = re.compile(r"[-+.0-9a-fA-FxX]*")
_DOUBLE: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NAME: Final = re.compile(r"[^\W]+|\$+")
_PLAIN: Final = re.compile(r"[^'\"\\]+")
_ODD_NAME: Final = re.compile(r"[\s./\"'\[\]()]")
_WORDS: Final[dict[str, tuple[str, Any, str]]] = {
    "t": ("true", True, "boolean"),
    "f": ("false", False, "boolean"),
    "n": ("null", None, "null"),
    "u": ("undefined", None, "undefined"),
    "N": ("NaN", math.nan, "NaN"),
    "I": ("Infinity", math.inf, "Infinity"),
}
_CONSTANTS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_ESCAPES: Final = {
    "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\\": "\\", "/": "/", '"': '"', "'": "'",
}  # fmt: skip


class _Refused(Exception):
    """The text cannot be read; the reason is in the reader's words."""


def read_lenient(text: str) -> Any:
    """Return the value. Raises `ExpressionError` with the path, the line and the position."""
    try:
        found = json.loads(
            text,
            parse_constant=_CONSTANTS.__getitem__,
            parse_int=_whole,
            object_pairs_hook=_members,
        )
        if text.count("[") + text.count("{") <= MAX_DEPTH:
            return found
    except (ValueError, RecursionError, _Refused):
        pass
    try:
        return _Reader(text.removeprefix("\ufeff")).read()
    except _Refused as error:
        fail(
            "json",
            f"parameter is not valid. The provided value '{text[:_MAX_SHOWN]}' cannot be parsed:"
            f" '{error}'.",
        )


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members; of those with one name the last counts, where it stands."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found.clear()
        for name, value in pairs:
            found.pop(name, None)
            found[name] = value
    return found


def _whole(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise _Refused(f"JSON integer {text[:20]}… is too large to parse.")
    return int(text)


class _Reader:
    """Reads one value; errors tell where it is by the names and numbers on the way."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._path: list[str | int | None] = []
        """What of each container around is being read: a name, a number from -1 on, or nothing."""

    def read(self) -> Any:
        mark = self._next()
        if mark == "":
            raise _Refused("Error reading JToken from JsonReader. Path '', line 0, position 0.")
        return self._value(mark)

    def _value(self, mark: str) -> Any:
        if mark == "{":
            return self._object()
        if mark == "[":
            return self._array()
        if mark in ('"', "'"):
            found = self._string()
            self._count()
            return found
        if mark == "-" and self._text.startswith("-I", self._at):
            return self._word("-Infinity", -math.inf, "Infinity")
        if mark in "-." or mark in "0123456789":
            return self._number()
        if mark in _WORDS and not (
            mark == "n" and self._text[self._at + 1 : self._at + 2] not in ("u", "")
        ):
            return self._word(*_WORDS[mark])
        if mark == ",":  # left out; the comma is what follows it
            self._count()
            return None
        if mark in "])":
            self._at += 1
            self._closes("EndArray" if mark == "]" else "EndConstructor")
        self._fail(f"Unexpected character encountered while parsing value: {mark}.")

    def _object(self) -> dict[str, Any]:
        self._enter(None)
        found: dict[str, Any] = {}
        while True:
            mark = self._next()
            if mark == "}":
                return self._leave(found)
            if mark == "":
                self._ended()
            name = self._name(mark)
            self._path[-1] = name
            mark = self._next()
            if mark == "":
                self._ended()
            found.pop(name, None)
            found[name] = self._value(mark)
            if self._value_follows("}"):
                continue
            return self._leave(found)

    def _array(self) -> list[Any]:
        self._enter(-1)
        found: list[Any] = []
        while True:
            mark = self._next()
            if mark == "]":
                return self._leave(found)
            if mark == "":
                self._ended()
            found.append(self._value(mark))
            if self._value_follows("]"):
                continue
            return self._leave(found)

    def _enter(self, place: int | None) -> None:
        if len(self._path) >= MAX_DEPTH:
            self._fail(f"The reader's MaxDepth of {MAX_DEPTH} has been exceeded.")
        self._count()
        self._at += 1
        self._path.append(place)

    def _leave(self, found: _Container) -> _Container:
        self._at += 1
        self._path.pop()
        return found

    def _count(self) -> None:
        """Step on in the array around."""
        if self._path and isinstance(self._path[-1], int):
            self._path[-1] += 1

    def _value_follows(self, end: str) -> bool:
        """Pass a comma; False when the container ends, or the text does."""
        mark = self._next()
        if mark == ",":
            self._at += 1
            return True
        if mark in ("", end):
            return False
        if mark in ("]", "}"):
            self._at += 1
            self._closes("EndArray" if mark == "]" else "EndObject")
        self._fail(f"After parsing a value an unexpected character was encountered: {mark}.")

    def _closes(self, token: str) -> NoReturn:
        around = "None"
        if self._path:
            around = "Array" if isinstance(self._path[-1], int) else "Object"
        self._fail(f"JsonToken {token} is not valid for closing JsonType {around}.")

    def _name(self, mark: str) -> str:
        if mark in ('"', "'"):
            name = self._string()
        else:
            match = _NAME.match(self._text, self._at)
            if match is None:
                self._fail(f"Invalid property identifier character: {mark}.")
            name = ""
            while match is not None:
                name, self._at = name + match[0], match.end()
                match = _NAME.match(self._text, self._at)
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        follows = self._text[self._at : self._at + 1]
        if follows != ":":
            self._fail(
                "Invalid character after parsing property name. Expected ':' but got:"
                f" {follows or chr(0)}."
            )
        self._at += 1
        return name

    def _string(self) -> str:
        quote = self._text[self._at]
        self._at += 1
        parts: list[str] = []
        while True:
            match = _PLAIN.match(self._text, self._at)
            if match is not None:
                parts.append(match[0])
                self._at = match.end()
            mark = self._text[self._at : self._at + 1]
            self._at += len(mark)
            if mark == "":
                self._fail(f"Unterminated string. Expected delimiter: {quote}.")
            if mark == quote:
                return _paired("".join(parts))
            parts.append(self._escaped(quote) if mark == "\\" else mark)

    def _escaped(self, quote: str) -> str:
        mark = self._text[self._at : self._at + 1]
        self._at += len(mark)
        if mark == "":
            self._fail(f"Unterminated string. Expected delimiter: {quote}.")
        if mark != "u":
            if mark not in _ESCAPES:
                self._fail(f"Bad JSON escape sequence: \\{mark}.")
            return _ESCAPES[mark]
        digits = self._text[self._at : self._at + 4]
        if len(digits) < 4:
            self._at = len(self._text)
            self._fail("Unexpected end while parsing Unicode escape sequence.")
        if not re.fullmatch("[0-9a-fA-F]{4}", digits):
            self._fail(f"Invalid Unicode escape sequence: \\u{digits}.")
        self._at += 4
        return chr(int(digits, 16))

    def _word(self, word: str, value: Any, called: str) -> Any:
        start = self._at
        if len(self._text) - start < len(word) and word.startswith(self._text[start:]):
            self._at = len(self._text)
            self._fail("Unexpected end when reading JSON.")
        for one in word:
            if self._text[self._at : self._at + 1] != one:
                self._fail(f"Error parsing {called} value.")
            self._at += 1
        follows = self._text[self._at : self._at + 1]
        if follows and follows not in "}],)/" and not follows.isspace():
            self._fail(f"Error parsing {called} value.")
        self._count()
        return value

    def _number(self) -> int | float:
        match = _NUMBER_CHARS.match(self._text, self._at)
        text = match[0] if match else ""
        self._at += len(text)
        follows = self._text[self._at : self._at + 1]
        if follows and follows not in "}],)/" and not follows.isspace():
            self._fail(f"Unexpected character encountered while parsing number: {follows}.")
        self._count()
        found = _number(text)
        if found is None:
            self._fail(f"Input string '{text}' is not a valid number.")
        return found

    def _next(self) -> str:
        """Pass white space and comments; answer what stands there, nothing at the end."""
        while True:
            mark = self._text[self._at : self._at + 1]
            if mark == "/":
                self._comment()
            elif mark.isspace():
                self._at += 1
            else:
                return mark

    def _comment(self) -> None:
        follows = self._text[self._at + 1 : self._at + 2]
        if follows == "/":
            ends = re.compile(r"[\r\n]").search(self._text, self._at)
            self._at = len(self._text) if ends is None else ends.start()
        elif follows == "*":
            end = self._text.find("*/", self._at + 2)
            self._at = len(self._text) if end < 0 else end + 2
            if end < 0:
                self._fail("Unexpected end while parsing comment.")
        else:
            self._at += 1
            self._fail(f"Error parsing comment. Expected: *, got {follows or chr(0)}.")

    def _ended(self) -> NoReturn:
        raise _Refused(
            f"Unexpected end when reading token. Path '{self._shown_path(self._path[:-1])}'."
        )

    def _fail(self, why: str) -> NoReturn:
        before = self._text[: self._at].replace("\r\n", "\n").replace("\r", "\n")
        line = before.count("\n") + 1
        position = len(before) - before.rfind("\n") - 1
        if line == 1 and position == 0:
            line = 0
        path = self._shown_path(self._path)
        raise _Refused(f"{why} Path '{path}', line {line}, position {position}.")

    @staticmethod
    def _shown_path(path: list[str | int | None]) -> str:
        written = ""
        for place in path:
            if isinstance(place, int):
                written += f"[{place}]" if place >= 0 else ""
            elif place is not None:
                odd = _ODD_NAME.search(place)
                written += f"['{place}']" if odd else f".{place}" if written else place
        return written


def _paired(text: str) -> str:
    """Join halves of characters that were escaped one by one; those alone become U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _number(text: str) -> int | float | None:
    if len(text) > 1 and text[0] == "0" and text[1] not in ".eE":
        return _other_base(text)
    if re.fullmatch("[-+]?[0-9]+", text):
        return _whole(text)
    return float(text) if _DOUBLE.fullmatch(text) else None


def _other_base(text: str) -> int | None:
    try:
        value = int(text, 16) if text[1] in "xX" else int(text, 8)  # refuses signs and points
    except ValueError:
        return None
    if value > 2 * INT_MAX + 1:
        return None
    return value if value <= INT_MAX else value + 2 * INT_MIN
