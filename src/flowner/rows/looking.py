"""The directory, searched by name."""

from __future__ import annotations

from collections.abc import Iterable

from flowner.database import Transaction
from flowner.values import PrincipalId

_FIND = """
SELECT id FROM (
    SELECT systemuserid::text AS id, coalesce(fullname, domainname) AS name,
           CASE WHEN applicationid IS NOT NULL THEN 'application'
                WHEN accessmode = 4 THEN 'service account' ELSE 'user' END AS kind,
           concat_ws(' ', fullname, domainname, internalemailaddress) AS said
    FROM rows.systemuser WHERE NOT isdisabled
    UNION ALL
    SELECT securitygroupid::text, name, 'group', concat_ws(' ', name, mail) FROM rows.securitygroup
    UNION ALL
    SELECT teamid::text, name, 'team', name FROM rows.team
) everybody
WHERE strpos(lower(said), lower(%(text)s)) > 0 AND kind = ANY(%(kinds)s)
ORDER BY strpos(lower(name), lower(%(text)s)) <> 1, lower(name), id LIMIT %(limit)s
"""
_NAMES = """
SELECT systemuserid::text AS id, coalesce(domainname, '') AS upn,
       coalesce(nullif(title, ''), department, '') AS title
FROM rows.systemuser WHERE systemuserid = ANY(%s::uuid[])
"""


async def find_people(
    transaction: Transaction, text: str, *, kinds: Iterable[str], limit: int
) -> list[PrincipalId]:
    """Return principals of these kinds by a part of their name or address.

    Those whose name begins so come first.
    """
    values = {"text": text.replace("\0", ""), "kinds": sorted(kinds), "limit": limit}
    found = await transaction.execute(_FIND, values)
    return [PrincipalId(row["id"]) for row in await found.fetchall()]


async def read_names(
    transaction: Transaction, ids: Iterable[PrincipalId]
) -> dict[PrincipalId, tuple[str, str]]:
    """Return the sign-in name and the job title, or department, of users and applications."""
    found = await transaction.execute(_NAMES, (sorted(ids),))
    return {PrincipalId(row["id"]): (row["upn"], row["title"]) for row in await found.fetchall()}
