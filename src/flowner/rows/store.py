"""The row store: every call has a caller, and every statement carries the law."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from flowner.access.rights import Right, RowFacts, Standing
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import Code, Conflict, Invalid
from flowner.rows import cascading, columns, relating, shares
from flowner.rows.asking import (
    Asking,
    announce,
    ask,
    execute,
    exists,
    facts_of,
    fetch,
    glimpse,
    guid,
    remembered,
)
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Catalogue, Table
from flowner.rows.inheriting import inherit
from flowner.rows.keeping import Keeper, keeper_of
from flowner.rows.listing import unplaced
from flowner.rows.owners import organization_says, owned_by, owner_of, placed
from flowner.rows.pictures import Picture, image_columns, keep_pictures, take_pictures
from flowner.rows.query import read_query, selected
from flowner.rows.shapes import named, shown, stored
from flowner.rows.standing import Standings
from flowner.rows.writing import stamps
from flowner.values import Json, JsonObject, PrincipalId

_UNIT: Final = "owningbusinessunit"


class Store:
    """Rows of every table that can be read as rows; the user's own, and those with a keeper, can
    be written too."""

    def __init__(
        self, database: Database, clock: Clock, keepers: Mapping[str, Keeper] | None = None
    ) -> None:
        self._database, self._clock = database, clock
        self._keepers = keepers or {}
        self.catalogue = Catalogue(database)
        self._standings = Standings()

    def require_written(self, table: Table) -> None:
        """Raise where nobody writes a table's rows as rows."""
        self._keeper(table)

    def _keeper(self, table: Table) -> Keeper:
        return keeper_of(self._keepers, table)

    async def create(
        self,
        caller: Caller,
        table: str,
        values: JsonObject,
        *,
        id: str | None = None,
        within: Transaction | None = None,
    ) -> JsonObject:
        """Add a row and return it. Its owner is the caller unless ``ownerid`` says otherwise.

        ``id`` is the row's id, unless ``values`` name one (`Conflict`, 0x80040237, when taken).
        """
        async with self._asking(caller, table, within) as asking:
            keeper = self._keeper(asking.table)
            asking.require(Right.CREATE)
            given = stored(values, asking.table)
            if id is not None and not given.get(asking.table.key):
                given[asking.table.key] = id
            pictures = await self._pictures(asking, given, given.get(asking.table.key))
            found = await relating.pointers(asking, values, given)
            relating.require_privileges(asking, found)
            owned = await _owned(asking, given)
            facts = RowFacts(owner=owned.get("ownerid"), business_unit=owned.get(_UNIT))
            for right in (Right.CREATE, Right.APPEND) if found else (Right.CREATE,):
                asking.require_on(right, facts, str(given.get(asking.table.key) or "new"))
            await relating.require_targets(found)
            columns.require_created(asking, given)
            row = given | owned | stamps(caller, "created") | stamps(caller, "modified")
            document = await keeper.create(asking, row)
            await keep_pictures(asking, str(document[asking.table.key]), pictures)
            if found:
                await inherit(asking, str(document[asking.table.key]))
            await announce(asking, "Create", document, named(values, asking.table))
            return await columns.as_seen(asking, document)

    async def get(
        self,
        caller: Caller,
        table: str,
        id: str,
        *,
        select: str | None = None,
        within: Transaction | None = None,
    ) -> JsonObject:
        """Return one row. `NotFound` when there is none, `AccessDenied` when it is not open."""
        if within is None:
            async with self._database.connection() as connection:
                return await self.get(caller, table, id, select=select, within=connection)
        about = self.catalogue, self._standings
        seen = await glimpse(within, about, caller, table, id, lambda it: selected(select, it))
        if seen is not None:
            return shown(*seen)
        async with self._asking(caller, table, within) as asking:
            asking.require(Right.READ)
            row = await fetch(asking, id, Right.READ, selected(select, asking.table))
            return shown(row, asking.table)

    async def update(  # noqa: PLR0913 - the parts of one request
        self,
        caller: Caller,
        table: str,
        id: str,
        values: JsonObject,
        *,
        upsert: bool = False,
        if_match: str | None = None,
        within: Transaction | None = None,
    ) -> JsonObject:
        """Change a row and return it; ``upsert`` makes it, with this id, when there is none.

        ``if_match`` is an ETag that the row must still have (`Conflict`, 0x80060882).
        """
        async with self._asking(caller, table, within) as asking:
            keeper = self._keeper(asking.table)
            key = guid(id, asking.table)
            if upsert and not await exists(asking, key):
                values = {**values, asking.table.key: key}
                return await self.create(caller, table, values, within=asking.transaction)
            asking.require(Right.WRITE)
            before = await fetch(asking, id, Right.WRITE, None, whole=True, lock=True)
            _match(before, if_match)
            change = stored(values, asking.table)
            change.pop(asking.table.key, None)
            pictures = await self._pictures(asking, change, key)
            await keep_pictures(asking, key, pictures)
            document = await _change(asking, keeper, before, change, values)
            return await columns.as_seen(asking, document)

    async def delete(
        self, caller: Caller, table: str, id: str, *, within: Transaction | None = None
    ) -> None:
        """Remove a row, and by its relationships what points at it."""
        async with self._asking(caller, table, within) as asking:
            keeper = self._keeper(asking.table)
            asking.require(Right.DELETE)
            before = await fetch(asking, id, Right.DELETE, None, whole=True, lock=True)
            await keeper.remove(asking, before)

    async def list(
        self,
        caller: Caller,
        table: str,
        options: Mapping[str, str],
        *,
        within: Transaction | None = None,
    ) -> JsonObject:
        """Return the rows that the options ask for and the law opens: ``{"value": […]}``.

        At most `MOST` at a time, or as many as ``$top`` asks; where there are more than `MOST`,
        ``@odata.nextLink`` has the ``$skiptoken`` to go on with. An option that is not known is
        refused, never passed over.
        """
        async with self._asking(caller, table, within) as asking:
            asking.require(Right.READ)
            query = read_query(options, asking.table)
            found = await (await execute(asking, *query.statement(asking))).fetchall()
            rows = [shown(unplaced(row), asking.table) for row in found]
            value: list[Json] = [*rows[: query.page]]
            answer: JsonObject = {
                "@odata.context": f"$metadata#{asking.table.set_name}",
                "value": value,
            }
            if query.counts:
                counted = await (await execute(asking, *query.counting(asking))).fetchone()
                answer["@odata.count"] = counted["count"]
            if len(rows) > query.page and query.goes_on:
                answer["@odata.nextLink"] = query.next_link
            return answer

    async def grant_access(
        self,
        caller: Caller,
        table: str,
        id: str,
        principal: PrincipalId,
        rights: Iterable[Right],
        *,
        within: Transaction | None = None,
    ) -> None:
        """Share a row with a user or team, in addition to what is shared with them already."""
        async with self._asking(caller, table, within) as asking:
            keeper = self._keeper(asking.table)
            await keeper.share(asking, id, principal, rights, adds=True)

    async def modify_access(
        self,
        caller: Caller,
        table: str,
        id: str,
        principal: PrincipalId,
        rights: Iterable[Right],
        *,
        within: Transaction | None = None,
    ) -> None:
        """Share a row with a user or team, in place of what is shared with them already."""
        async with self._asking(caller, table, within) as asking:
            keeper = self._keeper(asking.table)
            await keeper.share(asking, id, principal, rights, adds=False)

    async def revoke_access(
        self,
        caller: Caller,
        table: str,
        id: str,
        principal: PrincipalId,
        *,
        within: Transaction | None = None,
    ) -> None:
        """End what a row is shared with a user or team for."""
        async with self._asking(caller, table, within) as asking:
            await self._keeper(asking.table).unshare(asking, id, principal)

    async def principal_access(
        self,
        caller: Caller,
        table: str,
        id: str,
        principal: PrincipalId,
        *,
        within: Transaction | None = None,
    ) -> frozenset[Right]:
        """Return what a user or team may do with a row that the caller may read."""
        async with self._asking(caller, table, within) as asking:
            return await shares.access_of(asking, id, principal)

    async def share_column(  # noqa: PLR0913 - the parts of one request
        self,
        caller: Caller,
        table: str,
        id: str,
        column: str,
        principal: PrincipalId,
        *,
        read: bool = False,
        update: bool = False,
        within: Transaction | None = None,
    ) -> None:
        """Share a secured column of one row with a user or team."""
        async with self._asking(caller, table, within) as asking:
            await columns.share_column(asking, id, column, principal, read=read, update=update)

    async def require_association(
        self,
        caller: Caller,
        one: tuple[str, str],
        other: tuple[str, str],
        *,
        within: Transaction | None = None,
    ) -> None:
        """Raise unless two rows, by table and id, may be related many-to-many, or that be ended."""
        async with self._asking(caller, one[0], within) as asking:
            second = await asking.about(other[0])
            await relating.require_association((asking, one[1]), (second, other[1]))

    async def _pictures(
        self, asking: Asking, given: dict[str, Any], key: object
    ) -> Sequence[Picture]:
        """Take the images out of what is to be written; a row that is made so gets its id here."""
        images = image_columns(asking.table)
        if not images:
            return []
        if key is None and any(given.get(column) for column in images):
            key = given[asking.table.key] = self._clock.fresh_guid()
        return await take_pictures(asking, given, str(key), self._clock)

    @asynccontextmanager
    async def _asking(
        self, caller: Caller, table: str, within: Transaction | None
    ) -> AsyncIterator[Asking]:
        async with self._database.transaction(within) as transaction:
            yield await ask(transaction, self.catalogue, self._standings, caller, table)

    asking = _asking
    """For those who read in other ways: the same callers, tables and law."""

    async def remembered(
        self, caller: Caller, table: str, within: Transaction
    ) -> tuple[Asking, int] | None:
        """Return a call by what is remembered, and the epoch to be proved; `asking.remembered`."""
        epoch = self._standings.epoch
        found = await remembered(within, (self.catalogue, self._standings), caller, table)
        return None if found is None else (found, epoch)


async def _change(
    asking: Asking,
    keeper: Keeper,
    before: Mapping[str, Any],
    change: dict[str, Any],
    values: JsonObject,
) -> JsonObject:
    """Write a change to a row that may be written, when its parts may be as well."""
    key = str(before[asking.table.key])
    found = await relating.pointers(asking, values, change)
    relating.require_privileges(asking, found)
    if found:
        await fetch(asking, key, Right.APPEND, [asking.table.key])
        await relating.require_targets(found)
    await columns.require_updated(asking, key, change)
    former = str(before.get("ownerid"))
    owner = await _next_owner(asking, key, former, change)
    going: cascading.Along = []
    if owner is not None:
        going = await cascading.along(asking, key, former, owner, set())
    if asking.table.owned:
        change = await _owning(asking, before, change, owner)
    document = await keeper.change(asking, before, change | stamps(asking.caller, "modified"))
    if owner is not None or any(column in change for column in await _carrying(asking)):
        await inherit(asking, key)
    await announce(asking, "Update", document, named(values, asking.table))
    if owner is not None:
        await cascading.carry_on_owner(asking, key, former, owner, going)
    return document


async def _owned(asking: Asking, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return whose a new row is; nothing where the table's rows have no owners."""
    if not asking.table.owned:
        return {}
    wanted = given.get("ownerid") or asking.caller.acting_for
    owner = await owner_of(asking, wanted, new=True)
    return owned_by(owner) | await placed(asking, given, owner, None)


async def _owning(
    asking: Asking, before: Mapping[str, Any], change: Mapping[str, Any], owner: Standing | None
) -> dict[str, Any]:
    """Return a change with the columns that say whose the row is then, and where."""
    plain = {name: change[name] for name in change if name not in ("ownerid", "owneridtype", _UNIT)}
    if owner is not None:
        plain |= owned_by(owner)
        if not await organization_says(asking, "alwaysmoverecordtoownerbusinessunit"):
            plain.pop(_UNIT)
    if _UNIT in change:
        row = await facts_of(asking, str(before[asking.table.key]))
        whose = owner or await asking.memory.of(str(before["ownerid"]), asking.transaction)
        plain |= await placed(asking, change, whose, row)
    return plain


async def _next_owner(
    asking: Asking, key: str, former: str, change: Mapping[str, Any]
) -> Standing | None:
    """Return who is to own a row, where a change says so, and who changes it may assign it."""
    wanted = change.get("ownerid")
    if "ownerid" not in change or not asking.table.owned:
        return None
    if wanted is None:
        raise Invalid("a row cannot be without an owner")
    if str(wanted) == former:
        return None
    asking.require(Right.ASSIGN)
    await fetch(asking, key, Right.ASSIGN, [asking.table.key])
    return await owner_of(asking, wanted, new=False)


async def _carrying(asking: Asking) -> set[str]:
    """Return the columns on which it depends what a row inherits."""
    known = await asking.memory.relationships(asking.transaction)
    found = {one.column for one in known if one.child == asking.table.name and one.inherits}
    return found | {"statecode"} if found else found


def _match(row: Mapping[str, object], if_match: str | None) -> None:
    if if_match is None or if_match in ("*", f'W/"{row["versionnumber"]}"'):
        return
    raise Conflict(
        "the version of the existing record doesn't match the version given",
        code=Code.ROW_VERSION,
    )
