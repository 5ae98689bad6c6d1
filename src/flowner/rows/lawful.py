"""The law over one row, in a statement whose text is the same for everybody.

Whoever asks comes as values, so the text is made once for a table and PostgreSQL plans it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import sql

from flowner.access.rights import Right
from flowner.access.row_filter import Ways

_SHARED: Final = """
EXISTS (SELECT 1 FROM rows.rowshare s WHERE s.tablename = {table} AND s.rowid = {row}.{key}
    AND s.principalid = ANY({holders}::uuid[]) AND (s.accessmask | s.inheritedmask) & {mask} <> 0)
"""
_SHARED_OTHERWISE: Final = {
    # A flow's co-owners see its runs; who may only run it, their own.
    "flowrun": """
EXISTS (SELECT 1 FROM rows.flowshare s WHERE s.workflowid = {row}.workflowid
    AND s.principalid = ANY({holders}::uuid[]) AND {mask} = 1
    AND (s.role = 1 OR {row}.startedbyid = ANY({holders}::uuid[])))
"""
}
_OPEN: Final = """
(r.ownerid = ANY(%({owners})s::uuid[]) OR r.owningbusinessunit = ANY(%({units})s::uuid[])
 OR {shared})
"""


def has_shares(table: str) -> bool:
    """Say whether the shares of a table's rows are those of ``rows.rowshare``."""
    return table not in _SHARED_OTHERWISE


def shared_with(
    table: str,
    row: sql.Composable,
    key: str,
    values: tuple[sql.Composable, sql.Composable, sql.Composable],
) -> sql.Composable:
    """Return that a row is shared. ``values``: the table's name, with whom, and for which right."""
    name, holders, mask = values
    text = _SHARED_OTHERWISE.get(table, _SHARED)
    return sql.SQL(text).format(
        table=name, row=row, key=sql.Identifier(key), holders=holders, mask=mask
    )


def shape_of(ways: Sequence[Ways]) -> tuple[bool | None, ...]:
    """Return what the text depends on, for each caller: every row, no row, or (None) some."""
    return tuple(True if one.everywhere else None if one.sharers else False for one in ways)


def law_text(shape: Sequence[bool | None], table: str, key: str) -> sql.Composable:
    """Return that the row ``r`` is open to each; ``key`` is the column of its id."""
    parts = [
        sql.SQL(str(opens).lower()) if opens is not None else _open_to(at, table, key)
        for at, opens in enumerate(shape)
    ]
    return sql.SQL(" AND ").join(parts)


def _open_to(at: int, table: str, key: str) -> sql.Composable:
    said = ("%(table)s", f"%(sharers{at})s", "%(mask)s")
    name, sharers, mask = (sql.SQL(one) for one in said)
    return sql.SQL(_OPEN).format(
        owners=sql.SQL(f"owners{at}"),
        units=sql.SQL(f"units{at}"),
        shared=shared_with(table, sql.SQL("r"), key, (name, sharers, mask)),
    )


def law_values(ways: Sequence[Ways], table: str, right: Right) -> Mapping[str, object]:
    """Return the values that the text speaks of."""
    values: dict[str, object] = {"table": table, "mask": right.mask}
    for at, one in enumerate(ways):
        values[f"owners{at}"] = list(one.owners)
        values[f"units{at}"] = list(one.units)
        values[f"sharers{at}"] = list(one.sharers)
    return values
