"""The little SQL that clients may write: columns of one table, conditions, an order.

It is read into the same predicates as ``$filter``; no text of it reaches the database.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from flowner.errors import Code, Invalid
from flowner.odata.syntax import (
    TRUE,
    And,
    Column,
    Compare,
    Comparison,
    In,
    Like,
    Not,
    Or,
    Order,
    Predicate,
)
from flowner.rows.catalogue import Table
from flowner.rows.compiling import column_of
from flowner.rows.query import MOST
from flowner.rows.reading import Asked
from flowner.values import JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.lists import Listing, applied, expanded
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>N?'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>\[[A-Za-z_][A-Za-z0-9_]*\]|[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark><>|!=|<=|>=|[=<>(),.*;]))"
)
_OPERATORS: Final = {
    "=": Comparison.EQ, "<>": Comparison.NE, "!=": Comparison.NE, "<": Comparison.LT,
    "<=": Comparison.LE, ">": Comparison.GT, ">=": Comparison.GE,
}  # fmt: skip
_DEEPEST: Final = 30


async def answer_sql(call: Call, table: Table, text: str) -> Answer:
    """Answer ``accounts?sql=…``."""
    statement = _Statement(text, table)
    asked = statement.read()
    page = await call.rooms.reading.page(call.caller, table.name, asked, call.transaction)
    listing = Listing(asked=asked, columns=statement.columns)
    shown = await expanded(call, table, page.rows, listing)
    content: JsonObject = {"@odata.context": context(call, table.set_name), "value": [*shown]}
    if page.last is not None and statement.top is None:
        raise Invalid(
            f"more than {MOST} rows answer: write `TOP`, or a condition", code=Code.BAD_QUERY
        )
    return Answer(content=content, headers=applied(call))


class _Statement:
    """Recursive descent over one statement."""

    def __init__(self, text: str, table: Table) -> None:
        self._table, self._at = table, 0
        self._tokens = _tokens(text)
        self._alias = table.name
        self.columns: list[str] = []
        self.top: int | None = None

    def read(self) -> Asked:
        """Read the whole of it."""
        self._need("select")
        if self._take("top"):
            paren = self._take("(")
            self.top = int(self._kind("number", "a number of rows").split(".")[0])
            if paren:
                self._need(")")
        names = [self._name()]
        while self._take(","):
            names.append(self._name())
        self._need("from")
        if self._kind("name", "a table").strip("[]").lower() != self._table.name:
            raise Invalid(
                f"the statement is of another table than `{self._table.name}`", code=Code.BAD_QUERY
            )
        self._aliased()
        self.columns = sorted({self._column(one) for one in names} | {self._table.key})
        wanted = self._disjunction(0) if self._take("where") else TRUE
        order = self._order()
        self._take(";")
        if self._at < len(self._tokens):
            self._fail("the end")
        size = MOST if self.top is None else max(min(self.top, MOST), 0)
        return Asked(
            columns=sorted({*self.columns, "versionnumber"}), wanted=wanted, order=order, size=size
        )

    def _aliased(self) -> None:
        token = self._peek()
        is_name = token is not None and token[0] == "name" and token[1].lower() not in _RESERVED
        if self._take("as") or is_name:
            self._alias = self._kind("name", "an alias").lower()

    def _order(self) -> tuple[Order, ...]:
        if not self._take("order"):
            return ()
        self._need("by")
        found = []
        while True:
            column = self._column(self._name())
            descending = self._take("desc")
            if not descending:
                self._take("asc")
            found.append(Order(Column(column), descending))
            if not self._take(","):
                return tuple(found)

    def _disjunction(self, depth: int) -> Predicate:
        if depth > _DEEPEST:
            raise Invalid(f"conditions are nested more than {_DEEPEST} deep", code=Code.BAD_QUERY)
        parts = [self._conjunction(depth)]
        while self._take("or"):
            parts.append(self._conjunction(depth))
        return Or(tuple(parts))

    def _conjunction(self, depth: int) -> Predicate:
        parts = [self._condition(depth)]
        while self._take("and"):
            parts.append(self._condition(depth))
        return And(tuple(parts))

    def _condition(self, depth: int) -> Predicate:
        if depth > _DEEPEST:
            raise Invalid(f"conditions are nested more than {_DEEPEST} deep", code=Code.BAD_QUERY)
        if self._take("not"):
            return Not(self._condition(depth + 1))
        if self._take("("):
            inner = self._disjunction(depth + 1)
            self._need(")")
            return inner
        column = Column(self._column(self._name()))
        if self._take("is"):
            op = Comparison.NE if self._take("not") else Comparison.EQ
            self._need("null")
            return Compare(op, column, None)
        negated = self._take("not")
        found = self._tested(column)
        return Not(found) if negated else found

    def _tested(self, column: Column) -> Predicate:
        if self._take("like"):
            return Like(column, self._value())
        if self._take("between"):
            low = self._value()
            self._need("and")
            high = self._value()
            return And((Compare(Comparison.GE, column, low), Compare(Comparison.LE, column, high)))
        if self._take("in"):
            self._need("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._need(")")
            return In(column, tuple(values))
        token = self._peek()
        if token is None or token[1] not in _OPERATORS:
            self._fail("a comparison")
        self._at += 1
        return Compare(_OPERATORS[token[1]], column, self._value())

    def _name(self) -> str:
        name = self._kind("name", "a column").strip("[]").lower()
        if self._take("."):
            if name not in (self._alias, self._table.name) and self.columns:
                self._fail("a column of the table")
            return self._kind("name", "a column").strip("[]").lower()
        if self._peek() == ("mark", "("):
            self._fail("a column without a function")
        return name

    def _column(self, name: str) -> str:
        try:
            return column_of(name, self._table)
        except Invalid as error:
            raise Invalid(error.message, code=Code.NO_COLUMN) from None

    def _value(self) -> str:
        token = self._peek()
        if token is None or token[0] not in ("text", "number"):
            self._fail("a value")
        self._at += 1
        if token[0] == "number":
            return token[1]
        return token[1].removeprefix("N")[1:-1].replace("''", "'")

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        token = self._peek()
        if token is None or token[0] == "text" or token[1].lower() != word:
            return False
        self._at += 1
        return True

    def _need(self, word: str) -> None:
        if not self._take(word):
            self._fail(f"`{word.upper()}`")

    def _kind(self, kind: str, what: str) -> str:
        token = self._peek()
        if token is None or token[0] != kind:
            self._fail(what)
        self._at += 1
        return token[1]

    def _fail(self, wanted: str) -> NoReturn:
        token = self._peek()
        found = "the end" if token is None else f"`{token[1][:40]}`"
        raise Invalid(f"`sql` has {found} where {wanted} should be", code=Code.BAD_QUERY)


_RESERVED: Final = frozenset({"where", "order", "group", "join", "inner", "left", "having"})


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Invalid(
                f"`{text[at : at + 20].strip()}` in `sql` cannot be understood",
                code=Code.BAD_QUERY,
            )
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found
