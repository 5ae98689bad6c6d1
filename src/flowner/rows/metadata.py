"""Making and widening the user's own tables: real tables, real columns, real indexes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from psycopg import errors, sql

from flowner.database import Database, Transaction
from flowner.errors import Conflict, Invalid, Refused
from flowner.rows.altering import Altering, briefly
from flowner.rows.catalogue import SYSTEM_TABLES, Catalogue, Table, Type
from flowner.rows.indexing import build, lookup_index, unindexed

_NAME = re.compile(r"[a-z][a-z0-9_]{1,58}")

_CREATE = """
CREATE TABLE rows.{table} (
    {key} uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    createdon timestamptz NOT NULL DEFAULT now(),
    modifiedon timestamptz NOT NULL DEFAULT now(),
    createdby uuid, modifiedby uuid, createdonbehalfby uuid, modifiedonbehalfby uuid,
    {owner}
    versionnumber bigint NOT NULL DEFAULT nextval('rows.version'),
    statecode int NOT NULL DEFAULT 0,
    statuscode int NOT NULL DEFAULT 1
)
"""

_OWNER = "ownerid uuid NOT NULL, owneridtype text NOT NULL, owningbusinessunit uuid,"
_INDEX = "CREATE INDEX ON rows.{table} ({first}modifiedon DESC NULLS LAST, {key})"
"""What the newest rows of an owner, of a business unit and of all are found by, in the very order
that lists have: nulls are the least, and the key comes last."""


async def create(transaction: Transaction, name: str, *, owned: bool) -> None:
    """Make a table with the usual columns; ``owned``: its rows have owners, not the organisation.

    Raises psycopg's error for a table that is there already.
    """
    table, key = sql.Identifier(name), sql.Identifier(f"{name}id")
    owner = sql.SQL(_OWNER if owned else "")
    await transaction.execute(sql.SQL(_CREATE).format(table=table, key=key, owner=owner))
    for first in ("", "ownerid, ", "owningbusinessunit, ") if owned else ("",):
        index = sql.SQL(_INDEX).format(table=table, first=sql.SQL(first), key=key)
        await transaction.execute(index)


class Metadata:
    """Changes tables. Whoever calls this administers the environment; doors ask before."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database, self._catalogue = database, catalogue
        self._altering = Altering(database, catalogue)

    async def create_table(
        self,
        name: str,
        *,
        set_name: str,
        primary_name: str,
        columns: Mapping[str, Type | str],
        owned: bool = True,
    ) -> None:
        """Make a table with these columns besides the usual ones.

        ``owned``: every row has an owner; else all are the organisation's, and a right on them is
        a right on all.

        Names of one's own have a publisher's prefix (``fern_request``), which keeps them apart
        from ours and Dataverse's; imported flows may ask for ``account``. A type may be given by
        the name that `Type` has for it, in any case.
        """
        types = {column: _type(column, type) for column, type in columns.items()}
        for given in (name, set_name, primary_name, *columns):
            check_name(given)
        if name in SYSTEM_TABLES:
            raise Conflict(f"there is a table `{name}` already")
        try:
            async with self._database.transaction() as transaction:
                await create(transaction, name, owned=owned)
                for column, type in {primary_name: Type.TEXT, **types}.items():
                    await _add_column(transaction, name, column, type)
                await transaction.execute(
                    "INSERT INTO rows.tablemetadata (logicalname, entitysetname, displayname,"
                    " primaryname) VALUES (%s, %s, %s, %s)",
                    (name, set_name, name, primary_name),
                )
        except (errors.DuplicateTable, errors.UniqueViolation):
            raise Conflict(f"there is a table `{name}` already") from None
        except errors.DuplicateColumn as error:
            twice = error.diag.column_name or "one of them"
            raise Invalid(f"`{name}` would have two columns of one name: {twice}") from None
        self._catalogue.forget()

    async def add_column(self, table: str, column: str, type: Type) -> None:
        """Add a column, empty in every row; no row is rewritten."""
        check_name(table)
        check_name(column)

        async def add(t: Transaction) -> None:
            await t.execute(
                "UPDATE rows.tablemetadata SET logicalname = logicalname WHERE logicalname = %s",
                (table,),
            )
            await t.execute(add_statement(table, column, type))

        try:
            async with self._altering.turn(table) as connection:
                await briefly(connection, add, table)
                for index in await unindexed(connection, table):
                    await build(connection, index)
        except Conflict:
            raise Conflict(f"`{table}` has a column `{column}` already") from None


async def _add_column(t: Transaction, table: str, column: str, type: Type) -> None:
    """Add a column to a table that nobody else knows yet."""
    await t.execute(add_statement(table, column, type))
    if type is Type.LOOKUP:
        await t.execute(lookup_index(table, column).statement(beside_others=False))


def add_statement(table: str, column: str, type: Type) -> sql.Composed:
    """Return the statement that adds a column."""
    return sql.SQL("ALTER TABLE rows.{} ADD COLUMN {} {}").format(
        sql.Identifier(table), sql.Identifier(column), sql.SQL(type.value)
    )


def require_own(table: Table) -> None:
    """Refuse to change a table of the server's own."""
    if table.is_system:
        raise Refused(f"the table `{table.name}` is kept by the server and cannot be changed")


def _type(column: str, given: Type | str) -> Type:
    if isinstance(given, Type):
        return given
    if given.upper() not in Type.__members__:
        known = ", ".join(f"`{name.lower()}`" for name in Type.__members__)
        raise Invalid(f"`{given}` is no type for the column `{column}`: take one of {known}")
    return Type[given.upper()]


def check_name(name: str) -> None:
    """Refuse what is no name for a table or column of one's own."""
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            f"`{name}` is no name for a table or column: write lower-case letters, digits and `_`,"
            " a letter first, at most 59 signs, such as `fern_request`"
        )
