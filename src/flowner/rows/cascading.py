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
from flowner.rows.compiling import columns_of
from flowner.rows.inheriting import children, inherit
from flowner.rows.owners import organization_says, owned_by
from flowner.rows.shapes import shown
from flowner.rows.shares import forget_shares, write_share
from flowner.rows.writing import stamps, update

_FORMER_OWNER = mask_of(set(Right) - {Right.CREATE})


async def carry_on_owner(
    asking: Asking, key: str, former: str, owner: Standing, passed: set[tuple[str, str]]
) -> None:
    """After a row has another owner: share it with the former one, if the organisation says so,
    and give the rows that point at it the same owner, where a relationship carries that on."""
    passed.add((asking.table.name, key))
    if await organization_says(asking, "sharetopreviousowneronassign"):
        await write_share(asking, key, former, _FORMER_OWNER)
    for one in await _below(asking):
        if one.assign is Cascade.NONE:
            continue
        child = await asking.about(one.child)
        for id in await children(child, one.column, key):
            await _reassign(child, id, one.assign, former, owner, passed)


async def _reassign(
    child: Asking,
    id: str,
    cascade: Cascade,
    former: str,
    owner: Standing,
    passed: set[tuple[str, str]],
) -> None:
    if (child.table.name, id) in passed or not child.table.owned:
        return
    row = await _whole(child, id)
    whose = str(row["ownerid"])
    active = row["statecode"] == 0
    if whose == owner.id or not reaches(cascade, active=active, same_owner=whose == former):
        return
    await _require_along(child, id, Right.ASSIGN)
    change = owned_by(owner) | stamps(child.caller, "modified")
    document = await update(child, id, change)
    await announce(child, "Update", document, ["ownerid"])
    await inherit(child, id)
    await carry_on_owner(child, id, whose, owner, passed)


async def remove(asking: Asking, key: str, passed: set[tuple[str, str]]) -> None:
    """Delete a row on which that was judged, after what points at it."""
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
    await forget_shares(asking, key)
    await announce(asking, "Delete", shown(row, asking.table), [])


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
    return [one for one in known if one.parent == asking.table.name]


async def _whole(asking: Asking, key: str) -> dict[str, Any]:
    # The columns by name: tables change, and a prepared statement with `*` would be refused then.
    statement = sql.SQL("SELECT {} FROM rows.{} r WHERE r.{} = %s FOR UPDATE").format(
        columns_of(None, asking.whole),
        sql.Identifier(asking.table.name),
        sql.Identifier(asking.table.key),
    )
    found: dict[str, Any] = await (await execute(asking, statement, [key])).fetchone()
    return found
