"""Users, service accounts, applications and groups: made, disabled, found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowner.database import Database
from flowner.directory.roles import copy_below
from flowner.errors import Conflict, NotFound
from flowner.rows import registry, seed
from flowner.rows.auditing import Act, note
from flowner.rows.holders import (
    require_depth,
    require_holder,
    require_other_administrator,
    require_unit,
)
from flowner.values import PrincipalId

INTERACTIVE, NON_INTERACTIVE = 0, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """What is said of somebody new."""

    name: str
    upn: str
    mail: str | None = None
    """None: the same as the UPN."""
    title: str | None = None
    department: str | None = None
    manager: PrincipalId | None = None
    service_account: bool = False
    id: str | None = None


class Directory:
    """Keeps the directory. Whoever calls this administers it; doors ask before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_person(self, person: NewPerson, *, roles: tuple[str, ...] = ()) -> PrincipalId:
        """Add a user or service account with the roles, by id, that they are to hold.

        Raises `Conflict` when the UPN, or the id, is somebody's already.
        """
        row: dict[str, object] = {
            "systemuserid": person.id,
            "fullname": person.name,
            "domainname": person.upn,
            "internalemailaddress": person.mail or person.upn,
            "title": person.title,
            "department": person.department,
            "parentsystemuserid": person.manager,
            "accessmode": NON_INTERACTIVE if person.service_account else INTERACTIVE,
        }
        try:
            return await self._add(row, roles)
        except Conflict as error:
            raise Conflict(
                f"there is somebody called `{person.upn}` already", code=error.code
            ) from error

    async def add_application(
        self, name: str, application: str, *, roles: tuple[str, ...] = ()
    ) -> PrincipalId:
        """Add an application (service principal), known outside by its application id."""
        return await self._add(
            {
                "fullname": name,
                "domainname": f"{application}@applications",
                "applicationid": application,
                "accessmode": NON_INTERACTIVE,
            },
            roles,
        )

    async def add_group(self, name: str, *, id: str | None = None) -> PrincipalId:
        """Add a security group."""
        async with self._database.transaction() as transaction:
            group = _given({"securitygroupid": id, "name": name})
            return PrincipalId(await registry.insert(transaction, "securitygroup", group, by=None))

    async def add_team(self, name: str) -> PrincipalId:
        """Add an owner team: it may own rows, and never acts."""
        async with self._database.transaction() as transaction:
            team = {"name": name, "teamtype": 0}
            return PrincipalId(await registry.insert(transaction, "team", team, by=None))

    async def add_member(
        self, group: PrincipalId, member: PrincipalId, *, nested: bool = False
    ) -> None:
        """Put a user or application (or, ``nested``, another group) into a group."""
        async with self._database.transaction() as transaction:
            await registry.insert(
                transaction,
                "groupmembership",
                {
                    "securitygroupid": group,
                    "memberid": member,
                    "membertype": "securitygroup" if nested else "systemuser",
                },
                by=None,
            )
            await note(transaction, Act.GROUP_JOINED, group, by=None, about=member)

    async def remove_member(self, group: PrincipalId, member: PrincipalId) -> None:
        """Take a member out of a group; what came through the group ends at once."""
        async with self._database.transaction() as transaction:
            where = {"securitygroupid": group, "memberid": member}
            if await registry.delete(transaction, "groupmembership", where):
                await note(transaction, Act.GROUP_LEFT, group, by=None, about=member)

    async def add_role(
        self, name: str, privileges: Mapping[tuple[str, str], int], *, id: str | None = None
    ) -> str:
        """Add a security role: depths (1 user … 8 organisation) by table and right.

        `AccessDenied` (0x800404bb) where rows have no owners and the depth is not the whole.
        """
        async with self._database.transaction() as transaction:
            row = _given({"roleid": id, "name": name})
            role = await registry.insert(transaction, "role", row, by=None)
            alike = {"roleid": role, "name": name, "isinherited": 1}
            await copy_below(transaction, alike, seed.ORGANIZATION, None)
            for (table, right), depth in privileges.items():
                await require_depth(transaction, table, depth)
                privilege = {"roleid": role, "tablename": table, "rightname": right, "depth": depth}
                await registry.insert(transaction, "roleprivilege", privilege, by=None)
            return role

    async def roles(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the ids of security roles by name; `NotFound` names the one there is not."""
        async with self._database.connection() as connection:
            there = await registry.select(connection, "role", {})
        rows = [row for row in there if row["parentroleid"] is None]
        known = {row["name"].lower(): row["roleid"] for row in rows}
        wanted = list(names)
        for name in wanted:
            if name.lower() not in known:
                offered = ", ".join(sorted(f"`{row['name']}`" for row in rows))
                raise NotFound(f"there is no security role `{name}`; there are {offered}")
        return tuple(known[name.lower()] for name in wanted)

    async def give_role(self, principal: PrincipalId, role: str) -> None:
        """Give a user, application or team a security role, by its id.

        `Refused` (0x80048331) for an access team, which holds shares alone, and for a role of
        another business unit where the organisation keeps to the classic setting.
        """
        async with self._database.transaction() as transaction:
            await require_holder(transaction, principal)
            await require_unit(transaction, principal, role)
            held = {"roleid": role, "principalid": principal}
            await registry.insert(transaction, "roleassignment", held, by=None)
            await note(transaction, Act.ROLE_GIVEN, role, by=None, about=principal)

    async def set_enabled(
        self, principal: PrincipalId, *, enabled: bool, by: PrincipalId | None = None
    ) -> None:
        """Disable or enable somebody. A disabled principal acts nowhere, from now on.

        ``by`` None is the server's operator. `Refused` (0x80041d2f) for the last administrator.
        """
        async with self._database.transaction() as transaction:
            if not enabled:
                await require_other_administrator(transaction, principal)
            change = {"isdisabled": not enabled}
            await registry.update(transaction, "systemuser", principal, change, by=by)
            act = Act.PERSON_ENABLED if enabled else Act.PERSON_DISABLED
            await note(transaction, act, principal, by=by, about=principal)

    async def _add(self, row: dict[str, object], roles: tuple[str, ...]) -> PrincipalId:
        async with self._database.transaction() as transaction:
            id = PrincipalId(await registry.insert(transaction, "systemuser", _given(row), by=None))
            for role in dict.fromkeys(roles):
                held = {"roleid": role, "principalid": id}
                await registry.insert(transaction, "roleassignment", held, by=None)
            await note(transaction, Act.PERSON_ADDED, id, by=None, about=id)
            for role in dict.fromkeys(roles):
                await note(transaction, Act.ROLE_GIVEN, role, by=None, about=id)
            return id


def _given(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if value is not None}
