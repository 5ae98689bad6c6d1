"""The secrets of applications, as hashes. They are not rows that a query can reach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowner.database import Transaction
from flowner.rows.identities import GUID
from flowner.values import PrincipalId

_FIND = """
SELECT s.principalid::text AS principal, s.applicationsecretid::text AS id, s.expireson AS expires
FROM rows.applicationsecret s JOIN rows.systemuser u ON u.systemuserid = s.principalid
WHERE s.secrethash = %s AND u.applicationid::text = %s AND NOT u.isdisabled
  AND s.revokedon IS NULL AND s.expireson > %s
"""
_LIST = """
SELECT s.principalid::text AS principal, s.name, s.expireson AS expires, s.lastusedon AS used,
       s.applicationsecretid::text AS id
FROM rows.applicationsecret s
WHERE s.revokedon IS NULL AND s.expireson > %s ORDER BY s.createdon, id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretOf:
    """A secret that stands, and whose it is."""

    principal: PrincipalId
    id: str
    expires: datetime


async def insert_secret(
    transaction: Transaction,
    *,
    principal: PrincipalId,
    name: str,
    hashed: bytes,
    now: datetime,
    expires: datetime,
) -> str:
    """Remember the SHA-256 of an application's secret; answers its id."""
    made = await transaction.execute(
        "INSERT INTO rows.applicationsecret (principalid, name, secrethash, createdon, expireson)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING applicationsecretid::text AS id",
        (principal, name, hashed, now, expires),
    )
    row = await made.fetchone()
    return "" if row is None else str(row["id"])


async def use_secret(
    transaction: Transaction, *, application: str, hashed: bytes, now: datetime
) -> SecretOf | None:
    """Return whose secret this is, if it stands and is of that application, which is enabled."""
    if not GUID.fullmatch(application):
        return None
    row = await (await transaction.execute(_FIND, (hashed, application, now))).fetchone()
    if row is None:
        return None
    await transaction.execute(
        "UPDATE rows.applicationsecret SET lastusedon = %s WHERE applicationsecretid = %s",
        (now, row["id"]),
    )
    return SecretOf(principal=PrincipalId(row["principal"]), id=row["id"], expires=row["expires"])


async def read_secrets(transaction: Transaction, *, now: datetime) -> list[dict[str, Any]]:
    """Return every application's secrets that stand, the oldest first."""
    return await (await transaction.execute(_LIST, (now,))).fetchall()


async def revoke_secrets(
    transaction: Transaction, *, principal: PrincipalId, id: str | None, now: datetime
) -> int:
    """Revoke one secret of an application, or with ``id`` None all; answers how many stood."""
    done = await transaction.execute(
        "UPDATE rows.applicationsecret SET revokedon = %(now)s WHERE principalid = %(who)s"
        " AND revokedon IS NULL"
        " AND (%(id)s::text IS NULL OR applicationsecretid::text = %(id)s)",
        {"now": now, "who": principal, "id": id},
    )
    return done.rowcount
