"""Who is signed in to the portal: sessions of people, behind a secret that their browser keeps."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Final

from flowner.clock import Clock
from flowner.database import Database
from flowner.rows.sessions import delete_session, find_session, insert_session
from flowner.values import PrincipalId, Secret

LIFE: Final = timedelta(hours=12)
IDLE: Final = timedelta(hours=2)


class Sessions:
    """Begins, recognises and ends sessions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def begin(self, principal: PrincipalId, *, issuer: str | None = None) -> Secret:
        """Begin a session for somebody who has proved who they are; answers its secret.

        ``issuer``: of the OpenID provider that proved it, if one did.
        """
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        async with self._database.transaction() as transaction:
            await insert_session(
                transaction, mark_of(secret), principal, now=now, expires=now + LIFE, issuer=issuer
            )
        return Secret(secret)

    async def recognise(self, secret: str) -> PrincipalId | None:
        """Return whose session it is; None for one that does not stand."""
        return await self.holder(mark_of(secret))

    async def holder(self, mark: bytes) -> PrincipalId | None:
        """Return whose session has this mark; None for one that does not stand."""
        async with self._database.transaction() as transaction:
            return await find_session(transaction, mark, now=self._clock.now(), idle=IDLE)

    async def end(self, secret: str) -> str | None:
        """End a session; answers the issuer of the OpenID provider that it was begun with."""
        async with self._database.transaction() as transaction:
            return await delete_session(transaction, mark_of(secret))


def form_token(secret: str) -> str:
    """Return what forms of a session carry, to prove that a page of ours sent them."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def mark_of(secret: str) -> bytes:
    """Return what a session is known by to us, 32 bytes: it opens nothing by itself."""
    return hashlib.sha256(secret.encode()).digest()
