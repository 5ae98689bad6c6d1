"""Counting rows that are open: up to a bound, by each of the law's ways in, from its own index.

Whoever sees little of a large table is not made to wait while all of it is gone through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psycopg import sql

from flowner.access.listing_shape import narrowest
from flowner.access.rights import Right
from flowner.rows.asking import Asking
from flowner.rows.compiling import Around, compile_predicate
from flowner.rows.listing import EACH, SHARED, law_of_others, values_of

_OF_EACH: Final = """
(SELECT {key} FROM rows.{table} r
 WHERE r.{column} = ANY(%({values})s::uuid[]) AND {where} LIMIT {most})
"""
_OF_SHARES: Final = """
(SELECT {key} FROM {shared} JOIN rows.{table} r ON {key} = shared.rowid
 WHERE {where} LIMIT {most})
"""
_COUNT: Final = "SELECT count(*) AS count FROM (SELECT FROM ({rows}) every LIMIT {most}) one"


def counting_statement(
    asking: Asking, wanted: sql.Composable, most: int | None, around: Around
) -> tuple[sql.Composed, Mapping[str, object]]:
    """Return the statement that counts up to ``most`` rows, with its values.

    ``wanted`` is the user's half, over the row ``r``. The law comes to it here.
    """
    rows, values = _arms(asking, wanted, most, around) or (
        sql.SQL("SELECT FROM rows.{} r WHERE {}").format(
            sql.Identifier(asking.table.name), _lawful(asking, wanted, around)
        ),
        {},
    )
    return sql.SQL(_COUNT).format(rows=rows, most=sql.Literal(most)), values


def among(
    asking: Asking, wanted: sql.Composable, most: int, around: Around
) -> tuple[sql.Composable, Mapping[str, object]]:
    """Return that the row ``r`` is wanted and open, with values; true of ``most`` rows at most."""
    found = _arms(asking, wanted, most, around)
    if found is None:
        return _lawful(asking, wanted, around), {}
    key = sql.Identifier(asking.table.key)
    return sql.SQL("r.{} IN (SELECT {} FROM ({}) every)").format(key, key, found[0]), found[1]


def _lawful(asking: Asking, wanted: sql.Composable, around: Around) -> sql.Composable:
    law = compile_predicate(asking.law(Right.READ), asking.table, around)
    return sql.SQL("{} AND {}").format(wanted, law)


def _arms(
    asking: Asking, wanted: sql.Composable, most: int | None, around: Around
) -> tuple[sql.Composable, Mapping[str, object]] | None:
    """Return the keys of the rows, by each way in; None where everything or nothing is open."""
    table, ways = asking.table, asking.ways(Right.READ)
    at = narrowest(ways)
    open_by = ways[at]
    if table.is_system or open_by.everywhere or not open_by.sharers:
        return None
    parts: dict[str, sql.Composable] = {
        "key": sql.SQL("r.{}").format(sql.Identifier(table.key)),
        "table": sql.Identifier(table.name),
        "where": sql.SQL("{} AND {}").format(wanted, law_of_others(asking, at, around)),
        "most": sql.Literal(most),
    }
    # A row may be open in several ways and is counted once: no arm has one twice, nor has UNION.
    arms = [
        sql.SQL(_OF_EACH).format(column=sql.Identifier(column), values=sql.SQL(kind), **parts)
        for kind, column in EACH.items()
        if getattr(open_by, kind)
    ]
    arms.append(sql.SQL(_OF_SHARES).format(shared=sql.SQL(SHARED), **parts))
    return sql.SQL(" UNION ").join(arms), values_of(open_by, table)
