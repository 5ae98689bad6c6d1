"""Tokens of people and programs, as hashes. They are not rows that a query can reach."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flowner.database import Transaction
from flowner.values import PrincipalId

_USED_EVERY = timedelta(hours=1)
"""How exactly it is known when a token was used last."""

_FIND = """
SELECT t.principalid::text AS principal, t.lastusedon FROM rows.accesstoken t
JOIN rows.systemuser u ON u.systemuserid = t.principalid
LEFT JOIN rows.applicationsecret s USING (applicationsecretid)
WHERE t.tokenhash = %s AND t.revokedon IS NULL AND t.expireson > %s AND NOT u.isdisabled
  AND (t.applicationsecretid IS NULL
       OR (s.applicationsecretid IS NOT NULL AND s.revokedon IS NULL))
"""


async def insert_token(
    transaction: Transaction,
    *,
    principal: PrincipalId,
    name: str,
    hashed: bytes,
    expires: datetime,
    secret: str | None = None,
) -> None:
    """Remember the SHA-256 of a token; ``secret``: of the application's secret it was got with."""
    await transaction.execute(
        "INSERT INTO rows.accesstoken"
        " (accesstokenid, principalid, name, tokenhash, expireson, applicationsecretid)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s)",
        (principal, name, hashed, expires, secret),
    )


async def find_token(
    transaction: Transaction, *, hashed: bytes, now: datetime
) -> PrincipalId | None:
    """Return whose token this is, if it stands: not revoked, not expired, its holder enabled.

    The token of an application falls with the secret that it was got with.
    """
    row = await (await transaction.execute(_FIND, (hashed, now))).fetchone()
    if row is None:
        return None
    if row["lastusedon"] is None or row["lastusedon"] < now - _USED_EVERY:
        await transaction.execute(
            "UPDATE rows.accesstoken SET lastusedon = %s WHERE tokenhash = %s", (now, hashed)
        )
    return PrincipalId(row["principal"])


async def read_tokens(
    transaction: Transaction, *, principal: PrincipalId, now: datetime
) -> list[dict[str, Any]]:
    """Return a principal's own tokens that stand, the newest first; nothing of what they are."""
    found = await transaction.execute(
        "SELECT name, createdon, expireson, lastusedon, accesstokenid::text AS id"
        " FROM rows.accesstoken WHERE principalid = %s AND applicationsecretid IS NULL"
        " AND revokedon IS NULL AND expireson > %s ORDER BY createdon DESC, id",
        (principal, now),
    )
    return await found.fetchall()


async def revoke_token(
    transaction: Transaction, *, principal: PrincipalId, id: str, now: datetime
) -> bool:
    """Revoke one token of a principal; answers whether it stood."""
    done = await transaction.execute(
        "UPDATE rows.accesstoken SET revokedon = %s"
        " WHERE principalid = %s AND accesstokenid::text = %s AND revokedon IS NULL",
        (now, principal, id),
    )
    return done.rowcount == 1


async def revoke_tokens(transaction: Transaction, *, principal: PrincipalId, now: datetime) -> int:
    """Revoke every token of a principal; answers how many stood."""
    done = await transaction.execute(
        "UPDATE rows.accesstoken SET revokedon = %s WHERE principalid = %s AND revokedon IS NULL",
        (now, principal),
    )
    return done.rowcount


async def forget_tokens(
    transaction: Transaction, *, principal: PrincipalId, before: datetime
) -> None:
    """Forget the tokens that a principal got with a secret and that expired before a time."""
    await transaction.execute(
        "DELETE FROM rows.accesstoken"
        " WHERE principalid = %s AND applicationsecretid IS NOT NULL AND expireson < %s",
        (principal, before),
    )
