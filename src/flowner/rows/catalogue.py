"""Which tables there are, what their columns are called, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from psycopg.sql import Composable

from flowner.database import Database, Transaction
from flowner.errors import NotFound
from flowner.rows.associations import Association, read_associations
from flowner.rows.describing import Described, Key, Relation, described, key_of
from flowner.rows.relations import (
    guessed_relations,
    read_described,
    read_keys,
    read_relations,
    usual_relations,
)
from flowner.rows.types import Type

__all__ = ["STAMPS", "SYSTEM_TABLES", "Catalogue", "Table", "Type", "logical_name"]

SYSTEM_TABLES: Final = {
    "businessunit": "businessunits",
    "systemuser": "systemusers",
    "securitygroup": "securitygroups",
    "team": "teams",
    "role": "roles",
    "workflow": "workflows",
    "flowrun": "flowruns",
    "connectionreference": "connectionreferences",
    "canvasapp": "canvasapps",
    "callbackregistration": "callbackregistrations",
    "environmentvariabledefinition": "environmentvariabledefinitions",
    "environmentvariablevalue": "environmentvariablevalues",
    "organization": "organizations",
    "position": "positions",
    "privilege": "privileges",
    "roleprivileges": "roleprivilegescollection",
    "fieldsecurityprofile": "fieldsecurityprofiles",
    "fieldpermission": "fieldpermissions",
    "principalobjectattributeaccess": "principalobjectattributeaccessset",
    "asyncoperation": "asyncoperations",
}
"""Our own tables that can be read as rows, with their set names. What each is called besides is in
``rows.systemtable``, by which there are privileges on it."""

KEPT: Final = frozenset(
    {
        "businessunit", "role", "systemuser", "team", "workflow", "connectionreference",
        "environmentvariabledefinition", "environmentvariablevalue", "position",
        "fieldsecurityprofile", "fieldpermission", "principalobjectattributeaccess",
    }
)  # fmt: skip
"""Those of them that are written as rows, each by the keeper of its rules."""

_PRIMARY_NAMES = {
    "systemuser": "fullname",
    "connectionreference": "connectionreferencelogicalname",
    "environmentvariabledefinition": "schemaname",
    "environmentvariablevalue": "value",
    "roleprivileges": "roleprivilegeid",
    "fieldpermission": "attributelogicalname",
    "principalobjectattributeaccess": "attributelogicalname",
}
STAMPS: Final = frozenset(
    {
        "createdon", "modifiedon", "createdby", "modifiedby", "createdonbehalfby",
        "modifiedonbehalfby", "versionnumber", "owneridtype",
    }
)  # fmt: skip
"""Columns that the store writes itself."""
_MOST_TEXTS: Final = 100
"""Statements that a table keeps: clients ask for the same few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The secured columns that one caller may not read."""

    columns: frozenset[str] = frozenset()
    holders: frozenset[str] = frozenset()
    """With whom a column of a single row must be shared to be shown all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. Columns by logical name, in no particular order."""

    name: str
    set_name: str
    primary_name: str
    columns: Mapping[str, Type]
    is_system: bool
    schema_name: str = ""
    display_name: str = ""
    collection_name: str = ""
    description: str = ""
    described: Mapping[str, Described] = field(default_factory=dict)
    """What was said of some columns when they were made."""
    keys: Mapping[str, Key] = field(default_factory=dict)
    """Alternate keys by schema name, whether they are active or not."""
    outgoing: tuple[Relation, ...] = ()
    """From lookups of this table."""
    incoming: tuple[Relation, ...] = ()
    """From lookups of other tables, or this one, to this table."""

    associations: tuple[Association, ...] = ()
    """With rows of other tables, or this one, many to many."""

    hidden: Hidden = Hidden()
    """What whoever asks does not see; nobody in particular sees everything."""
    texts: dict[object, bytes] = field(default_factory=dict, compare=False, repr=False)
    """Statements on the table that were made before, by what they depend on besides it."""

    def about(self, column: str) -> Described:
        """Return what clients see of a column."""
        found = self.described.get(column)
        return found or described(column, self.columns[column], self.key)

    def targets(self, column: str) -> list[Relation]:
        """Return where a lookup points."""
        return [one for one in self.outgoing if one.attribute == column]

    def associated(self, navigation: str) -> Association | None:
        """Return the relationship of many to many that a navigation property follows."""
        for one in self.associations:
            if one.navigation == navigation:
                return one
        return None

    def association(self, schema_name: str) -> Association | None:
        """Return the relationship of many to many of this name, from its first side if of two."""
        found = [one for one in self.associations if one.schema_name == schema_name]
        return next((one for one in found if one.is_first), found[0] if found else None)

    def kept(self, what: tuple[object, ...], made: Callable[[], Composable]) -> bytes:
        """Return the text of a statement, made at its first use.

        ``what`` is all that it depends on besides the table. Where columns are hidden it is made
        every time: the text says from whom.
        """
        if self.hidden.columns:
            return made().as_bytes()
        text = self.texts.get(what)
        if text is None:
            text = made().as_bytes()
            if len(self.texts) < _MOST_TEXTS:
                self.texts[what] = text
        return text

    @property
    def key(self) -> str:
        return key_of(self.name)

    @property
    def owned(self) -> bool:
        """Whether its rows have owners."""
        return "ownerid" in self.columns

    def has(self, names: Iterable[str]) -> bool:
        """Say whether all these are columns of the table itself."""
        return all(name in self.columns for name in names)

    def column(self, name: str) -> str | None:
        """Return the column that a query means: ``_ownerid_value`` is ``ownerid``."""
        if name in self.columns:
            return name
        inner = name.removeprefix("_").removesuffix("_value")
        is_lookup = name == f"_{inner}_value" and self.columns.get(inner) is Type.LOOKUP
        return inner if is_lookup else None

    def navigated(self, name: str) -> str | None:
        """Return the lookup that a navigation property sets.

        A lookup that may point into several tables has one property for each, with the table's
        name behind: ``parentcustomerid_account``. Source:
        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/web-api-navigation-properties
        """
        column = self.column(name)
        if column is not None:
            return column
        for one in self.outgoing:
            if one.navigation == name:
                return one.attribute
        lookups = (c for c, type in self.columns.items() if type is Type.LOOKUP)
        return max((c for c in lookups if name.startswith(f"{c}_")), key=len, default=None)


_COLUMNS = """
SELECT c.table_name AS name, c.column_name AS column, c.data_type AS type,
       m.logicalname IS NULL AS is_system, m.entitysetname AS set_name,
       m.primaryname AS primary_name, coalesce(m.schemaname, s.schemaname) AS schema_name,
       m.displayname AS display_name,
       m.collectionname AS collection_name, m.description
FROM information_schema.columns c
LEFT JOIN rows.tablemetadata m ON m.logicalname = c.table_name
LEFT JOIN rows.systemtable s ON s.logicalname = c.table_name
WHERE c.table_schema = 'rows' AND (m.logicalname IS NOT NULL OR c.table_name = ANY(%s))
"""


@dataclass(slots=True)
class Catalogue:
    """The tables of one database, read when first asked for and after they have changed."""

    database: Database
    _by_name: dict[str, Table] = field(default_factory=dict)
    _changes: int = 1
    """Changes that we know of, and how many of them were known when the tables were last read."""
    _seen: int = 0

    async def table(self, name: str, transaction: Transaction) -> Table:
        """Return a table by logical or set name; `NotFound` when there is none."""
        found = self._by_name.get(name) if self._seen == self._changes else None
        if found is None:
            found = (await self._renewed(transaction)).get(name)
        if found is None:
            raise NotFound(f"there is no table `{name}`")
        return found

    def known(self, name: str) -> Table | None:
        """Return a table that was there when the catalogue was last read."""
        return self._by_name.get(name)

    async def tables(self, transaction: Transaction) -> list[Table]:
        """Return every table, by logical name."""
        is_new = self._seen == self._changes
        known = self._by_name if is_new else await self._renewed(transaction)
        found = {table.name: table for table in known.values()}
        return [found[name] for name in sorted(found)]

    @property
    def state(self) -> Mapping[str, Table]:
        """The tables by logical and by set name: another object whenever they were read anew."""
        return self._by_name

    def forget(self) -> None:
        """Read again when next asked: somebody changed a table."""
        self._changes += 1

    async def follow(self) -> None:
        """Forget, for ever, whenever a table was changed by whatever process."""
        async for _ in self.database.listen("flowner_catalogue"):
            self.forget()

    async def _renewed(self, transaction: Transaction) -> Mapping[str, Table]:
        # A change that we hear of while we read may not be in what we read.
        changes = self._changes
        found = await _read(transaction)
        if changes >= self._seen:
            self._by_name, self._seen = found, changes
        return found


async def logical_name(transaction: Transaction, name: str) -> str:
    """Return the logical name of a table that is called by it or by its set name.

    A table that is not there keeps the name it was called by.
    """
    for table, set_name in SYSTEM_TABLES.items():
        if name in (table, set_name):
            return table
    found = await transaction.execute(
        "SELECT logicalname AS name FROM rows.tablemetadata WHERE entitysetname = %s", (name,)
    )
    row = await found.fetchone()
    return name if row is None else str(row["name"])


async def _read(transaction: Transaction) -> dict[str, Table]:
    found = await transaction.execute(_COLUMNS, (list(SYSTEM_TABLES),))
    columns: dict[str, dict[str, Type]] = {}
    about: dict[str, Mapping[str, Any]] = {}
    for row in await found.fetchall():
        columns.setdefault(row["name"], {})[row["column"]] = Type(row["type"])
        about[row["name"]] = row
    said = await read_described(transaction)
    keys = await read_keys(transaction)
    relations = [*await read_relations(transaction), *usual_relations(columns)]
    stated = {(one.referencing, one.attribute) for one in relations}
    relations += [
        one for one in guessed_relations(columns) if (one.referencing, one.attribute) not in stated
    ]
    associations = await read_associations(transaction)
    tables = [
        replace(
            _table(about[name], held, said.get(name, {}), keys.get(name, {}), relations),
            associations=tuple(associations.get(name, ())),
        )
        for name, held in columns.items()
    ]
    return {key: table for table in tables for key in (table.name, table.set_name)}


def _table(
    row: Mapping[str, Any],
    columns: Mapping[str, Type],
    said: Mapping[str, Described],
    keys: Mapping[str, Key],
    relations: Sequence[Relation],
) -> Table:
    name = row["name"]
    set_name = SYSTEM_TABLES[name] if row["is_system"] else row["set_name"]
    return Table(
        name=name,
        set_name=set_name,
        primary_name=row["primary_name"] or _PRIMARY_NAMES.get(name, "name"),
        columns=columns,
        is_system=row["is_system"],
        schema_name=row["schema_name"] or name,
        display_name=row["display_name"] or name,
        collection_name=row["collection_name"] or set_name,
        description=row["description"] or "",
        described=said,
        keys=keys,
        outgoing=tuple(one for one in relations if one.referencing == name),
        incoming=tuple(one for one in relations if one.referenced == name),
    )
