"""Runs that are set aside: restored from a backup, and not moved until somebody says so.

What they did after the backup nobody here knows: going on, they may do it again. Such a run's lease
is held, for good, by nobody who works; so none takes it up, and answers that come for it wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flowner.database import Transaction
from flowner.journal.wakes import CHANNEL
from flowner.values import RunId

OWNER: Final = "set aside"
"""No worker's: theirs have a machine, a process and chance in their names."""
GIVE_UP_LEASES: Final = (
    "UPDATE journal.wake SET owner = NULL, lease = NULL WHERE owner <> 'set aside'"
)
"""Of a database of whose workers none lives any more."""
SET_ASIDE: Final = "UPDATE journal.wake SET owner = 'set aside', lease = '9999-12-31 00:00:00+00'"
"""Of such a database, too."""
_LIST = """
SELECT w.run, r.flow_name, r.status, r.started FROM journal.wake w
JOIN journal.run r ON r.id = w.run WHERE w.owner = %s ORDER BY w.run DESC LIMIT %s
"""
_GO_ON = """
WITH gone AS (
    UPDATE journal.wake SET owner = NULL, lease = NULL
    WHERE owner = %(owner)s AND (%(runs)s::bigint[] IS NULL OR run = ANY(%(runs)s)) RETURNING run)
SELECT run, pg_notify(%(channel)s, '') FROM gone
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A run that is set aside."""

    run: RunId
    flow_name: str
    status: str
    started: datetime


async def count_open(transaction: Transaction) -> int:
    """Return how many runs have not ended."""
    found = await transaction.execute("SELECT count(*) AS runs FROM journal.wake")
    row = await found.fetchone()
    return 0 if row is None else int(row["runs"])


async def list_aside(transaction: Transaction, most: int) -> list[Aside]:
    """Return the newest runs that are set aside."""
    found = await transaction.execute(_LIST, (OWNER, most))
    return [
        Aside(
            run=RunId(row["run"]),
            flow_name=row["flow_name"],
            status=row["status"],
            started=row["started"],
        )
        for row in await found.fetchall()
    ]


async def let_go_on(transaction: Transaction, runs: Sequence[RunId] | None) -> list[RunId]:
    """Let runs go on that are set aside, or all (None); answers which of them were."""
    values = {"owner": OWNER, "runs": None if runs is None else list(runs), "channel": CHANNEL}
    found = await transaction.execute(_GO_ON, values)
    return [RunId(row["run"]) for row in await found.fetchall()]
