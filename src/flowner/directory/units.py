"""Business units: each with its default team, and a copy of every role of the unit above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowner.database import Transaction
from flowner.directory.roles import copy_role
from flowner.errors import Code, Refused
from flowner.rows import registry, seed
from flowner.rows.asking import Asking
from flowner.rows.keeping import Keeper, Row
from flowner.rows.owners import owns_rows
from flowner.values import JsonObject, PrincipalId


class Units(Keeper):
    """Keeps business units. One has none above it: the organisation's root."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a unit, below the root unless the row says where, with its team and roles."""
        above = row.get("parentbusinessunitid") or seed.ORGANIZATION
        document = await super().create(asking, row | {"parentbusinessunitid": above})
        id, by = str(document["businessunitid"]), asking.caller.acting_for
        team = {"name": row["name"], "teamtype": 0, "isdefault": True, "businessunitid": id}
        await registry.insert(asking.transaction, "team", team, by=by)
        await _take_roles(asking.transaction, above, id, by)
        return document

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a unit; its default team has its name, and the units below it its end."""
        t, by, id = asking.transaction, asking.caller.acting_for, str(before["businessunitid"])
        above = change.get("parentbusinessunitid", before["parentbusinessunitid"])
        if (above is None) != (id == seed.ORGANIZATION):
            raise Refused("one business unit has none above it, and it stays the same")
        if above is not None and str(above) != str(before["parentbusinessunitid"]):
            if str(above) in await units_below(t, id):
                raise Refused("a business unit cannot be below itself")
            await _take_roles(t, str(above), id, by)
        if change.get("isdisabled"):
            await _disable_below(t, id, by)
        document = await super().change(asking, before, change)
        default = {"businessunitid": id, "isdefault": True}
        for team in await registry.select(t, "team", default):
            name = {"name": document["name"]}
            await registry.update(t, "team", team["teamid"], name, by=by)
        return document

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a unit that nothing is in any more, with its default team and its roles."""
        t, id = asking.transaction, str(before["businessunitid"])
        if id == seed.ORGANIZATION:
            raise Refused("the root business unit stays", code=Code.ROW_REFERENCED)
        await _require_empty(asking, id)
        for role in await registry.select(t, "role", {"businessunitid": id}):
            held = {"roleid": role["roleid"]}
            await registry.delete(t, "roleassignment", held)
            await registry.delete(t, "roleprivilege", held)
        await registry.delete(t, "role", {"businessunitid": id})
        await registry.delete(t, "team", {"businessunitid": id, "isdefault": True})
        await super().remove(asking, before)


async def units_below(transaction: Transaction, unit: str) -> list[str]:
    """Return a business unit and those below it, from above."""
    found = [unit]
    for one in found:
        below = await registry.select(transaction, "businessunit", {"parentbusinessunitid": one})
        found += [row["businessunitid"] for row in below]
    return found


async def _take_roles(transaction: Transaction, above: str, unit: str, by: PrincipalId) -> None:
    for role in await registry.select(transaction, "role", {"businessunitid": above}):
        await copy_role(transaction, role, unit, by)
    for row in await registry.select(transaction, "businessunit", {"parentbusinessunitid": unit}):
        await _take_roles(transaction, unit, row["businessunitid"], by)


async def _disable_below(transaction: Transaction, unit: str, by: PrincipalId) -> None:
    if unit == seed.ORGANIZATION:
        raise Refused("the root business unit cannot be disabled")
    for one in (await units_below(transaction, unit))[1:]:
        await registry.update(transaction, "businessunit", one, {"isdisabled": True}, by=by)


async def _require_empty(asking: Asking, unit: str) -> None:
    t = asking.transaction
    holding = {
        "business units": await registry.select(t, "businessunit", {"parentbusinessunitid": unit}),
        "users": await registry.select(t, "systemuser", {"businessunitid": unit}),
        "teams": await registry.select(t, "team", {"businessunitid": unit, "isdefault": False}),
    }
    kinds = [kind for kind, found in holding.items() if found]
    teams = await registry.select(t, "team", {"businessunitid": unit, "isdefault": True})
    owning = [("owningbusinessunit", unit), *(("ownerid", team["teamid"]) for team in teams)]
    if kinds or await owns_rows(asking, owning):
        raise Refused(
            f"there are {kinds[0] if kinds else 'rows'} in the business unit: move them first",
            code=Code.ROW_REFERENCED,
        )
