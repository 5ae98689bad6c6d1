"""Making tables, columns, keys, relationships and choices with all that clients say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from psycopg import sql
from psycopg.types.json import Jsonb

from flowner.database import Database, Transaction
from flowner.errors import Code, Conflict, Refused
from flowner.rows.altering import Altering
from flowner.rows.associations import Association, read_associations
from flowner.rows.catalogue import STAMPS, SYSTEM_TABLES, Catalogue, Table
from flowner.rows.describing import STORED_AS, Described, Kind, Option, Relation
from flowner.rows.keys import Keys
from flowner.rows.metadata import add_statement, check_name, create, require_own
from flowner.rows.pictures import beside
from flowner.rows.securing import secure, secure_no_more

_PAIRS: Final = """
CREATE TABLE rows.{table} (
    {key} uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    versionnumber bigint NOT NULL DEFAULT nextval('rows.version'),
    {sides}, UNIQUE ({columns})
)
"""
_EVERYWHERE: Final = frozenset({"ownerid", "statecode", "statuscode"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTable:
    """A table to be made, by the names that its maker gives it."""

    schema_name: str
    set_name: str
    display_name: str
    collection_name: str
    primary_name: str
    description: str = ""
    owned: bool = True
    """Whether every row has an owner; else all are the organisation's."""
    columns: Mapping[str, Described] = field(default_factory=dict)
    """By logical name; the primary name's column is among them."""


class Making:
    """Changes tables. Whoever calls this administers the environment; doors ask before."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._altering = Altering(database, catalogue)
        self.keys = Keys(self._altering)

    async def create_table(self, new: NewTable) -> None:
        """Make a table. `Conflict` when there is one of its name."""
        name = new.schema_name.lower()
        for given in (name, new.set_name, *new.columns):
            check_name(given)
        if name in SYSTEM_TABLES or new.set_name in SYSTEM_TABLES.values():
            raise Conflict(f"there is a table `{name}` already", code=Code.ROW_DUPLICATE)
        async with self._altering.saying() as t:
            await create(t, name, owned=new.owned)
            await t.execute(
                "INSERT INTO rows.tablemetadata (logicalname, entitysetname, displayname,"
                " primaryname, schemaname, collectionname, description)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (name, new.set_name, new.display_name, new.primary_name, new.schema_name,
                 new.collection_name, new.description),
            )  # fmt: skip
            for column, about in new.columns.items():
                await _add_column(t, name, column, about)

    async def drop_table(self, table: Table) -> None:
        """Remove a table and its rows. `Refused` while another table points at it."""
        require_own(table)
        others = [one for one in table.incoming if one.referencing != table.name]
        if others:
            raise Refused(
                f"`{others[0].referencing}` points at `{table.name}` by `{others[0].attribute}`"
            )

        async def drop(t: Transaction) -> None:
            for kept in ("filecontent", "rowshare", "trackedtable", "trackedchange"):
                await t.execute(
                    sql.SQL("DELETE FROM rows.{} WHERE tablename = %s").format(
                        sql.Identifier(kept)
                    ),
                    (table.name,),
                )
            await secure_no_more(t, table.name, None)
            await t.execute(
                "DELETE FROM rows.relationshipmetadata WHERE referenced = %s", (table.name,)
            )
            for one in table.associations:
                await _drop_pairs(t, one)
            await t.execute("DELETE FROM rows.tablemetadata WHERE logicalname = %s", (table.name,))
            await t.execute(sql.SQL("DROP TABLE rows.{}").format(sql.Identifier(table.name)))

        await self._altering.change(table.name, drop, table.name)

    async def add_column(self, table: Table, column: str, about: Described) -> None:
        """Add a column, empty in every row; no row is rewritten."""
        require_own(table)
        check_name(column)

        async def add(t: Transaction) -> None:
            await _add_column(t, table.name, column, about)

        await self._altering.change(table.name, add, table.name)

    async def drop_column(self, table: Table, column: str) -> None:
        """Remove a column. `Refused` for one that every table has, or a key needs."""
        require_own(table)
        if column not in table.described or column == table.primary_name:
            raise Refused(f"the column `{column}` of `{table.name}` cannot be removed")
        if "AttributeOf" in table.described[column].details:
            raise Refused(f"the column `{column}` goes with the image that it is of")
        if any(column in key.columns for key in table.keys.values()):
            raise Refused(f"an alternate key of `{table.name}` needs the column `{column}`")
        about = table.described[column]
        dropped = [column, *(beside(column, about) if about.kind is Kind.IMAGE else ())]

        async def drop(t: Transaction) -> None:
            await _forget_columns(t, table.name, dropped)
            for one in dropped:
                await t.execute(
                    sql.SQL("ALTER TABLE rows.{} DROP COLUMN {}").format(
                        sql.Identifier(table.name), sql.Identifier(one)
                    )
                )

        await self._altering.change(table.name, drop, table.name)

    async def relate(self, table: Table, lookup: Described, relations: Sequence[Relation]) -> None:
        """Add a lookup, with a relationship to each table that it may point into.

        It can be used at return. Its index is there as well, or takes longer than is waited for.
        """
        require_own(table)
        column = relations[0].attribute
        check_name(column)

        async def add(t: Transaction) -> None:
            for one in relations:
                await t.execute(
                    "INSERT INTO rows.relationshipmetadata (name, schemaname, referencing,"
                    " attribute, referenced, navigation, collection, cascade)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (one.schema_name.lower(), one.schema_name, one.referencing, one.attribute,
                     one.referenced, one.navigation, one.collection, Jsonb(dict(one.cascade))),
                )  # fmt: skip
            if column not in table.columns:
                await _add_column(t, table.name, column, lookup)

        await self._altering.change(table.name, add, table.name)
        await self.keys.settled(table.name)

    async def associate(self, one: Association) -> None:
        """Relate two tables many to many, with a table of their pairs; a pair ends with a row."""
        for given in (one.intersect, one.schema_name, one.navigation, one.back):
            check_name(given.lower())

        async def make(t: Transaction) -> None:
            known = await read_associations(t)
            if one.schema_name.lower() in {
                other.schema_name for sides in known.values() for other in sides if other.is_system
            }:
                raise Conflict("there is one of this name already", code=Code.ROW_DUPLICATE)
            sides = [(one.here, one.table), (one.there, one.other)]
            await t.execute(
                sql.SQL(_PAIRS).format(
                    table=sql.Identifier(one.intersect),
                    key=sql.Identifier(f"{one.intersect}id"),
                    sides=sql.SQL(", ").join(_side(column, table) for column, table in sides),
                    columns=sql.SQL(", ").join(sql.Identifier(column) for column, _ in sides),
                )
            )
            await t.execute(
                sql.SQL("CREATE INDEX ON rows.{} ({})").format(
                    sql.Identifier(one.intersect), sql.Identifier(one.there)
                )
            )
            await t.execute(
                "INSERT INTO rows.associationmetadata (name, schemaname, intersect_name, tables,"
                " attributes, navigations) VALUES (%s, %s, %s, %s, %s, %s)",
                (one.schema_name.lower(), one.schema_name, one.intersect, [one.table, one.other],
                 [one.here, one.there], [one.navigation, one.back]),
            )  # fmt: skip

        own = {one.table, one.other} - SYSTEM_TABLES.keys()
        await self._altering.change(one.intersect, make, *own)

    async def part(self, one: Association) -> None:
        """Remove a relationship of many to many, with every pair."""
        if one.is_system:
            raise Refused(f"`{one.schema_name}` is kept by the server and cannot be removed")

        async def drop(t: Transaction) -> None:
            await _drop_pairs(t, one)

        own = {one.table, one.other} - SYSTEM_TABLES.keys()
        await self._altering.change(one.intersect, drop, *own)

    async def unrelate(self, relation: Relation, table: Table) -> None:
        """Remove a relationship from one row to many; with the last one its lookup goes, too."""
        if len(table.targets(relation.attribute)) == 1:
            await self.drop_column(table, relation.attribute)
            return
        require_own(table)
        async with self._altering.saying() as t:
            done = await t.execute(
                "DELETE FROM rows.relationshipmetadata WHERE name = %s AND referencing = %s",
                (relation.schema_name.lower(), relation.referencing),
            )
            if done.rowcount == 0:
                raise Refused(f"`{relation.schema_name}` is kept by the server")

    async def rename_table(
        self, table: Table, *, display_name: str, collection_name: str, description: str
    ) -> None:
        """Call a table otherwise, for people."""
        require_own(table)
        async with self._altering.saying() as t:
            await t.execute(
                "UPDATE rows.tablemetadata SET displayname = %s, collectionname = %s,"
                " description = %s WHERE logicalname = %s",
                (display_name, collection_name, description, table.name),
            )

    async def describe_column(self, table: Table, column: str, about: Described) -> None:
        """Say other things of a column. `Refused` for one that every table has."""
        require_own(table)
        if column in STAMPS or column in _EVERYWHERE or column == table.key:
            raise Refused(f"the column `{column}` is kept by the server and cannot be changed")
        async with self._altering.saying() as t:
            await t.execute(
                "DELETE FROM rows.columnmetadata WHERE tablename = %s AND columnname = %s",
                (table.name, column),
            )
            await _describe(t, table.name, column, about)

    async def carry(self, relation: Relation) -> None:
        """Let a relationship that somebody made carry other things on."""
        async with self._altering.saying() as t:
            done = await t.execute(
                "UPDATE rows.relationshipmetadata SET cascade = %s WHERE name = %s"
                " AND referencing = %s",
                (Jsonb(dict(relation.cascade)), relation.schema_name.lower(), relation.referencing),
            )
            if done.rowcount == 0:
                raise Refused(f"`{relation.schema_name}` is kept by the server")

    async def change_choice(
        self,
        name: str,
        *,
        display_name: str | None = None,
        options: Sequence[Option] | None = None,
    ) -> None:
        """Call a global choice otherwise, or give it other options; None: as they are."""
        async with self._altering.saying() as t:
            await t.execute(
                "UPDATE rows.choicemetadata SET displayname = coalesce(%s, displayname),"
                " options = coalesce(%s, options) WHERE name = %s",
                (display_name, None if options is None else _options(options), name),
            )

    async def add_choice(self, name: str, display_name: str, options: Sequence[Option]) -> None:
        """Make a global choice, which columns of any table may take their options from."""
        check_name(name.lower())
        async with self._altering.saying() as t:
            await t.execute(
                "INSERT INTO rows.choicemetadata (name, displayname, options) VALUES (%s, %s, %s)",
                (name.lower(), display_name, _options(options)),
            )

    async def choices(self, within: Transaction) -> dict[str, tuple[str, list[Option]]]:
        """Return the global choices by name: what they are called, and their options."""
        found = await within.execute("SELECT * FROM rows.choicemetadata ORDER BY name")
        return {
            row["name"]: (
                row["displayname"],
                [Option(one["value"], one["label"]) for one in row["options"]],
            )
            for row in await found.fetchall()
        }


def _options(options: Sequence[Option]) -> Jsonb:
    return Jsonb([{"value": one.value, "label": one.label} for one in options])


def _side(column: str, table: str) -> sql.Composed:
    """Return a column of pairs. A pair ends with its row; rows of ours are ended with care."""
    name = sql.Identifier(column)
    if table in SYSTEM_TABLES:
        return sql.SQL("{} uuid NOT NULL").format(name)
    form = sql.SQL("{} uuid NOT NULL REFERENCES rows.{} ON DELETE CASCADE")
    return form.format(name, sql.Identifier(table))


async def _drop_pairs(t: Transaction, one: Association) -> None:
    # From a table to itself there are two sides, and one table of pairs.
    drop = sql.SQL("DROP TABLE IF EXISTS rows.{}").format(sql.Identifier(one.intersect))
    await t.execute(drop)
    await t.execute(
        "DELETE FROM rows.associationmetadata WHERE name = %s", (one.schema_name.lower(),)
    )


async def _add_column(t: Transaction, table: str, column: str, about: Described) -> None:
    if about.kind is Kind.IMAGE:
        for name, one in beside(column, about).items():
            await _add_column(t, table, name, one)
    # Said first: the lock on the table, which shuts everybody out, is held as short as can be.
    await _describe(t, table, column, about)
    await t.execute(add_statement(table, column, STORED_AS[about.kind]))


async def _forget_columns(t: Transaction, table: str, columns: Sequence[str]) -> None:
    await t.execute(
        "DELETE FROM rows.columnmetadata WHERE tablename = %s AND columnname = ANY(%s)",
        (table, columns),
    )
    await secure_no_more(t, table, columns)
    # Thumbnails, and files of which not all has come, are kept under longer names.
    await t.execute(
        "DELETE FROM rows.filecontent WHERE tablename = %s AND split_part(columnname, ' ', 1) = %s",
        (table, columns[0]),
    )
    await t.execute(
        "DELETE FROM rows.relationshipmetadata WHERE referencing = %s AND attribute = %s",
        (table, columns[0]),
    )


async def _describe(t: Transaction, table: str, column: str, about: Described) -> None:
    await t.execute(
        "INSERT INTO rows.columnmetadata (tablename, columnname, kind, schemaname, displayname,"
        " description, options, choice, details) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (table, column, about.kind.value, about.schema_name, about.display_name,
         about.description, _options(about.options), about.choice, Jsonb(dict(about.details))),
    )  # fmt: skip
    if "IsSecured" in about.details:
        await secure(t, table, column, is_secured=about.details["IsSecured"] is True)
