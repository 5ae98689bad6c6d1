"""Which tables there are, what their columns are called, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from flowner.database import Database, Transaction
from flowner.errors import NotFound

SYSTEM_TABLES: Final = {
    "businessunit": "businessunits",
    "systemuser": "systemusers",
    "securitygroup": "securitygroups",
    "team": "teams",
    "role": "roles",
    "workflow": "workflows",
    "connectionreference": "connectionreferences",
    "canvasapp": "canvasapps",
    "callbackregistration": "callbackregistrations",
    "environmentvariabledefinition": "environmentvariabledefinitions",
    "environmentvariablevalue": "environmentvariablevalues",
}
"""Our own tables that can be read as rows, with their set names. They are written by the modules
that own their rules, never through the store."""

_PRIMARY_NAMES = {
    "systemuser": "fullname",
    "connectionreference": "connectionreferencelogicalname",
    "environmentvariabledefinition": "schemaname",
    "environmentvariablevalue": "value",
}
STAMPS: Final = frozenset(
    {
        "createdon", "modifiedon", "createdby", "modifiedby", "createdonbehalfby",
        "modifiedonbehalfby", "versionnumber", "owningbusinessunit", "owneridtype",
    }
)  # fmt: skip
"""Columns that the store writes itself."""


class Type(StrEnum):
    """What a column holds; the value is PostgreSQL's name for it."""

    TEXT = "text"
    WHOLE = "integer"
    BIG = "bigint"
    DECIMAL = "numeric"
    FLOAT = "double precision"
    BOOLEAN = "boolean"
    MOMENT = "timestamp with time zone"
    LOOKUP = "uuid"
    JSON = "jsonb"


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
    hidden: Hidden = Hidden()
    """What whoever asks does not see; nobody in particular sees everything."""

    @property
    def key(self) -> str:
        return f"{self.name}id"

    @property
    def owned(self) -> bool:
        """Whether its rows have owners."""
        return "ownerid" in self.columns

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
        lookups = (c for c, type in self.columns.items() if type is Type.LOOKUP)
        return max((c for c in lookups if name.startswith(f"{c}_")), key=len, default=None)


_COLUMNS = """
SELECT c.table_name AS name, c.column_name AS column, c.data_type AS type,
       m.entitysetname AS set_name, m.primaryname AS primary_name
FROM information_schema.columns c
LEFT JOIN rows.tablemetadata m ON m.logicalname = c.table_name
WHERE c.table_schema = 'rows' AND (m.logicalname IS NOT NULL OR c.table_name = ANY(%s))
"""


@dataclass(slots=True)
class Catalogue:
    """The tables of one database, read when first asked for and after they have changed."""

    database: Database
    _by_name: dict[str, Table] = field(default_factory=dict)

    async def table(self, name: str, transaction: Transaction) -> Table:
        """Return a table by logical or set name; `NotFound` when there is none."""
        found = self._by_name.get(name)
        if found is None:
            self._by_name = await _read(transaction)
            found = self._by_name.get(name)
        if found is None:
            raise NotFound(f"there is no table `{name}`")
        return found

    def forget(self) -> None:
        """Read again: somebody changed a table."""
        self._by_name = {}


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
    about: dict[str, tuple[str, str]] = {}
    for row in await found.fetchall():
        name = row["name"]
        columns.setdefault(name, {})[row["column"]] = Type(row["type"])
        if row["set_name"] is not None:
            about[name] = (row["set_name"], row["primary_name"])
        else:
            about[name] = (SYSTEM_TABLES[name], _PRIMARY_NAMES.get(name, "name"))
    tables = [
        Table(
            name=name,
            set_name=about[name][0],
            primary_name=about[name][1],
            columns=held,
            is_system=name in SYSTEM_TABLES,
        )
        for name, held in columns.items()
    ]
    return {key: table for table in tables for key in (table.name, table.set_name)}
