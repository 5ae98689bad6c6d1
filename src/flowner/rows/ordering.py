"""The order of a list, and where in it a page begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from flowner.errors import Invalid
from flowner.odata.syntax import Order
from flowner.rows.catalogue import Table, Type
from flowner.rows.compiling import Around, compile_path

_NEVER_NULL: Final = frozenset({"createdon", "modifiedon", "versionnumber"})


@dataclass(frozen=True, slots=True)
class Place:
    """One part of an order."""

    value: sql.Composable
    type: Type
    descending: bool
    has_nulls: bool = True
    is_key: bool = False

    @classmethod
    def of(cls, order: Order, table: Table, around: Around) -> Place:
        """Return the place of a column or path; `Invalid` where it leads nowhere."""
        name = order.column.name
        value, type = compile_path(name, table, around)
        never = name == table.key or (name in _NEVER_NULL and not table.is_system)
        return cls(value, type, order.descending, not never, name == table.key)

    @property
    def direction(self) -> sql.Composable:
        """Return what stands behind ``ORDER BY``, nulls being the least."""
        return self.direction_of(self.value)

    def direction_of(self, value: sql.Composable) -> sql.Composable:
        """Return the part of ``ORDER BY`` for what has the value under another name."""
        if self.is_key:  # as its index has it, which a word on nulls would keep from being used
            return sql.SQL("{} DESC" if self.descending else "{} ASC").format(value)
        words = "{} DESC NULLS LAST" if self.descending else "{} ASC NULLS FIRST"
        return sql.SQL(words).format(value)

    def same(self, last: sql.Placeholder | None) -> sql.Composable:
        """Return that the place is that of ``last``; None: null, here and below."""
        return sql.SQL("{} IS NOT DISTINCT FROM {}").format(self.value, self._cast(last))

    def beyond(self, last: sql.Placeholder | None) -> sql.Composable:
        """Return that the place comes after ``last``, nulls being the least."""
        if last is None:
            return sql.SQL("false" if self.descending else "{} IS NOT NULL").format(self.value)
        if self.descending:
            form = "({} < {} OR {} IS NULL)"
            return sql.SQL(form).format(self.value, self._cast(last), self.value)
        return sql.SQL("{} > {}").format(self.value, self._cast(last))

    def bound(self, last: sql.Placeholder | None) -> sql.Composable:
        """Return what holds of ``last`` and of all that comes after: an index begins there."""
        if last is None or (self.descending and self.has_nulls):
            return sql.SQL("true")
        form = "{} <= {}" if self.descending else "{} >= {}"
        return sql.SQL(form).format(self.value, self._cast(last))

    def _cast(self, last: sql.Placeholder | None) -> sql.Composable:
        value = sql.SQL("NULL") if last is None else last
        return sql.SQL("{}::{}").format(value, sql.SQL(self.type.value))


def after(order: Sequence[Place], last: Sequence[str | None] | None) -> sql.Composable:
    """Return that a row comes after the one with these values; None: every row does.

    The values stand in `after_values`.
    """
    if last is None:
        return sql.SQL("true")
    if len(last) != len(order):
        raise Invalid("`$skiptoken` is none that `@odata.nextLink` gave for this order")
    marks = [None if value is None else _mark(at) for at, value in enumerate(last)]
    ways = []
    for at, value in enumerate(marks):
        equal = [one.same(before) for one, before in zip(order[:at], marks[:at], strict=True)]
        ways.append(sql.SQL(" AND ").join([*equal, order[at].beyond(value)]))
    beyond = sql.SQL(" OR ").join(sql.SQL("({})").format(way) for way in ways)
    return sql.SQL("{} AND ({})").format(order[0].bound(marks[0]), beyond)


def after_values(last: Sequence[str | None] | None) -> dict[str, object]:
    """Return the values that `after` speaks of."""
    return {f"after{at}": value for at, value in enumerate(last or ()) if value is not None}


def _mark(at: int) -> sql.Placeholder:
    return sql.Placeholder(f"after{at}")
