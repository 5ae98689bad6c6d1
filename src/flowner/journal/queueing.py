"""Runs of one flow that wait for one another: so many at a time, so many behind them.

A waiting run has a wake like every other. Whoever takes it up asks here first; the end of a run
wakes the next, and a wake that gets lost is made good by the next look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from flowner.database import Transaction
from flowner.journal.lining import AHEAD
from flowner.values import FlowId, RunId

LOOK_AGAIN: Final = timedelta(seconds=30)
"""After which a waiting run is taken up again, if no other has ended meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many runs of one flow there may be."""

    runs: int
    """At a time."""
    waiting: int
    """Behind them."""


class Admission(Enum):
    """What becomes of a run that is to begin."""

    NOW = auto()
    LATER = auto()
    FULL = auto()


_COUNT = """
SELECT (SELECT count(*) FROM journal.run WHERE flow = %(flow)s AND ended IS NULL) AS open,
       (SELECT count(*) FROM journal.queue WHERE flow = %(flow)s) AS waiting
"""
_LEAVE = (
    "DELETE FROM journal.queue WHERE flow = %(flow)s AND run = %(run)s AND run IN"  # noqa: S608 - ours
    " (SELECT run FROM journal.queue q WHERE flow = %(flow)s AND NOT EXISTS ("
    + AHEAD.format(run="q.run")
    + ") ORDER BY run LIMIT %(room)s)"
)


async def admit(transaction: Transaction, flow: FlowId, limits: Limits) -> Admission:
    """Say whether a run may begin now. Until the transaction ends nobody else of the flow may."""
    open_runs, waiting = await _counted(transaction, flow)
    if not waiting and open_runs < limits.runs:
        return Admission.NOW
    return Admission.LATER if waiting < limits.waiting else Admission.FULL


async def admit_waiting(transaction: Transaction, flow: FlowId, run: RunId, runs: int) -> bool:
    """Let a waiting run begin, if there is room and none waits longer."""
    open_runs, waiting = await _counted(transaction, flow)
    if open_runs - waiting >= runs:
        return False
    values = {"flow": flow, "run": run, "room": runs - (open_runs - waiting)}
    done = await transaction.execute(_LEAVE.encode(), values)
    return done.rowcount == 1


async def leave_queue(transaction: Transaction, run: RunId) -> None:
    """Let a run wait no longer, whatever the limits: there are none any more."""
    await transaction.execute("DELETE FROM journal.queue WHERE run = %s", (run,))


async def _counted(transaction: Transaction, flow: FlowId) -> tuple[int, int]:
    await transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('flowner queue ' || %s, 0))", (flow,)
    )
    row = await (await transaction.execute(_COUNT, {"flow": flow})).fetchone()
    return (0, 0) if row is None else (int(row["open"]), int(row["waiting"]))
