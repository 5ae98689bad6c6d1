"""Whether the keys that there are open what is sealed; what is opened is thrown away."""

from __future__ import annotations

from collections.abc import Sequence

from flowner.database import Database, Transaction
from flowner.errors import Refused
from flowner.values import ConnectionId
from flowner.vault.keys import Key
from flowner.vault.store import Vault


async def sealed_with(transaction: Transaction) -> tuple[str, ...]:
    """Return the names of the keys that secrets are sealed with: 1 query."""
    found = await transaction.execute("SELECT DISTINCT key_id FROM vault.secret ORDER BY 1")
    return tuple(row["key_id"] for row in await found.fetchall())


async def unopened(database: Database, keys: Sequence[Key]) -> int:
    """Return of how many holders the secrets do not open: a query for each that has some.

    ``keys`` may be empty: then none opens.
    """
    async with database.connection() as connection:
        found = await connection.execute("SELECT DISTINCT connection::text FROM vault.secret")
        holders = [ConnectionId(row["connection"]) for row in await found.fetchall()]
    if not keys:
        return len(holders)
    vault, closed = Vault(database, keys), 0
    for holder in holders:
        try:
            await vault.open(holder)
        except Refused:
            closed += 1
    return closed
