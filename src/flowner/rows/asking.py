"""One call to the row store: what it is about, who asks, and the row that the law opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from psycopg import errors, sql

from flowner.access.rights import Right, RowFacts, Standing
from flowner.access.row_filter import (
    Ways,
    decide_row,
    refuse_row,
    require_impersonation,
    require_privilege,
    together,
    ways_in,
)
from flowner.database import Transaction
from flowner.errors import Code, Conflict, Invalid, NotFound
from flowner.odata.syntax import Predicate
from flowner.rows import feed
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Catalogue, Hidden, Table
from flowner.rows.compiling import columns_of
from flowner.rows.lawful import law_text, law_values, shape_of
from flowner.rows.standing import Standings
from flowner.values import JsonObject

EPOCH: Final = "@epoch"
PROOF: Final = f', (SELECT epoch FROM rows.identity_epoch) AS "{EPOCH}"'  # noqa: S608
"""A column that says the epoch a row was read in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One call. ``standings``: of the principal acted for and, behind it, of the actor."""

    transaction: Transaction
    catalogue: Catalogue
    memory: Standings
    caller: Caller
    standings: Sequence[Standing]
    table: Table
    """As the caller sees it; `whole` hides nothing."""

    @property
    def whole(self) -> Table:
        """Return the table with nothing hidden: for what the store itself does with rows."""
        return replace(self.table, hidden=Hidden()) if self.table.hidden.columns else self.table

    def law(self, right: Right) -> Predicate:
        """Return the law for this call."""
        return together(self.standings, self.table.name, right, owned=self.table.owned)

    def ways(self, right: Right) -> list[Ways]:
        """Return the law for this call as the ways in of each in whose name is asked."""
        name, owned = self.table.name, self.table.owned
        return [ways_in(one, name, right, owned=owned) for one in self.standings]

    def is_open(self, right: Right) -> bool:
        """Say whether everybody in whose name is asked has the right on every row."""
        return all(one.everywhere for one in self.ways(right))

    def require(self, right: Right) -> None:
        """Raise unless everybody in whose name is asked has the privilege."""
        require_privilege(self.standings, self.table.name, right)

    def allows(self, right: Right, row: RowFacts) -> bool:
        """Say whether everybody in whose name is asked has the right on a row."""
        return all(
            decide_row(standing, self.table.name, right, row).allowed for standing in self.standings
        )

    def require_on(self, right: Right, row: RowFacts, key: str) -> None:
        """Raise unless everybody in whose name is asked has the right on a row."""
        if not self.allows(right, row):
            raise refuse_row(self.standings, right, self.table.name, key)

    async def about(self, table: str) -> Asking:
        """Return the same call about another table."""
        found = await self.catalogue.table(table, self.transaction)
        return replace(self, table=as_seen_by(found, self.standings[0]))


async def ask(
    transaction: Transaction, catalogue: Catalogue, memory: Standings, caller: Caller, table: str
) -> Asking:
    """Begin a call: who asks is read, and whether the actor may act for others is judged."""
    who = [caller.acting_for] if caller.actor is None else [caller.acting_for, caller.actor]
    standings = await memory.of_all(who, transaction)
    if caller.actor is not None and caller.actor != caller.acting_for:
        require_impersonation(*standings)
    found = await catalogue.table(table, transaction)
    return Asking(
        transaction=transaction,
        catalogue=catalogue,
        memory=memory,
        caller=caller,
        standings=standings,
        table=as_seen_by(found, standings[0]),
    )


async def fetch(
    asking: Asking,
    id: str,
    right: Right,
    columns: Sequence[str] | None,
    *,
    whole: bool = False,
    lock: bool = False,
) -> dict[str, Any]:
    """Return one row that the right is given on; ``whole``: with what the caller does not see.

    `NotFound` when there is none, before `AccessDenied` when it is not open.
    """
    key = guid(id, asking.table)
    found = await _opened(asking, key, right, (columns, whole, lock))
    if found is not None:
        return found
    if await exists(asking, key):
        raise refuse_row(asking.standings, right, asking.table.name, key)
    raise absent(asking.table, key)


async def remembered(
    transaction: Transaction, about: tuple[Catalogue, Standings], caller: Caller, table: str
) -> Asking | None:
    """Return a call that reads by what is remembered of who asks; no query.

    What it finds counts for nothing until `PROOF`, read with the rows or after them, is the epoch
    that was remembered. None: too little is remembered, or they may read nothing of the table;
    `ask` finds out which.
    """
    catalogue, memory = about
    standing = memory.remembered(caller.acting_for)
    if standing is None or caller.actor is not None:
        return None
    if not (standing.enabled and standing.has_roles):
        return None
    found = as_seen_by(await catalogue.table(table, transaction), standing)
    if not standing.reach(found.name, Right.READ):
        return None
    return Asking(
        transaction=transaction, catalogue=catalogue, memory=memory, caller=caller,
        standings=[standing], table=found,
    )  # fmt: skip


async def glimpse(
    transaction: Transaction,
    about: tuple[Catalogue, Standings],
    caller: Caller,
    table: str,
    id: str,
    select: Callable[[Table], Sequence[str] | None],
) -> tuple[dict[str, Any], Table] | None:
    """Return a row to be read, by what is remembered of who asks: 1 query, which proves it.

    The row comes with the epoch of the very moment it was read in; one that is over counts for
    nothing. None: `ask` and `fetch` find out.
    """
    epoch = about[1].epoch
    asking = await remembered(transaction, about, caller, table)
    if asking is None:
        return None
    found = asking.table
    row = await _opened(
        asking, guid(id, found), Right.READ, (select(found), False, False), proved=True
    )
    return None if row is None or row.pop(EPOCH) != epoch else (row, found)


async def _opened(
    asking: Asking,
    key: str,
    right: Right,
    how: tuple[Sequence[str] | None, bool, bool],
    *,
    proved: bool = False,
) -> dict[str, Any] | None:
    """Return the row if it is open. ``how``: the columns, whether whole, whether locked."""
    columns, whole, lock = how
    ways = asking.ways(right)
    table = asking.whole if whole else asking.table
    shape = shape_of(ways)
    text = table.kept(
        ("fetch", None if columns is None else tuple(columns), shape, lock, proved),
        lambda: sql.SQL("SELECT {}{} FROM rows.{} r WHERE r.{} = %(key)s AND {}{}").format(
            columns_of(columns, table),
            sql.SQL(PROOF if proved else ""),
            sql.Identifier(table.name),
            sql.Identifier(table.key),
            law_text(shape, table.name, table.key),
            sql.SQL(" FOR UPDATE" if lock else ""),
        ),
    )
    values = {**law_values(ways, table.name, right), "key": key}
    found: dict[str, Any] | None = await (await execute(asking, text, values)).fetchone()
    return found


async def facts_of(asking: Asking, id: str) -> RowFacts:
    """Return what the law looks at in a row. `NotFound` when there is none."""
    key = guid(id, asking.table)
    owner = "r.ownerid::text, r.owningbusinessunit::text" if asking.table.owned else "NULL, NULL"
    statement = sql.SQL(
        "SELECT ARRAY[{owner}] AS whose, ARRAY(SELECT ROW_TO_JSON(s) FROM (SELECT principalid,"
        " accessmask | inheritedmask AS mask FROM rows.rowshare WHERE tablename = %s"
        " AND rowid = %s) s) AS shares FROM rows.{table} r WHERE {key} = %s"
    ).format(
        owner=sql.SQL(owner),
        table=sql.Identifier(asking.table.name),
        key=sql.Identifier(asking.table.key),
    )
    values = (asking.table.name, key, key)
    row = await (await asking.transaction.execute(statement, values)).fetchone()
    if row is None:
        raise absent(asking.table, key)
    owner_id, unit = row["whose"]
    shares = {one["principalid"]: one["mask"] for one in row["shares"]}
    return RowFacts(owner=owner_id, business_unit=unit, shares=shares)


async def exists(asking: Asking, key: str) -> bool:
    """Say whether there is such a row, whoever may see it."""
    statement = sql.SQL("SELECT 1 AS one FROM rows.{} WHERE {} = %s").format(
        sql.Identifier(asking.table.name), sql.Identifier(asking.table.key)
    )
    return await (await asking.transaction.execute(statement, (key,))).fetchone() is not None


async def execute(
    asking: Asking,
    statement: sql.Composed | bytes,
    values: Sequence[object] | Mapping[str, object],
) -> Any:
    """Run a statement. `Conflict` for a key that is taken, `Invalid` for a value that fits not."""
    try:
        return await asking.transaction.execute(statement, values)
    except errors.UniqueViolation as error:
        raise Conflict(
            f"a row of `{asking.table.name}` with the same key is there already",
            code=Code.ROW_DUPLICATE,
        ) from error
    except errors.DataError as error:
        raise Invalid(f"a value does not fit the table `{asking.table.name}`") from error


async def announce(
    asking: Asking, message: str, document: JsonObject, columns: Sequence[str]
) -> None:
    """Write a change of a row, whole, into the feed."""
    change = (str(document[asking.table.key]), document, list(columns))
    await feed.put(asking.transaction, message, asking.table.name, change, asking.caller)


def guid(id: str, table: Table) -> str:
    """Return a row's id as PostgreSQL writes it; `NotFound` for what is none."""
    try:
        return str(UUID(id))
    except (ValueError, AttributeError):
        raise absent(table, str(id)[:80]) from None


def absent(table: Table, id: str) -> NotFound:
    """Return the error for a row that is not there."""
    return NotFound(f"{table.name} with id = {id} does not exist", code=Code.ROW_NOT_FOUND)


def as_seen_by(table: Table, standing: Standing) -> Table:
    """Return a table as somebody sees it: with the columns hidden that they may not read.

    Of those in whose name is asked, only the one acted for counts for columns. Source:
    https://learn.microsoft.com/power-apps/developer/data-platform/impersonate-another-user
    """
    hidden = standing.unread(table.name)
    if hidden:  # an image that may not be read has no address either
        hidden |= {
            name
            for name, about in table.described.items()
            if about.details.get("AttributeOf") in hidden
        }
    return (
        replace(table, hidden=Hidden(columns=hidden, holders=standing.holders)) if hidden else table
    )
