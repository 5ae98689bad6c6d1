"""People and groups kept by a directory outside, in the name of the application that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Invalid, NotFound
from flowner.rows import provisioning as kept
from flowner.rows.privileges import may_provision
from flowner.rows.provisioning import (
    GROUP_SORTS,
    PEOPLE_SORTS,
    GroupSaid,
    PersonSaid,
    Row,
    Wanted,
)
from flowner.rows.refusing import telling
from flowner.values import PrincipalId

__all__ = [
    "GROUP_SORTS", "MOST_IN_PAGE", "PEOPLE_SORTS", "GroupSaid", "PersonSaid", "Provisioning", "Row",
    "Wanted",
]  # fmt: skip

MOST_IN_PAGE: Final = 200
"""Resources in one answer, whatever was asked for."""


class Provisioning:
    """Finds and changes people and groups, for whoever has the privilege to keep them.

    Every method raises `AccessDenied` for whoever has not; those that change raise `Conflict`
    where a name or an id is somebody else's, and `Invalid` for what does not fit.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def require(self, by: PrincipalId) -> None:
        """Raise unless ``by`` may keep people and groups."""
        async with self._database.connection() as connection:
            await _require(connection, by)

    async def people(self, wanted: Wanted, by: PrincipalId) -> tuple[int, list[Row]]:
        """Return how many people there are, and a page of them."""
        async with self._database.connection() as connection:
            await _require(connection, by)
            return await kept.find_people(connection, wanted)

    async def groups(self, wanted: Wanted, by: PrincipalId) -> tuple[int, list[Row]]:
        """Return how many groups there are, and a page of them."""
        async with self._database.connection() as connection:
            await _require(connection, by)
            return await kept.find_groups(connection, wanted)

    async def add_person(self, said: PersonSaid, by: PrincipalId) -> Row:
        """Add a person; answers them as they are now."""
        async with self._database.transaction() as transaction:
            await _require(transaction, by)
            with telling():
                await _require_manager(transaction, said)
                id = await kept.insert_person(transaction, said, by)
            return await _person(transaction, id)

    async def change_person(
        self, id: str, change: Callable[[Row], PersonSaid], by: PrincipalId
    ) -> Row:
        """Change a person by what ``change`` makes of them; answers them as they are then.

        Who is made inactive is out at once. `NotFound` where there is nobody, `Refused` for the
        only administrator.
        """
        async with self._database.transaction() as transaction:
            await _require(transaction, by)
            await kept.lock(transaction, "systemuser", id)
            row = await _person(transaction, id)
            said = change(row)
            with telling():
                await _require_manager(transaction, said)
                await kept.update_person(transaction, row["id"], said, by)
            return await _person(transaction, id)

    async def remove_person(
        self, id: str, by: PrincipalId, *, require: Callable[[Row], None] = lambda _: None
    ) -> None:
        """Let a person be no more; `NotFound`, `Refused` as `change_person`.

        ``require`` raises where it is not the person that whoever asks has seen.
        """
        async with self._database.transaction() as transaction:
            await _require(transaction, by)
            await kept.lock(transaction, "systemuser", id)
            row = await _person(transaction, id)
            require(row)
            now = self._clock.now()
            await kept.remove_person(transaction, row["id"], upn=row["upn"], by=by, now=now)

    async def add_group(self, said: GroupSaid, by: PrincipalId) -> Row:
        """Add a group with its members; answers it as it is now."""
        async with self._database.transaction() as transaction:
            await _require(transaction, by)
            with telling():
                id = await kept.insert_group(transaction, said, by)
            return await _group(transaction, id)

    async def change_group(
        self, id: str, change: Callable[[Row], GroupSaid], by: PrincipalId
    ) -> Row:
        """Change a group, members and all, by what ``change`` makes of it; as `change_person`."""
        async with self._database.transaction() as transaction:
            await _require(transaction, by)
            await kept.lock(transaction, "securitygroup", id)
            row = await _group(transaction, id)
            said = change(row)
            with telling():
                await kept.update_group(transaction, row, said, by)
            return await _group(transaction, id)

    async def remove_group(
        self, id: str, by: PrincipalId, *, require: Callable[[Row], None] = lambda _: None
    ) -> None:
        """Let a group be no more; what came through it ends at once. ``require`` as
        `remove_person`."""
        async with self._database.transaction() as transaction:
            await _require(transaction, by)
            await kept.lock(transaction, "securitygroup", id)
            row = await _group(transaction, id)
            require(row)
            await kept.remove_group(transaction, row["id"], by)


async def _require(transaction: Transaction, by: PrincipalId) -> None:
    if not await may_provision(transaction, by):
        raise AccessDenied("to keep people and groups takes the role `Provisioner`")


async def _require_manager(transaction: Transaction, said: PersonSaid) -> None:
    if said.manager is not None:
        kinds = await kept.kinds_of(transaction, [said.manager])
        if kinds[said.manager] != "systemuser":
            raise Invalid("a manager is a user")


async def _person(transaction: Transaction, id: str) -> Row:
    _, rows = await kept.find_people(transaction, Wanted(attribute="id", value=id))
    return _only(rows, id)


async def _group(transaction: Transaction, id: str) -> Row:
    _, rows = await kept.find_groups(transaction, Wanted(attribute="id", value=id))
    return _only(rows, id)


def _only(rows: list[Row], id: str) -> Row:
    if not rows:
        raise NotFound(f"there is no resource `{id[:60]}`")
    return rows[0]
