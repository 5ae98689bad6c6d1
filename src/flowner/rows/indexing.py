"""Indexes built beside those who write, outside of transactions, and mended where that broke off.

PostgreSQL leaves an invalid index behind where building one was interrupted. It helps no query,
slows writers, and holds them to a key that does not apply: it is dropped before the next attempt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import Error, sql

from flowner.database import Transaction
from flowner.rows.describing import Kind

_FOUND: Final = """
SELECT i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'rows'::regnamespace AND c.relname = %s
"""
_UNINDEXED: Final = """
SELECT m.logicalname AS name, a.attname AS column
FROM rows.tablemetadata m
JOIN pg_class t ON t.relnamespace = 'rows'::regnamespace AND t.relname = m.logicalname
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN rows.columnmetadata c ON c.tablename = m.logicalname AND c.columnname = a.attname
WHERE a.atttypid = 'uuid'::regtype AND (c.kind IS NULL OR c.kind = ANY(%(kinds)s))
  AND a.attname <> ALL(%(kept)s) AND (%(table)s::text IS NULL OR m.logicalname = %(table)s)
  AND NOT EXISTS (SELECT 1 FROM pg_index i
                  WHERE i.indrelid = t.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
ORDER BY 1, 2
"""
_LOOKUPS: Final = [Kind.LOOKUP.value, Kind.CUSTOMER.value]
_KEPT: Final = ["createdby", "modifiedby", "createdonbehalfby", "modifiedonbehalfby"]
"""Lookups that every table has, and by which nothing is found."""
_PATIENT: Final = "SET lock_timeout = 0; SET statement_timeout = 0"
"""An index waits for those who wrote before it; nobody waits for the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index on a table of the user's own."""

    name: str
    table: str
    columns: Sequence[str]
    is_unique: bool = False

    def statement(self, *, beside_others: bool) -> sql.Composed:
        """Return the statement that makes it: at once, or outside of transactions."""
        return sql.SQL("CREATE {} INDEX {} {} ON rows.{} ({})").format(
            sql.SQL("UNIQUE" if self.is_unique else ""),
            sql.SQL("CONCURRENTLY" if beside_others else ""),
            sql.Identifier(self.name),
            sql.Identifier(self.table),
            sql.SQL(", ").join(sql.Identifier(column) for column in self.columns),
        )


def index_name(table: str, what: str) -> str:
    """Return a name for an index that no other has, and that fits."""
    told = hashlib.sha256(f"{table}/{what}".encode()).hexdigest()[:12]
    return f"{what[:44]}_{told}"


def lookup_index(table: str, column: str) -> Index:
    """Return the index of a lookup."""
    return Index(name=index_name(table, column), table=table, columns=[column])


async def unindexed(connection: Transaction, table: str | None = None) -> list[Index]:
    """Return the lookups' indexes that are missing, of one table or of all: 1 query."""
    values = {"table": table, "kinds": _LOOKUPS, "kept": _KEPT}
    found = await connection.execute(_UNINDEXED, values)
    return [lookup_index(row["name"], row["column"]) for row in await found.fetchall()]


async def build(connection: Transaction, index: Index) -> None:
    """Build an index unless it is there. Minutes, where the table has millions of rows.

    Raises psycopg's error; nothing is left behind then, unless the connection is lost or the
    server stops.
    """
    if await _is_valid(connection, index.name):
        return
    await connection.execute(_PATIENT)
    await _drop(connection, index.name)
    try:
        await connection.execute(index.statement(beside_others=True))
    except Error:
        if not connection.closed:
            await _drop(connection, index.name)
        raise


async def _is_valid(connection: Transaction, name: str) -> bool:
    row = await (await connection.execute(_FOUND, (name,))).fetchone()
    return row is not None and bool(row["valid"])


async def _drop(connection: Transaction, name: str) -> None:
    await connection.execute(
        sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS rows.{}").format(sql.Identifier(name))
    )
