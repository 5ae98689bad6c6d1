"""What administrators do with people: see all of them, disable one, hand over what one owns."""

from __future__ import annotations

from flowner.database import Database
from flowner.directory.people import Directory
from flowner.flows.asking import principal
from flowner.flows.estate import Estate, require_administrator
from flowner.flows.sharing import Sharing
from flowner.identity.world import Principal
from flowner.rows import registry
from flowner.rows.facts import read_principals
from flowner.values import FlowId, PrincipalId


class Administering:
    """Everything here is for administrators: `AccessDenied` for all others."""

    def __init__(
        self, database: Database, directory: Directory, sharing: Sharing, estate: Estate
    ) -> None:
        self._database, self._directory = database, directory
        self._sharing, self._estate = sharing, estate

    async def people(self, by: PrincipalId) -> list[Principal]:
        """Return every user and application, also those who are disabled, by name."""
        async with self._database.transaction() as transaction:
            await require_administrator(transaction, by)
            rows = await registry.select(transaction, "systemuser", {})
            known = await read_principals(transaction, [row["systemuserid"] for row in rows])
        return sorted(known.values(), key=lambda one: one.name.casefold())

    async def set_enabled(self, person: PrincipalId, by: PrincipalId, *, enabled: bool) -> None:
        """Disable or enable somebody. A disabled principal acts nowhere, from now on."""
        async with self._database.transaction() as transaction:
            await require_administrator(transaction, by)
            await principal(transaction, person)
        await self._directory.set_enabled(person, enabled=enabled, by=by)

    async def hand_over_all(
        self, person: PrincipalId, to: PrincipalId, by: PrincipalId
    ) -> list[FlowId]:
        """Make somebody the owner of every flow of another's; answers the flows.

        Each flow is handed over by itself: those before one that is refused stay handed over.
        """
        async with self._database.transaction() as transaction:
            await require_administrator(transaction, by)
        owned = [one.flow for one in (await self._estate.of(person, by)).owns]
        for flow in owned:
            await self._sharing.hand_over(flow, to, by)
        return owned
