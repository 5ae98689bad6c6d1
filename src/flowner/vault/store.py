"""Sealing with AES-GCM. A seal is bound to its connection and name: moved, it does not open."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flowner.database import Database, Transaction
from flowner.errors import Code, Refused
from flowner.values import ConnectionId, Secret
from flowner.vault.keys import Key

_NONCE = 12


class Vault:
    """The secrets of connections. ``keys``: the first seals, the others still open."""

    def __init__(self, database: Database, keys: Sequence[Key]) -> None:
        self._database = database
        self._newest = keys[0]
        self._keys = {key.id: key for key in keys}
        self._epoch = -1
        self._sealed: dict[ConnectionId, list[tuple[str, str, bytes]]] = {}

    async def seal(
        self, transaction: Transaction, connection: ConnectionId, secrets: Mapping[str, Secret]
    ) -> None:
        """Replace a connection's secrets. They can be used from now on, not seen."""
        await self.forget(transaction, connection)
        for name, secret in secrets.items():
            await transaction.execute(
                "INSERT INTO vault.secret (connection, name, key_id, sealed)"
                " VALUES (%s, %s, %s, %s)",
                (
                    connection,
                    name,
                    self._newest.id,
                    _close(self._newest, connection, name, secret.reveal().encode()),
                ),
            )

    async def open(self, connection: ConnectionId, *, epoch: int = -1) -> dict[str, Secret]:
        """Open a connection's secrets for one call.

        What is sealed is remembered, sealed, while ``epoch`` stays the same (it moves whenever a
        connection changes); it is opened anew for every call. -1 remembers nothing.
        """
        if epoch < 0:
            sealed = await self._read(connection)
        else:
            if epoch != self._epoch:
                self._epoch, self._sealed = epoch, {}
            known = self._sealed.get(connection)
            sealed = await self._read(connection) if known is None else known
            self._sealed[connection] = sealed
        return {
            name: Secret(self._open(connection, name, key_id, closed).decode())
            for name, key_id, closed in sealed
        }

    async def open_alone(
        self, transaction: Transaction, connection: ConnectionId
    ) -> dict[str, Secret]:
        """Open a connection's secrets to replace them: who else wants to waits for the end of the
        transaction, and then finds the new ones."""
        await transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 8733))", (connection.lower(),)
        )
        return {
            name: Secret(self._open(connection, name, key_id, closed).decode())
            for name, key_id, closed in await _read(transaction, connection)
        }

    async def kept(self, holder: ConnectionId, name: str, make: Callable[[], Secret]) -> Secret:
        """Return a secret that is made once and then kept, whoever asks first.

        ``holder`` is an id that no connection has: the secret is the server's own.
        """
        async with self._database.transaction() as transaction:
            await transaction.execute("LOCK TABLE vault.secret IN SHARE ROW EXCLUSIVE MODE")
            found = await transaction.execute(
                "SELECT key_id, sealed FROM vault.secret WHERE connection = %s AND name = %s",
                (holder, name),
            )
            row = await found.fetchone()
            if row is not None:
                return Secret(self._open(holder, name, row["key_id"], row["sealed"]).decode())
            made = make()
            await self.seal(transaction, holder, {name: made})
            return made

    async def _read(self, connection: ConnectionId) -> list[tuple[str, str, bytes]]:
        async with self._database.connection() as transaction:
            return await _read(transaction, connection)

    async def forget(self, transaction: Transaction, connection: ConnectionId) -> None:
        """Throw a connection's secrets away."""
        await transaction.execute("DELETE FROM vault.secret WHERE connection = %s", (connection,))

    async def rotate(self) -> int:
        """Seal everything again with the newest key; answers how many were sealed with another."""
        async with self._database.transaction() as transaction:
            found = await transaction.execute(
                "SELECT connection::text, name, key_id, sealed FROM vault.secret"
                " WHERE key_id <> %s FOR UPDATE",
                (self._newest.id,),
            )
            rows = await found.fetchall()
            for row in rows:
                connection, name = ConnectionId(row["connection"]), row["name"]
                plain = self._open(connection, name, row["key_id"], row["sealed"])
                await transaction.execute(
                    "UPDATE vault.secret SET key_id = %s, sealed = %s, at = now()"
                    " WHERE connection = %s AND name = %s",
                    (
                        self._newest.id,
                        _close(self._newest, connection, name, plain),
                        connection,
                        name,
                    ),
                )
            return len(rows)

    def _open(self, connection: ConnectionId, name: str, key_id: str, sealed: bytes) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise _unreadable(connection, "it was sealed with a key that is not loaded")
        try:
            return AESGCM(key.material).decrypt(
                sealed[:_NONCE], sealed[_NONCE:], _bound_to(connection, name)
            )
        except InvalidTag:
            raise _unreadable(connection, "the seal is broken") from None


async def _read(transaction: Transaction, connection: ConnectionId) -> list[tuple[str, str, bytes]]:
    found = await transaction.execute(
        "SELECT name, key_id, sealed FROM vault.secret WHERE connection = %s", (connection,)
    )
    return [(r["name"], r["key_id"], r["sealed"]) for r in await found.fetchall()]


def _close(key: Key, connection: ConnectionId, name: str, plain: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key.material).encrypt(nonce, plain, _bound_to(connection, name))


def _bound_to(connection: ConnectionId, name: str) -> bytes:
    return f"flowner\0{connection.lower()}\0{name}".encode()


def _unreadable(connection: ConnectionId, why: str) -> Refused:
    return Refused(
        f"the secret of the connection `{connection}` cannot be opened: {why}",
        code=Code.INVALID_CONNECTION,
    )
