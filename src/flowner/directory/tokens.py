"""Tokens that people and programs sign in with: made, recognised, listed, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import NotFound
from flowner.rows import tokens as kept
from flowner.rows.secrets import SecretOf
from flowner.values import JsonObject, PrincipalId, Secret

_PREFIX: Final = "flw_"
_BYTES: Final = 32
_KEPT: Final = timedelta(days=1)


class Tokens:
    """Makes tokens and recognises them. Only hashes are kept: a token is shown once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def issue(
        self, principal: PrincipalId, name: str, *, life: timedelta = timedelta(days=90)
    ) -> Secret:
        """Make a personal access token that stands for ``life``."""
        async with self._database.transaction() as transaction:
            return await self._made(transaction, principal, name, life, None)

    async def issue_for(
        self, transaction: Transaction, secret: SecretOf, *, life: timedelta
    ) -> Secret:
        """Make a token for the application whose secret this is; it falls with the secret."""
        before = self._clock.now() - _KEPT
        await kept.forget_tokens(transaction, principal=secret.principal, before=before)
        return await self._made(transaction, secret.principal, "sign-in", life, secret.id)

    async def recognise(self, text: str) -> PrincipalId | None:
        """Return whose token it is; None for every token that does not stand."""
        if not text.startswith(_PREFIX):
            return None
        async with self._database.connection() as connection:
            return await kept.find_token(connection, hashed=hashed(text), now=self._clock.now())

    async def list(self, principal: PrincipalId) -> list[JsonObject]:
        """Return somebody's personal access tokens that stand, the newest first."""
        async with self._database.connection() as connection:
            rows = await kept.read_tokens(connection, principal=principal, now=self._clock.now())
        return [
            {
                "name": row["name"],
                "made": row["createdon"].isoformat(timespec="minutes"),
                "expires": row["expireson"].isoformat(timespec="minutes"),
                "used": row["lastusedon"] and row["lastusedon"].isoformat(timespec="minutes"),
                "id": row["id"],
            }
            for row in rows
        ]

    async def revoke(self, principal: PrincipalId, id: str | None = None) -> int:
        """Revoke one token, or every token of theirs; answers how many stood.

        `NotFound` where they have no such token.
        """
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            if id is None:
                return await kept.revoke_tokens(transaction, principal=principal, now=now)
            if not await kept.revoke_token(transaction, principal=principal, id=id, now=now):
                raise NotFound(f"they have no token `{id}`")
            return 1

    async def _made(
        self,
        transaction: Transaction,
        principal: PrincipalId,
        name: str,
        life: timedelta,
        secret: str | None,
    ) -> Secret:
        text = _PREFIX + secrets.token_urlsafe(_BYTES)
        await kept.insert_token(
            transaction,
            principal=principal,
            name=name,
            hashed=hashed(text),
            expires=self._clock.now() + life,
            secret=secret,
        )
        return Secret(text)


def hashed(text: str) -> bytes:
    """Return what is kept of a token: enough for 256 bits of chance, and not for a password."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
