"""A company for one question of the law: units, people, teams, roles and rows, then forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from psycopg.types.json import Jsonb

from flowner.access.rights import Depth, Right
from flowner.access.row_filter import Decision, decide_row
from flowner.clock import SystemClock
from flowner.database import Database, Transaction
from flowner.directory.keeping import KEEPERS
from flowner.errors import Refused
from flowner.rows import registry, seed
from flowner.rows.asking import ask, facts_of
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.holders import require_holder, require_other_administrator, require_unit
from flowner.rows.metadata import Metadata
from flowner.rows.standing import Standings
from flowner.rows.store import Store
from flowner.values import JsonObject, PrincipalId

DEPTHS = {
    "Basic": Depth.USER,
    "Local": Depth.LOCAL,
    "Deep": Depth.DEEP,
    "Global": Depth.ORGANIZATION,
}
TABLES = {
    "account": {"primarycontactid": Type.LOOKUP, "ssn": Type.TEXT},
    "contact": {"parentcustomerid": Type.LOOKUP, "ssn": Type.TEXT},
}
EVERY = tuple(right.value for right in Right)
Rights = Mapping[str, Mapping[str, str]]


class Forgotten(Exception):
    """Ends the transaction, and everything made in it."""


async def make_tables(database: Database) -> Store:
    store = Store(database, SystemClock(), KEEPERS)
    for name, columns in TABLES.items():
        await Metadata(database, store.catalogue).create_table(
            name, set_name=f"{name}s", primary_name="name", columns=columns
        )
    return store


@dataclass
class Stage:
    """One company. Units: ``bu1`` under the root, ``bu2`` under it, ``buX`` beside it."""

    store: Store
    t: Transaction
    ids: dict[str, str] = field(default_factory=lambda: {"root": seed.ORGANIZATION})
    units: dict[str, str] = field(default_factory=dict)

    refusal: ClassVar[type[Exception]] = Refused
    """What a refusal raises."""

    async def insert(self, table: str, **values: object) -> str:
        return await registry.insert(self.t, table, values, by=None)

    async def begin(self) -> None:
        for name, parent in (("bu1", "root"), ("bu2", "bu1"), ("buX", "root")):
            self.ids[name] = await self.insert(
                "businessunit", name=name, parentbusinessunitid=self.ids[parent]
            )
        await self.user("admin", "root", admin=True)

    async def user(
        self,
        name: str,
        unit: str = "bu1",
        rights: Rights | None = None,
        *,
        admin: bool = False,
        **columns: object,
    ) -> None:
        """Add a user; ``rights`` None: without any role."""
        self.units[name] = unit
        upn = f"{name}-{secrets.token_hex(4)}@t.example"
        self.ids[name] = await self.insert(
            "systemuser", fullname=name, domainname=upn, businessunitid=self.ids[unit], **columns
        )
        if admin:
            await self.give(name, seed.SYSTEM_ADMINISTRATOR)
        if rights is not None:
            await self.role(name, rights)

    async def team(
        self,
        name: str,
        unit: str = "bu1",
        rights: Rights | None = None,
        *,
        members: Iterable[str] = (),
        kind: int = 0,
        own: bool = True,
        **columns: object,
    ) -> None:
        self.units[name] = unit
        self.ids[name] = await self.insert(
            "team", name=name, teamtype=kind, businessunitid=self.ids[unit], **columns
        )
        if rights is not None:
            await self.role(name, rights, own=own)
        for member in members:
            await self.join(name, member)

    async def join(self, team: str, member: str) -> None:
        await self.insert("teammembership", teamid=self.ids[team], systemuserid=self.ids[member])

    async def role(
        self, holder: str, rights: Rights, *, unit: str | None = None, own: bool = True
    ) -> None:
        place = self.ids[unit or self.units[holder]]
        role = await self.insert(
            "role", name=f"role of {holder}", businessunitid=place, isinherited=int(own)
        )
        for table, given in rights.items():
            for right, depth in given.items():
                await self.insert(
                    "roleprivilege", roleid=role, tablename=table, rightname=right,
                    depth=int(DEPTHS[depth]),
                )  # fmt: skip
        await self.give(holder, role)

    async def give(self, holder: str, role: str) -> None:
        await self.insert("roleassignment", roleid=role, principalid=self.ids[holder])

    async def row(self, table: str, owner: str, **columns: object) -> str:
        """Put a row there, as somebody whom nothing stops would."""
        kind = await registry.select(self.t, "team", {"teamid": self.ids[owner]})
        unit = self.ids[self.units[owner]]
        return await self.insert(
            table,
            **{
                "name": "row",
                "ownerid": self.ids[owner],
                "owneridtype": "team" if kind else "systemuser",
                "owningbusinessunit": unit,
                **columns,
            },
        )

    async def share(self, table: str, id: str, holder: str, *rights: Right) -> None:
        await self.insert(
            "rowshare", tablename=table, rowid=id, principalid=self.ids[holder],
            accessmask=sum(right.mask for right in rights),
        )  # fmt: skip

    async def relationship(self, child: str, column: str, parent: str, **cascades: str) -> None:
        """Relate two tables within the story: what is made otherwise stays behind it."""
        said = {what.capitalize(): how for what, how in cascades.items()}
        name = f"{child}_{column}"
        await self.t.execute(
            "INSERT INTO rows.relationshipmetadata (name, schemaname, referencing, attribute,"
            " referenced, navigation, collection, cascade) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (name, name, child, column, parent, column, name, Jsonb(said)),
        )

    async def unrelate(self) -> None:
        """Forget what relationships carry on."""
        await self.t.execute("DELETE FROM rows.relationshipmetadata")

    async def organization(self, **settings: object) -> None:
        (one,) = await registry.select(self.t, "organization", {})
        await registry.update(self.t, "organization", one["organizationid"], settings, by=None)

    async def secure(self, table: str = "account", column: str = "ssn") -> None:
        await self.insert("securedcolumn", tablename=table, columnname=column)

    async def profile(self, holder: str, **can: int) -> None:
        """Let a holder do something with the secured column of accounts: 4 yes, 0 no."""
        profile = await self.insert("fieldsecurityprofile", name="profile")
        await self.insert(
            "fieldpermission", fieldsecurityprofileid=profile, entityname="account",
            attributelogicalname="ssn", **can,
        )  # fmt: skip
        await self.insert(
            "profileassignment", fieldsecurityprofileid=profile, principalid=self.ids[holder]
        )

    def who(self, name: str, actor: str | None = None) -> Caller:
        behind = None if actor is None else PrincipalId(self.ids[actor])
        return Caller(PrincipalId(self.ids[name]), behind)

    async def create(
        self, who: str | Caller, table: str, owner: str | None = None, **values: Any
    ) -> JsonObject:
        given: JsonObject = {"name": "new", **values}
        if owner is not None:
            given["ownerid"] = self.ids[owner]
        return await self.store.create(self._caller(who), table, given, within=self.t)

    async def get(self, who: str | Caller, table: str, id: str) -> JsonObject:
        return await self.store.get(self._caller(who), table, id, within=self.t)

    async def update(self, who: str | Caller, table: str, id: str, **values: Any) -> JsonObject:
        given: JsonObject = values or {"name": "changed"}
        return await self.store.update(self._caller(who), table, id, given, within=self.t)

    async def assign(self, who: str, table: str, id: str, owner: str) -> JsonObject:
        return await self.update(who, table, id, ownerid=self.ids[owner])

    async def point(self, who: str, table: str, id: str, column: str, to: str) -> JsonObject:
        return await self.update(who, table, id, **{f"{column}@odata.bind": to})

    async def delete(self, who: str, table: str, id: str) -> None:
        await self.store.delete(self._caller(who), table, id, within=self.t)

    async def list(self, who: str | Caller, table: str, **options: str) -> list[str]:
        asked = {f"${name}": value for name, value in options.items()}
        answer = await self.store.list(self._caller(who), table, asked, within=self.t)
        return [row[f"{table}id"] for row in answer["value"]]

    async def grant(self, who: str, table: str, id: str, to: str, *rights: Right) -> None:
        await self.store.grant_access(
            self._caller(who), table, id, PrincipalId(self.ids[to]), rights, within=self.t
        )

    async def modify(self, who: str, table: str, id: str, to: str, *rights: Right) -> None:
        await self.store.modify_access(
            self._caller(who), table, id, PrincipalId(self.ids[to]), rights, within=self.t
        )

    async def share_column(self, who: str, table: str, id: str, column: str, to: str) -> None:
        await self.store.share_column(
            self._caller(who), table, id, column, PrincipalId(self.ids[to]), read=True,
            within=self.t,
        )  # fmt: skip

    async def count(self, who: str, table: str) -> int:
        asked = {"$count": "true"}
        answer = await self.store.list(self._caller(who), table, asked, within=self.t)
        found = answer["@odata.count"]
        assert isinstance(found, int)
        return found

    async def associate(self, who: str, one: tuple[str, str], other: tuple[str, str]) -> None:
        await self.store.require_association(self._caller(who), one, other, within=self.t)

    async def take(self, who: str, holder: str, role: str) -> None:  # noqa: ARG002 - at the door
        """Be given a role, by its id, if the rules of roles allow it."""
        await require_holder(self.t, PrincipalId(self.ids[holder]))
        await require_unit(self.t, PrincipalId(self.ids[holder]), role)

    async def disable(self, who: str, user: str) -> None:  # noqa: ARG002 - at the door
        """Disable a user, if somebody else administers."""
        await require_other_administrator(self.t, PrincipalId(self.ids[user]))

    async def access(self, who: str, table: str, id: str, of: str) -> set[Right]:
        asked = PrincipalId(self.ids[of])
        found = await self.store.principal_access(
            self._caller(who), table, id, asked, within=self.t
        )
        return set(found)

    async def decide(self, who: str, right: Right, table: str, id: str) -> Decision:
        """Ask the law alone, in Python."""
        standing = await Standings().of(self.ids[who], self.t)
        asking = await ask(self.t, self.store.catalogue, Standings(), self.who("admin"), table)
        return decide_row(standing, table, right, await facts_of(asking, id))

    def _caller(self, who: str | Caller) -> Caller:
        return self.who(who) if isinstance(who, str) else who


@asynccontextmanager
async def staged(store: Store, database: Database) -> Any:
    """Build a company, and undo it at the end."""
    try:
        async with database.transaction() as transaction:
            stage = Stage(store, transaction)
            await stage.begin()
            yield stage
            raise Forgotten
    except Forgotten:
        pass
