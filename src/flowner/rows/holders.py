"""Who can hold a security role, and what a role can give."""

from __future__ import annotations

from flowner.access.rights import Depth
from flowner.database import Transaction
from flowner.errors import AccessDenied, Code, Refused
from flowner.rows.catalogue import SYSTEM_TABLES
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import PrincipalId

_ADMINISTRATORS = """
SELECT u.systemuserid::text AS id FROM rows.systemuser u
WHERE NOT u.isdisabled AND EXISTS (
    SELECT 1 FROM rows.roleassignment a JOIN rows.role r USING (roleid)
    WHERE coalesce(r.parentrootroleid, r.roleid) = %s AND (a.principalid = u.systemuserid
        OR a.principalid IN (SELECT teamid FROM rows.teammembership m
                             WHERE m.systemuserid = u.systemuserid)))
"""
_ELSEWHERE = """
SELECT r.name, b.name AS unit FROM rows.role r JOIN rows.businessunit b USING (businessunitid)
WHERE r.roleid = %(role)s AND NOT (SELECT enableownershipacrossbusinessunits FROM rows.organization
                                   LIMIT 1)
  AND NOT EXISTS (SELECT 1 FROM rows.systemuser u WHERE u.systemuserid = %(id)s
                  AND u.businessunitid = r.businessunitid
                  UNION SELECT 1 FROM rows.team t WHERE t.teamid = %(id)s
                  AND t.businessunitid = r.businessunitid)
"""
_OWNED = """
SELECT 1 AS one FROM information_schema.columns
WHERE table_schema = 'rows' AND table_name = %s AND column_name = 'ownerid'
"""


async def require_holder(transaction: Transaction, principal: PrincipalId) -> None:
    """Raise where a principal can hold no role: an access team."""
    found = await transaction.execute(
        "SELECT name FROM rows.team WHERE teamid = %s AND teamtype = 1", (principal,)
    )
    row = await found.fetchone()
    if row is not None:
        raise Refused(
            f"the team {row['name']} is an access team: it holds shares, and no roles",
            code=Code.ROLE_FOR_ACCESS_TEAM,
        )


async def require_unit(transaction: Transaction, principal: PrincipalId, role: str) -> None:
    """Raise where a role is of another business unit than its holder-to-be, and the organisation
    does not let owners work across business units."""
    found = await transaction.execute(_ELSEWHERE, {"role": role, "id": principal})
    row = await found.fetchone()
    if row is not None:
        raise Refused(
            f"the role {row['name']} is of the business unit {row['unit']}: give the copy that is"
            " in the holder's own"
        )


async def require_other_administrator(transaction: Transaction, principal: PrincipalId) -> None:
    """Raise where somebody is the only administrator who is enabled.

    The role is locked until the transaction ends: two cannot disable one another at once.
    """
    if await _administrators(transaction) == {principal}:
        raise Refused(
            "they are the only administrator: give somebody else the role first",
            code=Code.LAST_ADMINISTRATOR,
        )


async def require_administrator_left(transaction: Transaction) -> None:
    """Raise where what was just taken from somebody leaves no administrator who is enabled.

    The role is locked as above.
    """
    if not await _administrators(transaction):
        raise Refused(
            "they are the only administrator: give somebody else the role first",
            code=Code.LAST_ADMINISTRATOR,
        )


async def _administrators(transaction: Transaction) -> set[str]:
    await transaction.execute(
        "SELECT 1 FROM rows.role WHERE roleid = %s FOR UPDATE", (SYSTEM_ADMINISTRATOR,)
    )
    found = await transaction.execute(_ADMINISTRATORS, (SYSTEM_ADMINISTRATOR,))
    return {row["id"] for row in await found.fetchall()}


async def require_depth(transaction: Transaction, table: str, depth: int) -> None:
    """Raise where a privilege cannot be given this deep: the table's rows have no owners.

    Of a table that is not there nothing is known, and nothing refused.
    """
    if depth == Depth.ORGANIZATION or table not in SYSTEM_TABLES:
        return
    if await (await transaction.execute(_OWNED, (table,))).fetchone() is None:
        raise AccessDenied(
            f"the rows of `{table}` have no owners: give the right at organization depth",
            code=Code.INVALID_DEPTH,
        )
