"""Users and teams as rows: what their columns mean, asked when they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowner.database import Transaction
from flowner.directory.roles import Roles
from flowner.directory.securing import ColumnShares, Permissions, Positions, Profiles
from flowner.directory.units import Units
from flowner.errors import Code, Invalid, Refused
from flowner.rows import registry, seed
from flowner.rows.asking import Asking
from flowner.rows.auditing import Act, note
from flowner.rows.holders import require_other_administrator
from flowner.rows.keeping import Keeper, Row
from flowner.rows.owners import organization_says, owns_rows, require_open_unit
from flowner.values import JsonObject, PrincipalId

_READ_MODE: Final = 2
_MODES: Final = range(6)
_KINDS: Final = range(4)
_OF_DIRECTORY: Final = (2, 3)
_GIVEN: Final = (
    "roleassignment", "profileassignment", "rowshare", "principalobjectattributeaccess",
)  # fmt: skip
"""What names, by `principalid`, whom something is given to."""


class Users(Keeper):
    """Keeps users. They are disabled, never deleted: what they did keeps its name."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a user or application; mail and full name come from the others where left out."""
        if not row.get("domainname"):
            raise Invalid("a user has a `domainname`, such as ada@contoso.example")
        named = (row.get("firstname"), row.get("lastname"))
        name = row.get("fullname") or " ".join(part for part in named if part)
        said = {
            "fullname": name or row["domainname"],
            "internalemailaddress": row.get("internalemailaddress") or row["domainname"],
            "businessunitid": row.get("businessunitid") or seed.ORGANIZATION,
        }
        await _require_user(asking.transaction, None, row | said)
        document = await super().create(asking, row | said)
        id = str(document["systemuserid"])
        await note(asking.transaction, Act.PERSON_ADDED, id, by=asking.caller, about=id)
        return document

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a user, with effect at once. Another business unit takes the roles away, unless
        the organisation's ``donotremoverolesonchangebusinessunit`` says that they stay."""
        t, id = asking.transaction, PrincipalId(str(before["systemuserid"]))
        await _require_user(t, id, change)
        unit = change.get("businessunitid", before["businessunitid"])
        moves = str(unit) != str(before["businessunitid"])
        kept = "donotremoverolesonchangebusinessunit"
        drops = moves and not await organization_says(asking, kept)
        if change.get("isdisabled") or change.get("accessmode") == _READ_MODE or drops:
            await require_other_administrator(t, id)
        if drops:
            await registry.delete(t, "roleassignment", {"principalid": id})
        if change.get("isdisabled", before["isdisabled"]) != before["isdisabled"]:
            act = Act.PERSON_DISABLED if change["isdisabled"] else Act.PERSON_ENABLED
            await note(t, act, id, by=asking.caller, about=id)
        return await super().change(asking, before, change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Refuse: a user is disabled instead."""
        raise Refused(f"{before['fullname']} cannot be deleted: set `isdisabled` instead")


class Teams(Keeper):
    """Keeps teams; a business unit's default team goes with its unit."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a team, in the caller's business unit unless the row says where."""
        unit = row.get("businessunitid") or asking.standings[0].business_unit
        kind = row.get("teamtype", 0)
        if row.get("isdefault"):
            raise Refused("a default team is made with its business unit")
        if kind not in _KINDS or (kind in _OF_DIRECTORY) != bool(row.get("securitygroupid")):
            raise Invalid(
                "`teamtype` is 0 (owner), 1 (access), or, with a `securitygroupid`, 2 or 3"
            )
        await require_open_unit(asking.transaction, unit)
        return await super().create(asking, row | {"businessunitid": unit})

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a team; what kind of team it is stays."""
        if before["isdefault"]:
            _require_same(before, change, "name", "businessunitid", "isdefault", "teamtype")
        _require_same(before, change, "teamtype", "isdefault", "securitygroupid")
        if "businessunitid" in change:
            await require_open_unit(asking.transaction, change["businessunitid"])
        return await super().change(asking, before, change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a team that owns no row, with what was given to it."""
        id, t = str(before["teamid"]), asking.transaction
        if before["isdefault"]:
            raise Refused("a default team is deleted with its business unit")
        if await owns_rows(asking, [("ownerid", id)]):
            raise Refused("the team owns rows: assign them first", code=Code.ROW_REFERENCED)
        await registry.delete(t, "teammembership", {"teamid": id})
        for table in _GIVEN:
            await registry.delete(t, table, {"principalid": id})
        await super().remove(asking, before)


KEEPERS: Final[Mapping[str, Keeper]] = {
    "businessunit": Units(),
    "fieldpermission": Permissions(),
    "fieldsecurityprofile": Profiles(),
    "position": Positions(),
    "principalobjectattributeaccess": ColumnShares(),
    "role": Roles(),
    "systemuser": Users(),
    "team": Teams(),
}
"""Who writes the directory's tables, by name."""


async def _require_user(t: Transaction, user: PrincipalId | None, given: Mapping[str, Any]) -> None:
    if given.get("accessmode", 0) not in _MODES:
        raise Invalid("`accessmode` is 0 to 5")
    if "businessunitid" in given:
        await require_open_unit(t, given["businessunitid"])
    above = given.get("parentsystemuserid")
    passed: set[str] = {str(user)}
    while above is not None:
        if str(above) in passed:
            raise Refused("nobody is the manager of their own manager")
        passed.add(str(above))
        rows = await registry.select(t, "systemuser", {"systemuserid": above})
        above = rows[0]["parentsystemuserid"] if rows else None


def _require_same(before: Mapping[str, Any], change: Row, *columns: str) -> None:
    for name in columns:
        if name in change and str(change[name]) != str(before[name]):
            raise Refused(f"`{name}` of the team {before['name']} stays as it is")
