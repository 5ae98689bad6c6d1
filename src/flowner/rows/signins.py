"""Sign-ins with a provider that have begun, and the groups that come from one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flowner.database import Transaction
from flowner.errors import Conflict
from flowner.rows.identities import Linked
from flowner.values import PrincipalId

_FIND = """
SELECT systemuserid::text AS id, NOT isdisabled AS enabled FROM rows.systemuser
WHERE accessmode <> 4 AND applicationid IS NULL
  AND (lower(domainname) = lower(%(name)s)
       OR (%(mail)s AND lower(internalemailaddress) = lower(%(name)s)))
"""
_GROUPS = """
SELECT g.securitygroupid AS id, bool_or(g.value = ANY(%(values)s)) AS wanted,
       EXISTS (SELECT 1 FROM rows.groupmembership m
               WHERE m.securitygroupid = g.securitygroupid AND m.memberid = %(who)s) AS held
FROM rows.providergroup g WHERE g.issuer = %(issuer)s GROUP BY g.securitygroupid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that somebody's browser has begun."""

    issuer: str
    redirect_uri: str
    return_to: str


async def insert_begun(
    transaction: Transaction, begun: Begun, *, state: bytes, browser: bytes, expires: datetime
) -> None:
    """Remember a sign-in by the SHA-256 of its state and of what its browser keeps."""
    await transaction.execute(
        "INSERT INTO rows.signinbegun"
        " (statehash, browserhash, issuer, redirecturi, returnto, expireson)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (state, browser, begun.issuer, begun.redirect_uri, begun.return_to, expires),
    )


async def take_begun(
    transaction: Transaction, *, state: bytes, browser: bytes, now: datetime
) -> Begun | None:
    """Return a sign-in to the browser that began it, once; also forgets those that are over."""
    await transaction.execute("DELETE FROM rows.signinbegun WHERE expireson < %s", (now,))
    done = await transaction.execute(
        "DELETE FROM rows.signinbegun WHERE statehash = %s AND browserhash = %s"
        " RETURNING issuer, redirecturi, returnto",
        (state, browser),
    )
    row = await done.fetchone()
    if row is None:
        return None
    return Begun(issuer=row["issuer"], redirect_uri=row["redirecturi"], return_to=row["returnto"])


async def find_people(transaction: Transaction, name: str, *, by_mail: bool) -> list[Linked]:
    """Return the people, enabled or not, of a UPN or, ``by_mail``, of a mail address."""
    found = await transaction.execute(_FIND, {"name": name, "mail": by_mail})
    return [
        Linked(principal=PrincipalId(row["id"]), enabled=row["enabled"], interactive=True)
        for row in await found.fetchall()
    ]


async def mark_group(transaction: Transaction, *, group: str, issuer: str, value: str) -> None:
    """Let a group's members come from a provider: all whose claim holds the value.

    `Conflict` where the group comes from another provider: each would undo the other.
    """
    found = await transaction.execute(
        "SELECT 1 AS one FROM rows.providergroup WHERE securitygroupid = %s AND issuer <> %s",
        (group, issuer),
    )
    if await found.fetchone() is not None:
        raise Conflict("the group comes from another provider already")
    await transaction.execute(
        "INSERT INTO rows.providergroup (issuer, value, securitygroupid) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (issuer, value, group),
    )


async def unmark_group(transaction: Transaction, *, group: str) -> bool:
    """Let a group come from no provider; its members stay. Answers whether it came from one."""
    done = await transaction.execute(
        "DELETE FROM rows.providergroup WHERE securitygroupid = %s", (group,)
    )
    return done.rowcount > 0


async def keep_groups(
    transaction: Transaction, *, issuer: str, principal: PrincipalId, values: Iterable[str]
) -> None:
    """Put somebody into the provider's groups that a claim names, and out of its others."""
    given = {"issuer": issuer, "who": principal, "values": sorted(set(values))}
    rows = await (await transaction.execute(_GROUPS, given)).fetchall()
    for row in rows:
        if row["wanted"] and not row["held"]:
            await transaction.execute(
                "INSERT INTO rows.groupmembership (securitygroupid, memberid, membertype)"
                " VALUES (%s, %s, 'systemuser') ON CONFLICT DO NOTHING",
                (row["id"], principal),
            )
        elif row["held"] and not row["wanted"]:
            await transaction.execute(
                "DELETE FROM rows.groupmembership WHERE securitygroupid = %s AND memberid = %s",
                (row["id"], principal),
            )
