"""When scheduled flows are due, and that each occurrence fires once, whoever fires it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flowner.database import Transaction
from flowner.values import FlowId


@dataclass(frozen=True, slots=True)
class Due:
    """A flow whose time has come, and the time it was to run."""

    flow: FlowId
    at: datetime
    anchor: datetime
    """What its periods are counted from, where its recurrence names no start."""


async def set_schedule(
    transaction: Transaction,
    flow: FlowId,
    next_at: datetime | None,
    *,
    anchor: datetime | None = None,
) -> None:
    """Say when a flow is due next; None: never again.

    ``anchor`` None keeps the one there is; a flow that has none takes ``next_at``.
    """
    if next_at is None:
        await transaction.execute("DELETE FROM journal.schedule WHERE flow = %s", (flow,))
        return
    await transaction.execute(
        "INSERT INTO journal.schedule (flow, next, anchor)"
        " VALUES (%(flow)s, %(next)s, coalesce(%(anchor)s, %(next)s)) ON CONFLICT (flow)"
        " DO UPDATE SET next = excluded.next, anchor = coalesce(%(anchor)s, schedule.anchor)",
        {"flow": flow, "next": next_at, "anchor": anchor},
    )


async def take_due(transaction: Transaction, now: datetime, most: int) -> list[Due]:
    """Lock and return the schedules that are due; others skip them until this commits."""
    found = await transaction.execute(
        "SELECT flow::text AS flow, next, anchor FROM journal.schedule WHERE next <= %s"
        " ORDER BY next LIMIT %s FOR UPDATE SKIP LOCKED",
        (now, most),
    )
    return [Due(FlowId(row["flow"]), row["next"], row["anchor"]) for row in await found.fetchall()]


async def take_later(transaction: Transaction, now: datetime) -> list[Due]:
    """Lock and return the schedules that are due after ``now``, but for those others hold."""
    found = await transaction.execute(
        "SELECT flow::text AS flow, next, anchor FROM journal.schedule WHERE next > %s"
        " FOR UPDATE SKIP LOCKED",
        (now,),
    )
    return [Due(FlowId(row["flow"]), row["next"], row["anchor"]) for row in await found.fetchall()]


async def fire(transaction: Transaction, flow: FlowId, occurrence: datetime) -> bool:
    """Claim one occurrence; False when it has fired before."""
    done = await transaction.execute(
        "INSERT INTO journal.firing (flow, occurrence) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (flow, occurrence),
    )
    return done.rowcount == 1


async def last_firing(transaction: Transaction, flow: FlowId, until: datetime) -> datetime | None:
    """Return the last occurrence up to a moment that has fired; one look into an index."""
    found = await transaction.execute(
        "SELECT max(occurrence) AS at FROM journal.firing WHERE flow = %s AND occurrence <= %s",
        (flow, until),
    )
    row = await found.fetchone()
    return None if row is None else row["at"]


async def next_schedule(transaction: Transaction) -> datetime | None:
    """Return when the next schedule of all is due."""
    found = await transaction.execute("SELECT min(next) AS at FROM journal.schedule")
    row = await found.fetchone()
    return None if row is None else row["at"]


async def scheduled(transaction: Transaction) -> set[FlowId]:
    """Return the flows that have a schedule."""
    found = await transaction.execute("SELECT flow::text AS flow FROM journal.schedule")
    return {FlowId(row["flow"]) for row in await found.fetchall()}
