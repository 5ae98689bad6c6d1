"""What there is, as the operator of the server sees it: no secrets, and no law to ask.

Doors that serve anybody else read the same tables through the row store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowner.database import Database, Transaction
from flowner.rows import registry
from flowner.triggers.published import Published
from flowner.values import FlowId, JsonObject

_ROLES: Final = {1: "co-owner", 2: "run-only"}
_CONNECTION_ROLES: Final = {1: "can use", 2: "can use and share", 3: "can edit"}


class Listing:
    """Lists people, groups, connections, references and flows, by name."""

    def __init__(self, database: Database, published: Published) -> None:
        self._database, self._published = database, published

    async def people(self) -> list[JsonObject]:
        """Return every user, service account and application."""
        async with self._database.connection() as connection:
            rows = await registry.select(connection, "systemuser", {})
            roles = await self._roles(connection)
        return [
            {
                "name": row["fullname"],
                "upn": row["domainname"],
                "kind": _kind(row),
                "enabled": not row["isdisabled"],
                "roles": ", ".join(sorted(roles.get(row["systemuserid"], ()))),
                "id": row["systemuserid"],
            }
            for row in sorted(rows, key=lambda row: row["fullname"])
        ]

    async def roles(self) -> list[JsonObject]:
        """Return every security role with its holders, those of its copies with them."""
        async with self._database.connection() as connection:
            names = await self._names(connection)
            rows = await registry.select(connection, "role", {})
            roots = {row["roleid"]: row["parentrootroleid"] or row["roleid"] for row in rows}
            held: dict[str, list[str]] = {}
            for row in await registry.select(connection, "roleassignment", {}):
                holders = held.setdefault(roots[row["roleid"]], [])
                holders.append(names.get(row["principalid"], row["principalid"]))
        return [
            {
                "role": row["name"],
                "held_by": ", ".join(sorted(held.get(row["roleid"], ()))),
                "id": row["roleid"],
            }
            for row in sorted(rows, key=lambda row: row["name"])
            if row["parentroleid"] is None
        ]

    async def apps(self) -> list[JsonObject]:
        """Return every app with the flows that it carries and who may open it."""
        async with self._database.connection() as connection:
            names = await self._names(connection)
            flows = {
                row["workflowid"]: row["name"]
                for row in await registry.select(connection, "workflow", {})
            }
            rows = await registry.select(connection, "canvasapp", {})
            carried: dict[str, list[str]] = {}
            for row in await registry.select(connection, "canvasappflow", {}):
                carried.setdefault(row["canvasappid"], []).append(flows[row["workflowid"]])
            open_to: dict[str, list[str]] = {}
            for row in await registry.select(connection, "canvasappshare", {}):
                holders = open_to.setdefault(row["canvasappid"], [])
                holders.append(names.get(row["principalid"], row["principalid"]))
        return [
            {
                "app": row["name"],
                "owner": names.get(row["ownerid"], row["ownerid"]),
                "flows": ", ".join(sorted(carried.get(row["canvasappid"], ()))),
                "shared_with": ", ".join(sorted(open_to.get(row["canvasappid"], ()))),
                "id": row["canvasappid"],
            }
            for row in sorted(rows, key=lambda row: row["name"])
        ]

    async def groups(self) -> list[JsonObject]:
        """Return every security group with its direct members."""
        async with self._database.connection() as connection:
            names = await self._names(connection)
            rows = await registry.select(connection, "securitygroup", {})
            held: dict[str, list[str]] = {}
            for row in await registry.select(connection, "groupmembership", {}):
                group = held.setdefault(row["securitygroupid"], [])
                group.append(names.get(row["memberid"], row["memberid"]))
        return [
            {
                "name": row["name"],
                "members": ", ".join(sorted(held.get(row["securitygroupid"], ()))),
                "id": row["securitygroupid"],
            }
            for row in sorted(rows, key=lambda row: row["name"])
        ]

    async def connections(self) -> list[JsonObject]:
        """Return every connection: whose it is, what the outside sees, who else may use it."""
        async with self._database.connection() as connection:
            names = await self._names(connection)
            shares = await self._shares(connection, "connectioninstance", _CONNECTION_ROLES)
            rows = await registry.select(connection, "connectioninstance", {})
        return [
            {
                "connection": f"{row['connectorid']}/{row['account']}",
                "owner": names.get(row["ownerid"], row["ownerid"]),
                "status": row["connectionstatus"],
                "shared_with": shares.get(row["connectioninstanceid"], ""),
                "id": row["connectioninstanceid"],
            }
            for row in sorted(rows, key=lambda row: (row["account"], row["connectorid"]))
        ]

    async def references(self) -> list[JsonObject]:
        """Return every connection reference and the account it points at now."""
        async with self._database.connection() as connection:
            accounts = {
                row["connectioninstanceid"]: row["account"]
                for row in await registry.select(connection, "connectioninstance", {})
            }
            names = await self._names(connection)
            rows = await registry.select(connection, "connectionreference", {})
        return [
            {
                "reference": row["connectionreferencelogicalname"],
                "connector": row["connectorid"],
                "account": accounts.get(row["connectioninstanceid"]),
                "owner": names.get(row["ownerid"], row["ownerid"]),
            }
            for row in sorted(rows, key=lambda row: row["connectionreferencelogicalname"])
        ]

    async def flows(self) -> list[JsonObject]:
        """Return every flow with its kind, owner, state and shares: a read of each definition."""
        async with self._database.connection() as connection:
            names = await self._names(connection)
            shares = await self._shares(connection, "flow", _ROLES)
            rows = await registry.select(connection, "workflow", {})
            found: list[JsonObject] = []
            for row in sorted(rows, key=lambda row: row["name"]):
                number = row["currentversion"] or 0
                id = FlowId(row["workflowid"])
                version = await self._published.get(id, number, within=connection)
                found.append(
                    {
                        "flow": row["name"],
                        "kind": version.flow.trigger.flow_kind.value,
                        "state": "on" if row["statecode"] == 1 else "off",
                        "owner": names.get(row["ownerid"], row["ownerid"]),
                        "shared_with": shares.get(id, ""),
                        "version": number,
                        "id": id,
                    }
                )
        return found

    async def _names(self, connection: Transaction) -> dict[str, str]:
        names: dict[str, str] = {}
        for table, column in (("systemuser", "fullname"), ("securitygroup", "name"),
                              ("team", "name")):  # fmt: skip
            for row in await registry.select(connection, table, {}):
                names[row[f"{table}id"]] = row[column]
        return names

    async def _roles(self, connection: Transaction) -> dict[str, list[str]]:
        titles = {
            row["roleid"]: row["name"] for row in await registry.select(connection, "role", {})
        }
        held: dict[str, list[str]] = {}
        for row in await registry.select(connection, "roleassignment", {}):
            held.setdefault(row["principalid"], []).append(titles[row["roleid"]])
        return held

    async def _shares(
        self, connection: Transaction, what: str, roles: Mapping[int, str]
    ) -> dict[str, str]:
        names = await self._names(connection)
        key = "workflowid" if what == "flow" else f"{what}id"
        table = "flowshare" if what == "flow" else "connectionshare"
        held: dict[str, list[str]] = {}
        for row in await registry.select(connection, table, {}):
            holder = names.get(row["principalid"], row["principalid"])
            held.setdefault(row[key], []).append(f"{holder} ({roles[row['role']]})")
        return {id: ", ".join(sorted(shares)) for id, shares in held.items()}


def _kind(row: Mapping[str, Any]) -> str:
    if row["applicationid"] is not None:
        return "application"
    return "user" if row["accessmode"] == 0 else "service account"
