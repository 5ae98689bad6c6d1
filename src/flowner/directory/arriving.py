"""Whom a provider names: the person who is linked, found, or added; and their groups."""

from __future__ import annotations

from typing import Final

from flowner.clock import Clock
from flowner.database import Database
from flowner.directory.bearers import Claims
from flowner.directory.people import Directory, NewPerson
from flowner.directory.providers import Provider
from flowner.errors import AccessDenied, Code, Conflict
from flowner.rows import identities, signins
from flowner.rows.seed import BASIC_USER
from flowner.values import PrincipalId

_MAIL: Final = "email"


class Arrivals:
    """Says which person of ours a provider's claims, proved before, are about."""

    def __init__(self, database: Database, directory: Directory, clock: Clock) -> None:
        self._database, self._directory, self._clock = database, directory, clock

    async def person(self, provider: Provider, claims: Claims) -> PrincipalId:
        """Return who it is, and keep up to date which of the provider's groups they are in.

        By the link with the provider's subject; for the first time, as far as the operator allows
        it, by a claim, or as somebody new. From then on they are linked.

        Raises:
            AccessDenied: nobody, somebody disabled, or somebody linked otherwise.
        """
        subject = str(claims["sub"])
        linked = await self._linked(provider, subject)
        if linked is None:
            linked = await self._arrived(provider, claims, subject)
        if not linked.enabled or not linked.interactive:
            raise _nobody()
        await self._keep_groups(provider, claims, linked.principal)
        return linked.principal

    async def _linked(self, provider: Provider, subject: str) -> identities.Linked | None:
        async with self._database.connection() as connection:
            return await identities.find_linked(connection, issuer=provider.issuer, subject=subject)

    async def _arrived(self, provider: Provider, claims: Claims, subject: str) -> identities.Linked:
        """Link who comes for the first time.

        INVARIANT: A link is never moved. An address that was given to somebody else must not make
        them its former holder.
        """
        found = await self._found(provider, claims) or await self._added(provider, claims)
        if found is not None and await self._link(provider, subject, found.principal):
            return found
        again = await self._linked(provider, subject)  # they may have come twice at once
        if again is None:
            raise _nobody()
        return again

    async def _found(self, provider: Provider, claims: Claims) -> identities.Linked | None:
        name = None if provider.match is None else _trusted(claims, provider.match)
        if name is None:
            return None
        async with self._database.connection() as connection:
            people = await signins.find_people(connection, name, by_mail=provider.match == _MAIL)
        return people[0] if len(people) == 1 else None

    async def _added(self, provider: Provider, claims: Claims) -> identities.Linked | None:
        upn = _trusted(claims, provider.match or _MAIL)
        if not provider.provision or upn is None:
            return None
        person = NewPerson(
            name=_trusted(claims, "name") or upn, upn=upn, mail=_trusted(claims, _MAIL)
        )
        try:
            id = await self._directory.add_person(person, roles=(BASIC_USER,))
        except Conflict:
            return None  # the UPN is somebody's whom the claim may not name
        return identities.Linked(principal=id, enabled=True, interactive=True)

    async def _link(self, provider: Provider, subject: str, principal: PrincipalId) -> bool:
        async with self._database.transaction() as transaction:
            return await identities.link(
                transaction,
                issuer=provider.issuer,
                subject=subject,
                principal=principal,
                now=self._clock.now(),
            )

    async def _keep_groups(
        self, provider: Provider, claims: Claims, principal: PrincipalId
    ) -> None:
        """A claim that is not there says nothing; one that is empty says: none."""
        found = None if provider.groups_claim is None else claims.get(provider.groups_claim)
        values = [found] if isinstance(found, str) else found
        if not isinstance(values, list):
            return
        async with self._database.transaction() as transaction:
            await signins.keep_groups(
                transaction,
                issuer=provider.issuer,
                principal=principal,
                values=[one for one in values if isinstance(one, str)],
            )


def _trusted(claims: Claims, claim: str) -> str | None:
    """Return a claim by which somebody may be known: a mail address only when it was verified."""
    found = claims.get(claim)
    if not isinstance(found, str) or not found.strip() or "\0" in found:
        return None
    if claim == _MAIL and claims.get("email_verified") is not True:
        return None
    return found.strip()


def _nobody() -> AccessDenied:
    return AccessDenied(
        "the sign-in did not succeed: nobody here is whom the provider names",
        code=Code.UNAUTHENTICATED,
    )
