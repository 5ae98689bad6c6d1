"""The statements that write rows. What may be written was judged before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from flowner.rows.asking import Asking, execute
from flowner.rows.callers import Caller
from flowner.rows.compiling import columns_of
from flowner.rows.shapes import shown
from flowner.values import JsonObject

_UPDATE = (
    "UPDATE rows.{} AS r SET {}, modifiedon = now(), versionnumber = nextval('rows.version')"
    " WHERE {} = %s RETURNING {}"
)


async def insert(asking: Asking, row: Mapping[str, object]) -> JsonObject:
    """Add a row, given by column; return it whole."""
    table = asking.whole
    statement = sql.SQL("INSERT INTO rows.{} AS r ({}) VALUES ({}) RETURNING {}").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(sql.Identifier(name) for name in row),
        sql.SQL(", ").join(sql.Placeholder() for _ in row),
        columns_of(None, table),
    )
    return await _one(asking, statement, list(row.values()))


async def update(asking: Asking, key: str, row: Mapping[str, object]) -> JsonObject:
    """Change columns of a row; return it whole."""
    table = asking.whole
    statement = sql.SQL(_UPDATE).format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in row),
        sql.Identifier(table.key),
        columns_of(None, table),
    )
    return await _one(asking, statement, [*row.values(), key])


async def read_back(asking: Asking, key: str) -> JsonObject:
    """Return a row whole, as it stands after several statements have written it."""
    table = asking.whole
    statement = sql.SQL("SELECT {} FROM rows.{} r WHERE r.{} = %s").format(
        columns_of(None, table), sql.Identifier(table.name), sql.Identifier(table.key)
    )
    return await _one(asking, statement, [key])


def stamps(caller: Caller, what: str) -> dict[str, object]:
    """Return who ``created`` or ``modified`` a row, and on whose behalf."""
    return {f"{what}by": caller.acting_for, f"{what}onbehalfby": caller.actor}


async def _one(asking: Asking, statement: sql.Composed, values: list[object]) -> JsonObject:
    found: dict[str, Any] = await (await execute(asking, statement, values)).fetchone()
    return shown(found, asking.whole)
