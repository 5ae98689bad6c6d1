"""The little SQL that clients may write, read into what it asks for.

Columns of joined tables, conditions, groups, an order. It is read into the same predicates as
``$filter``; no text of it reaches the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias, TypeVar

from flowner.errors import Code, Invalid
from flowner.odata.syntax import (
    TRUE,
    And,
    Column,
    Compare,
    CompareColumns,
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
from flowner.rows.joining import Join, Kind

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>N?'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>\[[A-Za-z_][A-Za-z0-9_]*\]|[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<mark><>|!=|<=|>=|[=<>(),.*;]))"
)
_OPERATORS: Final = {
    "=": Comparison.EQ, "<>": Comparison.NE, "!=": Comparison.NE, "<": Comparison.LT,
    "<=": Comparison.LE, ">": Comparison.GT, ">=": Comparison.GE,
}  # fmt: skip
_METHODS: Final = {"sum": "sum", "avg": "average", "min": "min", "max": "max", "count": "count"}
_RESERVED: Final = frozenset(
    {"where", "order", "group", "join", "inner", "left", "having", "on", "outer", "as", "from"}
)
_DEEPEST: Final = 30
_T = TypeVar("_T")
Name: TypeAlias = "tuple[str, str]"
"""A column as it is written: the table's name before it, or ``""``, and its own."""


@dataclass(slots=True)
class Item:
    """One result."""

    column: Name | None
    """None: the rows themselves, of ``count(*)``."""
    method: str | None
    called: str | None
    path: str = ""
    """The column as predicates call it, once the tables are known."""


@dataclass(slots=True)
class Select:
    """One statement, read. Names of joined tables are those the statement gives them."""

    tables: dict[str, Table]
    """By name; the first is ``""``."""
    items: list[Item] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    wanted: Predicate = TRUE
    by: list[str] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    """Paths of columns, or names of results; True: descending."""
    top: int | None = None
    distinct: bool = False

    @property
    def is_grouped(self) -> bool:
        """Whether rows are grouped or added up."""
        return bool(self.by) or any(item.method for item in self.items)

    @property
    def orders(self) -> tuple[Order, ...]:
        """The order of rows. `Invalid` for one by a result that is no column."""
        named = {item.called: item.path for item in self.items if item.called}
        return tuple(Order(Column(named.get(name, name)), down) for name, down in self.order)


def read_select(text: str, table: Table, find: Callable[[str], Table | None]) -> Select:
    """Read one statement about a table and those that it joins. `Invalid` says what is wrong."""
    return _Statement(text, Select({"": table}), find).read()


class _Statement:
    """Recursive descent over one statement."""

    def __init__(self, text: str, select: Select, find: Callable[[str], Table | None]) -> None:
        self._select, self._find, self._at = select, find, 0
        self._tokens = _tokens(text)
        self._named: dict[str, str] = {}
        """Names of tables in `Select`, by what the statement calls them."""

    def read(self) -> Select:
        """Read the whole of it."""
        select = self._select
        self._need("select")
        select.distinct = self._take("distinct")
        if self._take("top"):
            paren = self._take("(")
            select.top = int(self._kind("number", "a number of rows").split(".")[0])
            if paren:
                self._need(")")
        select.items = self._listed(self._item)
        self._from()
        for item in select.items:
            if item.column is not None:
                item.path = self._resolved(item.column)
        select.wanted = self._disjunction(0) if self._take("where") else TRUE
        if self._take("group"):
            self._need("by")
            select.by = self._listed(self._path)
        if self._take("order"):
            self._need("by")
            select.order = self._listed(self._ordered)
        self._take(";")
        if self._at < len(self._tokens):
            self._fail("the end")
        return select

    def _listed(self, one: Callable[[], _T]) -> list[_T]:
        found = [one()]
        while self._take(","):
            found.append(one())
        return found

    def _item(self) -> Item:
        word = self._peek()
        following = self._tokens[self._at + 1 : self._at + 2]
        method = _METHODS.get(word[1].lower()) if word and word[0] == "name" else None
        if following != [("mark", "(")] or method is None:
            return Item(self._name(), None, self._called())
        self._at += 2
        column: Name | None = None
        if method == "count" and self._take("distinct"):
            method, column = "countdistinct", self._name()
        elif method != "count" or not self._take("*"):
            column = self._name()
        self._need(")")
        return Item(column, method, self._called())

    def _called(self) -> str | None:
        return self._kind("name", "a name").strip("[]") if self._take("as") else None

    def _from(self) -> None:
        self._need("from")
        table = self._select.tables[""]
        if self._kind("name", "a table").strip("[]").lower() != table.name:
            raise Invalid(
                f"the statement is of another table than `{table.name}`", code=Code.BAD_QUERY
            )
        self._named[self._aliased(table.name)] = ""
        while True:
            left = self._take("left")
            if left:
                self._take("outer")
            elif not self._take("inner") and not self._is("join"):
                return
            self._need("join")
            self._join(Kind.OUTER if left else Kind.INNER)

    def _join(self, kind: Kind) -> None:
        named = self._kind("name", "a table").strip("[]").lower()
        table = self._find(named)
        if table is None or table.name != named:
            raise Invalid(f"there is no table `{named[:60]}`", code=Code.BAD_QUERY)
        name = self._aliased(named)
        if name in self._named:
            raise Invalid(f"two tables are called `{name[:60]}`", code=Code.BAD_QUERY)
        self._named[name] = name
        self._select.tables[name] = table
        self._need("on")
        paths = [self._path()]
        self._need("=")
        paths.append(self._path())
        inside = [path for path in paths if path.startswith(f"{name}.")]
        if len(inside) != 1:
            raise Invalid(f"`{name}` is joined by one of its columns", code=Code.BAD_QUERY)
        (to,) = (path for path in paths if path not in inside)
        column = inside[0].removeprefix(f"{name}.")
        wanted: list[Predicate] = []
        while self._take("and"):
            wanted.append(self._condition(0, only=name))
        join = Join(
            name=name, table=named, column=column, to=to, kind=kind, wanted=And(tuple(wanted))
        )
        self._select.joins.append(join)

    def _aliased(self, name: str) -> str:
        token = self._peek()
        is_name = token is not None and token[0] == "name" and token[1].lower() not in _RESERVED
        if self._take("as") or is_name:
            return self._kind("name", "an alias").strip("[]").lower()
        return name

    def _ordered(self) -> tuple[str, bool]:
        qualifier, name = self._name()
        called = {item.called.lower(): item.called for item in self._select.items if item.called}
        path = called.get(name) if not qualifier else None
        if path is None:
            path = self._resolved((qualifier, name))
        descending = self._take("desc")
        if not descending:
            self._take("asc")
        return path, descending

    def _disjunction(self, depth: int, only: str | None = None) -> Predicate:
        parts = [self._conjunction(depth, only)]
        while self._take("or"):
            parts.append(self._conjunction(depth, only))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self, depth: int, only: str | None) -> Predicate:
        parts = [self._condition(depth, only)]
        while self._take("and"):
            parts.append(self._condition(depth, only))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _condition(self, depth: int, only: str | None = None) -> Predicate:
        """Read one condition; ``only`` is the joined table that alone it may be about."""
        if depth > _DEEPEST:
            raise Invalid(f"conditions are nested more than {_DEEPEST} deep", code=Code.BAD_QUERY)
        if self._take("not"):
            return Not(self._condition(depth + 1, only))
        if self._take("("):
            inner = self._disjunction(depth + 1, only)
            self._need(")")
            return inner
        column = Column(self._path(only))
        if self._take("is"):
            op = Comparison.NE if self._take("not") else Comparison.EQ
            self._need("null")
            return Compare(op, column, None)
        negated = self._take("not")
        found = self._tested(column, only)
        return Not(found) if negated else found

    def _tested(self, column: Column, only: str | None) -> Predicate:
        if self._take("like"):
            return Like(column, self._value())
        if self._take("between"):
            low = self._value()
            self._need("and")
            high = self._value()
            return And((Compare(Comparison.GE, column, low), Compare(Comparison.LE, column, high)))
        if self._take("in"):
            self._need("(")
            values = self._listed(self._value)
            self._need(")")
            return In(column, tuple(values))
        token = self._peek()
        if token is None or token[1] not in _OPERATORS:
            self._fail("a comparison")
        self._at += 1
        operator, other = _OPERATORS[token[1]], self._peek()
        if other is not None and other[0] == "name":
            return CompareColumns(operator, column, Column(self._path(only)))
        return Compare(operator, column, self._value())

    def _path(self, only: str | None = None) -> str:
        path = self._resolved(self._name())
        if only is None:
            return path
        if not path.startswith(f"{only}."):
            raise Invalid(
                f"behind `ON`, conditions are about `{only}`: write the others behind `WHERE`",
                code=Code.BAD_QUERY,
            )
        return path.removeprefix(f"{only}.")

    def _name(self) -> Name:
        name = self._kind("name", "a column").strip("[]").lower()
        if self._take("."):
            return name, self._kind("name", "a column").strip("[]").lower()
        if self._peek() == ("mark", "("):
            self._fail("a column without a function")
        return "", name

    def _resolved(self, name: Name) -> str:
        """Return a column as predicates call it. `Invalid` where there is none, or several."""
        qualifier, column = name
        if qualifier and qualifier not in self._named:
            raise Invalid(f"no table is called `{qualifier[:60]}`", code=Code.BAD_QUERY)
        tables = self._select.tables
        names = [self._named[qualifier]] if qualifier else list(tables)
        there = [one for one in names if tables[one].column(column) is not None]
        if len(there) > 1:
            raise Invalid(
                f"`{column}` is a column of several tables: write which", code=Code.BAD_QUERY
            )
        of = (there or names)[0]
        try:
            bare = column_of(column, tables[of])
        except Invalid as error:
            raise Invalid(error.message, code=Code.NO_COLUMN) from None
        return f"{of}.{bare}" if of else bare

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

    def _is(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token[0] != "text" and token[1].lower() == word

    def _take(self, word: str) -> bool:
        found = self._is(word)
        self._at += found
        return found

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


def _tokens(text: str) -> Sequence[tuple[str, str]]:
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
