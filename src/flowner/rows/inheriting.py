"""Shares that rows have from the rows they point at, by relationships that carry shares on.

What a row inherits is worked out anew from what it points at whenever that may have changed: it
depends on no history.
Source: https://learn.microsoft.com/power-apps/developer/data-platform/security-sharing-assigning
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from psycopg import sql

from flowner.access.cascades import Cascade, Relationship, reaches
from flowner.access.rights import Right, mask_of
from flowner.rows.asking import Asking

_EVERYTHING = mask_of(set(Right) - {Right.CREATE})
_PARENT = """
SELECT p.{parent_key}::text AS id, p.ownerid::text AS owner, r.ownerid::text AS own,
       r.statecode = 0 AS active,
       ARRAY(SELECT row_to_json(s) FROM (SELECT principalid, accessmask | inheritedmask AS mask
             FROM rows.rowshare WHERE tablename = {parent_name} AND rowid = p.{parent_key}) s)
             AS shares
FROM rows.{child} r JOIN rows.{parent} p ON p.{parent_key} = r.{column} WHERE r.{child_key} = %s
"""
_KEEP = """
INSERT INTO rows.rowshare (tablename, rowid, principalid, accessmask, inheritedmask)
VALUES (%s, %s, %s, 0, %s)
ON CONFLICT (tablename, rowid, principalid) DO UPDATE SET inheritedmask = EXCLUDED.inheritedmask
"""
Carries = Callable[[Relationship], bool]


async def inherit(asking: Asking, key: str) -> None:
    """Give a row, and the rows below it, the shares of what they point at."""
    await _inherit(asking, key, lambda one: one.inherits, set())


async def pass_on(asking: Asking, key: str, carries: Carries) -> None:
    """Let the rows that point at this one have its shares, by the relationships that carry."""
    await _below(asking, key, carries, {(asking.table.name, key)})


async def _inherit(
    asking: Asking, key: str, carries: Carries, passed: set[tuple[str, str]]
) -> None:
    table = asking.table.name
    if (table, key) in passed or not asking.table.owned:
        return
    passed.add((table, key))
    above = [
        one
        for one in await asking.memory.relationships(asking.transaction)
        if one.child == table and one.inherits
    ]
    if above:
        await _store(asking, key, await _inherited(asking, key, above))
    await _below(asking, key, carries, passed)


async def _below(asking: Asking, key: str, carries: Carries, passed: set[tuple[str, str]]) -> None:
    for one in await asking.memory.relationships(asking.transaction):
        if one.parent != asking.table.name or not carries(one):
            continue
        child = await asking.about(one.child)
        for id in await children(child, one.column, key):
            await _inherit(child, id, carries, passed)


async def children(child: Asking, column: str, key: str) -> list[str]:
    """Return the rows of a table whose lookup points at a row."""
    statement = sql.SQL("SELECT {}::text AS id FROM rows.{} WHERE {} = %s").format(
        sql.Identifier(child.table.key), sql.Identifier(child.table.name), sql.Identifier(column)
    )
    found = await child.transaction.execute(statement, (key,))
    return [row["id"] for row in await found.fetchall()]


async def _inherited(asking: Asking, key: str, above: Iterable[Relationship]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in above:
        parent = (await asking.about(one.parent)).table
        if not parent.owned:
            continue
        statement = sql.SQL(_PARENT).format(
            parent_key=sql.Identifier(parent.key),
            parent_name=sql.Literal(parent.name),
            parent=sql.Identifier(parent.name),
            child=sql.Identifier(asking.table.name),
            child_key=sql.Identifier(asking.table.key),
            column=sql.Identifier(one.column),
        )
        row = await (await asking.transaction.execute(statement, (key,))).fetchone()
        if row is None:
            continue
        same = row["owner"] == row["own"]
        kinds = (one.share, one.reparent)
        if any(reaches(kind, active=row["active"], same_owner=same) for kind in kinds):
            for share in row["shares"]:
                holder = share["principalid"]
                found[holder] = found.get(holder, 0) | share["mask"]
        if not same and reaches(one.reparent, active=row["active"], same_owner=same):
            found[row["owner"]] = _EVERYTHING
    return found


async def _store(asking: Asking, key: str, inherited: dict[str, int]) -> None:
    place = (asking.table.name, key)
    await asking.transaction.execute(
        "UPDATE rows.rowshare SET inheritedmask = 0 WHERE tablename = %s AND rowid = %s"
        " AND inheritedmask <> 0 AND NOT principalid = ANY(%s::uuid[])",
        (*place, sorted(inherited)),
    )
    for holder, mask in inherited.items():
        await asking.transaction.execute(_KEEP, (*place, holder, mask))
    await asking.transaction.execute(
        "DELETE FROM rows.rowshare WHERE tablename = %s AND rowid = %s"
        " AND accessmask = 0 AND inheritedmask = 0",
        place,
    )


def carries_unshare(one: Relationship) -> bool:
    """Say whether a relationship takes shares away below when they are taken away above."""
    return one.unshare is not Cascade.NONE or one.reparent is not Cascade.NONE
