"""The stage of `rows.stage`, on which everything is done by requests in people's names.

Who and what there is, is written beforehand, as an administrator would; what somebody then does
goes through the front door.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from psycopg.types.json import Jsonb

from flowner.access.rights import Right
from flowner.rows.callers import Caller
from flowner.server import House
from flowner.values import JsonObject, PrincipalId
from rows.stage import Stage
from webapi.fuzz import Client
from webapi.random_requests import Asked
from worlds.crowd import forget

SPACE = "Microsoft.Dynamics.CRM."
PAIRED = "account_contact_pairs"
"""The relationship of many to many that the stage has."""
_PARTED = {"parentcustomerid": "parentcustomerid_account"}


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; ``content`` is None where there is none."""

    status: int
    headers: Mapping[str, str]
    content: Any


class RefusedAtTheDoor(Exception):
    """An error's status and code, as they were sent."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


@dataclass
class DoorStage(Stage):
    """A company whose people send requests."""

    refusal = RefusedAtTheDoor

    house: House = field(kw_only=True)
    client: Client = field(kw_only=True)
    teams: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)

    async def team(self, name: str, *given: Any, **more: Any) -> None:
        await super().team(name, *given, **more)
        self.teams.add(name)

    async def relationship(self, child: str, column: str, parent: str, **cascades: str) -> None:
        """Say what a relationship carries on, which was made through the Web API."""
        said = {what.capitalize(): how for what, how in cascades.items()}
        await self.t.execute(
            "UPDATE rows.relationshipmetadata SET cascade = %s"
            " WHERE (referencing, attribute, referenced) = (%s, %s, %s)",
            (Jsonb(said), child, column, parent),
        )
        self.store.catalogue.forget()

    async def unrelate(self) -> None:
        await self.t.execute("UPDATE rows.relationshipmetadata SET cascade = '{}'")
        self.store.catalogue.forget()

    async def ask(
        self, caller: str | Caller | None, method: str, path: str, body: Any = None, **headers: str
    ) -> Answered:
        """Send a request in somebody's name. `RefusedAtTheDoor` for an error."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if caller is not None:
            who = self._caller(caller)
            sent["Authorization"] = f"Bearer {await self._token(who.actor or who.acting_for)}"
            if who.actor is not None:
                sent["MSCRMCallerID"] = who.acting_for
        content = b"" if body is None else json.dumps(body).encode()
        path = quote(path, safe="/?&=$(),'@*;:.%-_")
        asked = Asked(method, path, "", body=content)
        status, said, text = await self.client.ask(asked, sent)
        found = json.loads(text) if text else None
        if status >= 400:
            raise RefusedAtTheDoor(status, found["error"]["code"].lower())
        return Answered(status, said, found)

    async def create(
        self, who: str | Caller, table: str, owner: str | None = None, **values: Any
    ) -> JsonObject:
        given = {"name": "new", **values}
        if owner is not None:
            given["ownerid@odata.bind"] = self._holder(owner)
        made = await self.ask(who, "POST", f"{table}s", given)
        id = made.headers["odata-entityid"].rpartition("(")[2].rstrip(")")
        return await self._seen(who, table, id)

    async def get(self, who: str | Caller, table: str, id: str) -> JsonObject:
        content: JsonObject = (await self.ask(who, "GET", f"{table}s({id})")).content
        return content

    async def update(self, who: str | Caller, table: str, id: str, **values: Any) -> JsonObject:
        await self.ask(who, "PATCH", f"{table}s({id})", values or {"name": "changed"})
        return await self._seen(who, table, id)

    async def assign(self, who: str, table: str, id: str, owner: str) -> JsonObject:
        bound = {"ownerid@odata.bind": self._holder(owner)}
        await self.ask(who, "PATCH", f"{table}s({id})", bound)
        return await self._seen(who, table, id)

    async def point(self, who: str, table: str, id: str, column: str, to: str) -> JsonObject:
        name = _PARTED.get(column, column)
        await self.ask(who, "PUT", f"{table}s({id})/{name}/$ref", {"@odata.id": to.lstrip("/")})
        return await self._seen(who, table, id)

    async def delete(self, who: str, table: str, id: str) -> None:
        await self.ask(who, "DELETE", f"{table}s({id})")

    async def list(self, who: str | Caller, table: str, **options: str) -> list[str]:
        query = "&".join(f"${name}={value}" for name, value in options.items())
        answer = await self.ask(who, "GET", f"{table}s?{query}" if query else f"{table}s")
        return [row[f"{table}id"] for row in answer.content["value"]]

    async def count(self, who: str, table: str) -> int:
        answer = await self.ask(who, "GET", f"{table}s?$count=true&$top=1")
        raw = await self.ask(who, "GET", f"{table}s/$count")
        found: int = answer.content["@odata.count"]
        assert raw.content == found
        return found

    async def grant(self, who: str, table: str, id: str, to: str, *rights: Right) -> None:
        await self.ask(who, "POST", "GrantAccess", self._shared(table, id, to, rights))

    async def modify(self, who: str, table: str, id: str, to: str, *rights: Right) -> None:
        await self.ask(who, "POST", "ModifyAccess", self._shared(table, id, to, rights))

    async def associate(self, who: str, one: tuple[str, str], other: tuple[str, str]) -> None:
        (table, id), link = one, {"@odata.id": f"{other[0]}s({other[1]})"}
        await self.ask(who, "POST", f"{table}s({id})/{PAIRED}/$ref", link)

    async def take(self, who: str, holder: str, role: str) -> None:
        kind = "team" if holder in self.teams else "systemuser"
        path = f"{self._holder(holder)[1:]}/{kind}roles_association/$ref"
        await self.ask(who, "POST", path, {"@odata.id": f"roles({role})"})

    async def disable(self, who: str, user: str) -> None:
        await self.ask(who, "PATCH", f"systemusers({self.ids[user]})", {"isdisabled": True})

    async def access(self, who: str, table: str, id: str, of: str) -> set[Right]:
        target = quote(json.dumps({"@odata.id": f"{table}s({id})"}), safe="")
        path = f"{self._holder(of)[1:]}/{SPACE}RetrievePrincipalAccess(Target=@p1)?@p1={target}"
        said: str = (await self.ask(who, "GET", path)).content["AccessRights"]
        names = [one.strip().removesuffix("Access") for one in said.split(",")]
        return {Right(name) for name in names if name != "None"}

    def _shared(self, table: str, id: str, to: str, rights: tuple[Right, ...]) -> JsonObject:
        kind = "team" if to in self.teams else "systemuser"
        return {
            "Target": {f"{table}id": id, "@odata.type": f"{SPACE}{table}"},
            "PrincipalAccess": {
                "AccessMask": ", ".join(f"{right}Access" for right in rights),
                "Principal": {f"{kind}id": self.ids[to], "@odata.type": f"{SPACE}{kind}"},
            },
        }

    def _holder(self, name: str) -> str:
        return f"/{'teams' if name in self.teams else 'systemusers'}({self.ids[name]})"

    async def _seen(self, who: str | Caller, table: str, id: str) -> JsonObject:
        """Return a row as its writer sees it; where they may not, as an administrator does."""
        try:
            return await self.get(who, table, id)
        except RefusedAtTheDoor:
            return await self.get("admin", table, id)

    async def _token(self, id: PrincipalId) -> str:
        if id not in self.tokens:
            self.tokens[id] = (await self.house.tokens.issue(id, "stage")).reveal()
        return self.tokens[id]


@asynccontextmanager
async def staged_at_the_door(house: House, client: Client) -> AsyncIterator[DoorStage]:
    """Build a company that everybody sees, and remove it at the end."""
    async with house.database.connection() as t:
        await t.execute("SET synchronous_commit TO off")
        stage = DoorStage(house.store, t, house=house, client=client)
        try:
            await stage.begin()
            yield stage
        finally:
            await stage.unrelate()
            await forget(t, ("account", "contact"))
            await t.execute("RESET synchronous_commit")
