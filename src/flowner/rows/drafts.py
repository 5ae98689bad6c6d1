"""Drafts of flows as documents: a line of steps, and the one that is shown.

A flow has one draft, which all who may edit it share; without one, it is as it was published.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Json

from flowner.database import Transaction
from flowner.values import FlowId, JsonObject, PrincipalId

MOST_STEPS = 200
"""Steps of a draft that are kept to be undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a draft, and its document."""

    number: int
    """0 is what was published when the draft was begun."""
    document: JsonObject
    label: str
    by: PrincipalId | None
    at: datetime
    based_on: int
    """The version that the draft was begun from."""
    earliest: int
    latest: int
    """The numbers of the steps that are kept."""


_SHOWN = """
SELECT s.*, s.madeby::text AS by, d.basedon,
       (SELECT min(number) FROM rows.flowdraftstep WHERE workflowid = d.workflowid) AS earliest,
       (SELECT max(number) FROM rows.flowdraftstep WHERE workflowid = d.workflowid) AS latest
FROM rows.flowdraft d JOIN rows.flowdraftstep s USING (workflowid, number)
WHERE d.workflowid = %s
"""


async def read_draft(transaction: Transaction, flow: FlowId, *, lock: bool = False) -> Step | None:
    """Return the step that is shown of a flow's draft; None when it has no draft."""
    statement = _SHOWN + ("FOR UPDATE OF d" if lock else "")
    row = await (await transaction.execute(statement.encode(), (flow,))).fetchone()
    if row is None:
        return None
    return Step(
        number=row["number"],
        document=row["definition"],
        label=row["label"],
        by=row["by"],
        at=row["madeon"],
        based_on=row["basedon"],
        earliest=row["earliest"],
        latest=row["latest"],
    )


async def begin_draft(
    transaction: Transaction, flow: FlowId, document: JsonObject, *, based_on: int
) -> None:
    """Begin a draft with what a version says, unless there is one."""
    begun = await transaction.execute(
        "INSERT INTO rows.flowdraft (workflowid, number, basedon) VALUES (%s, 0, %s)"
        " ON CONFLICT DO NOTHING",
        (flow, based_on),
    )
    if begun.rowcount:
        await _write(transaction, flow, 0, (document, "", None))


async def add_step(
    transaction: Transaction,
    flow: FlowId,
    after: int,
    step: tuple[JsonObject, str],
    *,
    by: PrincipalId,
) -> int:
    """Keep a document, with what was done, behind a step; answers its number.

    Steps behind that one were undone, and are forgotten.
    """
    await transaction.execute(
        "DELETE FROM rows.flowdraftstep WHERE workflowid = %s AND (number > %s OR number <= %s)",
        (flow, after, after + 1 - MOST_STEPS),
    )
    await _write(transaction, flow, after + 1, (*step, by))
    await show_step(transaction, flow, after + 1)
    return after + 1


async def show_step(transaction: Transaction, flow: FlowId, number: int) -> None:
    """Show another step of a draft."""
    await transaction.execute(
        "UPDATE rows.flowdraft SET number = %s WHERE workflowid = %s", (number, flow)
    )


async def drop_draft(transaction: Transaction, flow: FlowId) -> bool:
    """Forget a flow's draft; answers whether there was one."""
    dropped = await transaction.execute("DELETE FROM rows.flowdraft WHERE workflowid = %s", (flow,))
    return dropped.rowcount > 0


async def _write(
    transaction: Transaction,
    flow: FlowId,
    number: int,
    step: tuple[JsonObject, str, PrincipalId | None],
) -> None:
    document, label, by = step
    await transaction.execute(
        "INSERT INTO rows.flowdraftstep (workflowid, number, definition, label, madeby)"
        " VALUES (%s, %s, %s, %s, %s)",
        (flow, number, Json(document), label, by),
    )
