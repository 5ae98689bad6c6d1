"""Personal access tokens, as hashes. They are not rows that a query can reach."""

from __future__ import annotations

from datetime import datetime

from flowner.database import Transaction
from flowner.values import PrincipalId


async def insert_token(
    transaction: Transaction, *, principal: PrincipalId, name: str, hashed: bytes, expires: datetime
) -> None:
    """Remember the SHA-256 of a token."""
    await transaction.execute(
        "INSERT INTO rows.accesstoken (accesstokenid, principalid, name, tokenhash, expireson)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s)",
        (principal, name, hashed, expires),
    )


async def find_token(
    transaction: Transaction, *, hashed: bytes, now: datetime
) -> PrincipalId | None:
    """Return whose token this is, if it stands: not revoked, not expired, its holder enabled."""
    found = await transaction.execute(
        "SELECT t.principalid::text AS principal FROM rows.accesstoken t"
        " JOIN rows.systemuser u ON u.systemuserid = t.principalid"
        " WHERE t.tokenhash = %s AND t.revokedon IS NULL AND t.expireson > %s AND NOT u.isdisabled",
        (hashed, now),
    )
    row = await found.fetchone()
    return None if row is None else PrincipalId(row["principal"])


async def revoke_tokens(transaction: Transaction, *, principal: PrincipalId, now: datetime) -> int:
    """Revoke every token of a principal; answers how many stood."""
    done = await transaction.execute(
        "UPDATE rows.accesstoken SET revokedon = %s WHERE principalid = %s AND revokedon IS NULL",
        (now, principal),
    )
    return done.rowcount
