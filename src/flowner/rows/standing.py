"""What a principal holds, read in one statement and remembered while the epoch stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowner.access.cascades import Relationship
from flowner.access.rights import ColumnRights, Depth, Reach, Right, Standing
from flowner.database import Transaction
from flowner.errors import AccessDenied, Code
from flowner.rows.catalogue import SYSTEM_TABLES
from flowner.rows.hierarchy import read_reports
from flowner.rows.relations import carried, read_relations
from flowner.rows.seed import ORGANIZATION, SYSTEM_ADMINISTRATOR
from flowner.values import PrincipalId

_ACT = "prvActOnBehalfOfAnotherUser"
_ADMINISTRATIVE_MODE, _READ_MODE = 1, 2
_ADMINISTERED = frozenset(SYSTEM_TABLES) - {"flowrun"}

_STANDING = f"""
WITH RECURSIVE who AS (
    SELECT systemuserid AS id, fullname AS name, isdisabled OR EXISTS (
               SELECT 1 FROM rows.businessunit b
               WHERE b.businessunitid = u.businessunitid AND b.isdisabled) AS isdisabled,
           accessmode, businessunitid AS unit, NULL::int AS teamtype
    FROM rows.systemuser u WHERE systemuserid = %(id)s
    UNION ALL
    SELECT teamid, name, false, 0, businessunitid, teamtype FROM rows.team WHERE teamid = %(id)s
), inside(grp) AS (
    SELECT securitygroupid FROM rows.groupmembership WHERE memberid = %(id)s
    UNION
    SELECT m.securitygroupid FROM inside i JOIN rows.groupmembership m ON m.memberid = i.grp
), teams AS (
    SELECT t.teamid, t.teamtype, t.businessunitid AS unit FROM rows.team t
    WHERE t.teamid IN (SELECT teamid FROM rows.teammembership WHERE systemuserid = %(id)s)
       OR t.securitygroupid IN (SELECT grp FROM inside)
), held AS (
    SELECT coalesce(r.parentrootroleid, r.roleid) AS root, r.isinherited = 1 AS own,
           a.principalid = %(id)s::uuid AS direct, coalesce(t.unit, w.team_unit, r.businessunitid)
           AS unit
    FROM rows.roleassignment a JOIN rows.role r USING (roleid)
    CROSS JOIN (SELECT CASE WHEN teamtype IS NOT NULL THEN unit END AS team_unit FROM who) w
    LEFT JOIN teams t ON t.teamid = a.principalid AND t.teamtype <> 1
    WHERE a.principalid = %(id)s OR t.teamid IS NOT NULL
), profiles AS (
    SELECT fieldsecurityprofileid FROM rows.profileassignment
    WHERE principalid = %(id)s OR principalid IN (SELECT teamid FROM teams WHERE teamtype <> 1)
)
SELECT w.id::text, w.name, w.isdisabled, w.accessmode, w.unit::text, w.teamtype,
       ARRAY(SELECT teamid::text FROM teams WHERE teamtype <> 1) AS teams,
       ARRAY(SELECT teamid::text FROM teams WHERE teamtype = 1
             UNION SELECT grp::text FROM inside) AS access_teams,
       EXISTS (SELECT 1 FROM held) AS has_roles,
       EXISTS (SELECT 1 FROM held WHERE root = '{SYSTEM_ADMINISTRATOR}') AS administrator,
       EXISTS (SELECT 1 FROM held JOIN rows.roleprivilege p ON p.roleid = held.root
               WHERE held.direct AND p.privilegename = '{_ACT}') AS acts_for_others,
       coalesce((SELECT json_agg(json_build_array(g.tablename, g.rightname, g.depth, g.unit, g.own))
           FROM (SELECT p.tablename, p.rightname, p.depth, h.unit, bool_or(h.direct OR h.own) AS own
                 FROM held h JOIN rows.roleprivilege p ON p.roleid = h.root
                 WHERE p.rightname <> '' GROUP BY 1, 2, 3, 4) g), '[]') AS grants,
       coalesce((SELECT json_agg(json_build_array(c.tablename, c.columnname, c.read, c.new, c.old))
           FROM (SELECT s.tablename, s.columnname, coalesce(bool_or(p.canread = 4), false) AS read,
                        coalesce(bool_or(p.cancreate = 4), false) AS new,
                        coalesce(bool_or(p.canupdate = 4), false) AS old
                 FROM rows.securedcolumn s LEFT JOIN rows.fieldpermission p
                   ON p.entityname = s.tablename AND p.attributelogicalname = s.columnname
                  AND p.fieldsecurityprofileid IN (SELECT fieldsecurityprofileid FROM profiles)
                 GROUP BY 1, 2) c), '[]') AS columns
FROM who w
"""  # noqa: S608 - two constants of ours


@dataclass(slots=True)
class _Known:
    """What is remembered of one epoch."""

    standings: dict[str, Standing] = field(default_factory=dict)
    units: dict[str, str | None] | None = None
    relationships: tuple[Relationship, ...] | None = None


class Standings:
    """Remembers standings for as long as nothing that they depend on has changed."""

    def __init__(self) -> None:
        self._epoch = -1
        self._known = _Known()

    async def of(self, principal: PrincipalId | str, transaction: Transaction) -> Standing:
        """Return what a user, an application or a team holds now."""
        (found,) = await self.of_all([principal], transaction)
        return found

    async def of_all(
        self, principals: list[PrincipalId] | list[PrincipalId | str], transaction: Transaction
    ) -> list[Standing]:
        """Return what each holds now, all of one epoch."""
        known = await self._now(transaction)
        for one in principals:
            if one not in known.standings:
                if known.units is None:
                    known.units = await _units(transaction)
                known.standings[one] = await _read(one, known.units, transaction)
        return [known.standings[one] for one in principals]

    async def relationships(self, transaction: Transaction) -> tuple[Relationship, ...]:
        """Return what every relationship that somebody has made carries on, now."""
        known = await self._now(transaction)
        if known.relationships is None:
            made = await read_relations(transaction)
            known.relationships = tuple(carried(one) for one in made)
        return known.relationships

    async def _now(self, transaction: Transaction) -> _Known:
        row = await (await transaction.execute("SELECT epoch FROM rows.identity_epoch")).fetchone()
        epoch = -1 if row is None else row["epoch"]
        if epoch != self._epoch:
            self._known, self._epoch = _Known(), epoch
        return self._known


async def _read(
    principal: str, units: Mapping[str, str | None], transaction: Transaction
) -> Standing:
    row = await (await transaction.execute(_STANDING.encode(), {"id": principal})).fetchone()
    if row is None:
        raise AccessDenied(
            f"the principal `{principal}` is no user, application or team",
            code=Code.PRINCIPAL_DISABLED,
        )
    administrator = row["administrator"]
    return Standing(
        id=row["id"],
        name=row["name"],
        business_unit=row["unit"],
        teams=frozenset(row["teams"]),
        access_teams=frozenset(row["access_teams"]),
        everybody=ORGANIZATION,
        privileges=_privileges(row, units),
        reports=await read_reports(row["id"], units, transaction),
        columns={
            (table, column): ColumnRights(*(administrator or given for given in rights))
            for table, column, *rights in row["columns"]
        },
        enabled=not row["isdisabled"],
        has_roles=row["has_roles"],
        reads_only=row["accessmode"] == _READ_MODE,
        confined=_ADMINISTERED if row["accessmode"] == _ADMINISTRATIVE_MODE else None,
        administrator=administrator,
        acts_for_others=row["acts_for_others"],
        is_team=row["teamtype"] is not None,
        owns_rows=row["teamtype"] != 1,
    )


def _privileges(
    row: Mapping[str, Any], units: Mapping[str, str | None]
) -> dict[tuple[str, Right], Reach]:
    found: dict[tuple[str, Right], Reach] = {}
    below: dict[str, frozenset[str]] = {}
    for table, right, depth, unit, own in row["grants"]:
        if depth == Depth.DEEP and unit not in below:
            below[unit] = _subtree(unit, units)
        reach = Reach(
            own=own or depth != Depth.USER,
            units={Depth.LOCAL: frozenset({unit}), Depth.DEEP: below.get(unit, frozenset())}.get(
                depth, frozenset()
            ),
            everywhere=depth == Depth.ORGANIZATION,
        )
        key = (table, Right(right))
        found[key] = found[key].joined(reach) if key in found else reach
    return found


def _subtree(unit: str, units: Mapping[str, str | None]) -> frozenset[str]:
    children: dict[str | None, list[str]] = {}
    for one, parent in units.items():
        children.setdefault(parent, []).append(one)
    found: set[str] = set()
    waiting = [unit]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += children.get(one, ())
    return frozenset(found)


async def _units(transaction: Transaction) -> dict[str, str | None]:
    found = await transaction.execute(
        "SELECT businessunitid::text AS id, parentbusinessunitid::text AS parent"
        " FROM rows.businessunit"
    )
    return {row["id"]: row["parent"] for row in await found.fetchall()}
