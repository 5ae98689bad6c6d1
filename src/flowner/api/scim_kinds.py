"""The two kinds of SCIM resources, and how each is found, read and changed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from scim2_models import Context, ListResponse, PatchOp, Resource, SearchRequest

from flowner.directory import scim
from flowner.directory.provisioning import (
    GROUP_SORTS,
    PEOPLE_SORTS,
    GroupSaid,
    PersonSaid,
    Provisioning,
    Row,
    Wanted,
)
from flowner.values import PrincipalId

Change: TypeAlias = "Callable[[Row], Resource[Any]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of resource."""

    model: type[Any]
    search: type[SearchRequest[Any]]
    patch: type[PatchOp[Any]]
    listed: type[ListResponse[Any]]
    found_by: tuple[str, ...]
    """The attributes that a filter may compare."""
    sorted_by: frozenset[str]
    """The attributes that a list is sorted by, lower case."""
    find: Callable[[Provisioning, Wanted, PrincipalId], Awaitable[tuple[int, list[Row]]]]
    shown: Callable[[Row, str], Resource[Any]]
    """A row as clients see it, by the address that they ask below."""
    add: Callable[[Provisioning, Any, PrincipalId], Awaitable[Row]]
    change: Callable[[Provisioning, str, Change, PrincipalId], Awaitable[Row]]
    remove: Callable[..., Awaitable[None]]
    """Takes the provisioning, an id and who removes; ``require``: what must be so of the row."""

    def version(self, row: Row) -> str | None:
        """Return the entity tag of a resource; None for a group that was read without members.

        It is of what is shown, so that whatever changes that changes it: a membership, too.
        """
        if row.get("members", ()) is None:
            return None
        shown = self.shown(row, "").model_dump_json(scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
        return f'W/"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'


def matches(header: str, version: str | None) -> bool:
    """Say whether a header names a version: weakly, as tags here are weak (RFC 7232, 2.3.2)."""
    tags = [one.strip().removeprefix("W/") for one in header.split(",")]
    return version is not None and ("*" in tags or version.removeprefix("W/") in tags)


async def _add_person(provisioning: Provisioning, given: Any, by: PrincipalId) -> Row:
    return await provisioning.add_person(scim.person_said(given), by)


async def _change_person(
    provisioning: Provisioning, id: str, change: Change, by: PrincipalId
) -> Row:
    def changed(row: Row) -> PersonSaid:
        after: Any = change(row)
        return scim.person_said(after, was_active=row["active"])

    return await provisioning.change_person(id, changed, by)


async def _add_group(provisioning: Provisioning, given: Any, by: PrincipalId) -> Row:
    return await provisioning.add_group(scim.group_said(given), by)


async def _change_group(
    provisioning: Provisioning, id: str, change: Change, by: PrincipalId
) -> Row:
    def changed(row: Row) -> GroupSaid:
        after: Any = change(row)
        return scim.group_said(after)

    return await provisioning.change_group(id, changed, by)


# The library reads the line on which a message gets its resource: it has to stand alone.
_SearchPeople = SearchRequest[scim.Person]
_PatchPerson = PatchOp[scim.Person]
_People = ListResponse[scim.Person]
_SearchGroups = SearchRequest[scim.Group]
_PatchGroup = PatchOp[scim.Group]
_Groups = ListResponse[scim.Group]
SearchAll = SearchRequest[scim.Person | scim.Group]
All = ListResponse[scim.Person | scim.Group]
PEOPLE: Final = Kind(
    model=scim.Person,
    search=_SearchPeople,
    patch=_PatchPerson,
    listed=_People,
    found_by=("userName", "externalId", "displayName", "id"),
    sorted_by=PEOPLE_SORTS,
    find=Provisioning.people,
    shown=scim.user_of,
    add=_add_person,
    change=_change_person,
    remove=Provisioning.remove_person,
)
GROUPS: Final = Kind(
    model=scim.Group,
    search=_SearchGroups,
    patch=_PatchGroup,
    listed=_Groups,
    found_by=("displayName", "externalId", "id"),
    sorted_by=GROUP_SORTS,
    find=Provisioning.groups,
    shown=scim.group_of,
    add=_add_group,
    change=_change_group,
    remove=Provisioning.remove_group,
)
