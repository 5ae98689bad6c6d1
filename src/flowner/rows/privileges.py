"""Privileges that are of no table, and who users are by other ids than ours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from flowner.access.rights import Right
from flowner.database import Transaction
from flowner.rows.catalogue import Table
from flowner.rows.facts import ACT_FOR_OTHERS
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import PrincipalId

PROVISION = "prvProvisionDirectory"
"""The right to keep people and groups from outside."""

# Rights of teams do not let one act for others. Source:
# https://learn.microsoft.com/power-apps/developer/data-platform/impersonate-another-user
_DELEGATE = """
SELECT 1 AS one FROM rows.roleassignment a JOIN rows.role r USING (roleid)
JOIN rows.roleprivilege p ON p.roleid = coalesce(r.parentrootroleid, r.roleid)
WHERE a.principalid = %s AND p.privilegename = %s LIMIT 1
"""
_ADMINISTRATOR = """
WITH RECURSIVE inside(grp) AS (
    SELECT securitygroupid FROM rows.groupmembership WHERE memberid = %(id)s
    UNION
    SELECT m.securitygroupid FROM inside i JOIN rows.groupmembership m ON m.memberid = i.grp
)
SELECT 1 AS one FROM rows.roleassignment a JOIN rows.role r USING (roleid)
WHERE coalesce(r.parentrootroleid, r.roleid) = %(role)s
  AND (a.principalid = %(id)s OR a.principalid IN
    (SELECT teamid FROM rows.teammembership WHERE systemuserid = %(id)s
     UNION SELECT t.teamid FROM rows.team t JOIN inside ON t.securitygroupid = grp)) LIMIT 1
"""
_BY_ID = "SELECT systemuserid::text AS id FROM rows.systemuser WHERE systemuserid::text = %s"
# A user whom nobody gave an object id is known by their own.
_BY_OBJECT = """
SELECT systemuserid::text AS id FROM rows.systemuser
WHERE coalesce(azureactivedirectoryobjectid, systemuserid)::text = %s
"""
_HELD = """
SELECT g.privilegeid::text AS id, p.name, max(g.privilegedepthmask) AS depth,
       coalesce(t.businessunitid, r.businessunitid)::text AS unit
FROM rows.role r
JOIN rows.roleprivileges g ON g.roleid = r.roleid
JOIN rows.privilege p USING (privilegeid)
LEFT JOIN rows.roleassignment a ON a.roleid = r.roleid AND a.principalid = ANY(%(holders)s::uuid[])
LEFT JOIN rows.team t ON t.teamid = a.principalid
WHERE a.principalid IS NOT NULL OR r.roleid = %(role)s
GROUP BY 1, 2, 4 ORDER BY 2, 4
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A privilege that somebody holds, at the greatest depth in one business unit."""

    id: str
    name: str
    depth: int
    business_unit: str


@dataclass(frozen=True, slots=True)
class Privilege:
    """A privilege on a table, as ``rows.privilege`` has it."""

    id: str
    name: str
    right: Right
    deep: bool
    """Whether it can be given at less than the whole organisation."""


def privileges_on(table: Table) -> list[Privilege]:
    """Return the privileges that there are on a table, in the order of their bits."""
    noun = "User" if table.name == "systemuser" else table.schema_name
    found = []
    for right in sorted(Right, key=lambda one: one.mask):
        if table.owned or right not in (Right.SHARE, Right.ASSIGN):
            said = f"privilege/{table.name}/{right}".encode()
            id = str(UUID(hashlib.md5(said, usedforsecurity=False).hexdigest()))
            found.append(Privilege(id, f"prv{right}{noun}", right, table.owned))
    return found


async def held_by(
    transaction: Transaction, holders: Iterable[str], *, role: str | None = None
) -> list[Held]:
    """Return the privileges by the roles of some users and teams, or of one role, by name."""
    found = await transaction.execute(_HELD, {"holders": sorted(holders), "role": role})
    return [
        Held(row["id"], row["name"], row["depth"], row["unit"]) for row in await found.fetchall()
    ]


async def may_act_for_others(transaction: Transaction, principal: PrincipalId) -> bool:
    """Say whether a role of the principal's own lets them act on behalf of others."""
    found = await transaction.execute(_DELEGATE, (principal, ACT_FOR_OTHERS))
    return await found.fetchone() is not None


async def may_provision(transaction: Transaction, principal: PrincipalId) -> bool:
    """Say whether a role of the principal's own lets them keep people and groups."""
    found = await transaction.execute(_DELEGATE, (principal, PROVISION))
    return await found.fetchone() is not None


async def administers(transaction: Transaction, principal: PrincipalId) -> bool:
    """Say whether the principal, or a team of theirs, is System Administrator."""
    found = await transaction.execute(
        _ADMINISTRATOR, {"id": principal, "role": SYSTEM_ADMINISTRATOR}
    )
    return await found.fetchone() is not None


async def user_by(transaction: Transaction, id: str, *, of_directory: bool) -> PrincipalId | None:
    """Return the user of an id; ``of_directory``: of the object id that the directory gives."""
    found = await transaction.execute(_BY_OBJECT if of_directory else _BY_ID, (id.lower(),))
    row = await found.fetchone()
    return None if row is None else PrincipalId(row["id"])


async def business_unit_of(transaction: Transaction, principal: PrincipalId) -> str:
    """Return the id of the business unit that a user is in."""
    found = await transaction.execute(
        "SELECT businessunitid::text AS id FROM rows.systemuser WHERE systemuserid = %s",
        (principal,),
    )
    row = await found.fetchone()
    return "" if row is None else str(row["id"])
