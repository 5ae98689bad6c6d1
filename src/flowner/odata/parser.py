"""``$filter``, ``$orderby`` and ``$select``, read by hand into `syntax`, with positions.

Grammar: OData 4.01 URL conventions, https://docs.oasis-open.org/odata/odata/v4.01/, less
arithmetic; with the functions of the Dataverse Web API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from flowner.errors import Invalid
from flowner.odata.functions import ARGUMENTS
from flowner.odata.syntax import (
    TRUE,
    And,
    Column,
    Compare,
    CompareColumns,
    Comparison,
    Function,
    In,
    Not,
    Or,
    Order,
    Predicate,
    Related,
    Test,
    TextTest,
    Value,
)
from flowner.odata.tokens import MAX_DEPTH, MAX_LENGTH, Reader, Token

_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_SPACE: Final = "Microsoft.Dynamics.CRM."
_VALUE_KINDS: Final = ("text", "moment", "number", "guid", "alias")


def parse_filter(text: str, aliases: Mapping[str, str] | None = None) -> Predicate:
    """Read a ``$filter``. `Invalid` carries the position of what cannot be understood.

    ``aliases`` are the parameters that the query names, such as ``@p1``, with their texts.
    """
    parser = _Parser(text, aliases or {})
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


class _Parser(Reader):
    """Recursive descent; ``or`` binds weakest, then ``and``, then ``not``."""

    def __init__(self, text: str, aliases: Mapping[str, str]) -> None:
        super().__init__(text, "$filter")
        self._aliases = aliases
        self._variables: list[str] = []

    def disjunction(self, depth: int) -> Predicate:
        if depth > MAX_DEPTH:
            raise Invalid(f"`$filter` is nested more than {MAX_DEPTH} deep")
        parts = [self._conjunction(depth)]
        while self.take("word", "or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self, depth: int) -> Predicate:
        parts = [self._negation(depth)]
        while self.take("word", "and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self, depth: int) -> Predicate:
        if self.take("word", "not"):
            if depth > MAX_DEPTH:
                raise Invalid(f"`$filter` is nested more than {MAX_DEPTH} deep")
            return Not(self._negation(depth + 1))
        if self.take("mark", "("):
            inner = self.disjunction(depth + 1)
            self.need_mark(")")
            return inner
        return self._test(depth)

    def _test(self, depth: int) -> Predicate:
        word = self.need("word", "a column or a function")
        if self.take("mark", "("):
            return self._function(word, depth)
        path, column = self._column(word)
        return _along(path, self._comparison(column, path), word.position)

    def _comparison(self, column: Column, path: list[str]) -> Predicate:
        operator = self.need("word", "a comparison such as `eq`")
        if operator.text == "in":
            return In(column, self._values("(", ")"))
        if operator.text not in set(Comparison):
            raise Invalid(
                f"`{operator.text}` is no comparison: write `eq`, `ne`, `gt`, `ge`, `lt` or `le`",
                position=operator.position,
            )
        op, token = Comparison(operator.text), self.peek()
        if token is not None and token.kind == "word" and token.text not in _WORDS:
            other_path, other = self._column(self.need("word", "a column"))
            if other_path != path:
                raise Invalid(
                    "two columns are compared within one row only", position=token.position
                )
            return CompareColumns(op, column, other)
        return Compare(op, column, self._value())

    def _function(self, word: Token, depth: int) -> Predicate:
        head, _, last = word.text.rpartition("/")
        if last in ("any", "all"):
            return self._lambda(word, head, last, depth)
        if word.text.startswith(_SPACE):
            return self._dataverse(word)
        if word.text not in set(TextTest):
            raise Invalid(
                f"the function `{word.text}` is not known: there are"
                f" {', '.join(f'`{test}`' for test in TextTest)},"
                f" and those that begin with `{_SPACE}`",
                position=word.position,
            )
        named = self.need("word", "a column")
        path, column = self._column(named)
        self.need_mark(",")
        value = self._value()
        if not isinstance(value, str):
            raise Invalid(f"`{word.text}` looks for a text in quotes", position=word.position)
        self.need_mark(")")
        return _along(path, Test(TextTest(word.text), column, value), named.position)

    def _lambda(self, word: Token, head: str, last: str, depth: int) -> Predicate:
        path = self._path(Token("word", head, word.position))
        if not path:
            raise Invalid(f"`{last}` stands behind a collection", position=word.position)
        if last == "any" and self.take("mark", ")"):
            return _along(path, TRUE, word.position)
        if depth > MAX_DEPTH:
            raise Invalid(f"`$filter` is nested more than {MAX_DEPTH} deep")
        self._variables.append(self.need("word", "a variable").text)
        self.need_mark(":")
        inner = self.disjunction(depth + 1)
        self.need_mark(")")
        self._variables.pop()
        *before, collection = path
        if last == "any":
            return _along(before, Related(collection, inner, word.position), word.position)
        none_else = Not(Related(collection, Not(inner, surely=False), word.position))
        return _along(before, none_else, word.position)

    def _dataverse(self, word: Token) -> Predicate:
        name = word.text.removeprefix(_SPACE)
        if name not in ARGUMENTS:
            raise Invalid(f"the function `{word.text}` is not known", position=word.position)
        given: dict[str, tuple[Value, ...]] = {}
        while True:
            key = self.need("word", "a parameter").text
            self.need_mark("=")
            listed = self.peek()
            is_list = listed is not None and (listed.kind, listed.text) == ("mark", "[")
            given[key] = self._values("[", "]") if is_list else (self._value(),)
            if not self.take("mark", ","):
                break
        self.need_mark(")")
        columns = given.pop("PropertyName", ())
        values = given.pop("PropertyValues", given.pop("PropertyValue", ()))
        least, most = ARGUMENTS[name]
        if given or len(columns) != 1 or not isinstance(columns[0], str):
            raise Invalid(
                f"`{name}` takes `PropertyName` and `PropertyValue` or `PropertyValues`",
                position=word.position,
            )
        if not least <= len(values) <= most:
            raise Invalid(f"`{name}` is given {len(values)} values", position=word.position)
        path, column = self._column(Token("word", columns[0], word.position))
        return _along(path, Function(name, column, values), word.position)

    def _column(self, word: Token) -> tuple[list[str], Column]:
        *path, name = self._path(word)
        return path, Column(name, word.position)

    def _path(self, word: Token) -> list[str]:
        """Return the steps of a path, without the variable that a lambda puts before it."""
        steps = word.text.split("/") if word.text else []
        if not self._variables:
            return steps
        if steps[:1] != [self._variables[-1]] or len(steps) < 2:
            raise Invalid(
                f"`{word.text}` does not begin with `{self._variables[-1]}/`",
                position=word.position,
            )
        return steps[1:]

    def _values(self, opening: str, closing: str) -> tuple[Value, ...]:
        self.need_mark(opening)
        found = [self._value()]
        while self.take("mark", ","):
            found.append(self._value())
        self.need_mark(closing)
        return tuple(found)

    def _value(self) -> Value:
        token = self.peek()
        if token is None or not (
            token.kind in _VALUE_KINDS or (token.kind == "word" and token.text in _WORDS)
        ):
            self.fail("a value")
        self.take(token.kind)
        if token.kind == "alias":
            return self._aliased(token)
        return _literal(token)

    def _aliased(self, token: Token) -> Value:
        text = self._aliases.get(token.text)
        if text is None:
            raise Invalid(f"`{token.text}` is given no value", position=token.position)
        inner = _Parser(text, {})
        found = inner._value()
        inner.expect_end()
        return found


def _along(path: list[str], predicate: Predicate, position: int) -> Predicate:
    """Put a test at the end of a path of navigation properties.

    What holds where there is nothing holds where there is no related row either: an empty lookup
    has no name, so its name is not ``'x'``.
    """
    if not path:
        return predicate
    if isinstance(predicate, Compare) and (
        (predicate.op is Comparison.EQ and predicate.value is None)
        or (predicate.op is Comparison.NE and predicate.value is not None)
    ):
        turned = Comparison.NE if predicate.op is Comparison.EQ else Comparison.EQ
        return Not(_along(path, replace(predicate, op=turned), position))
    for step in reversed(path):
        predicate = Related(step, predicate, position)
    return predicate


def _literal(token: Token) -> Value:
    match token.kind:
        case "text":
            return token.text[1:-1].replace("''", "'")
        case "moment":
            return _moment(token)
        case "number":
            return Decimal(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
        case "guid":
            return token.text.lower()
        case _:
            return _WORDS[token.text]


def _moment(token: Token) -> datetime:
    try:
        found = datetime.fromisoformat(token.text)
    except ValueError:
        raise Invalid(f"`{token.text}` is no date", position=token.position) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
