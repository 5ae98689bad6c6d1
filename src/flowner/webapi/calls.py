"""One call: the request, in whose name it is made, and what it is answered with."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Code, Invalid, NotFound
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Table
from flowner.rows.compiling import compared
from flowner.rows.keys import require_active
from flowner.rows.making import Making
from flowner.rows.privileges import may_act_for_others, user_by
from flowner.rows.reading import Reading
from flowner.rows.store import Store
from flowner.values import Json, PrincipalId
from flowner.webapi.addresses import Segment
from flowner.webapi.csdl import Description
from flowner.webapi.requests import Answer, Preferences, Request

CHANGING: Final = frozenset(
    {
        "EntityDefinitions", "RelationshipDefinitions", "GlobalOptionSetDefinitions",
        "CreateEntities", "CreateCustomerRelationships", "ReactivateEntityKey",
        "InsertOptionValue", "UpdateOptionValue", "DeleteOptionValue", "OrderOption",
    }
)  # fmt: skip
"""Addresses at which tables are changed, by transactions of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What answers are made with."""

    store: Store
    reading: Reading
    making: Making
    clock: Clock
    description: Description = field(default_factory=Description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request with its caller and its transaction, which commits when the answer is made."""

    rooms: Rooms
    request: Request
    caller: Caller
    transaction: Transaction
    made: dict[str, str] = field(default_factory=dict)
    """In a change set: the rows made so far, ``accounts(guid)`` by ``$1``."""

    atomic: bool = False
    """Whether it is part of a change set, in which tables cannot be changed."""
    by_keys: set[str] = field(default_factory=set)
    """Ids of rows that the request named by alternate keys: a refusal does not tell them."""

    @property
    def prefers(self) -> Preferences:
        return self.request.prefers

    async def table(self, set_name: str) -> Table:
        """Return a table by its set name; `NotFound` when there is none."""
        try:
            found = await self.rooms.store.catalogue.table(set_name, self.transaction)
        except NotFound:
            found = None
        if found is None or found.set_name != set_name:
            raise NotFound(
                f"resource not found for the segment `{set_name[:60]}`", code=Code.NO_TABLE
            )
        return found

    async def named(self, name: str) -> Table:
        """Return a table by its logical name."""
        found = await self.rooms.store.catalogue.table(name, self.transaction)
        if found.name != name:
            raise NotFound(f"there is no table `{name[:60]}`", code=Code.NO_TABLE)
        return found

    async def key(self, table: Table, segment: Segment) -> tuple[str | None, dict[str, Json]]:
        """Return the id of the row that a segment addresses, and what its key says of it.

        The id is None where an alternate key leads to no row; what the key says is then what a
        new row would have. `AccessDenied` (0x8004f504) for a key of a secured column that the
        caller may not read: whether there is such a row would tell its values.
        """
        if segment.guid is not None:
            return segment.guid, {}
        given = segment.named_keys()
        if list(given) == [table.key]:
            guid = Segment("", given[table.key]).guid
            if guid is None:
                raise Invalid(f"`{given[table.key]}` is no id", code=Code.BAD_QUERY)
            return guid, {}
        columns = {name: table.column(name) for name in given}
        wanted = {column for column in columns.values() if column is not None}
        if None in columns.values() or all(
            wanted != set(key.columns) for key in table.keys.values()
        ):
            raise Invalid(
                f"the specified key attributes are not a defined key for the {table.name} entity",
                code=Code.ROW_KEY_UNKNOWN,
            )
        values = {str(columns[name]): value for name, value in given.items()}
        predicate = {name: value for name, value in values.items() if value is not None}
        if len(predicate) < len(values):
            raise Invalid("a key has a value for each of its columns", code=Code.BAD_QUERY)
        async with self.rooms.store.asking(self.caller, table.name, self.transaction) as asking:
            for column in predicate:
                compared(column, asking.table)
        # Asked afterwards: why a key failed tells something of a secured column's values.
        require_active(table, wanted)
        found = await self.rooms.reading.keyed(table, predicate, self.transaction)
        if found is not None:
            self.by_keys.add(found)
        return found, {**predicate}

    def untold(self, error: AccessDenied) -> AccessDenied:
        """Return a refusal that names no row's id but those that the caller named."""
        said = error.message
        for id in self.by_keys:
            said = said.replace(f"record with id {id}", "the record with this key")
        return error if said == error.message else AccessDenied(said, code=error.code)


def opening(database: Database, request: Request) -> AbstractAsyncContextManager[Transaction]:
    """Return what a request is answered with: a transaction, where it may write rows.

    What only reads needs none: each statement sees what is committed anyway. What changes tables
    has none open either: indexes wait for the transactions that are, and would wait for this one.
    """
    first = unquote(request.path.strip("/").partition("/")[0]).partition("(")[0]
    if request.method == "GET" or first in CHANGING:
        return database.connection()
    return database.transaction()


def need(table: Table, id: str | None) -> str:
    """Return the id. `NotFound` where a key led to no row."""
    if id is None:
        raise NotFound(
            f"a record with the specified key values does not exist in {table.name} entity",
            code=Code.ROW_NOT_FOUND,
        )
    return id


async def caller_of(request: Request, person: PrincipalId, transaction: Transaction) -> Caller:
    """Return in whose name a request is made: its sender's, or theirs whom it names in a header.

    `AccessDenied` (0x8004a110) unless the sender may act for others; whom nobody knows has no
    privilege, so that the answer tells nothing of who there is.
    """
    by_object = request.header("callerobjectid")
    other = by_object or request.header("mscrmcallerid")
    if other is None:
        return Caller(person)
    if not await may_act_for_others(transaction, person):
        raise AccessDenied(
            "user does not have the privilege to act on behalf another user",
            code=Code.CANNOT_ACT_ON_BEHALF,
        )
    found = await user_by(transaction, other, of_directory=by_object is not None)
    if found is None:
        raise AccessDenied(
            f"principal user (Id={other[:60]}) is missing the privileges for the request",
            code=Code.PRIVILEGE_MISSING,
        )
    return Caller(found) if found == person else Caller(found, person)


def no_method(request: Request) -> Answer:
    """Return the answer for a method that the address does not offer."""
    said = f"`{request.method}` is not offered at this address"
    return Answer(status=405, content={"error": {"code": Code.NO_TABLE.value, "message": said}})
