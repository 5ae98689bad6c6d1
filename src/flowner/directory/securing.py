"""Positions, and profiles of secured columns with what they permit, as rows.

Source: https://learn.microsoft.com/power-platform/admin/field-level-security and
https://learn.microsoft.com/power-platform/admin/hierarchy-security
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowner.database import Transaction
from flowner.errors import AccessDenied, Code, Invalid, Refused
from flowner.rows import registry
from flowner.rows.asking import Asking
from flowner.rows.columns import require_sharing, require_unshared
from flowner.rows.describing import metadata_id
from flowner.rows.keeping import Keeper, Row
from flowner.values import JsonObject

_ALLOWED: Final = 4
_PERMITS: Final = ("canread", "cancreate", "canupdate")
_SHARED: Final = ("attributeid", "objectid", "principalid")
_OF: Final = ("fieldsecurityprofileid", "entityname", "attributelogicalname")


class Positions(Keeper):
    """Keeps positions. They form a tree: whoever is above sees what those below may see."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a position, below another or at the top."""
        _require_administrator(asking)
        return await super().create(asking, row)

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a position; it cannot come below itself."""
        _require_administrator(asking)
        above, passed = change.get("parentpositionid"), {str(before["positionid"])}
        while above is not None:
            if str(above) in passed:
                raise Refused("a position cannot be below itself")
            passed.add(str(above))
            rows = await registry.select(asking.transaction, "position", {"positionid": above})
            above = rows[0]["parentpositionid"] if rows else None
        return await super().change(asking, before, change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a position that is above no other and that nobody has."""
        _require_administrator(asking)
        t, id = asking.transaction, before["positionid"]
        for table, column in (("position", "parentpositionid"), ("systemuser", "positionid")):
            if await registry.select(t, table, {column: id}):
                raise Refused(
                    f"a `{table}` points at the position {before['name']}: change that first",
                    code=Code.ROW_REFERENCED,
                )
        await super().remove(asking, before)


class Profiles(Keeper):
    """Keeps profiles: what they permit goes to the users and teams that they are related to."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a profile; it permits nothing yet."""
        _require_administrator(asking)
        return await super().create(asking, row)

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a profile's name."""
        _require_administrator(asking)
        return await super().change(asking, before, change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a profile with what it permits; with effect at once."""
        _require_administrator(asking)
        of = {"fieldsecurityprofileid": before["fieldsecurityprofileid"]}
        for table in ("fieldpermission", "profileassignment"):
            await registry.delete(asking.transaction, table, of)
        await super().remove(asking, before)


class Permissions(Keeper):
    """Keeps what a profile permits with one secured column: 0 is no, 4 is yes."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a permission. `Conflict` where the profile has one for the column."""
        _require_administrator(asking)
        for name in _OF:
            if not row.get(name):
                raise Invalid(f"a permission has `{name}`", code=Code.BAD_BODY)
        _require_permits(row)
        table, column = str(row["entityname"]), str(row["attributelogicalname"])
        secured = {"tablename": table, "columnname": column}
        if not await registry.select(asking.transaction, "securedcolumn", secured):
            raise Refused(f"the column `{column}` of `{table}` is not secured (`IsSecured`)")
        return await super().create(asking, row)

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change what is permitted; for whom and of what stays."""
        _require_administrator(asking)
        _require_permits(change)
        for name in _OF:
            if name in change and str(change[name]) != str(before[name]):
                raise Refused(f"`{name}` of a permission stays as it is")
        return await super().change(asking, before, change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Take a permission back."""
        _require_administrator(asking)
        await super().remove(asking, before)


class ColumnShares(Keeper):
    """Keeps what is shared of a secured column in one row, with a user or a team.

    Who shares the row, and may do with the column themselves what they share, writes it.
    """

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Share a column: `attributeid` says which, `objectid` the row, `principalid` with whom."""
        for name in _SHARED:
            if not row.get(name):
                raise Invalid(f"a share of a column has `{name}`", code=Code.BAD_BODY)
        t, id, whom = asking.transaction, str(row["objectid"]), str(row["principalid"])
        table, column = await _secured(t, str(row["attributeid"]))
        await asking.memory.of(whom, t)
        about = await asking.about(table)
        await require_sharing(about, id, column, **_accesses(row))
        await require_unshared(about, id, column, whom)
        is_team = await registry.select(t, "team", {"teamid": whom})
        made = row | {"objecttypecode": table, "attributelogicalname": column}
        return await super().create(
            asking, made | {"principalidtype": "team" if is_team else "systemuser"}
        )

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change what is shared; of what and with whom stays."""
        for name in (*_SHARED, "objecttypecode", "attributelogicalname", "principalidtype"):
            if name in change and str(change[name]) != str(before[name]):
                raise Refused(f"`{name}` of a share of a column stays as it is")
        await self._judge(asking, before, _accesses({**before, **change}))
        return await super().change(asking, before, change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """End a share; with effect at once."""
        await self._judge(asking, before, {"read": False, "update": False})
        key = "principalobjectattributeaccessid"
        await registry.delete(asking.transaction, asking.table.name, {key: before[key]})

    async def _judge(
        self, asking: Asking, share: Mapping[str, Any], accesses: dict[str, bool]
    ) -> None:
        about = await asking.about(str(share["objecttypecode"]))
        column = str(share["attributelogicalname"])
        await require_sharing(about, str(share["objectid"]), column, **accesses)


def _accesses(share: Mapping[str, Any]) -> dict[str, bool]:
    return {what: bool(share.get(f"{what}access")) for what in ("read", "update")}


async def _secured(transaction: Transaction, attribute: str) -> tuple[str, str]:
    """Return the table and the secured column that have an id; `Invalid` where none has."""
    for row in await registry.select(transaction, "securedcolumn", {}):
        if metadata_id(row["tablename"], row["columnname"]) == attribute:
            return str(row["tablename"]), str(row["columnname"])
    raise Invalid(f"`attributeid` is `{attribute}`, which is no secured column's")


def _require_administrator(asking: Asking) -> None:
    # Whoever writes these writes what everybody may see: a role with rights on them is not enough.
    if not all(standing.administrator for standing in asking.standings):
        raise AccessDenied(
            f"rows of `{asking.table.name}` are written by System Administrators",
            code=Code.PRIVILEGE_MISSING,
        )


def _require_permits(row: Row) -> None:
    for name in _PERMITS:
        if row.get(name, 0) not in (0, _ALLOWED):
            raise Invalid(f"`{name}` is 0 (not allowed) or 4 (allowed)", code=Code.BAD_BODY)
