"""OpenID providers: what an operator says of one, and what the provider says of itself.

A provider's document and keys are fetched when they are first needed and kept for an hour. A token
signed with a key that is not among them makes them be fetched again, at most once a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from flowner.clock import Clock
from flowner.errors import Unavailable
from flowner.values import Secret

_KEPT: Final = timedelta(hours=1)
_AGAIN: Final = timedelta(minutes=1)
_SECONDS: Final = 10.0
_MOST_BYTES: Final = 1024 * 1024
_SYMMETRIC: Final = "oct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider, as the operator describes it."""

    name: str
    """What commands and addresses call it: letters, digits and hyphens."""
    title: str
    """What people read: ``Sign in with …``."""
    issuer: str
    audience: tuple[str, ...] = ()
    """For whom bearer tokens must be meant; empty: none are taken."""
    person_claim: str | None = None
    """The claim of a bearer token that is a user's `azureactivedirectoryobjectid`."""
    application_claim: str | None = None
    """The claim of an application's bearer token that is its `applicationid`."""
    client_id: str | None = None
    """None: people do not sign in with it."""
    client_secret: Secret | None = None
    """None: this server is a public client, with PKCE alone."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    match: str | None = None
    """The claim by which a person is found who comes for the first time: ``email`` (which must be
    verified) or another, which is a UPN and trusted as it is. None: nobody is found by a claim."""
    provision: bool = False
    """Whether somebody whom nobody knows is added."""
    groups_claim: str | None = None
    end_session: bool = True
    """Whether who signs out here is sent on to sign out there, where the provider offers it."""


@dataclass(slots=True)
class _Known:
    document: dict[str, Any] = field(default_factory=dict)
    keys: Sequence[Key] = ()
    fetched: datetime | None = None


class Providers:
    """The configured providers, with what they said last."""

    def __init__(self, providers: Sequence[Provider], clock: Clock) -> None:
        self._clock = clock
        self._providers = {provider.issuer: provider for provider in providers}
        self._known = {provider.issuer: _Known() for provider in providers}
        self._fetching = {provider.issuer: asyncio.Lock() for provider in providers}

    def all(self) -> tuple[Provider, ...]:
        """Return every provider, in the operator's order."""
        return tuple(self._providers.values())

    def named(self, name: str) -> Provider | None:
        """Return the provider of a name."""
        return next((one for one in self._providers.values() if one.name == name), None)

    def issuing(self, issuer: object) -> Provider | None:
        """Return the provider that is this issuer; the spelling must be the same."""
        return self._providers.get(issuer) if isinstance(issuer, str) else None

    async def document(self, provider: Provider) -> dict[str, Any]:
        """Return a provider's discovery document. `Unavailable` where it cannot be had.

        Source: https://openid.net/specs/openid-connect-discovery-1_0.html
        """
        known = self._known[provider.issuer]
        if known.fetched is None or known.fetched + _KEPT < self._clock.now():
            await self._fetch(provider, known.fetched)
        return known.document

    async def key(self, provider: Provider, kid: str | None) -> Key | None:
        """Return the key of an id, or the only one where there is no id; None: there is none.

        Symmetric keys never count: what everybody can read signs nothing.
        """
        known = self._known[provider.issuer]
        await self.document(provider)
        found = _fitting(known.keys, kid)
        if found is None and known.fetched and known.fetched + _AGAIN < self._clock.now():
            await self._fetch(provider, known.fetched)
            found = _fitting(known.keys, kid)
        return found

    async def _fetch(self, provider: Provider, seen: datetime | None) -> None:
        """Fetch document and keys, unless somebody has since ``seen``; keep the old on failure."""
        known = self._known[provider.issuer]
        async with self._fetching[provider.issuer]:
            if known.fetched != seen:
                return
            try:
                document, keys = await _read(provider)
            except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
                if not known.document:
                    raise Unavailable(
                        f"the provider `{provider.name}` does not answer as it should"
                    ) from error
            else:
                known.document, known.keys = document, keys
            known.fetched = self._clock.now()


async def _read(provider: Provider) -> tuple[dict[str, Any], Sequence[Key]]:
    async with httpx.AsyncClient(timeout=_SECONDS) as client:
        address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = await fetch_object(client, address)
        if document.get("issuer") != provider.issuer:
            raise ValueError("the document is another issuer's")
        listed = await fetch_object(client, document["jwks_uri"])
    keys = KeySet.import_key_set({"keys": listed["keys"]})
    return document, [key for key in keys if key.key_type != _SYMMETRIC and _signs(key)]


async def fetch_object(client: httpx.AsyncClient, address: str, **more: Any) -> dict[str, Any]:
    """Return the JSON object at an address; `ValueError` for anything else."""
    answer = await client.get(address, **more)
    answer.raise_for_status()
    if len(answer.content) > _MOST_BYTES:
        raise ValueError("the answer is too long")
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError("the answer is no object")  # noqa: TRY004 - of what was sent
    return found


def _signs(key: Key) -> bool:
    return key.get("use") in (None, "sig")


def _fitting(keys: Sequence[Key], kid: str | None) -> Key | None:
    if kid is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.get("kid") == kid), None)
