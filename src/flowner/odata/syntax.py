"""The syntax tree of a ``$filter``. The row law is written in it too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = "bool | int | Decimal | str | datetime | None"


class Comparison(StrEnum):
    """How two values are compared."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"


class TextTest(StrEnum):
    """How a text is searched."""

    CONTAINS = "contains"
    STARTS_WITH = "startswith"
    ENDS_WITH = "endswith"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the row, by the name that the query uses."""

    name: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """``column eq value``. Comparing with null asks whether there is a value."""

    op: Comparison
    column: Column
    value: Value


@dataclass(frozen=True, slots=True)
class Test:
    """``contains(column,'text')`` and its siblings; without regard to case, as in Dataverse."""

    test: TextTest
    column: Column
    text: str


@dataclass(frozen=True, slots=True)
class In:
    """``column in (…)``."""

    column: Column
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts; none at all is true."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the parts; none at all is false."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Predicate
    surely: bool = True
    """False: it holds of what is unknown, too."""


@dataclass(frozen=True, slots=True)
class CompareColumns:
    """``column eq other``: two columns of the same row."""

    op: Comparison
    column: Column
    other: Column


@dataclass(frozen=True, slots=True)
class Like:
    """The column fits a pattern in which ``%`` stands for any text and ``_`` for any sign."""

    column: Column
    pattern: str


@dataclass(frozen=True, slots=True)
class Related:
    """A row that this one is related to answers the part: at least one does.

    ``path`` is one navigation property, of one row or of many. Who asks must be able to read that
    row too.
    """

    path: str
    part: Predicate
    position: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """``Microsoft.Dynamics.CRM.Today(PropertyName='x')``: who asks and when decide it.

    `functions.settled` says it in the other predicates before anybody evaluates it.
    """

    name: str
    column: Column
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """The row is shared with one of these principals with one of these access bits.

    Only the law says this; it has no spelling in a query.
    """

    table: str
    holders: frozenset[str]
    mask: int


Predicate: TypeAlias = (
    "Compare | CompareColumns | Test | Like | In | And | Or | Not | Related | Function | Shared"
)

TRUE = And(())
FALSE = Or(())


@dataclass(frozen=True, slots=True)
class Order:
    """One column of ``$orderby``."""

    column: Column
    descending: bool
