"""Jobs as rows (``asyncoperation``): what was asked for, by whom, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flowner.database import Transaction
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.privileges import business_unit_of

BULK_DELETE: Final = 13
KEY_INDEX: Final = 63
COMPLETED: Final = 3
"""The ``statecode`` of a job that has ended."""
SUCCEEDED: Final = 30
"""The ``statuscode`` of one that has done what it could."""
FAILED: Final = 31
_AHEAD: Final = 0
"""The ``statecode`` and ``statuscode`` of a job that has not begun: *Ready*."""


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
    row = {
        "statecode": COMPLETED,
        "statuscode": SUCCEEDED,
        "startedon": started,
        "completedon": ended,
        "message": message,
        "friendlymessage": message,
    }
    return await _insert(transaction, caller, job, row)


async def begin_job(transaction: Transaction, caller: Caller, job: tuple[int, str, str]) -> str:
    """Keep a job that lies ahead, in its owner's name; answers its id. ``job``: see `keep_job`."""
    row = {"statecode": _AHEAD, "statuscode": _AHEAD}
    return await _insert(transaction, caller, job, row)


async def end_job(transaction: Transaction, id: str, *, failed: bool, message: str) -> None:
    """Say of a job what came of it."""
    await transaction.execute(
        "UPDATE rows.asyncoperation SET statecode = %s, statuscode = %s, message = %s,"
        " friendlymessage = %s, startedon = createdon, completedon = clock_timestamp(),"
        " modifiedon = clock_timestamp() WHERE asyncoperationid = %s",
        (COMPLETED, FAILED if failed else SUCCEEDED, message, message, id),
    )


async def _insert(
    transaction: Transaction, caller: Caller, job: tuple[int, str, str], row: Mapping[str, object]
) -> str:
    kind, name, table = job
    said = {
        "name": name,
        "operationtype": kind,
        "primaryentitytype": table,
        "ownerid": caller.acting_for,
        "owningbusinessunit": await business_unit_of(transaction, caller.acting_for),
        "createdonbehalfby": caller.actor,
        **row,
    }
    return await registry.insert(transaction, "asyncoperation", said, by=caller.acting_for)
