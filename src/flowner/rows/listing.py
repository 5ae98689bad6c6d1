"""The statement of a list: a walk under the law, or an arm for each of the law's ways in, merged.

`access.listing_shape` chooses; whatever it chooses, the same rows come in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from flowner.access.listing_shape import Served, Shape, narrowest, shape
from flowner.access.rights import Right
from flowner.access.row_filter import Ways, together
from flowner.odata.syntax import Order
from flowner.rows.asking import Asking
from flowner.rows.catalogue import Table
from flowner.rows.compiling import Around, compile_predicate
from flowner.rows.lawful import has_shares
from flowner.rows.ordering import Place

_WALK: Final = """
SELECT {columns}, {texts} FROM rows.{table} r WHERE {where} AND {law}
ORDER BY {order} LIMIT {size} OFFSET {skipped}
"""
_ARMS: Final = """
SELECT {columns}, {texts} FROM (
  SELECT * FROM ({arms}) arm ORDER BY {merged} LIMIT {size} OFFSET {skipped}
) found JOIN rows.{table} r ON r.{key} = found.{last} ORDER BY {merged}
"""
_OF_EACH: Final = """
SELECT first.* FROM unnest(%({values})s::uuid[]) AS one(id) CROSS JOIN LATERAL
  (SELECT {named} FROM rows.{table} r WHERE r.{column} = one.id AND {where}
   ORDER BY {order} LIMIT {most}) first
"""
SHARED: Final = """
(SELECT DISTINCT s.rowid FROM rows.rowshare s
   WHERE s.principalid = ANY(%(sharers)s::uuid[]) AND s.tablename = %(table)s
     AND (s.accessmask | s.inheritedmask) & %(mask)s <> 0) shared
"""
"""The ids of the rows that are shared, each once."""
_OF_SHARES: Final = """
(SELECT {named} FROM {shared} JOIN rows.{table} r ON r.{key} = shared.rowid
 WHERE {where} ORDER BY {order} LIMIT {most})
"""
EACH: Final = {"owners": "ownerid", "units": "owningbusinessunit"}
"""The columns that ways in are found by, each with an index of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which rows of a table are listed. Everything is said of the row ``r``."""

    columns: sql.Composable
    places: Sequence[Place]
    """The order; the last is the key's."""
    where: sql.Composable
    """The user's half, and where the page begins. The law comes to it here."""
    served: Served
    size: int
    skipped: int = 0


def served(table: Table, order: Sequence[Order], *, filtered: bool) -> Served:
    """Say what the indexes that every table of one's own has do for an order.

    `metadata.create` makes them.
    """
    if filtered or table.is_system or len(order) > 1:
        return Served.NOWHERE
    if not order or order[0].column.name == table.key:
        return Served.OF_ALL
    return Served.EVERYWHERE if order[0].column.name == "modifiedon" else Served.NOWHERE


def listing_statement(
    asking: Asking, listing: Listing, around: Around, *, chosen: Shape | None = None
) -> tuple[sql.Composed, Mapping[str, object]]:
    """Return the statement with its values. It shows the order's values as ``@0``, ``@1`` ….

    ``chosen`` is the shape; None: the one that costs least.
    """
    at = _armed(asking, listing.served, chosen)
    if at is None:
        return _walk(asking, listing, around), {}
    return _arms(asking, listing, around, at), values_of(asking.ways(Right.READ)[at], asking.table)


def common(
    asking: Asking, served: Served
) -> tuple[tuple[object, ...], Mapping[str, object]] | None:
    """Return what the text of `listing_statement` depends on besides the listing, and its values.

    None: on more than many callers have in common.
    """
    if asking.is_open(Right.READ):
        return ("walk",), {}
    if len(asking.standings) > 1 or _armed(asking, served, None) is None:
        return None
    (ways,) = asking.ways(Right.READ)
    return ("arms", bool(ways.owners), bool(ways.units)), values_of(ways, asking.table)


def _armed(asking: Asking, served: Served, chosen: Shape | None) -> int | None:
    """Return whose ways in become arms, by place among the standings; None: the rows are walked."""
    ways = asking.ways(Right.READ)
    at = narrowest(ways)
    if chosen is None:
        chosen = shape(ways[at], units=asking.memory.units, served=served)
    armed = chosen is Shape.ARMS and has_shares(asking.table.name)
    return at if armed and not ways[at].everywhere and ways[at].sharers else None


def unplaced(row: Mapping[str, object]) -> dict[str, object]:
    """Return a row without the order's values."""
    return {name: value for name, value in row.items() if not name.startswith("@")}


def _walk(asking: Asking, listing: Listing, around: Around) -> sql.Composed:
    return sql.SQL(_WALK).format(
        columns=listing.columns,
        texts=_texts([one.value for one in listing.places]),
        table=sql.Identifier(asking.table.name),
        where=listing.where,
        law=compile_predicate(asking.law(Right.READ), asking.table, around),
        order=sql.SQL(", ").join(one.direction for one in listing.places),
        size=sql.Literal(listing.size),
        skipped=sql.Literal(listing.skipped),
    )


def _arms(asking: Asking, listing: Listing, around: Around, at: int) -> sql.Composed:
    ways, table = asking.ways(Right.READ)[at], asking.table
    parts: dict[str, sql.Composable] = {
        "table": sql.Identifier(table.name),
        "key": sql.Identifier(table.key),
        "where": sql.SQL("{} AND {}").format(listing.where, law_of_others(asking, at, around)),
        "named": sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(one.value, _name(place))
            for place, one in enumerate(listing.places)
        ),
        "order": sql.SQL(", ").join(one.direction for one in listing.places),
        "most": sql.Literal(listing.size + listing.skipped),
    }
    arms: list[sql.Composable] = [
        sql.SQL(_OF_EACH).format(values=sql.SQL(kind), column=sql.Identifier(column), **parts)
        for kind, column in EACH.items()
        if getattr(ways, kind)
    ]
    arms.append(sql.SQL(_OF_SHARES).format(shared=sql.SQL(SHARED), **parts))
    found = [sql.SQL("found.{}").format(_name(place)) for place in range(len(listing.places))]
    merged = [one.direction_of(_name(place)) for place, one in enumerate(listing.places)]
    return sql.SQL(_ARMS).format(
        columns=listing.columns,
        texts=_texts(found),
        arms=sql.SQL(" UNION ").join(arms),
        merged=sql.SQL(", ").join(merged),
        last=_name(len(listing.places) - 1),
        table=parts["table"],
        key=parts["key"],
        size=sql.Literal(listing.size),
        skipped=sql.Literal(listing.skipped),
    )


def law_of_others(asking: Asking, at: int, around: Around) -> sql.Composable:
    """Return the law for all in whose name is asked but the one whose ways in are followed."""
    table = asking.table
    others = [one for place, one in enumerate(asking.standings) if place != at]
    law = together(others, table.name, Right.READ, owned=table.owned)
    return compile_predicate(law, table, around)


def values_of(ways: Ways, table: Table) -> dict[str, object]:
    """Return the values that statements of arms speak of."""
    return {
        "owners": sorted(ways.owners),
        "units": sorted(ways.units),
        "sharers": sorted(ways.sharers),
        "mask": Right.READ.mask,
        "table": table.name,
    }


def _texts(values: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("({})::text AS {}").format(value, _name(place, shown=True))
        for place, value in enumerate(values)
    )


def _name(place: int, *, shown: bool = False) -> sql.Identifier:
    return sql.Identifier(f"@{place}" if shown else f"@value{place}")
