"""Rows counted and added up: what a group is, and its aggregates in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from flowner.errors import Invalid
from flowner.odata.syntax import Predicate
from flowner.rows.catalogue import Table, Type
from flowner.rows.compiling import Around, compile_path
from flowner.rows.shapes import shown

MOST_GROUPED: Final = 50_000
"""Rows that an aggregate is over at most, as in Dataverse."""
_METHODS: Final = {
    "count": "count(*)",
    "countcolumn": "count({})",
    "countdistinct": "count(DISTINCT {})",
    "sum": "sum({})",
    "average": "avg({})",
    "min": "min({})",
    "max": "max({})",
}
_ADDED: Final = frozenset({Type.WHOLE, Type.BIG, Type.DECIMAL, Type.FLOAT})
_BOUNDED: Final = _ADDED | {Type.MOMENT, Type.DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows to be counted or added up: the columns or paths to group by, and the aggregates.

    ``aggregates`` are method, path (None: the row itself) and the name of the result.
    """

    wanted: Predicate
    by: Sequence[tuple[str, str]]
    """Paths, with the names that their values get."""
    aggregates: Sequence[tuple[str, str | None, str]]


def aggregate(one: tuple[str, str | None, str], table: Table, around: Around) -> sql.Composable:
    """Return one aggregate. `Invalid` where its column holds what cannot be added up."""
    method, path, _ = one
    if path is None:
        return sql.SQL(_METHODS["count"])
    value, type = compile_path(path, table, around)
    allowed = {"sum": _ADDED, "average": _ADDED, "min": _BOUNDED, "max": _BOUNDED}.get(method)
    if allowed is not None and type not in allowed:
        raise Invalid(f"`{path}` holds {type}, of which there is no {method}")
    return sql.SQL(_METHODS["countcolumn" if method == "count" else method]).format(value)


def grouping(keys: int) -> sql.Composable:
    """Return ``GROUP BY`` and ``ORDER BY`` over the first columns of the result."""
    if not keys:
        return sql.SQL("")
    listed = sql.SQL(", ").join(sql.Literal(at + 1) for at in range(keys))
    return sql.SQL("GROUP BY {} ORDER BY {}").format(listed, listed)


def plain(value: Any) -> Any:
    """Return a value of the database as JSON has it."""
    bare = shown({"value": value, "versionnumber": 0}, _NOTHING)
    return bare["value"]


_NOTHING: Final = Table(name="", set_name="", primary_name="", columns={}, is_system=True)
