"""Lines: the runs of one flow for one row, one at a time and in the order of the row's changes.

Its place in its line is a run's until it is over, whatever happens to its worker. The first of a
line may begin, or go on; the others wait. The end of a run wakes the one behind it, in the
statement that ends it (`appending`); a wake that gets lost is made good by the next look.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from flowner.database import Transaction
from flowner.values import FlowId, RunId

_LOOK_AGAIN: Final = timedelta(seconds=30)
"""After which the second of a line is taken up again; the others so much later for each place."""
_COUNTED: Final = 120

AHEAD: Final = """
SELECT FROM journal.line mine JOIN journal.line e
    ON e.flow = mine.flow AND e.item = mine.item AND e.place < mine.place
WHERE mine.run = {run}
"""
"""The places before that of a run, which the SQL in place of ``run`` names."""


async def join_line(transaction: Transaction, run: RunId, flow: FlowId, item: str) -> bool:
    """Put a run at the end of its line, unless it stands there; answers whether it has to wait.

    Until the transaction ends nobody else may join the line.
    """
    await transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('flowner line ' || %s || %s, 0))",
        (flow, item),
    )
    await transaction.execute(
        "INSERT INTO journal.line (run, flow, item) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (run, flow, item),
    )
    return await look_again(transaction, run) is not None


async def look_again(transaction: Transaction, run: RunId) -> timedelta | None:
    """Return after how long a run that has to wait is to look again; None: it need not wait.

    Whoever is first in the line does not end meanwhile, so that the end is not missed.
    """
    first = await transaction.execute(
        (AHEAD.format(run="%s") + " ORDER BY e.place LIMIT 1 FOR KEY SHARE OF e").encode(), (run,)
    )
    if await first.fetchone() is None:
        return None
    counted = "SELECT count(*) AS ahead FROM (" + AHEAD.format(run="%s") + " LIMIT %s) a"  # noqa: S608 - ours
    found = await transaction.execute(counted.encode(), (run, _COUNTED))
    row = await found.fetchone()
    return _LOOK_AGAIN * (1 if row is None else max(int(row["ahead"]), 1))


async def leave_line(transaction: Transaction, run: RunId, now: datetime) -> None:
    """Take a run that will never begin out of its line, and wake the one behind it."""
    await transaction.execute(
        "WITH gone AS (DELETE FROM journal.line WHERE run = %s RETURNING flow, item, place)"
        " UPDATE journal.wake w SET due = least(w.due, %s), posted = posted + 1"
        " FROM gone g CROSS JOIN LATERAL ("
        "  SELECT run FROM journal.line l WHERE l.flow = g.flow AND l.item = g.item"
        "  AND l.place > g.place ORDER BY place LIMIT 1) n"
        " WHERE w.run = n.run RETURNING pg_notify('flowner_wake', '')",
        (run, now),
    )
