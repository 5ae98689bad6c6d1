"""Starts that wait for somebody who cannot be had: a header and a wake, and no entry yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flowner.database import Transaction
from flowner.values import PrincipalId, RunId

_LOOK_AGAIN = timedelta(hours=1)
"""After which it is looked anyway, whatever nobody told of."""

_AWAY = (
    "DELETE FROM journal.wake WHERE run = %s",
    "DELETE FROM journal.inbox WHERE run = %s",
    "DELETE FROM journal.run WHERE id = %s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a run is to begin with, once its principal can be had."""

    principal: PrincipalId
    occasion: bytes
    until: datetime


async def hold(transaction: Transaction, run: RunId, held: Held, now: datetime) -> None:
    """Keep what a run that has a header is to begin with; it is woken when somebody comes back."""
    await transaction.execute(
        "INSERT INTO journal.held (run, principal, occasion, until) VALUES (%s, %s, %s, %s)",
        (run, held.principal, held.occasion, held.until),
    )
    await transaction.execute(
        "UPDATE journal.wake SET due = %s WHERE run = %s",
        (min(held.until, now + _LOOK_AGAIN), run),
    )


async def let_go(transaction: Transaction, run: RunId) -> Held | None:
    """Take a held start away, with its header and its wake; None: it is none, or not any more."""
    found = await transaction.execute(
        "DELETE FROM journal.held WHERE run = %s"
        " RETURNING principal::text AS principal, occasion, until",
        (run,),
    )
    row = await found.fetchone()
    if row is None:
        return None
    for statement in _AWAY:
        await transaction.execute(statement, (run,))
    return Held(
        principal=PrincipalId(row["principal"]), occasion=row["occasion"], until=row["until"]
    )
