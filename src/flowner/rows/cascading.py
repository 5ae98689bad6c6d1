"""What is done to a row and, by its relationships, to the rows that point at it.

Whoever assigns or deletes a row needs the same right on every row that it carries on to: nobody
does by way of a relationship what they could not do themselves.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from flowner.access.cascades import Cascade, Relationship, reaches
from flowner.access.rights import Right, Standing, mask_of
from flowner.errors import AccessDenied, Code, Refused
from flowner.rows.asking import Asking, announce, execute, fetch
from flowner.rows.catalogue import SYSTEM_TABLES
from flowner.rows.compiling import columns_of
from flowner.rows.files import drop_files
from flowner.rows.inheriting import children, inherit
from flowner.rows.owners import organization_says, owned_by
from flowner.rows.relations import links_only
from flowner.rows.shapes import shown
from flowner.rows.shares import forget_shares, write_share
from flowner.rows.writing import stamps, update

_FORMER_OWNER = mask_of(set(Right) - {Right.CREATE})


Along = list[tuple[Asking, str, str]]
"""Rows that go along to another owner, from the top: the call about each, its id, its owner."""


async def along(
    asking: Asking, key: str, former: str, owner: Standing, passed: set[tuple[str, str]]
) -> Along:
    """Return the rows that get the same owner, where a relationship carries that on.

    All are judged before anything is changed: nobody gets a right on one of them by the change of
    another.
    """
    passed.add((asking.table.name, key))
    found: Along = []
    for one in await _below(asking):
        if one.assign is Cascade.NONE:
            continue
        child = await asking.about(one.child)
        for id in await children(child, one.column, key):
            if (child.table.name, id) in passed or not child.table.owned:
                continue
            row = await _whole(child, id)
            whose, active = str(row["ownerid"]), row["statecode"] == 0
            if whose != owner.id and reaches(one.assign, active=active, same_owner=whose == former):
                await _require_along(child, id, Right.ASSIGN)
                found += [(child, id, whose), *await along(child, id, whose, owner, passed)]
    return found


async def carry_on_owner(
    asking: Asking, key: str, former: str, owner: Standing, going: Along
) -> None:
    """After a row has another owner: give it to the rows that go along, and share each with its
    former owner, if the organisation says so."""
    shares = await organization_says(asking, "sharetopreviousowneronassign")
    if shares:
        await write_share(asking, key, former, _FORMER_OWNER)
    for child, id, whose in going:
        change = owned_by(owner) | stamps(child.caller, "modified")
        document = await update(child, id, change)
        await announce(child, "Update", document, ["ownerid"])
        await inherit(child, id)
        if shares:
            await write_share(child, id, whose, _FORMER_OWNER)


async def remove(asking: Asking, key: str, passed: set[tuple[str, str]]) -> None:
    """Delete a row on which that was judged, with its files, after what points at it."""
    if (asking.table.name, key) in passed:
        return
    passed.add((asking.table.name, key))
    below = await _below(asking)
    for one in below:
        await _let_go(asking, key, one, passed)
    row = await _whole(asking, key)
    statement = sql.SQL("DELETE FROM rows.{} WHERE {} = %s").format(
        sql.Identifier(asking.table.name), sql.Identifier(asking.table.key)
    )
    await asking.transaction.execute(statement, (key,))
    await announce(asking, "Delete", shown(row, asking.table), [])
    await forget_shares(asking, key)
    await drop_files(asking.transaction, asking.table.name, key, None)


async def _let_go(
    asking: Asking, key: str, one: Relationship, passed: set[tuple[str, str]]
) -> None:
    child = await asking.about(one.child)
    pointing = [
        id for id in await children(child, one.column, key) if (child.table.name, id) not in passed
    ]
    if pointing and one.delete is Cascade.RESTRICT:
        raise Refused(
            f"a row of `{child.table.name}` points at this one, and cannot be left behind",
            code=Code.ROW_REFERENCED,
        )
    for id in pointing:
        if (child.table.name, id) in passed:
            continue  # gone meanwhile, by another of the ways that lead to it
        if one.delete is Cascade.ALL:
            await _require_along(child, id, Right.DELETE)
            await remove(child, id, passed)
        elif one.delete is Cascade.REMOVE_LINK:
            change = {one.column: None} | stamps(child.caller, "modified")
            await announce(child, "Update", await update(child, id, change), [one.column])
            await inherit(child, id)


async def _require_along(child: Asking, id: str, right: Right) -> None:
    """Raise unless a row that goes along is open; the error does not say which one it is."""
    child.require(right)
    try:
        await fetch(child, id, right, [child.table.key], lock=True)
    except AccessDenied as error:
        raise AccessDenied(
            f"principal with id {child.standings[-1].id} does not have {right}Access right(s) for"
            f" a record of entity {child.table.name} that goes along with this one",
            code=error.code,
        ) from None


async def _below(asking: Asking) -> list[Relationship]:
    known = await asking.memory.relationships(asking.transaction)
    made = [one for one in known if one.parent == asking.table.name]
    stated = {(one.child, one.column) for one in made}
    # What points from a table of ours is seen to by the keeper of its rules.
    named = links_only(one for one in asking.table.incoming if one.referencing not in SYSTEM_TABLES)
    return made + [one for one in named if (one.child, one.column) not in stated]


async def _whole(asking: Asking, key: str) -> dict[str, Any]:
    # The columns by name: tables change, and a prepared statement with `*` would be refused then.
    statement = sql.SQL("SELECT {} FROM rows.{} r WHERE r.{} = %s FOR UPDATE").format(
        columns_of(None, asking.whole),
        sql.Identifier(asking.table.name),
        sql.Identifier(asking.table.key),
    )
    found: dict[str, Any] = await (await execute(asking, statement, [key])).fetchone()
    return found
