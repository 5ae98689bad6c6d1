"""Sign-ins for connections that somebody has begun: each is ended once, by them alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flowner.database import Transaction
from flowner.values import ConnectionId, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """Who has begun to sign in for which connection, and in which session."""

    person: PrincipalId
    session: bytes
    """SHA-256 of a secret of their session."""
    connection: ConnectionId
    redirect_uri: str
    return_to: str


async def insert_began(
    transaction: Transaction, began: Began, *, state: bytes, expires: datetime
) -> None:
    """Remember a sign-in by the SHA-256 of its state."""
    await transaction.execute(
        "INSERT INTO rows.connectionbegun (statehash, sessionhash, principalid,"
        " connectioninstanceid, redirecturi, returnto, expireson)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            state,
            began.session,
            began.person,
            began.connection,
            began.redirect_uri,
            began.return_to,
            expires,
        ),
    )


async def take_began(
    transaction: Transaction, person: PrincipalId, *, state: bytes, session: bytes, now: datetime
) -> Began | None:
    """Return a sign-in to who began it, in the same session, once; forgets those that are over."""
    await transaction.execute("DELETE FROM rows.connectionbegun WHERE expireson < %s", (now,))
    done = await transaction.execute(
        "DELETE FROM rows.connectionbegun"
        " WHERE statehash = %s AND sessionhash = %s AND principalid = %s"
        " RETURNING connectioninstanceid::text AS connection, redirecturi, returnto",
        (state, session, person),
    )
    row = await done.fetchone()
    if row is None:
        return None
    return Began(
        person=person,
        session=session,
        connection=ConnectionId(row["connection"]),
        redirect_uri=row["redirecturi"],
        return_to=row["returnto"],
    )
