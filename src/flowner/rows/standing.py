"""What a caller holds, read in one statement and remembered while the epoch stands."""

from __future__ import annotations

from flowner.access.rights import Depth, Right, Standing
from flowner.database import Transaction
from flowner.errors import AccessDenied, Code
from flowner.values import PrincipalId

_STANDING = """
WITH RECURSIVE inside(grp) AS (
    SELECT securitygroupid FROM rows.groupmembership WHERE memberid = %(id)s
    UNION
    SELECT m.securitygroupid FROM inside i JOIN rows.groupmembership m ON m.memberid = i.grp
), teams AS (
    SELECT teamid FROM rows.teammembership WHERE systemuserid = %(id)s
    UNION SELECT teamid FROM rows.team WHERE securitygroupid IN (SELECT grp FROM inside)
), holders AS (SELECT %(id)s::uuid AS id UNION SELECT teamid FROM teams
), held AS (
    SELECT DISTINCT roleid FROM rows.roleassignment
    WHERE principalid IN (SELECT id FROM holders)
), below(unit) AS (
    SELECT b.businessunitid FROM rows.businessunit b JOIN rows.systemuser u
        ON b.parentbusinessunitid = u.businessunitid WHERE u.systemuserid = %(id)s
    UNION
    SELECT b.businessunitid FROM rows.businessunit b JOIN below ON b.parentbusinessunitid = unit
)
SELECT u.systemuserid::text AS id, u.fullname AS name, u.isdisabled, u.businessunitid::text AS unit,
       (SELECT epoch FROM rows.identity_epoch) AS epoch,
       ARRAY(SELECT teamid::text FROM teams) AS teams,
       ARRAY(SELECT unit::text FROM below) AS below,
       EXISTS (SELECT 1 FROM held) AS has_roles,
       coalesce((SELECT json_agg(json_build_array(p.tablename, p.rightname, p.depth))
           FROM (SELECT tablename, rightname, max(depth) AS depth FROM rows.roleprivilege
                 WHERE roleid IN (SELECT roleid FROM held) AND rightname <> ''
                 GROUP BY tablename, rightname) p), '[]') AS privileges
FROM rows.systemuser u WHERE u.systemuserid = %(id)s
"""


class Standings:
    """Remembers standings for as long as nothing that they depend on has changed."""

    def __init__(self) -> None:
        self._epoch = -1
        self._known: dict[PrincipalId, Standing] = {}

    async def of(self, principal: PrincipalId, transaction: Transaction) -> Standing:
        """Return what a principal holds now."""
        row = await (await transaction.execute("SELECT epoch FROM rows.identity_epoch")).fetchone()
        epoch = -1 if row is None else row["epoch"]
        if epoch != self._epoch:
            self._known, self._epoch = {}, epoch
        if principal not in self._known:
            self._known[principal] = await _read(principal, transaction)
        return self._known[principal]


async def _read(principal: PrincipalId, transaction: Transaction) -> Standing:
    row = await (await transaction.execute(_STANDING, {"id": principal})).fetchone()
    if row is None:
        raise AccessDenied(
            f"the principal `{principal}` is no user or application",
            code=Code.PRINCIPAL_DISABLED,
        )
    return Standing(
        id=row["id"],
        name=row["name"],
        teams=frozenset(row["teams"]),
        business_unit=row["unit"],
        below=frozenset(row["below"]),
        privileges={
            (table, Right(right)): Depth(depth) for table, right, depth in row["privileges"]
        },
        enabled=not row["isdisabled"],
        has_roles=row["has_roles"],
    )
