"""Sign-in for applications: their secrets, and the tokens that they get with them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flowner.clock import Clock
from flowner.database import Database
from flowner.directory.tokens import Tokens, hashed
from flowner.errors import NotFound, Refused
from flowner.rows import registry
from flowner.rows import secrets as kept
from flowner.rows.seed import ORGANIZATION
from flowner.values import JsonObject, PrincipalId, Secret

TENANT: Final = ORGANIZATION
"""What clients call the directory that they sign in to; this server has one."""
LONGEST: Final = timedelta(hours=1)
"""How long an application's token stands, unless its secret expires before."""
_PREFIX: Final = "flws_"
_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A token that an application got."""

    token: Secret
    life: timedelta


class Applications:
    """Keeps the secrets of applications. Only hashes are kept: a secret is shown once.

    Whoever calls this administers it, but for `sign_in`.
    """

    def __init__(self, database: Database, tokens: Tokens, clock: Clock) -> None:
        self._database, self._tokens, self._clock = database, tokens, clock

    async def add_secret(self, application: PrincipalId, name: str, *, life: timedelta) -> Secret:
        """Make another secret for an application; those it has go on to stand.

        `Refused` for who is no application.
        """
        text, now = _PREFIX + secrets.token_urlsafe(_BYTES), self._clock.now()
        await self.require(application)
        async with self._database.transaction() as transaction:
            await kept.insert_secret(
                transaction,
                principal=application,
                name=name,
                hashed=hashed(text),
                now=now,
                expires=now + life,
            )
        return Secret(text)

    async def sign_in(self, client: str, secret: Secret) -> Granted | None:
        """Give an application a token for its id and a secret of its own.

        None, whatever is wrong: no such application, disabled, another's secret, expired, revoked.
        """
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            found = await kept.use_secret(
                transaction,
                application=client.lower(),
                hashed=hashed(secret.reveal()),
                now=now,
            )
            if found is None:
                return None
            life = min(LONGEST, found.expires - now)
            token = await self._tokens.issue_for(transaction, found, life=life)
        return Granted(token=token, life=life)

    async def revoke(self, application: PrincipalId, id: str | None = None) -> int:
        """Revoke one secret of an application, or all; the tokens that were got by it fall with it.

        Answers how many secrets stood; `NotFound` where there is no such secret.
        """
        await self.require(application)
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            done = await kept.revoke_secrets(transaction, principal=application, id=id, now=now)
        if id is not None and not done:
            raise NotFound(f"the application has no secret `{id}`")
        return done

    async def list(self) -> list[JsonObject]:
        """Return every application, by name, with its secrets that stand."""
        async with self._database.connection() as connection:
            everybody = await registry.select(connection, "systemuser", {})
            rows = await kept.read_secrets(connection, now=self._clock.now())
        standing: dict[str, list[str]] = {}
        for row in rows:
            said = f"{row['name']} until {row['expires']:%Y-%m-%d} ({row['id']})"
            standing.setdefault(row["principal"], []).append(said)
        return [
            {
                "application": one["fullname"],
                "client_id": one["applicationid"],
                "enabled": not one["isdisabled"],
                "secrets": ", ".join(standing.get(one["systemuserid"], ())),
                "id": one["systemuserid"],
            }
            for one in sorted(everybody, key=lambda one: one["fullname"])
            if one["applicationid"] is not None
        ]

    async def require(self, principal: PrincipalId) -> None:
        """Raise `Refused` for who is no application: secrets of people are their passwords."""
        async with self._database.connection() as connection:
            rows = await registry.select(connection, "systemuser", {"systemuserid": principal})
        if not rows or rows[0]["applicationid"] is None:
            name = rows[0]["fullname"] if rows else principal
            raise Refused(f"`{name}` is no application: people have tokens and passwords")
