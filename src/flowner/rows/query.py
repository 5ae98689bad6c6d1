"""What a list asks for, as one statement: the user's predicate and the law's, never one alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from psycopg import sql

from flowner.errors import Invalid
from flowner.odata.parser import parse_filter, parse_order, parse_select
from flowner.odata.syntax import TRUE, Column, Order, Predicate
from flowner.rows.asking import Asking
from flowner.rows.catalogue import Table
from flowner.rows.compiling import Around, column_of, columns_of, compared, compile_predicate
from flowner.rows.counting import counting_statement
from flowner.rows.listing import Listing, listing_statement, served
from flowner.rows.ordering import Place, after, after_values

MOST: Final = 5000
"""Rows that one answer carries at most, and up to which ``$count`` counts, as in Dataverse."""
_EVERY: Final = 2**53
_OPTIONS: Final = frozenset({"$select", "$filter", "$orderby", "$top", "$count", "$skiptoken"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The options of one list, read."""

    table: Table
    options: Mapping[str, str] = field(repr=False)
    columns: Sequence[str] | None
    wanted: Predicate
    order: tuple[Order, ...]
    top: int
    """Rows wanted in all."""
    had: int
    """Rows that earlier pages had."""
    after: tuple[str | None, ...] | None
    """The values of the order's columns and the key in the row before; None: the first page."""

    @property
    def counts(self) -> bool:
        """Whether the number of all rows is asked for."""
        return self.options.get("$count") == "true"

    @property
    def page(self) -> int:
        """How many rows this page has at most."""
        return max(min(self.top - self.had, MOST), 0)

    @property
    def goes_on(self) -> bool:
        """Whether more is wanted after a full page."""
        return self.top > self.had + self.page

    def next_link(self, last: Mapping[str, object]) -> str:
        """Return the address of the page behind a row of the statement's, relative to the service.

        It tells the row's place in the order, so that no page costs more than the first.
        """
        token = json.dumps([self.had + self.page, *(last[f"@{at}"] for at in self._places)])
        return f"{self.table.set_name}?{urlencode({**self.options, '$skiptoken': token})}"

    @property
    def _places(self) -> range:
        return range(len(self.order) + 1)

    def statement(self, asking: Asking) -> tuple[sql.Composed, Mapping[str, object]]:
        """Return the statement with its values: a page, and one row more if there is one."""
        around = Around()
        parts = (*self.order, Order(Column(self.table.key), False))
        places = [Place.of(one, self.table, around) for one in parts]
        wanted = compile_predicate(self.wanted, self.table)
        listing = Listing(
            columns=columns_of(self.columns, self.table),
            places=places,
            where=sql.SQL("{} AND {}").format(wanted, after(places, self.after)),
            served=served(self.table, self.order, filtered=self.wanted != TRUE),
            size=self.page + 1,
        )
        statement, values = listing_statement(asking, listing, around)
        return statement, {**values, **after_values(self.after)}

    def counting(self, asking: Asking) -> tuple[sql.Composed, Mapping[str, object]]:
        """Return the statement that counts, up to `MOST`, with its values."""
        wanted = compile_predicate(self.wanted, self.table)
        return counting_statement(asking, wanted, MOST, Around())


def read_query(options: Mapping[str, str], table: Table) -> Query:
    """Read the ``$``-options. `Invalid` for one that is not known: none is passed over."""
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise Invalid(f"the query option `{unknown[0]}` is not known here")
    had, last = _place(options.get("$skiptoken"))
    return Query(
        table=table,
        options=options,
        columns=selected(options.get("$select"), table),
        wanted=parse_filter(options["$filter"]) if options.get("$filter") else TRUE,
        order=_order(options.get("$orderby"), table),
        top=_top(options.get("$top")),
        had=had,
        after=last,
    )


def selected(select: str | None, table: Table) -> list[str] | None:
    """Return the columns of a ``$select``, with the key and the version; None: all."""
    if not select:
        return None
    columns = {column_of(name, table) for name in parse_select(select)}
    return sorted(columns | {table.key, "versionnumber"})


def _order(text: str | None, table: Table) -> tuple[Order, ...]:
    """Return the order asked for, by columns of the table."""
    asked = parse_order(text) if text else ()
    return tuple(replace(one, column=Column(compared(one.column.name, table))) for one in asked)


def _top(text: str | None) -> int:
    if text is None or text == "":
        return _EVERY
    if not text.isascii() or not text.isdigit():
        raise Invalid(f"`$top` is `{text[:20]}`: write a whole number")
    return min(int(text[:18]), _EVERY)


def _place(text: str | None) -> tuple[int, tuple[str | None, ...] | None]:
    """Return how many rows the pages before had, and the place of the last of them."""
    if text is None or text == "":
        return 0, None
    try:
        had, *last = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        had, last = None, []
    known = all(one is None or (isinstance(one, str) and "\0" not in one) for one in last)
    if type(had) is not int or had < 0 or not known:
        raise Invalid("`$skiptoken` is none that `@odata.nextLink` gave")
    return had, tuple(last)
