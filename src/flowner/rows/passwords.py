"""Passwords of local accounts, as hashes, and how often somebody tried. No query reaches them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flowner.database import Transaction
from flowner.values import PrincipalId

_ACCOUNT = """
SELECT u.systemuserid::text AS id, p.passwordhash AS hash,
       NOT u.isdisabled AND u.accessmode <> 4 AND u.applicationid IS NULL AS may_enter
FROM rows.systemuser u JOIN rows.localpassword p ON p.principalid = u.systemuserid
WHERE lower(u.domainname) = lower(%s)
"""
_COUNT = """
INSERT INTO rows.signinattempt AS a (who, since, attempts) VALUES (%(who)s, %(now)s, 1)
ON CONFLICT (who) DO UPDATE SET
    attempts = CASE WHEN a.since < %(start)s THEN 1 ELSE a.attempts + 1 END,
    since = CASE WHEN a.since < %(start)s THEN excluded.since ELSE a.since END
RETURNING attempts
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A local account that has a password."""

    principal: PrincipalId
    hash: str
    may_enter: bool
    """Whether they are enabled, and a person."""


async def read_account(transaction: Transaction, upn: str) -> Account | None:
    """Return the account of a UPN, in whatever case; None: there is none, or it has no password."""
    row = await (await transaction.execute(_ACCOUNT, (upn,))).fetchone()
    if row is None:
        return None
    return Account(principal=PrincipalId(row["id"]), hash=row["hash"], may_enter=row["may_enter"])


async def write_password(
    transaction: Transaction, *, principal: PrincipalId, hash: str, now: datetime
) -> None:
    """Give an account a password, or another one."""
    await transaction.execute(
        "INSERT INTO rows.localpassword (principalid, passwordhash, changedon) VALUES (%s, %s, %s)"
        " ON CONFLICT (principalid) DO UPDATE SET passwordhash = excluded.passwordhash,"
        " changedon = excluded.changedon",
        (principal, hash, now),
    )


async def rewrite_hash(
    transaction: Transaction, *, principal: PrincipalId, old: str, new: str
) -> None:
    """Put another hash of the same password in the place of an old one, if that is still there."""
    await transaction.execute(
        "UPDATE rows.localpassword SET passwordhash = %s"
        " WHERE principalid = %s AND passwordhash = %s",
        (new, principal, old),
    )


async def delete_password(transaction: Transaction, *, principal: PrincipalId) -> bool:
    """Take an account's password away; answers whether it had one."""
    done = await transaction.execute(
        "DELETE FROM rows.localpassword WHERE principalid = %s", (principal,)
    )
    return done.rowcount == 1


async def password_changed(transaction: Transaction, *, principal: PrincipalId) -> datetime | None:
    """Return when somebody's password was set; None: they have none."""
    found = await transaction.execute(
        "SELECT changedon FROM rows.localpassword WHERE principalid = %s", (principal,)
    )
    row = await found.fetchone()
    return None if row is None else row["changedon"]


async def count_attempt(
    transaction: Transaction, *, who: bytes, now: datetime, within: timedelta
) -> int:
    """Count one attempt, and return how many there were in the window that is open now.

    Counted before it is known how it ends: however many try at once, none is missed.
    """
    values = {"who": who, "now": now, "start": now - within}
    row = await (await transaction.execute(_COUNT, values)).fetchone()
    return 0 if row is None else int(row["attempts"])


async def uncount_attempt(transaction: Transaction, *, who: bytes) -> None:
    """Take one attempt back: it was a good one."""
    await transaction.execute(
        "UPDATE rows.signinattempt SET attempts = attempts - 1 WHERE who = %s AND attempts > 0",
        (who,),
    )


async def forget_attempts(transaction: Transaction, *, who: bytes, before: datetime) -> None:
    """Forget somebody's attempts, and everybody's whose window is over."""
    await transaction.execute(
        "DELETE FROM rows.signinattempt WHERE who = %s OR since < %s", (who, before)
    )
