"""The row store: every call has a caller, and every statement carries the law."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from psycopg import errors, sql

from flowner.access.rights import Right, Standing
from flowner.access.row_filter import refuse_row, require_privilege, together
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Code, Conflict, Invalid, NotFound
from flowner.odata.syntax import Predicate
from flowner.rows import feed
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Catalogue, Table
from flowner.rows.compiling import compile_predicate
from flowner.rows.query import columns_of, read_query, selected
from flowner.rows.shapes import named, shown, stored
from flowner.rows.standing import Standings
from flowner.values import Json, JsonObject


@dataclass(frozen=True, slots=True)
class _Asking:
    """One call: what it is about, who asks, on which connection."""

    transaction: Transaction
    table: Table
    caller: Caller
    standings: Sequence[Standing]

    def law(self, right: Right) -> Predicate:
        return together(self.standings, self.table.name, right, owned=self.table.owned)


Asking: TypeAlias = _Asking


class Store:
    """Rows of every table that can be read as rows; the user's own can be written too."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self.catalogue = Catalogue(database)
        self._standings = Standings()

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
            _writable(asking.table)
            require_privilege(asking.standings, asking.table.name, Right.CREATE)
            given = stored(values, asking.table)
            if id is not None and not given.get(asking.table.key):
                given[asking.table.key] = id
            given.setdefault("ownerid", caller.acting_for)
            given.setdefault("owneridtype", await _owner_type(asking, given["ownerid"]))
            row = given | _stamps(caller, "created") | _stamps(caller, "modified")
            found = await _one(asking, _insert(asking.table, row), list(row.values()))
            document = shown(found, asking.table)
            await _announce(asking, "Create", document, named(values, asking.table))
            return document

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
        async with self._asking(caller, table, within) as asking:
            require_privilege(asking.standings, asking.table.name, Right.READ)
            columns = selected(select, asking.table)
            row = await self._row(asking, id, Right.READ, columns)
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
            _writable(asking.table)
            key = _guid(id, asking.table)
            if upsert and not await _exists(asking, key):
                values = {**values, asking.table.key: key}
                return await self.create(caller, table, values, within=asking.transaction)
            require_privilege(asking.standings, asking.table.name, Right.WRITE)
            before = await self._row(asking, id, Right.WRITE, None, lock=True)
            _match(before, if_match)
            change = stored(values, asking.table)
            change.pop(asking.table.key, None)
            if "ownerid" in change and str(change["ownerid"]) != str(before["ownerid"]):
                require_privilege(asking.standings, asking.table.name, Right.ASSIGN)
                await self._row(asking, id, Right.ASSIGN, [asking.table.key])
                change.setdefault("owneridtype", await _owner_type(asking, change["ownerid"]))
            row = change | _stamps(caller, "modified")
            statement = _update(asking.table, row)
            found = await _one(asking, statement, [*row.values(), key])
            document = shown(found, asking.table)
            await _announce(asking, "Update", document, named(values, asking.table))
            return document

    async def delete(
        self, caller: Caller, table: str, id: str, *, within: Transaction | None = None
    ) -> None:
        """Remove a row."""
        async with self._asking(caller, table, within) as asking:
            _writable(asking.table)
            require_privilege(asking.standings, asking.table.name, Right.DELETE)
            before = await self._row(asking, id, Right.DELETE, None, lock=True)
            statement = sql.SQL("DELETE FROM rows.{} WHERE {} = %s")
            await asking.transaction.execute(
                statement.format(
                    sql.Identifier(asking.table.name), sql.Identifier(asking.table.key)
                ),
                (_guid(id, asking.table),),
            )
            await _announce(asking, "Delete", shown(before, asking.table), [])

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
            require_privilege(asking.standings, asking.table.name, Right.READ)
            query = read_query(options, asking.table)
            law = asking.law(Right.READ)
            found = await _execute(asking, query.statement(law), [])
            rows = [shown(row, asking.table) for row in await found.fetchall()]
            value: list[Json] = [*rows[: query.page]]
            answer: JsonObject = {
                "@odata.context": f"$metadata#{asking.table.set_name}",
                "value": value,
            }
            if query.counts:
                counted = await (await _execute(asking, query.counting(law), [])).fetchone()
                answer["@odata.count"] = counted["count"]
            if len(rows) > query.page and query.goes_on:
                answer["@odata.nextLink"] = query.next_link
            return answer

    @asynccontextmanager
    async def _asking(
        self, caller: Caller, table: str, within: Transaction | None
    ) -> AsyncIterator[_Asking]:
        if within is not None:
            yield await self._ask(caller, table, within)
            return
        async with self._database.transaction() as transaction:
            yield await self._ask(caller, table, transaction)

    asking = _asking
    """For those who read in other ways: the same callers, tables and law."""

    async def _ask(self, caller: Caller, table: str, transaction: Transaction) -> _Asking:
        who = [caller.acting_for] if caller.actor is None else [caller.acting_for, caller.actor]
        standings = [await self._standings.of(one, transaction) for one in who]
        found = await self.catalogue.table(table, transaction)
        return _Asking(transaction, found, caller, standings)

    async def _row(
        self,
        asking: _Asking,
        id: str,
        right: Right,
        columns: Sequence[str] | None,
        *,
        lock: bool = False,
    ) -> dict[str, Any]:
        key = _guid(id, asking.table)
        statement = sql.SQL("SELECT {} FROM rows.{} r WHERE r.{} = %s AND {}").format(
            columns_of(columns, asking.table),
            sql.Identifier(asking.table.name),
            sql.Identifier(asking.table.key),
            compile_predicate(asking.law(right), asking.table),
        )
        if lock:
            statement += sql.SQL(" FOR UPDATE")
        found: dict[str, Any] | None
        found = await (await _execute(asking, statement, [key])).fetchone()
        if found is not None:
            return found
        if await _exists(asking, key):
            raise refuse_row(asking.standings, right, asking.table.name, key)
        raise _absent(asking.table, key)


def _insert(table: Table, row: Mapping[str, object]) -> sql.Composed:
    return sql.SQL("INSERT INTO rows.{} AS r ({}) VALUES ({}) RETURNING {}").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(sql.Identifier(name) for name in row),
        sql.SQL(", ").join(sql.Placeholder() for _ in row),
        columns_of(None, table),
    )


def _update(table: Table, row: Mapping[str, object]) -> sql.Composed:
    statement = (
        "UPDATE rows.{} AS r SET {}, modifiedon = now(), versionnumber = nextval('rows.version')"
        " WHERE {} = %s RETURNING {}"
    )
    return sql.SQL(statement).format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in row),
        sql.Identifier(table.key),
        columns_of(None, table),
    )


def _stamps(caller: Caller, what: str) -> dict[str, object]:
    return {f"{what}by": caller.acting_for, f"{what}onbehalfby": caller.actor}


def _writable(table: Table) -> None:
    if table.is_system:
        raise AccessDenied(
            f"rows of `{table.name}` are written through the commands that keep their rules",
            code=Code.PRIVILEGE_MISSING,
        )


async def _owner_type(asking: _Asking, owner: object) -> str:
    found = await asking.transaction.execute(
        "SELECT 'team' AS type FROM rows.team WHERE teamid = %(id)s"
        " UNION SELECT 'systemuser' FROM rows.systemuser WHERE systemuserid = %(id)s",
        {"id": owner},
    )
    row = await found.fetchone()
    if row is None:
        raise Invalid(f"`{owner}` is neither a user nor a team, and can own no row")
    return str(row["type"])


async def _exists(asking: _Asking, key: str) -> bool:
    statement = sql.SQL("SELECT 1 AS one FROM rows.{} WHERE {} = %s").format(
        sql.Identifier(asking.table.name), sql.Identifier(asking.table.key)
    )
    return await (await asking.transaction.execute(statement, (key,))).fetchone() is not None


async def _execute(asking: _Asking, statement: sql.Composed, values: Sequence[object]) -> Any:
    try:
        return await asking.transaction.execute(statement, values)
    except errors.UniqueViolation as error:
        raise Conflict(
            f"a row of `{asking.table.name}` with the same key is there already",
            code=Code.ROW_DUPLICATE,
        ) from error
    except errors.DataError as error:
        raise Invalid(f"a value does not fit the table `{asking.table.name}`") from error


async def _one(
    asking: _Asking, statement: sql.Composed, values: Sequence[object]
) -> dict[str, Any]:
    found: dict[str, Any] = await (await _execute(asking, statement, values)).fetchone()
    return found


async def _announce(
    asking: _Asking, message: str, document: JsonObject, columns: list[str]
) -> None:
    change = (str(document[asking.table.key]), document, columns)
    await feed.put(asking.transaction, message, asking.table.name, change, asking.caller)


def _guid(id: str, table: Table) -> str:
    try:
        return str(UUID(id))
    except (ValueError, AttributeError):
        raise _absent(table, str(id)[:80]) from None


def _absent(table: Table, id: str) -> NotFound:
    return NotFound(f"{table.name} with id = {id} does not exist", code=Code.ROW_NOT_FOUND)


def _match(row: Mapping[str, object], if_match: str | None) -> None:
    if if_match is None or if_match in ("*", f'W/"{row["versionnumber"]}"'):
        return
    raise Conflict(
        "the version of the existing record doesn't match the version given",
        code=Code.ROW_VERSION,
    )
