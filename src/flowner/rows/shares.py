"""Sharing rows: who grants what to whom, and what a principal may do with a row.

A share opens a row; it never replaces the privilege on the table.
Source: https://learn.microsoft.com/power-apps/developer/data-platform/security-sharing-assigning
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from psycopg import sql

from flowner.access.rights import Reports, Right, RowFacts, Standing, mask_of, rights_of
from flowner.access.row_filter import decide_row, refuse_row
from flowner.errors import AccessDenied, Code, Invalid, NotFound, Refused
from flowner.rows.asking import Asking, facts_of, fetch, guid
from flowner.rows.inheriting import carries_unshare, pass_on
from flowner.rows.seed import ORGANIZATION

_WRITE = """
INSERT INTO rows.rowshare (tablename, rowid, principalid, accessmask, createdby, modifiedby)
VALUES (%(table)s, %(id)s, %(holder)s, %(mask)s, %(by)s, %(by)s)
ON CONFLICT (tablename, rowid, principalid) DO UPDATE SET modifiedon = now(),
    modifiedby = %(by)s, accessmask = EXCLUDED.accessmask
        | CASE WHEN %(adds)s THEN rows.rowshare.accessmask ELSE 0 END
"""
_LISTED = """
SELECT s.principalid::text AS principal, s.accessmask AS mask,
       CASE WHEN s.principalid = %s THEN 'organization'
            WHEN EXISTS (SELECT FROM rows.team t WHERE t.teamid = s.principalid) THEN 'team'
            ELSE 'systemuser' END AS kind
FROM rows.rowshare s WHERE s.tablename = %s AND s.rowid = %s AND s.accessmask <> 0
ORDER BY s.principalid
"""


@dataclass(frozen=True, slots=True)
class Share:
    """What one principal was given on a row; what they inherit is not in it."""

    principal: str
    kind: str
    """``systemuser``, ``team`` or ``organization``."""
    rights: frozenset[Right]


@dataclass(frozen=True, slots=True)
class Ways:
    """The rights on a row by what gives them."""

    roles: frozenset[Right]
    """By privileges: one's own rows, and those in reach."""
    shares: frozenset[Right]
    hierarchy: frozenset[Right]


async def share(
    asking: Asking, id: str, principal: str, rights: Iterable[Right], *, adds: bool
) -> None:
    """Share a row with a user or team: the rights are added to theirs, or put in their place.

    Whoever shares needs Share on the row, and every right that they give; the owner is given
    nothing (0x80040214).
    """
    _require_owned(asking)
    given = list(rights)
    if not given and adds:
        raise Invalid("no right to share was named")
    asking.require(Right.SHARE)
    key = guid(id, asking.table)
    row = await _sharing(asking, key)
    holder = guid(principal, asking.table)
    if row.owner == holder:
        raise Refused("the row cannot be shared with who owns it", code=Code.SHARED_WITH_OWNER)
    for right in given:
        if not asking.allows(right, row):
            raise refuse_row(asking.standings, right, asking.table.name, key)
    await _require_principal(asking, holder)
    await write_share(asking, key, holder, mask_of(given), adds=adds)
    await pass_on(asking, key, lambda one: one.inherits)


def _require_owned(asking: Asking) -> None:
    if not asking.table.owned:
        raise Refused(f"the rows of `{asking.table.name}` are the organisation's: none is shared")


async def unshare(asking: Asking, id: str, principal: str) -> None:
    """End what a row is shared with a principal for; what they inherit stays."""
    asking.require(Right.SHARE)
    key = guid(id, asking.table)
    await _sharing(asking, key)
    place = (asking.table.name, key, guid(principal, asking.table))
    for statement in (
        "UPDATE rows.rowshare SET accessmask = 0 WHERE {}",
        "DELETE FROM rows.rowshare WHERE {} AND inheritedmask = 0",
    ):
        where = sql.SQL("tablename = %s AND rowid = %s AND principalid = %s")
        await asking.transaction.execute(sql.SQL(statement).format(where), place)
    await pass_on(asking, key, carries_unshare)


async def access_of(asking: Asking, id: str, principal: str) -> frozenset[Right]:
    """Return what a user or team may do with a row that the caller may read."""
    standing, row = await _judged(asking, id, principal)
    return _allowed(asking, standing, row)


async def ways_in(asking: Asking, id: str, principal: str) -> Ways:
    """Return what gives a user or team which rights on a row that the caller may read."""
    standing, row = await _judged(asking, id, principal)
    table, reports = asking.table.name, standing.reports
    reaching = {
        right for right in Right if standing.enabled and standing.reach(table, right) is not None
    }

    def is_shared(holders: frozenset[str], right: Right) -> bool:
        return any(row.shares.get(holder, 0) & right.mask for holder in holders)

    return Ways(
        roles=_allowed(asking, replace(standing, reports=Reports()), replace(row, shares={})),
        shares=frozenset(one for one in reaching if is_shared(standing.holders, one)),
        hierarchy=frozenset(
            one
            for one in reaching
            if row.owner in reports.owners(table, one)
            or is_shared(reports.sharers(table, one), one)
        ),
    )


async def shares_of(asking: Asking, id: str) -> list[Share]:
    """Return with whom a row is shared that the caller may read."""
    asking.require(Right.READ)
    await fetch(asking, id, Right.READ, [asking.table.key])
    values = (ORGANIZATION, asking.table.name, guid(id, asking.table))
    found = await asking.transaction.execute(_LISTED, values)
    return [
        Share(row["principal"], row["kind"], rights_of(row["mask"]))
        for row in await found.fetchall()
    ]


async def write_share(
    asking: Asking, key: str, holder: str, mask: int, *, adds: bool = True
) -> None:
    """Write a share that was judged before."""
    values = {
        "table": asking.table.name,
        "id": key,
        "holder": holder,
        "mask": mask,
        "by": asking.caller.acting_for,
        "adds": adds,
    }
    await asking.transaction.execute(_WRITE, values)


async def forget_shares(asking: Asking, key: str) -> None:
    """Remove what was shared of a row that is no more."""
    for table, of, row in (
        ("rowshare", "tablename", "rowid"),
        ("principalobjectattributeaccess", "objecttypecode", "objectid"),
    ):
        await asking.transaction.execute(
            sql.SQL("DELETE FROM rows.{} WHERE {} = %s AND {} = %s").format(
                *map(sql.Identifier, (table, of, row))
            ),
            (asking.table.name, key),
        )


async def _judged(asking: Asking, id: str, principal: str) -> tuple[Standing, RowFacts]:
    asking.require(Right.READ)
    await fetch(asking, id, Right.READ, [asking.table.key])
    row = await facts_of(asking, id)
    await _require_principal(asking, guid(principal, asking.table))
    return await asking.memory.of(principal, asking.transaction), row


def _allowed(asking: Asking, standing: Standing, row: RowFacts) -> frozenset[Right]:
    if not standing.enabled:
        return frozenset()
    table = asking.table.name
    return frozenset(one for one in Right if decide_row(standing, table, one, row).allowed)


async def _sharing(asking: Asking, key: str) -> RowFacts:
    await fetch(asking, key, Right.SHARE, [asking.table.key], lock=True)
    row = await facts_of(asking, key)
    if row.owner is None:
        raise Invalid(f"the rows of `{asking.table.name}` have no owners, and are not shared")
    return row


async def _require_principal(asking: Asking, principal: str) -> None:
    if principal == ORGANIZATION:
        return
    try:
        await asking.memory.of(principal, asking.transaction)
    except AccessDenied:
        raise NotFound(
            f"there is no user or team with the id {principal}", code=Code.ROW_NOT_FOUND
        ) from None
