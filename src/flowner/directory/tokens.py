"""Sign-in for programs: personal access tokens."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from flowner.clock import Clock
from flowner.database import Database
from flowner.rows.tokens import find_token, insert_token
from flowner.values import PrincipalId, Secret

_PREFIX = "flw_"
_BYTES = 32


class Tokens:
    """Makes tokens and recognises them. Only hashes are kept: a token is shown once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def issue(
        self, principal: PrincipalId, name: str, *, life: timedelta = timedelta(days=90)
    ) -> Secret:
        """Make a token that stands for ``life``."""
        text = _PREFIX + secrets.token_urlsafe(_BYTES)
        async with self._database.transaction() as transaction:
            await insert_token(
                transaction,
                principal=principal,
                name=name,
                hashed=_hash(text),
                expires=self._clock.now() + life,
            )
        return Secret(text)

    async def recognise(self, text: str) -> PrincipalId | None:
        """Return whose token it is; None for every token that does not stand."""
        if not text.startswith(_PREFIX):
            return None
        async with self._database.connection() as connection:
            return await find_token(connection, hashed=_hash(text), now=self._clock.now())


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
