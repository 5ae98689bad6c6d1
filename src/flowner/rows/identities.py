"""Who people and applications are elsewhere: at providers, by object id, by application id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flowner.database import Transaction
from flowner.values import PrincipalId

GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LINKED = """
SELECT u.systemuserid::text AS id, NOT u.isdisabled AS enabled, u.accessmode <> 4 AS interactive
FROM rows.externalidentity e JOIN rows.systemuser u ON u.systemuserid = e.principalid
WHERE e.issuer = %s AND e.subject = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A principal of this server, and whether they may come in."""

    principal: PrincipalId
    enabled: bool
    interactive: bool
    """Whether they are a person who signs in: no application, no service account."""


async def find_linked(transaction: Transaction, *, issuer: str, subject: str) -> Linked | None:
    """Return who is linked with a provider's subject; enabled or not."""
    row = await (await transaction.execute(_LINKED, (issuer, subject))).fetchone()
    if row is None:
        return None
    return Linked(
        principal=PrincipalId(row["id"]), enabled=row["enabled"], interactive=row["interactive"]
    )


async def find_by_object(transaction: Transaction, id: str) -> PrincipalId | None:
    """Return the enabled user or application of a directory's object id."""
    return await _only(transaction, "azureactivedirectoryobjectid", id)


async def find_application(transaction: Transaction, id: str) -> PrincipalId | None:
    """Return the enabled application of an application id."""
    return await _only(transaction, "applicationid", id)


async def link(
    transaction: Transaction, *, issuer: str, subject: str, principal: PrincipalId, now: datetime
) -> bool:
    """Link a principal with a provider's subject; False where either has a link there already."""
    done = await transaction.execute(
        "INSERT INTO rows.externalidentity (issuer, subject, principalid, linkedon)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (issuer, subject, principal, now),
    )
    return done.rowcount == 1


async def _only(transaction: Transaction, column: str, id: str) -> PrincipalId | None:
    if not GUID.fullmatch(id):
        return None
    found = await transaction.execute(
        f"SELECT systemuserid::text AS id FROM rows.systemuser"  # noqa: S608 - a column of ours
        f" WHERE {column} = %s::uuid AND NOT isdisabled".encode(),
        (id,),
    )
    rows = await found.fetchall()
    return PrincipalId(rows[0]["id"]) if len(rows) == 1 else None
