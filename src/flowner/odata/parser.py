"""``$filter``, ``$orderby`` and ``$select``, read by hand into `syntax`, with positions.

Grammar: OData 4.01 URL conventions, https://docs.oasis-open.org/odata/odata/v4.01/, less what rows
do not offer yet: arithmetic, lambdas and functions other than the three text tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NoReturn

from flowner.errors import Invalid
from flowner.odata.syntax import (
    And,
    Column,
    Compare,
    Comparison,
    In,
    Not,
    Or,
    Order,
    Predicate,
    Test,
    TextTest,
    Value,
)

MAX_LENGTH: Final = 32_768
MAX_DEPTH: Final = 60

_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})
    | (?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*(?:/[A-Za-z_][A-Za-z0-9_.]*)*)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse_filter(text: str) -> Predicate:
    """Read a ``$filter``. `Invalid` carries the position of what cannot be understood."""
    parser = _Parser(_tokens(text), text)
    found = parser.disjunction(0)
    parser.expect_end()
    return found


def parse_order(text: str) -> tuple[Order, ...]:
    """Read an ``$orderby``: ``name desc,createdon``."""
    found = []
    for part in _listed(text, "$orderby"):
        words = part.split()
        if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise Invalid(f"`{part}` in `$orderby` is not a column with `asc` or `desc`")
        found.append(Order(Column(words[0]), words[-1] == "desc" and len(words) == 2))
    return tuple(found)


def parse_select(text: str) -> tuple[str, ...]:
    """Read a ``$select``."""
    return tuple(_listed(text, "$select"))


def _listed(text: str, option: str) -> list[str]:
    if len(text) > MAX_LENGTH:
        raise Invalid(f"`{option}` is longer than {MAX_LENGTH} characters")
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise Invalid(f"`{option}` has an empty place between commas")
    return parts


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise Invalid(f"`$filter` is longer than {MAX_LENGTH} characters")
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise Invalid(
                f"`{text[start : start + 20]}` in `$filter` cannot be understood", position=start
            )
        kind = match.lastgroup
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return found


class _Parser:
    """Recursive descent; ``or`` binds weakest, then ``and``, then ``not``."""

    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens, self._text, self._at = tokens, text, 0

    def disjunction(self, depth: int) -> Predicate:
        if depth > MAX_DEPTH:
            raise Invalid(f"`$filter` is nested more than {MAX_DEPTH} deep")
        parts = [self._conjunction(depth)]
        while self._take_word("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            self._fail("the end")

    def _conjunction(self, depth: int) -> Predicate:
        parts = [self._negation(depth)]
        while self._take_word("and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self, depth: int) -> Predicate:
        if self._take_word("not"):
            if depth > MAX_DEPTH:
                raise Invalid(f"`$filter` is nested more than {MAX_DEPTH} deep")
            return Not(self._negation(depth + 1))
        if self._take_mark("("):
            inner = self.disjunction(depth + 1)
            self._need_mark(")")
            return inner
        return self._test()

    def _test(self) -> Predicate:
        word = self._need("word", "a column or a function")
        if self._take_mark("("):
            return self._function(word)
        column = Column(word.text, word.position)
        operator = self._need("word", "a comparison such as `eq`")
        if operator.text == "in":
            return In(column, self._values())
        if operator.text not in set(Comparison):
            raise Invalid(
                f"`{operator.text}` is no comparison: write `eq`, `ne`, `gt`, `ge`, `lt` or `le`",
                position=operator.position,
            )
        return Compare(Comparison(operator.text), column, self._value())

    def _function(self, word: _Token) -> Predicate:
        if word.text not in set(TextTest):
            raise Invalid(
                f"the function `{word.text}` is not known: there are"
                f" {', '.join(f'`{test}`' for test in TextTest)}",
                position=word.position,
            )
        name = self._need("word", "a column")
        self._need_mark(",")
        text = self._need("text", "a text in single quotes")
        self._need_mark(")")
        return Test(TextTest(word.text), Column(name.text, name.position), _unquoted(text.text))

    def _values(self) -> tuple[Value, ...]:
        self._need_mark("(")
        found = [self._value()]
        while self._take_mark(","):
            found.append(self._value())
        self._need_mark(")")
        return tuple(found)

    def _value(self) -> Value:
        token = self._peek()
        if token is None or (token.kind == "word" and token.text not in _WORDS):
            self._fail("a value")
        self._at += 1
        match token.kind:
            case "text":
                return _unquoted(token.text)
            case "moment":
                return _moment(token)
            case "number":
                return Decimal(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            case "word":
                return _WORDS[token.text]
            case "guid":
                return token.text.lower()
            case _:
                self._at -= 1
                return self._fail("a value")

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take_word(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "word" or token.text != text:
            return False
        self._at += 1
        return True

    def _take_mark(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "mark" or token.text != text:
            return False
        self._at += 1
        return True

    def _need_mark(self, text: str) -> None:
        if not self._take_mark(text):
            self._fail(f"`{text}`")

    def _need(self, kind: str, what: str) -> _Token:
        token = self._peek()
        if token is None or token.kind != kind:
            self._fail(what)
        self._at += 1
        return token

    def _fail(self, wanted: str) -> NoReturn:
        token = self._peek()
        if token is None:
            raise Invalid(f"`$filter` ends where {wanted} should be", position=len(self._text))
        raise Invalid(
            f"`$filter` has `{token.text[:40]}` where {wanted} should be", position=token.position
        )


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _moment(token: _Token) -> datetime:
    try:
        found = datetime.fromisoformat(token.text)
    except ValueError:
        raise Invalid(f"`{token.text}` is no date", position=token.position) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
