"""Expressions to syntax trees, by hand: a grammar of calls, literals and access."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import INT_MAX, INT_MIN

MAX_LENGTH: Final = 8_192
MAX_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out; ``position`` counts characters from 0."""

    value: str | int | float | bool | None
    position: int


@dataclass(frozen=True, slots=True)
class CallNode:
    """A call of a function of the catalogue."""

    name: str
    arguments: tuple[Node, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Access:
    """``base.name``, ``base[key]``, and with ``safe`` ``base?.name``, ``base?[key]``."""

    base: Node
    key: Node
    safe: bool
    position: int


Node: TypeAlias = "Literal | CallNode | Access"

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?
               | [+-]\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    | (?P<text>'(?:[^']|'')*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>[()\[\],.?])
    )""",
    re.VERBOSE,
)
_MARKS: Final = {
    "(": "LeftParenthesis",
    ")": "RightParenthesis",
    "[": "LeftSquareBracket",
    "]": "RightSquareBracket",
    ",": "Comma",
    ".": "Dot",
    "?": "QuestionMark",
}
SEGMENT: Final = re.compile(r"(?:[^'}]|'[^']*')*\}")
"""What follows ``@{`` in a template, up to the ``}`` that ends it; one in quotes does not."""
_FRACTION: Final = re.compile(r"[.eE]")
_GLUED: Final = re.compile(r"[A-Za-z_.]")
_POWER: Final = re.compile(r"[eE][+-]")
_MAX_DIGITS: Final = 400
_MAX_SHOWN: Final = 1_000
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


class _Parser:
    """Reads one expression from ``text``, between ``start`` and ``end``."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text, self._start, self._end = text, start, end
        self._token = self._lex(start)

    def whole(self) -> Node:
        found = self._expression(0)
        if self._token.kind != "EndOfData":
            self._fail("EndOfData")
        return found

    def _expression(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError(
                f"the expression is nested more than {MAX_DEPTH} deep",
                position=self._token.position,
            )
        token = self._token
        if token.kind == "name":
            return self._named(token, depth)
        if token.kind == "text":
            self._advance()
            return Literal(token.text[1:-1].replace("''", "'"), token.position)
        if token.kind == "number":
            self._advance()
            return Literal(self._number(token), token.position)
        self._fail("Identifier")

    def _named(self, token: _Token, depth: int) -> Node:
        self._advance()
        if self._token.kind != "LeftParenthesis":
            if token.text.lower() in _CONSTANTS:
                return Literal(_CONSTANTS[token.text.lower()], token.position)
            self._fail("LeftParenthesis")
        self._advance()
        arguments: list[Node] = []
        if self._token.kind != "RightParenthesis":
            arguments.append(self._expression(depth + 1))
            while self._token.kind == "Comma":
                self._advance()
                arguments.append(self._expression(depth + 1))
        self._need("RightParenthesis")
        return self._accesses(CallNode(token.text, tuple(arguments), token.position), depth)

    def _accesses(self, base: Node, depth: int) -> Node:
        count = 0
        while self._token.kind in ("QuestionMark", "Dot", "LeftSquareBracket"):
            count += 1
            if count > MAX_DEPTH:
                raise ExpressionError(
                    f"more than {MAX_DEPTH} accesses stand in a row", position=self._token.position
                )
            position = self._token.position
            safe = self._token.kind == "QuestionMark"
            if safe:
                self._advance()
            if self._token.kind == "Dot":
                self._advance()
                name = self._token
                if name.kind != "name":
                    self._fail("Identifier")
                self._advance()
                base = Access(base, Literal(name.text, name.position), safe, position)
            else:
                self._need("LeftSquareBracket")
                key = self._expression(depth + 1)
                self._need("RightSquareBracket")
                base = Access(base, key, safe, position)
        return base

    def _number(self, token: _Token) -> int | float:
        if _FRACTION.search(token.text):
            return float(token.text)
        # A number of a thousand digits is refused before it is made.
        value = int(token.text) if len(token.text) <= _MAX_DIGITS else 2 * INT_MAX
        if not INT_MIN <= value <= INT_MAX:
            self._no_number(token.text, token.position)
        return value

    def _no_number(self, text: str, position: int) -> NoReturn:
        raise ExpressionError(
            f"The template language expression '{self._shown()}' is not valid: the value '{text}'"
            f" at position '{position - self._start}' cannot be converted to number.",
            position=position,
        )

    def _need(self, kind: str) -> None:
        if self._token.kind != kind:
            self._fail(kind)
        self._advance()

    def _advance(self) -> None:
        self._token = self._lex(self._token.position + len(self._token.text))

    def _lex(self, at: int) -> _Token:
        match = _TOKEN.match(self._text, at, self._end)
        if match is not None and match.lastgroup is not None:
            text, position = match[match.lastgroup], match.start(match.lastgroup)
            kind = _MARKS[text] if match.lastgroup == "mark" else match.lastgroup
            if kind == "number" and _GLUED.match(self._text, match.end(), self._end):
                self._glued(match.end(), text, position)
            return _Token(kind, text, position)
        position = at
        while position < self._end and self._text[position].isspace():
            position += 1
        if position >= self._end:
            return _Token("EndOfData", "", self._end)
        if self._text[position] in "+-":
            self._no_number(self._text[position], position)
        self._unexpected(position)

    def _glued(self, at: int, text: str, position: int) -> None:
        """Refuse what stands right after a number, but for a mark, which the grammar will."""
        power = _POWER.match(self._text, at, self._end)
        if power is not None:
            self._no_number(text + power[0], position)
        if self._text[at] != ".":
            self._unexpected(at)

    def _unexpected(self, position: int) -> NoReturn:
        character = self._text[position : position + 1]
        raise ExpressionError(
            f"The template language expression '{self._shown()}' is not valid: the string character"
            f" '{character}' at position '{position - self._start}' is not expected.",
            position=position,
        )

    def _fail(self, expected: str) -> NoReturn:
        names = {"name": "Identifier", "text": "StringLiteral", "number": "Number"}
        actual = names.get(self._token.kind, self._token.kind)
        raise ExpressionError(
            f"Unable to parse template language expression '{self._shown()}': expected token"
            f" '{expected}' and actual '{actual}'.",
            position=self._token.position,
        )

    def _shown(self) -> str:
        return self._text[self._start : self._end][:_MAX_SHOWN]


def parse_whole(text: str, start: int = 0, end: int | None = None) -> Node:
    """Read an expression without its leading ``@``, or the part of a text that is one.

    Raises `ExpressionError` with a position in the whole text.
    """
    stop = len(text) if end is None else end
    if stop - start > MAX_LENGTH:
        raise ExpressionError(
            f"the expression is longer than {MAX_LENGTH} characters", position=start
        )
    return _Parser(text, start, stop).whole()
