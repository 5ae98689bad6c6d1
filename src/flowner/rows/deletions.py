"""Bulk deletions under way: beside the job of each stands what is left of it, until it has ended.

With that whoever takes it up goes on where the last batch was committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from psycopg.types.json import Jsonb

from flowner.database import Transaction
from flowner.rows import jobs, registry
from flowner.rows.callers import Caller
from flowner.values import JsonObject, PrincipalId

_TAKE: Final = """
SELECT d.asyncoperationid::text AS job, d.queries, d.query, d.after, d.gone, d.kept,
    j.ownerid::text AS acting_for, j.createdonbehalfby::text AS actor
FROM rows.bulkdeletion d JOIN rows.asyncoperation j USING (asyncoperationid)
ORDER BY d.touched LIMIT 1 FOR UPDATE OF d SKIP LOCKED
"""
_GO_ON: Final = """
UPDATE rows.bulkdeletion SET query = %s, after = %s, gone = %s, kept = %s,
    touched = clock_timestamp() WHERE asyncoperationid = %s
"""
_SAY: Final = """
UPDATE rows.asyncoperation SET statecode = %(state)s, statuscode = %(status)s,
    startedon = coalesce(startedon, %(now)s), completedon = %(ended)s,
    message = %(said)s, friendlymessage = %(said)s,
    modifiedon = now(), versionnumber = nextval('rows.version')
WHERE asyncoperationid = %(job)s
"""


class Stage(Enum):
    """Where a job stands: its ``statecode`` and its ``statuscode``."""

    IN_PROGRESS = (2, 20)
    SUCCEEDED = (jobs.COMPLETED, jobs.SUCCEEDED)
    FAILED = (jobs.COMPLETED, jobs.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A bulk deletion under way."""

    job: str
    caller: Caller
    queries: Sequence[JsonObject]
    query: int = 0
    """Which of the queries it has come to."""
    after: tuple[str | None, ...] | None = None
    """The row that it has come to in that query; None: none yet."""
    gone: int = 0
    kept: int = 0
    """Rows that were found and could not be deleted."""


async def begin_deletion(
    transaction: Transaction, caller: Caller, name: str, table: str, queries: Sequence[JsonObject]
) -> str:
    """Keep a bulk deletion that is to be carried out, in its owner's name; answers its job's id."""
    job = await jobs.begin_job(transaction, caller, (jobs.BULK_DELETE, name, table))
    await transaction.execute(
        "INSERT INTO rows.bulkdeletion (asyncoperationid, queries) VALUES (%s, %s)",
        (job, Jsonb(list(queries))),
    )
    return job


async def take_deletion(transaction: Transaction) -> Deletion | None:
    """Return the bulk deletion whose turn it is, held until the transaction ends; None: none."""
    row = await (await transaction.execute(_TAKE)).fetchone()
    if row is None:
        return None
    actor = None if row["actor"] is None else PrincipalId(row["actor"])
    return Deletion(
        job=row["job"],
        caller=Caller(PrincipalId(row["acting_for"]), actor),
        queries=row["queries"],
        query=row["query"],
        after=None if row["after"] is None else tuple(row["after"]),
        gone=row["gone"],
        kept=row["kept"],
    )


async def keep_deletion(
    transaction: Transaction, deletion: Deletion, stage: Stage, now: datetime, said: str
) -> None:
    """Keep how far a bulk deletion has come, and say so in its job's row.

    Nothing is left of one that has ended but its job.
    """
    state, status = stage.value
    ended = state == jobs.COMPLETED
    values = {"state": state, "status": status, "now": now, "ended": now if ended else None,
              "said": said, "job": deletion.job}  # fmt: skip
    await transaction.execute(_SAY, values)
    if ended:
        await registry.delete(transaction, "bulkdeletion", {"asyncoperationid": deletion.job})
        return
    after = None if deletion.after is None else Jsonb(list(deletion.after))
    await transaction.execute(
        _GO_ON, (deletion.query, after, deletion.gone, deletion.kept, deletion.job)
    )
