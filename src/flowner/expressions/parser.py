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
      (?P<number>[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|(?<=[+-])\.\d+(?:[eE][+-]?\d+)?))
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
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


class Parser:
    """Reads one expression from ``text``, beginning at ``start``.

    Used twice: for whole expressions, and for each ``@{…}``, where it stops at the brace.
    """

    def __init__(self, text: str, start: int) -> None:
        self._text, self._start = text, start
        self._token = self._lex(start)

    def whole(self) -> Node:
        """Read an expression that ends where the text ends."""
        found = self._expression(0)
        if self._token.kind != "EndOfData":
            self._fail("EndOfData")
        return found

    def interpolated(self) -> tuple[Node, int]:
        """Read an expression that ends at ``}``; answers it and where the text goes on."""
        found = self._expression(0)
        if self._token.kind != "RightCurlyBracket":
            self._fail("RightCurlyBracket")
        return found, self._token.position + 1

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
                raise ExpressionError(f"more than {MAX_DEPTH} accesses stand in a row")
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
        if re.search(r"[.eE]", token.text):
            return float(token.text)
        value = int(token.text)
        if not INT_MIN <= value <= INT_MAX:
            raise ExpressionError(
                f"The template language expression '{self._shown()}' is not valid: the string"
                f" '{token.text}' at position '{token.position - self._start}' cannot be converted"
                " to number.",
                position=token.position,
            )
        return value

    def _need(self, kind: str) -> None:
        if self._token.kind != kind:
            self._fail(kind)
        self._advance()

    def _advance(self) -> None:
        self._token = self._lex(self._token.position + len(self._token.text))

    def _lex(self, at: int) -> _Token:
        match = _TOKEN.match(self._text, at)
        if match is not None and match.lastgroup is not None:
            text, position = match[match.lastgroup], match.start(match.lastgroup)
            kind = _MARKS[text] if match.lastgroup == "mark" else match.lastgroup
            if kind == "number" and re.match(r"[A-Za-z_.]", self._text[match.end() :]):
                self._unexpected(match.end())
            return _Token(kind, text, position)
        rest = self._text[at:]
        position = at + len(rest) - len(rest.lstrip())
        if position >= len(self._text):
            return _Token("EndOfData", "", len(self._text))
        if self._text[position] == "}":
            return _Token("RightCurlyBracket", "", position)
        self._unexpected(position)

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
        return self._text[self._start :][:200]


def parse_whole(text: str, start: int = 0) -> Node:
    """Read an expression without its leading ``@``. Raises `ExpressionError` with a position."""
    if len(text) - start > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters")
    return Parser(text, start).whole()
