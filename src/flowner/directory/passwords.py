"""Sign-in for people with a password of this server's own.

Whoever may not enter learns nothing but that: an unknown account, one without a password, a
disabled one and a wrong password get the same answer after the same work.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from flowner.clock import Clock
from flowner.database import Database
from flowner.errors import AccessDenied, Code, Invalid, Refused
from flowner.rows import passwords as kept
from flowner.rows import registry
from flowner.rows.sessions import delete_sessions_of
from flowner.values import PrincipalId, Secret

SHORTEST, LONGEST = 12, 256
"""Characters of a password."""
WINDOW: Final = timedelta(minutes=15)
PER_ACCOUNT: Final = 10
"""Wrong passwords for one account within the window; also where there is no such account."""
PER_ADDRESS: Final = 100
"""Wrong passwords from one network address within the window."""
_AT_ONCE: Final = 4
"""Hashes worked out at the same time: each takes 64 MiB."""


class Passwords:
    """Keeps passwords and recognises them. Whoever sets one administers the account."""

    def __init__(
        self, database: Database, clock: Clock, hasher: PasswordHasher | None = None
    ) -> None:
        self._database, self._clock = database, clock
        self._hasher = hasher or PasswordHasher()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._nobodys: str | None = None

    async def set(self, person: PrincipalId, password: Secret) -> None:
        """Give somebody a password, or another one; their sessions end.

        Raises:
            Invalid: it is too short or too long, or is the account's name.
            Refused: nobody signs in as them: an application, a service account.
        """
        async with self._database.connection() as connection:
            rows = await registry.select(connection, "systemuser", {"systemuserid": person})
        if not rows or rows[0]["applicationid"] is not None or rows[0]["accessmode"] == 4:
            raise Refused("only people sign in with a password")
        text = _normal(password)
        if not SHORTEST <= len(text) <= LONGEST:
            raise Invalid(f"a password has {SHORTEST} to {LONGEST} characters")
        if text.casefold() in (rows[0]["domainname"].casefold(), rows[0]["fullname"].casefold()):
            raise Invalid("the password is the account's own name")
        hash = await self._hashed(text)
        async with self._database.transaction() as transaction:
            await kept.write_password(
                transaction, principal=person, hash=hash, now=self._clock.now()
            )
            await delete_sessions_of(transaction, person)

    async def remove(self, person: PrincipalId) -> bool:
        """Take somebody's password away; answers whether they had one."""
        async with self._database.transaction() as transaction:
            return await kept.delete_password(transaction, principal=person)

    async def changed(self, person: PrincipalId) -> datetime | None:
        """Return when somebody's password was set: what they opened with an older one ends."""
        async with self._database.connection() as connection:
            return await kept.password_changed(connection, principal=person)

    async def check(self, account: str, password: Secret, *, address: str) -> PrincipalId:
        """Return who signs in with a UPN and a password, from a network address.

        Raises:
            AccessDenied: the account or the password is wrong, or nobody may enter with it.
            Refused: too many tried, at this account or from this address.
        """
        name, text = account.strip().replace("\0", "\ufffd"), _normal(password)
        by_account, by_address = _key("account", name.casefold()), _key("address", address)
        await self._require_room(by_account, by_address)
        nobodys = await self._nobody()
        async with self._database.connection() as connection:
            known = await kept.read_account(connection, name)
        hash = nobodys if known is None else known.hash
        is_right = await self._verified(hash, text[:LONGEST])
        if known is None or not known.may_enter or not is_right or len(text) > LONGEST:
            raise AccessDenied("the account or the password is wrong", code=Code.UNAUTHENTICATED)
        await self._welcome(known, text, by_account, by_address)
        return known.principal

    async def _require_room(self, by_account: bytes, by_address: bytes) -> None:
        now = self._clock.now()
        async with self._database.connection() as connection:
            for who, most in ((by_account, PER_ACCOUNT), (by_address, PER_ADDRESS)):
                tried = await kept.count_attempt(connection, who=who, now=now, within=WINDOW)
                if tried > most:
                    raise Refused(
                        f"too many tried: wait {WINDOW.seconds // 60} minutes",
                        code=Code.TOO_MANY_SIGN_INS,
                    )

    async def _welcome(
        self, known: kept.Account, text: str, by_account: bytes, by_address: bytes
    ) -> None:
        before = self._clock.now() - WINDOW
        fresh = None
        if self._hasher.check_needs_rehash(known.hash):
            fresh = await self._hashed(text)
        async with self._database.connection() as connection:
            await kept.uncount_attempt(connection, who=by_address)
            await kept.forget_attempts(connection, who=by_account, before=before)
            if fresh is not None:
                await kept.rewrite_hash(
                    connection, principal=known.principal, old=known.hash, new=fresh
                )

    async def _nobody(self) -> str:
        """Return a hash that nobody knows the password of: work for accounts there are not."""
        if self._nobodys is None:
            self._nobodys = await self._hashed(secrets.token_urlsafe())
        return self._nobodys

    async def _hashed(self, text: str) -> str:
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, text)

    async def _verified(self, hash: str, text: str) -> bool:
        async with self._room:
            try:
                return await asyncio.to_thread(self._hasher.verify, hash, text)
            except (VerificationError, InvalidHashError):
                return False


def _normal(password: Secret) -> str:
    """Return one spelling of what keyboards spell in several ways."""
    return unicodedata.normalize("NFKC", password.reveal().encode("utf-8", "replace").decode())


def _key(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}:{name}".encode("utf-8", "replace")).digest()
