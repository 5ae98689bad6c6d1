"""People, groups and applications, looked up by those who are signed in."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.database import Database
from flowner.errors import NotFound
from flowner.identity.world import Principal, PrincipalKind
from flowner.rows.facts import read_principals
from flowner.rows.looking import find_people, read_names
from flowner.values import PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody of the directory, as people see them."""

    id: PrincipalId
    name: str
    upn: str
    """How they sign in; a group's mail."""
    kind: PrincipalKind
    enabled: bool
    title: str
    """Job title or department, where they are known."""
    administrator: bool = False


class Roster:
    """Reads the directory for people: everybody who is signed in may look somebody up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def person(self, id: PrincipalId) -> Known:
        """Return somebody; `NotFound` when there is nobody of the id."""
        async with self._database.connection() as connection:
            known = (await read_principals(connection, [id])).get(id)
            names = await read_names(connection, [id])
        if known is None:
            raise NotFound(f"there is no principal `{id}`")
        return _known(known, names.get(id, ("", "")))

    async def named(self, id: PrincipalId) -> str:
        """Return the name of a principal of any kind; `NotFound` when there is none."""
        async with self._database.connection() as connection:
            known = (await read_principals(connection, [id])).get(id)
        if known is None:
            raise NotFound(f"there is no principal `{id}`")
        return known.name

    async def search(
        self, text: str, *, kinds: frozenset[PrincipalKind], limit: int = 10
    ) -> list[Known]:
        """Return those whose name, sign-in name or mail has the text in it, by name.

        Those who are disabled are left out.
        """
        async with self._database.connection() as connection:
            ids = await find_people(connection, text, kinds=kinds, limit=limit)
            known = await read_principals(connection, ids)
            names = await read_names(connection, ids)
        return [_known(known[id], names.get(id, ("", ""))) for id in ids if id in known]


def _known(principal: Principal, names: tuple[str, str]) -> Known:
    upn, title = names
    return Known(
        id=principal.id,
        name=principal.name,
        upn=upn or principal.mail,
        kind=principal.kind,
        enabled=principal.who.enabled,
        title=title,
        administrator=principal.who.administrator,
    )
