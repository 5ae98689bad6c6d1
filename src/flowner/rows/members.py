"""Who is in a group, however deep: derived whenever it is asked, never kept."""

from __future__ import annotations

from collections.abc import Iterable

from flowner.database import Transaction
from flowner.values import PrincipalId

_MEMBERS = """
WITH RECURSIVE inside(holder, member) AS (
    SELECT h, h FROM unnest(%s::uuid[]) AS h
    UNION
    SELECT i.holder, m.memberid FROM inside i JOIN rows.groupmembership m
        ON m.securitygroupid = i.member
)
SELECT i.holder::text, u.systemuserid::text AS id FROM inside i
JOIN rows.systemuser u ON u.systemuserid = i.member WHERE NOT u.isdisabled
"""


async def people_of(
    transaction: Transaction, holders: Iterable[PrincipalId | str]
) -> dict[PrincipalId, frozenset[PrincipalId]]:
    """Return the enabled users and applications that each holder is, or has in it.

    A user or an application is alone in itself; one query, however deep groups are nested.
    """
    asked = sorted(set(holders))
    found: dict[PrincipalId, set[PrincipalId]] = {PrincipalId(one): set() for one in asked}
    rows = await (await transaction.execute(_MEMBERS, (asked,))).fetchall()
    for row in rows:
        found[PrincipalId(row["holder"])].add(PrincipalId(row["id"]))
    return {holder: frozenset(people) for holder, people in found.items()}
