"""What is known of a table beyond its columns' types: kinds, labels, keys, relationships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

from flowner.rows.types import Type

_SPACE: Final = UUID("5e9d3a55-6d0c-4bd2-9e6e-0f2a3c1b7d10")


class Kind(StrEnum):
    """What a column is to a client; several kinds are stored alike."""

    TEXT = "String"
    MEMO = "Memo"
    WHOLE = "Integer"
    BIG = "BigInt"
    DECIMAL = "Decimal"
    MONEY = "Money"
    FLOAT = "Double"
    BOOLEAN = "Boolean"
    MOMENT = "DateTime"
    DAY = "DateOnly"
    CHOICE = "Picklist"
    CHOICES = "MultiSelectPicklist"
    STATE = "State"
    STATUS = "Status"
    LOOKUP = "Lookup"
    CUSTOMER = "Customer"
    OWNER = "Owner"
    KEY = "Uniqueidentifier"
    NAME = "EntityName"
    FILE = "File"
    IMAGE = "Image"
    JSON = "Json"


STORED_AS: Final[dict[Kind, Type]] = {
    Kind.TEXT: Type.TEXT,
    Kind.MEMO: Type.TEXT,
    Kind.WHOLE: Type.WHOLE,
    Kind.BIG: Type.BIG,
    Kind.DECIMAL: Type.DECIMAL,
    Kind.MONEY: Type.DECIMAL,
    Kind.FLOAT: Type.FLOAT,
    Kind.BOOLEAN: Type.BOOLEAN,
    Kind.MOMENT: Type.MOMENT,
    Kind.DAY: Type.DAY,
    Kind.CHOICE: Type.WHOLE,
    Kind.CHOICES: Type.TEXT,
    Kind.STATE: Type.WHOLE,
    Kind.STATUS: Type.WHOLE,
    Kind.LOOKUP: Type.LOOKUP,
    Kind.CUSTOMER: Type.LOOKUP,
    Kind.OWNER: Type.LOOKUP,
    Kind.KEY: Type.LOOKUP,
    Kind.NAME: Type.TEXT,
    Kind.FILE: Type.TEXT,
    Kind.IMAGE: Type.TEXT,
    Kind.JSON: Type.JSON,
}
"""How the values of each kind are stored."""

_KINDS: Final = {
    Type.TEXT: Kind.TEXT,
    Type.WHOLE: Kind.WHOLE,
    Type.BIG: Kind.BIG,
    Type.DECIMAL: Kind.DECIMAL,
    Type.FLOAT: Kind.FLOAT,
    Type.BOOLEAN: Kind.BOOLEAN,
    Type.MOMENT: Kind.MOMENT,
    Type.DAY: Kind.DAY,
    Type.LOOKUP: Kind.LOOKUP,
    Type.JSON: Kind.JSON,
}
_USUAL: Final = {
    "ownerid": Kind.OWNER,
    "owneridtype": Kind.NAME,
    "statecode": Kind.STATE,
    "statuscode": Kind.STATUS,
}
_KEYS: Final = {"roleprivileges": "roleprivilegeid"}
_JOB: Final = {
    "statecode": {0: "Ready", 1: "Suspended", 2: "Locked", 3: "Completed"},
    "statuscode": {
        0: "Waiting For Resources", 10: "Waiting", 20: "In Progress", 21: "Pausing",
        22: "Canceling", 30: "Succeeded", 31: "Failed", 32: "Canceled",
    },
    "operationtype": {13: "Bulk Delete", 63: "EntityKey Index Creation"},
}  # fmt: skip
"""Of jobs. Source:
https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/asyncoperation"""
_STATES: Final = {"statecode": ("Active", "Inactive"), "statuscode": ("", "Active", "Inactive")}
_OF_FLOWS: Final = {"statecode": ("Draft", "Activated"), "statuscode": ("", "Draft", "Activated")}


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a choice."""

    value: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One column as clients see it."""

    kind: Kind
    schema_name: str
    display_name: str
    description: str = ""
    options: tuple[Option, ...] = ()
    choice: str | None = None
    """The global choice that the options are of."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the column's maker said of it: lengths, bounds, precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A lookup of one table that points at rows of another."""

    schema_name: str
    referencing: str
    attribute: str
    referenced: str
    navigation: str
    """From the row that has the lookup to the one it points at."""
    collection: str
    """From the row pointed at to those that point at it."""
    cascade: Mapping[str, str] = field(default_factory=dict)


class KeyState(StrEnum):
    """How far the index of an alternate key has come (``EntityKeyIndexStatus``)."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    ACTIVE = "Active"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An alternate key. Only one that is active finds rows."""

    columns: tuple[str, ...]
    display_name: str
    state: KeyState
    reason: str = ""
    """Why it failed: no value of any row."""


def key_of(table: str) -> str:
    """Return the column that a table's rows are known by."""
    return _KEYS.get(table, f"{table}id")


def described(name: str, type: Type, key: str) -> Described:
    """Return what is said of a column that nobody has described."""
    kind = Kind.KEY if name == key else _USUAL.get(name, _KINDS[type])
    states = _OF_FLOWS if key == "workflowid" else _STATES
    options = tuple(
        Option(value, label) for value, label in enumerate(states.get(name, ())) if label
    )
    if key == "asyncoperationid" and name in _JOB:
        options = tuple(Option(value, label) for value, label in _JOB[name].items())
        kind = Kind.CHOICE if kind is Kind.WHOLE else kind
    return Described(kind=kind, schema_name=name, display_name=name, options=options)


def metadata_id(*names: str) -> str:
    """Return the id of a table, column, key or relationship: the same for the same names."""
    return str(uuid5(_SPACE, "/".join(names)))
