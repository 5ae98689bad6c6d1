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


@dataclass(frozen=True, slots=True)
class Shared:
    """The row is shared with one of these principals with one of these access bits.

    Only the law says this; it has no spelling in a query.
    """

    table: str
    holders: frozenset[str]
    mask: int


Predicate: TypeAlias = "Compare | Test | In | And | Or | Not | Shared"

TRUE = And(())
FALSE = Or(())


@dataclass(frozen=True, slots=True)
class Order:
    """One column of ``$orderby``."""

    column: Column
    descending: bool
