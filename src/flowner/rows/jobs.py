"""Jobs as rows (``asyncoperation``): what was asked for, by whom, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flowner.database import Transaction
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.privileges import business_unit_of

BULK_DELETE: Final = 13
COMPLETED: Final = 3
"""The ``statecode`` of a job that has ended."""
SUCCEEDED: Final = 30
"""The ``statuscode`` of one that has done what it could."""


async def keep_job(
    transaction: Transaction,
    caller: Caller,
    job: tuple[int, str, str],
    *,
    started: datetime,
    ended: datetime,
    message: str,
) -> str:
    """Keep a job that has ended, in its owner's name; answers its id.

    ``job`` is its kind, its name and the table that it was about.
    """
    kind, name, table = job
    row = {
        "name": name,
        "operationtype": kind,
        "primaryentitytype": table,
        "ownerid": caller.acting_for,
        "owningbusinessunit": await business_unit_of(transaction, caller.acting_for),
        "createdonbehalfby": caller.actor,
        "statecode": COMPLETED,
        "statuscode": SUCCEEDED,
        "startedon": started,
        "completedon": ended,
        "message": message,
        "friendlymessage": message,
    }
    return await registry.insert(transaction, "asyncoperation", row, by=caller.acting_for)
