"""Sessions of the portal. Only hashes are kept: who reads the database is nobody by it."""

from __future__ import annotations

from datetime import datetime, timedelta

from flowner.database import Transaction
from flowner.values import PrincipalId

_FIND = """
UPDATE rows.websession s SET seenon = greatest(s.seenon, %(now)s)
FROM rows.systemuser u
WHERE s.sessionhash = %(hash)s AND u.systemuserid = s.principalid AND NOT u.isdisabled
  AND s.expireson > %(now)s AND s.seenon > %(now)s - %(idle)s
RETURNING s.principalid::text AS id
"""


async def insert_session(
    transaction: Transaction,
    hashed: bytes,
    principal: PrincipalId,
    *,
    now: datetime,
    expires: datetime,
    issuer: str | None,
) -> None:
    """Keep a session, and forget those that have ended. ``issuer``: who proved who they are."""
    await transaction.execute("DELETE FROM rows.websession WHERE expireson < %s", (now,))
    await transaction.execute(
        "INSERT INTO rows.websession (sessionhash, principalid, begunon, seenon, expireson, issuer)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (hashed, principal, now, now, expires, issuer),
    )


async def find_session(
    transaction: Transaction, hashed: bytes, *, now: datetime, idle: timedelta
) -> PrincipalId | None:
    """Return whose session it is, and note that it was used; None for one that does not stand.

    It ends when it expires, when it was not used for ``idle``, and when they are disabled.
    """
    found = await transaction.execute(_FIND, {"hash": hashed, "now": now, "idle": idle})
    row = await found.fetchone()
    return None if row is None else PrincipalId(row["id"])


async def delete_sessions_of(transaction: Transaction, principal: PrincipalId) -> None:
    """End every session of somebody."""
    await transaction.execute("DELETE FROM rows.websession WHERE principalid = %s", (principal,))


async def delete_session(transaction: Transaction, hashed: bytes) -> str | None:
    """End a session; answers the issuer who proved whose it is, if one did."""
    done = await transaction.execute(
        "DELETE FROM rows.websession WHERE sessionhash = %s RETURNING issuer", (hashed,)
    )
    row = await done.fetchone()
    return None if row is None else row["issuer"]
