"""People and groups as a directory outside keeps them: found, counted, written.

What the outside calls them, and what it said that has no column here, is in `rows.provisioned`.
People are no applications and no service accounts; who was removed is no longer among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from flowner.database import Transaction
from flowner.errors import Invalid
from flowner.rows import registry
from flowner.rows.auditing import Act, note
from flowner.rows.holders import require_other_administrator
from flowner.rows.identities import GUID
from flowner.rows.passwords import delete_password
from flowner.rows.seed import BASIC_USER
from flowner.rows.tokens import revoke_tokens
from flowner.values import JsonObject, PrincipalId

_PEOPLE = """
FROM rows.systemuser u LEFT JOIN rows.provisioned p ON p.resourceid = u.systemuserid
WHERE u.applicationid IS NULL AND u.accessmode <> 4 AND p.kind IS DISTINCT FROM 'gone'
"""
_PERSON = """
SELECT u.systemuserid::text AS id, u.domainname AS upn, u.fullname AS name, u.firstname AS given,
       u.lastname AS family, u.internalemailaddress AS mail, u.title, u.department,
       u.parentsystemuserid::text AS manager, NOT u.isdisabled AS active, u.createdon, u.modifiedon,
       p.externalid, coalesce(p.said, '{}') AS said,
       coalesce((SELECT json_agg(json_build_object('value', g.securitygroupid, 'display', g.name)
                                 ORDER BY g.name, g.securitygroupid)
                 FROM rows.groupmembership m JOIN rows.securitygroup g USING (securitygroupid)
                 WHERE m.memberid = u.systemuserid), '[]') AS groups
"""
_GROUPS = """
FROM rows.securitygroup g LEFT JOIN rows.provisioned p ON p.resourceid = g.securitygroupid
WHERE true
"""
_GROUP = """
SELECT g.securitygroupid::text AS id, g.name, g.createdon, g.modifiedon, p.externalid,
       CASE WHEN %(members)s THEN coalesce((
           SELECT json_agg(json_build_object('value', m.memberid, 'type', m.membertype)
                           ORDER BY m.memberid)
           FROM rows.groupmembership m
           WHERE m.securitygroupid = g.securitygroupid), '[]') END AS members
"""
_PAGE = " OFFSET %(skip)s LIMIT %(count)s"
_PEOPLE_BY: Final = {
    "id": " AND u.systemuserid::text = lower(%(value)s)",
    "userName": " AND lower(u.domainname) = lower(%(value)s)",
    "displayName": " AND lower(u.fullname) = lower(%(value)s)",
    "externalId": " AND p.externalid = %(value)s",
}
_GROUPS_BY: Final = {
    "id": " AND g.securitygroupid::text = lower(%(value)s)",
    "displayName": " AND lower(g.name) = lower(%(value)s)",
    "externalId": " AND p.externalid = %(value)s",
}
_BOTH_SORTED: Final = {
    "externalid": "p.externalid",
    "meta.created": "{row}.createdon",
    "meta.lastmodified": "{row}.modifiedon",
}
_PEOPLE_SORTED: Final = {
    "id": "u.systemuserid",
    "username": "lower(u.domainname)",
    "displayname": "lower(u.fullname)",
    "name.givenname": "lower(u.firstname)",
    "name.familyname": "lower(u.lastname)",
    "title": "lower(u.title)",
    "emails": "lower(u.internalemailaddress)",
    "emails.value": "lower(u.internalemailaddress)",
    "active": "NOT u.isdisabled",
    **{name: column.format(row="u") for name, column in _BOTH_SORTED.items()},
}
_GROUPS_SORTED: Final = {
    "id": "g.securitygroupid",
    "displayname": "lower(g.name)",
    **{name: column.format(row="g") for name, column in _BOTH_SORTED.items()},
}
PEOPLE_SORTS: Final = frozenset(_PEOPLE_SORTED)
GROUP_SORTS: Final = frozenset(_GROUPS_SORTED)
"""What people and groups are sorted by: attributes, lower case."""
_KINDS = """
SELECT systemuserid::text AS id, 'systemuser' AS kind FROM rows.systemuser
WHERE systemuserid = ANY(%(ids)s::uuid[])
UNION ALL
SELECT securitygroupid::text, 'securitygroup' FROM rows.securitygroup
WHERE securitygroupid = ANY(%(ids)s::uuid[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of them: all, or those of whom one attribute has a value; and which page of those."""

    attribute: str | None = None
    value: str = ""
    skip: int = 0
    count: int = 1
    members: bool = True
    """Whether the members of groups are wanted, too."""
    sort: str | None = None
    """One of `PEOPLE_SORTS` or `GROUP_SORTS`; who has no value comes last. None: by id."""
    descending: bool = False
    """The other way round: who has no value comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSaid:
    """What the outside says of a person."""

    upn: str
    name: str
    given: str | None
    family: str | None
    mail: str
    title: str | None
    department: str | None
    manager: str | None
    active: bool
    external_id: str | None
    said: JsonObject
    """What has no column: addresses besides the first, and how a name is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSaid:
    """What the outside says of a group."""

    name: str
    external_id: str | None
    members: frozenset[str]


Row = Mapping[str, Any]


async def find_people(transaction: Transaction, wanted: Wanted) -> tuple[int, list[Row]]:
    """Return how many there are, and a page of them: 2 queries."""
    found = _PEOPLE + (_PEOPLE_BY[wanted.attribute] if wanted.attribute else "")
    order = _order(_PEOPLE_SORTED, wanted)
    return await _page(transaction, _PERSON, found, f"{order}u.systemuserid", wanted)


async def find_groups(transaction: Transaction, wanted: Wanted) -> tuple[int, list[Row]]:
    """Return how many there are, and a page of them: 2 queries."""
    found = _GROUPS + (_GROUPS_BY[wanted.attribute] if wanted.attribute else "")
    order = _order(_GROUPS_SORTED, wanted)
    return await _page(transaction, _GROUP, found, f"{order}g.securitygroupid", wanted)


def _order(sorts: Mapping[str, str], wanted: Wanted) -> str:
    # PostgreSQL puts what has no value last, and first where it goes down, as RFC 7644 has it.
    first = "" if wanted.sort is None else sorts[wanted.sort]
    return f" ORDER BY {first}{' DESC' if wanted.descending else ''}, " if first else " ORDER BY "


async def _page(
    transaction: Transaction, columns: str, found: str, order: str, wanted: Wanted
) -> tuple[int, list[Row]]:
    values = {"value": wanted.value, "skip": wanted.skip, "count": wanted.count,
              "members": wanted.members}  # fmt: skip
    counting = await transaction.execute(f"SELECT count(*) AS n {found}".encode(), values)
    counted = await counting.fetchone()
    rows = await transaction.execute((columns + found + order + _PAGE).encode(), values)
    return (0 if counted is None else counted["n"]), [*await rows.fetchall()]


async def lock(transaction: Transaction, table: str, id: str) -> None:
    """Let nobody else change a person (`systemuser`) or a group until the transaction ends."""
    if GUID.fullmatch(id):
        await transaction.execute(
            f"SELECT 1 FROM rows.{table} WHERE {table}id = %s FOR UPDATE".encode(),  # noqa: S608
            (id,),
        )


async def insert_person(transaction: Transaction, said: PersonSaid, by: PrincipalId) -> str:
    """Add a person with the role Basic User; answers the id. `Conflict` where there is one."""
    id = await registry.insert(transaction, "systemuser", _person_columns(said), by=by)
    held = {"roleid": BASIC_USER, "principalid": id}
    await registry.insert(transaction, "roleassignment", held, by=by)
    await _remember(transaction, id, "user", said.external_id, said.said)
    await note(transaction, Act.PERSON_ADDED, id, by=by, about=id)
    await note(transaction, Act.ROLE_GIVEN, BASIC_USER, by=by, about=id)
    return id


async def update_person(
    transaction: Transaction, id: str, said: PersonSaid, by: PrincipalId
) -> None:
    """Change a person. `Refused` where that would disable the only administrator."""
    if not said.active:
        await require_other_administrator(transaction, PrincipalId(id))
    (before,) = await registry.select(transaction, "systemuser", {"systemuserid": id})
    await registry.update(transaction, "systemuser", id, _person_columns(said), by=by)
    if before["isdisabled"] == said.active:
        act = Act.PERSON_ENABLED if said.active else Act.PERSON_DISABLED
        await note(transaction, act, id, by=by, about=id)
    await _remember(transaction, id, "user", said.external_id, said.said)


async def remove_person(
    transaction: Transaction, id: str, *, upn: str, by: PrincipalId, now: datetime
) -> None:
    """Let a person be no more: disabled, in no group, without tokens, password and UPN.

    The row stays, for what it is named in. The UPN may be given to somebody else, who is not them.
    """
    await require_other_administrator(transaction, PrincipalId(id))
    await note(transaction, Act.PERSON_REMOVED, id, by=by, about=id)
    values = {"isdisabled": True, "domainname": f"{upn}#removed-{id}"}
    await registry.update(transaction, "systemuser", id, values, by=by)
    await registry.delete(transaction, "groupmembership", {"memberid": id})
    await revoke_tokens(transaction, principal=PrincipalId(id), now=now)
    await delete_password(transaction, principal=PrincipalId(id))
    await _remember(transaction, id, "gone", None, {})


async def insert_group(transaction: Transaction, said: GroupSaid, by: PrincipalId) -> str:
    """Add a group with its members; answers the id."""
    id = await registry.insert(transaction, "securitygroup", {"name": said.name}, by=by)
    await _remember(transaction, id, "group", said.external_id, {})
    await _keep_members(transaction, id, frozenset(), said.members, by)
    return id


async def update_group(
    transaction: Transaction, row: Row, said: GroupSaid, by: PrincipalId
) -> None:
    """Change a group, and put members in and out as far as they differ."""
    await registry.update(transaction, "securitygroup", row["id"], {"name": said.name}, by=by)
    await _remember(transaction, row["id"], "group", said.external_id, {})
    before = frozenset(str(member["value"]) for member in row["members"])
    await _keep_members(transaction, row["id"], before, said.members, by)


async def remove_group(transaction: Transaction, id: str, by: PrincipalId) -> None:
    """Let a group be no more; what came through it ends at once."""
    await note(transaction, Act.GROUP_DELETED, id, by=by)
    await transaction.execute(
        "UPDATE rows.team SET securitygroupid = NULL WHERE securitygroupid = %s", (id,)
    )
    for where in ({"securitygroupid": id}, {"memberid": id}):
        await registry.delete(transaction, "groupmembership", where)
    await transaction.execute("DELETE FROM rows.provisioned WHERE resourceid = %s", (id,))
    await registry.delete(transaction, "securitygroup", {"securitygroupid": id})


def _person_columns(said: PersonSaid) -> dict[str, object]:
    return {
        "domainname": said.upn,
        "fullname": said.name,
        "firstname": said.given,
        "lastname": said.family,
        "internalemailaddress": said.mail,
        "title": said.title,
        "department": said.department,
        "parentsystemuserid": said.manager,
        "isdisabled": not said.active,
    }


async def _remember(
    transaction: Transaction, id: str, kind: str, external_id: str | None, said: JsonObject
) -> None:
    await transaction.execute(
        "INSERT INTO rows.provisioned (resourceid, kind, externalid, said) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (resourceid) DO UPDATE SET kind = excluded.kind,"
        " externalid = excluded.externalid, said = excluded.said",
        (id, kind, external_id, Jsonb(said)),
    )


async def _keep_members(
    transaction: Transaction,
    group: str,
    before: frozenset[str],
    after: frozenset[str],
    by: PrincipalId,
) -> None:
    kinds = await kinds_of(transaction, sorted(after - before))
    for member, kind in kinds.items():
        if member == group:
            raise Invalid("a group cannot be in itself")
        row = {"securitygroupid": group, "memberid": member, "membertype": kind}
        await registry.insert(transaction, "groupmembership", row, by=by)
        await note(transaction, Act.GROUP_JOINED, group, by=by, about=member)
    for member in sorted(before - after):
        where = {"securitygroupid": group, "memberid": member}
        await registry.delete(transaction, "groupmembership", where)
        await note(transaction, Act.GROUP_LEFT, group, by=by, about=member)


async def kinds_of(transaction: Transaction, ids: Sequence[str]) -> dict[str, str]:
    """Return the table of each principal, by id; `Invalid` for whom there is not."""
    wrong = [id for id in ids if not GUID.fullmatch(id)]
    found: dict[str, str] = {}
    if ids and not wrong:
        rows = await transaction.execute(_KINDS, {"ids": list(ids)})
        found = {row["id"]: row["kind"] for row in await rows.fetchall()}
        wrong = [id for id in ids if id not in found]
    if wrong:
        raise Invalid(f"there is no user and no group `{wrong[0][:60]}`")
    return found
