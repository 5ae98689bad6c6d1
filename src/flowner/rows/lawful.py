"""The law over one row, in a statement whose text is the same for everybody.

Whoever asks comes as values, so the text is made once for a table and PostgreSQL plans it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import sql

from flowner.access.rights import Right
from flowner.access.row_filter import Ways

_OPEN: Final = """
(r.ownerid = ANY(%({owners})s::uuid[]) OR r.owningbusinessunit = ANY(%({units})s::uuid[])
 OR EXISTS (SELECT 1 FROM rows.rowshare s WHERE s.tablename = %(table)s AND s.rowid = r.{key}
    AND s.principalid = ANY(%({sharers})s::uuid[])
    AND (s.accessmask | s.inheritedmask) & %(mask)s <> 0))
"""


def shape_of(ways: Sequence[Ways]) -> tuple[bool | None, ...]:
    """Return what the text depends on, for each caller: every row, no row, or (None) some."""
    return tuple(True if one.everywhere else None if one.sharers else False for one in ways)


def law_text(shape: Sequence[bool | None], key: str) -> sql.Composable:
    """Return that the row ``r`` is open to each; ``key`` is the column of its id."""
    parts = [
        sql.SQL(str(opens).lower())
        if opens is not None
        else sql.SQL(_OPEN).format(
            key=sql.Identifier(key),
            **{name: sql.SQL(f"{name}{at}") for name in ("owners", "units", "sharers")},
        )
        for at, opens in enumerate(shape)
    ]
    return sql.SQL(" AND ").join(parts)


def law_values(ways: Sequence[Ways], table: str, right: Right) -> Mapping[str, object]:
    """Return the values that the text speaks of."""
    values: dict[str, object] = {"table": table, "mask": right.mask}
    for at, one in enumerate(ways):
        values[f"owners{at}"] = list(one.owners)
        values[f"units{at}"] = list(one.units)
        values[f"sharers{at}"] = list(one.sharers)
    return values
