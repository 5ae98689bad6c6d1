"""Our own tables, written by the server itself once a permit was given above.

No law is asked here: motion asks `access` first, and passes in whose name it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from flowner.database import Transaction
from flowner.errors import Code, Conflict
from flowner.values import PrincipalId

_UNIT = """
SELECT businessunitid AS unit FROM rows.systemuser WHERE systemuserid = %(id)s
UNION ALL SELECT businessunitid FROM rows.team WHERE teamid = %(id)s
"""


async def insert(
    transaction: Transaction, table: str, values: Mapping[str, object], *, by: PrincipalId | None
) -> str:
    """Add a row; answers its id. ``by`` None: the server itself.

    Raises `Conflict` where there is a row with the same id, or the same value of a unique column.
    """
    row = {"createdby": by, "modifiedby": by, **await _placed(transaction, values)}
    statement = sql.SQL(
        "INSERT INTO rows.{table} ({columns}) VALUES ({values}) RETURNING {id}::text AS id"
    )
    written = statement.format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in row),
        values=sql.SQL(", ").join(sql.Placeholder() for _ in row),
        id=sql.Identifier(f"{table}id"),
    )
    try:
        done = await transaction.execute(written, [_stored(value) for value in row.values()])
    except UniqueViolation as error:
        raise Conflict(
            f"there is one like it in `{table}` already", code=Code.ROW_DUPLICATE
        ) from error
    found = await done.fetchone()
    if found is None:
        raise RuntimeError("an insert answers its row")
    return str(found["id"])


async def update(
    transaction: Transaction,
    table: str,
    id: str,
    values: Mapping[str, object],
    *,
    by: PrincipalId | None,
) -> None:
    """Change columns of one row."""
    row = {**await _placed(transaction, values), "modifiedby": by}
    statement = sql.SQL("UPDATE rows.{table} SET {changes}, modifiedon = now() WHERE {id} = %s")
    await transaction.execute(
        statement.format(
            table=sql.Identifier(table),
            changes=sql.SQL(", ").join(
                sql.SQL("{} = %s").format(sql.Identifier(name)) for name in row
            ),
            id=sql.Identifier(f"{table}id"),
        ),
        [*(_stored(value) for value in row.values()), id],
    )


async def delete(transaction: Transaction, table: str, where: Mapping[str, object]) -> int:
    """Remove the rows whose columns have these values; answers how many."""
    statement = sql.SQL("DELETE FROM rows.{table} WHERE {all}")
    done = await transaction.execute(
        statement.format(table=sql.Identifier(table), all=_all(where)), list(where.values())
    )
    return done.rowcount


async def select(
    transaction: Transaction, table: str, where: Mapping[str, object]
) -> list[dict[str, Any]]:
    """Return the rows whose columns have these values; ids as text."""
    statement = sql.SQL("SELECT * FROM rows.{table} WHERE {all}")
    found = await transaction.execute(
        statement.format(table=sql.Identifier(table), all=_all(where)), list(where.values())
    )
    return [
        {
            name: str(value) if name.endswith("id") and value is not None else value
            for name, value in row.items()
        }
        for row in await found.fetchall()
    ]


async def _placed(transaction: Transaction, values: Mapping[str, object]) -> Mapping[str, object]:
    """Return the values, with the business unit of the owner whom they name and place nowhere."""
    if "ownerid" not in values or "owningbusinessunit" in values:
        return values
    found = await transaction.execute(_UNIT, {"id": values["ownerid"]})
    row = await found.fetchone()
    return values if row is None else {**values, "owningbusinessunit": row["unit"]}


def _all(where: Mapping[str, object]) -> sql.Composable:
    if not where:
        return sql.SQL("true")
    return sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in where)


def _stored(value: object) -> object:
    return Jsonb(value) if isinstance(value, dict | list) else value
