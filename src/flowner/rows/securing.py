"""Which columns are secured: read and written by nobody but whom a profile or a share permits."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from flowner.database import Transaction


async def secure(t: Transaction, table: str, column: str, *, is_secured: bool) -> None:
    """Secure a column, or open it again to everybody who may read the row; with effect at once."""
    if not is_secured:
        await secure_no_more(t, table, [column])
        return
    await t.execute(
        "INSERT INTO rows.securedcolumn (tablename, columnname) VALUES (%s, %s)"
        " ON CONFLICT DO NOTHING",
        (table, column),
    )


async def secure_no_more(t: Transaction, table: str, columns: Sequence[str] | None) -> None:
    """Take what secures columns back, with what is permitted and shared; None: of every column."""
    for kept, of, column in (
        ("securedcolumn", "tablename", "columnname"),
        ("fieldpermission", "entityname", "attributelogicalname"),
        ("principalobjectattributeaccess", "objecttypecode", "attributelogicalname"),
    ):
        await t.execute(
            sql.SQL(
                "DELETE FROM rows.{} WHERE {} = %s AND (%s::text[] IS NULL OR {} = ANY(%s))"
            ).format(*map(sql.Identifier, (kept, of, column))),
            (table, columns, columns),
        )
