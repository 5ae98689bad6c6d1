"""Who reports to whom: by manager or by position, as the organisation has chosen.

Source: https://learn.microsoft.com/power-platform/admin/hierarchy-security
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowner.access.rights import Reports
from flowner.database import Transaction

_SETTINGS = """
SELECT usepositionhierarchy AS by_position, maxdepthforhierarchicalsecuritymodel AS depth,
       managersmustbeinsameorparentbusinessunitasreports AS near,
       ARRAY(SELECT tablename FROM rows.hierarchyexclusion) AS excluded
FROM rows.organization WHERE ishierarchicalsecuritymodelenabled LIMIT 1
"""
_BY_MANAGER = """
WITH RECURSIVE reports(id, level) AS (
    SELECT systemuserid, 1 FROM rows.systemuser WHERE parentsystemuserid = %(id)s
    UNION
    SELECT u.systemuserid, r.level + 1 FROM reports r
    JOIN rows.systemuser u ON u.parentsystemuserid = r.id WHERE r.level < %(depth)s
)
"""
_BY_POSITION = """
WITH RECURSIVE places(id, level) AS (
    SELECT p.positionid, 1 FROM rows.position p JOIN rows.systemuser u
        ON u.systemuserid = %(id)s AND p.parentpositionid = u.positionid
    UNION
    SELECT p.positionid, a.level + 1 FROM places a
    JOIN rows.position p ON p.parentpositionid = a.id WHERE a.level < %(depth)s
), reports(id, level) AS (
    SELECT u.systemuserid, p.level FROM places p JOIN rows.systemuser u ON u.positionid = p.id
)
"""
_FOUND = """
SELECT u.systemuserid::text AS id, u.businessunitid::text AS unit, min(r.level) AS level,
       (SELECT m.businessunitid::text FROM rows.systemuser m WHERE m.systemuserid = %(id)s) AS mine,
       ARRAY(SELECT t.teamid::text FROM rows.teammembership m JOIN rows.team t USING (teamid)
             WHERE m.systemuserid = u.systemuserid AND t.teamtype <> 1) AS teams,
       ARRAY(SELECT t.teamid::text FROM rows.teammembership m JOIN rows.team t USING (teamid)
             WHERE m.systemuserid = u.systemuserid AND t.teamtype = 1) AS access_teams
FROM reports r JOIN rows.systemuser u ON u.systemuserid = r.id
WHERE u.systemuserid <> %(id)s GROUP BY u.systemuserid, u.businessunitid
"""


async def read_reports(
    principal: str, units: Mapping[str, str | None], transaction: Transaction
) -> Reports:
    """Read whose rows the hierarchy opens to a principal; nobody's where it is switched off.

    ``units`` has the parent of every business unit.
    """
    settings = await (await transaction.execute(_SETTINGS)).fetchone()
    if settings is None:
        return Reports()
    chosen = _BY_POSITION if settings["by_position"] else _BY_MANAGER
    found = await transaction.execute(
        f"{chosen}{_FOUND}".encode(), {"id": principal, "depth": settings["depth"]}
    )
    rows = [
        row
        for row in await found.fetchall()
        if settings["by_position"] or not settings["near"] or _near(row, units)
    ]
    near = [row for row in rows if row["level"] == 1]
    far = [row for row in rows if row["level"] > 1]
    return Reports(
        direct=_all(near, "teams"),
        direct_shares=_all(near, "teams", "access_teams"),
        indirect=_all(far, "teams"),
        indirect_shares=_all(far, "teams", "access_teams"),
        excluded=frozenset(settings["excluded"]),
    )


def _all(rows: list[dict[str, Any]], *kinds: str) -> frozenset[str]:
    return frozenset(
        {row["id"] for row in rows} | {one for row in rows for kind in kinds for one in row[kind]}
    )


def _near(row: Mapping[str, Any], units: Mapping[str, str | None]) -> bool:
    """Say whether the manager's business unit is the report's own or one above it."""
    unit: str | None = row["unit"]
    passed: set[str] = set()
    while unit is not None and unit not in passed:
        if unit == row["mine"]:
            return True
        passed.add(unit)
        unit = units.get(unit)
    return False
