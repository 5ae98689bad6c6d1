"""Privileges that are of no table, and who users are by other ids than ours."""

from __future__ import annotations

from flowner.database import Transaction
from flowner.rows.facts import ACT_FOR_OTHERS
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import PrincipalId

# Rights of teams do not let one act for others. Source:
# https://learn.microsoft.com/power-apps/developer/data-platform/impersonate-another-user
_DELEGATE = """
SELECT 1 AS one FROM rows.roleassignment a JOIN rows.role r USING (roleid)
JOIN rows.roleprivilege p ON p.roleid = coalesce(r.parentrootroleid, r.roleid)
WHERE a.principalid = %s AND p.privilegename = %s LIMIT 1
"""
_ADMINISTRATOR = """
SELECT 1 AS one FROM rows.roleassignment a JOIN rows.role r USING (roleid)
WHERE coalesce(r.parentrootroleid, r.roleid) = %(role)s
  AND (a.principalid = %(id)s OR a.principalid IN
    (SELECT teamid FROM rows.teammembership WHERE systemuserid = %(id)s)) LIMIT 1
"""
_BY_ID = "SELECT systemuserid::text AS id FROM rows.systemuser WHERE systemuserid::text = %s"
# A user whom nobody gave an object id is known by their own.
_BY_OBJECT = """
SELECT systemuserid::text AS id FROM rows.systemuser
WHERE coalesce(azureactivedirectoryobjectid, systemuserid)::text = %s
"""


async def may_act_for_others(transaction: Transaction, principal: PrincipalId) -> bool:
    """Say whether a role of the principal's own lets them act on behalf of others."""
    found = await transaction.execute(_DELEGATE, (principal, ACT_FOR_OTHERS))
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
