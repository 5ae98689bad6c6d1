"""Relationships, keys and descriptions of columns, as they are kept beside the tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from flowner.access.cascades import Cascade, Relationship
from flowner.database import Transaction
from flowner.rows.describing import Described, Key, KeyState, Kind, Option, Relation, key_of
from flowner.rows.types import Type

_USUAL: Final = {
    "ownerid": (("systemuser", "user_{}", "owninguser"), ("team", "team_{}", "owningteam")),
    "owningbusinessunit": (("businessunit", "business_unit_{}", "owningbusinessunit"),),
    "createdby": (("systemuser", "lk_{}_createdby", "createdby"),),
    "modifiedby": (("systemuser", "lk_{}_modifiedby", "modifiedby"),),
    "createdonbehalfby": (("systemuser", "lk_{}_createdonbehalfby", "createdonbehalfby"),),
    "modifiedonbehalfby": (("systemuser", "lk_{}_modifiedonbehalfby", "modifiedonbehalfby"),),
    "environmentvariabledefinitionid": (
        (
            "environmentvariabledefinition",
            "environmentvariabledefinition_{}",
            "EnvironmentVariableDefinitionId",
        ),
    ),
}
"""The relationships of the columns that most tables have: table, name, navigation property."""


async def read_described(transaction: Transaction) -> dict[str, dict[str, Described]]:
    """Return what was said of columns, by table and column."""
    found = await transaction.execute(
        "SELECT c.*, coalesce(g.options, c.options) AS shown FROM rows.columnmetadata c"
        " LEFT JOIN rows.choicemetadata g ON g.name = c.choice"
    )
    said: dict[str, dict[str, Described]] = {}
    for row in await found.fetchall():
        said.setdefault(row["tablename"], {})[row["columnname"]] = Described(
            kind=Kind(row["kind"]),
            schema_name=row["schemaname"],
            display_name=row["displayname"],
            description=row["description"],
            options=tuple(Option(one["value"], one["label"]) for one in row["shown"]),
            choice=row["choice"],
            details=row["details"],
        )
    return said


async def read_keys(transaction: Transaction) -> dict[str, dict[str, Key]]:
    """Return the alternate keys by table and schema name."""
    found = await transaction.execute("SELECT * FROM rows.keymetadata ORDER BY name")
    keys: dict[str, dict[str, Key]] = {}
    for row in await found.fetchall():
        keys.setdefault(row["tablename"], {})[row["schemaname"]] = Key(
            columns=tuple(row["columnnames"]),
            display_name=row["displayname"],
            state=KeyState(row["state"]),
            reason=row["reason"] or "",
        )
    return keys


async def read_relations(transaction: Transaction) -> list[Relation]:
    """Return the relationships that somebody has made, by name."""
    found = await transaction.execute("SELECT * FROM rows.relationshipmetadata ORDER BY name")
    return [
        Relation(
            schema_name=row["schemaname"],
            referencing=row["referencing"],
            attribute=row["attribute"],
            referenced=row["referenced"],
            navigation=row["navigation"],
            collection=row["collection"],
            cascade=row["cascade"],
        )
        for row in await found.fetchall()
    ]


def carried(relation: Relation) -> Relationship:
    """Return what a relationship carries on: what its maker said, and links that are removed."""
    said = relation.cascade
    return Relationship(
        parent=relation.referenced,
        child=relation.referencing,
        column=relation.attribute,
        assign=Cascade(said.get("Assign", Cascade.NONE)),
        share=Cascade(said.get("Share", Cascade.NONE)),
        unshare=Cascade(said.get("Unshare", Cascade.NONE)),
        reparent=Cascade(said.get("Reparent", Cascade.NONE)),
        delete=Cascade(said.get("Delete", Cascade.REMOVE_LINK)),
    )


def links_only(relations: Iterable[Relation]) -> Iterator[Relationship]:
    """Return the relationships that nobody has made, for the lookups that tables have by name."""
    for one in relations:
        if one.attribute not in _USUAL:
            yield carried(one)


def usual_relations(tables: Mapping[str, Mapping[str, Type]]) -> Iterator[Relation]:
    """Return the relationships that tables have by the columns that most have."""
    for name, columns in tables.items():
        for column, targets in _USUAL.items():
            if columns.get(column) is Type.LOOKUP and column != f"{name}id":
                for referenced, form, navigation in targets:
                    schema_name = form.format(name)
                    yield _relation(name, column, referenced, (schema_name, navigation))


def guessed_relations(tables: Mapping[str, Mapping[str, Type]]) -> Iterator[Relation]:
    """Return the relationships that lookups have by their names.

    A lookup called ``parentaccountid`` or ``accountid`` points at ``account``: tables that were
    made before relationships were kept say no more.
    """
    for name, columns in tables.items():
        for column, type in columns.items():
            if type is Type.LOOKUP and column != key_of(name) and column not in _USUAL:
                fitting = (one for one in tables if column.endswith(f"{one}id"))
                referenced = max(fitting, key=len, default=None)
                if referenced is not None:
                    yield _relation(name, column, referenced, (f"{name}_{column}", column))


def _relation(name: str, column: str, referenced: str, names: tuple[str, str]) -> Relation:
    return Relation(
        schema_name=names[0],
        referencing=name,
        attribute=column,
        referenced=referenced,
        navigation=names[1],
        collection=names[0],
    )
