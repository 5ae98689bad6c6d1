"""Security roles: each in one business unit, with a copy in every unit below.

A copy has the privileges of its root, whatever business unit its holder's depth is measured from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowner.database import Transaction
from flowner.errors import Code, Conflict, Refused
from flowner.rows import registry, seed
from flowner.rows.asking import Asking
from flowner.rows.auditing import Act, note
from flowner.rows.keeping import Keeper, Row
from flowner.values import JsonObject, PrincipalId

_SEEDED: Final = {seed.SYSTEM_ADMINISTRATOR, seed.BASIC_USER, seed.DELEGATE, seed.MAKER}
_FIXED: Final = ("parentroleid", "parentrootroleid", "businessunitid")


class Roles(Keeper):
    """Keeps security roles and their copies. What a role gives is not among its columns."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a role, in the root business unit unless the row says where, and its copies."""
        if row.get("parentroleid") or row.get("parentrootroleid"):
            raise Refused("copies of roles are made by the server, one for each business unit")
        unit = row.get("businessunitid") or seed.ORGANIZATION
        await _require_free(asking.transaction, str(row.get("name")), unit)
        document = await super().create(asking, row | {"businessunitid": unit})
        root = {"roleid": document["roleid"], "name": row["name"],
                "isinherited": document["isinherited"]}  # fmt: skip
        by = asking.caller.acting_for
        itself = {"parentrootroleid": document["roleid"]}
        await registry.update(asking.transaction, "role", str(root["roleid"]), itself, by=by)
        await copy_below(asking.transaction, root, str(unit), by)
        return document | {"_parentrootroleid_value": document["roleid"]}

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a role; its copies are called and work the same."""
        _require_root(before, "changed")
        if any(name in change and str(change[name]) != str(before[name]) for name in _FIXED):
            raise Refused("a role stays in its business unit: make another one there")
        name = change.get("name", before["name"])
        if name != before["name"]:
            if str(before["roleid"]) in _SEEDED:
                raise Refused(f"the role {before['name']} is the server's own, and keeps its name")
            await _require_free(asking.transaction, str(name), str(before["businessunitid"]))
        document = await super().change(asking, before, change)
        alike = {"name": document["name"], "isinherited": document["isinherited"]}
        for copy in await _copies(asking.transaction, str(before["roleid"])):
            by = asking.caller.acting_for
            await registry.update(asking.transaction, "role", copy["roleid"], alike, by=by)
        return document

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a role from everybody, and its copies with it."""
        _require_root(before, "deleted")
        id, t = str(before["roleid"]), asking.transaction
        if id in _SEEDED:
            raise Refused(f"the role {before['name']} is the server's own, and stays")
        await note(t, Act.ROLE_DELETED, id, by=asking.caller)
        for role in (id, *(copy["roleid"] for copy in await _copies(t, id))):
            await registry.delete(t, "roleassignment", {"roleid": role})
            await registry.delete(t, "roleprivilege", {"roleid": role})
            if role != id:
                await registry.delete(t, "role", {"roleid": role})
        await super().remove(asking, before)


async def copy_role(
    transaction: Transaction, role: Mapping[str, Any], unit: str, by: PrincipalId | None
) -> dict[str, Any]:
    """Return the copy of a role of the unit above in a business unit, made when it is not there."""
    root = role.get("parentrootroleid") or role["roleid"]
    there = await registry.select(
        transaction, "role", {"businessunitid": unit, "parentrootroleid": root}
    )
    if there:
        return there[0]
    copy = {
        "name": role["name"],
        "isinherited": role["isinherited"],
        "businessunitid": unit,
        "parentroleid": role["roleid"],
        "parentrootroleid": root,
    }
    return copy | {"roleid": await registry.insert(transaction, "role", copy, by=by)}


async def copy_below(
    transaction: Transaction, role: Mapping[str, Any], unit: str, by: PrincipalId | None
) -> None:
    """Give every business unit below one a copy of its role."""
    for row in await registry.select(transaction, "businessunit", {"parentbusinessunitid": unit}):
        copy = await copy_role(transaction, role, row["businessunitid"], by)
        await copy_below(transaction, copy, row["businessunitid"], by)


async def _copies(transaction: Transaction, root: str) -> list[dict[str, Any]]:
    alike = await registry.select(transaction, "role", {"parentrootroleid": root})
    return [row for row in alike if row["roleid"] != root]


def _require_root(role: Mapping[str, Any], what: str) -> None:
    if role["parentroleid"] is not None:
        raise Refused(
            f"the role {role['name']} is inherited here: its copies are {what} with it,"
            f" in {role['parentrootroleid']}"
        )


async def _require_free(transaction: Transaction, name: str, unit: object) -> None:
    for role in await registry.select(transaction, "role", {"businessunitid": unit}):
        if role["name"].lower() == name.lower():
            raise Conflict(
                f"a role with the specified name '{name}' already exists on business unit {unit}",
                code=Code.ROLE_EXISTS,
            )
