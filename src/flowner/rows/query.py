"""What a list asks for, as one statement: the user's predicate and the law's, never one alone."""

from __future__ import annotations

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
from flowner.rows.ordering import Place

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
    skipped: int
    """Rows that earlier pages had."""

    @property
    def counts(self) -> bool:
        """Whether the number of all rows is asked for."""
        return self.options.get("$count") == "true"

    @property
    def page(self) -> int:
        """How many rows this page has at most."""
        return max(min(self.top - self.skipped, MOST), 0)

    @property
    def goes_on(self) -> bool:
        """Whether more is wanted after a full page."""
        return self.top > self.skipped + self.page

    @property
    def next_link(self) -> str:
        """Return the address of the next page, relative to the service."""
        following = {**self.options, "$skiptoken": f"{self.skipped + self.page}"}
        return f"{self.table.set_name}?{urlencode(following)}"

    def statement(self, asking: Asking) -> tuple[sql.Composed, Mapping[str, object]]:
        """Return the statement with its values: a page, and one row more if there is one."""
        around = Around()
        parts = (*self.order, Order(Column(self.table.key), False))
        listing = Listing(
            columns=columns_of(self.columns, self.table),
            places=[Place.of(one, self.table, around) for one in parts],
            where=compile_predicate(self.wanted, self.table),
            served=served(self.table, self.order, filtered=self.wanted != TRUE),
            size=self.page + 1,
            skipped=self.skipped,
        )
        return listing_statement(asking, listing, around)

    def counting(self, asking: Asking) -> tuple[sql.Composed, Mapping[str, object]]:
        """Return the statement that counts, up to `MOST`, with its values."""
        wanted = compile_predicate(self.wanted, self.table)
        return counting_statement(asking, wanted, MOST, Around())


def read_query(options: Mapping[str, str], table: Table) -> Query:
    """Read the ``$``-options. `Invalid` for one that is not known: none is passed over."""
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise Invalid(f"the query option `{unknown[0]}` is not known here")
    return Query(
        table=table,
        options=options,
        columns=selected(options.get("$select"), table),
        wanted=parse_filter(options["$filter"]) if options.get("$filter") else TRUE,
        order=_order(options.get("$orderby"), table),
        top=_top(options.get("$top")),
        skipped=_skipped(options.get("$skiptoken")),
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


def _skipped(text: str | None) -> int:
    if text is None or text == "":
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Invalid("`$skiptoken` is none that `@odata.nextLink` gave")
    return int(text)
