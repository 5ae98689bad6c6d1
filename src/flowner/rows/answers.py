"""What becomes of an approval: answers, who is asked instead, the outcome, and who waits for it."""

from __future__ import annotations

from flowner.database import Transaction
from flowner.rows.approvals import CANCELED, Cancelled, Response
from flowner.values import PrincipalId, RunId


async def insert_response(
    transaction: Transaction, approval: str, response: Response, *, by: PrincipalId
) -> None:
    """Keep an answer, and close its question."""
    await transaction.execute(
        "INSERT INTO rows.approvalresponse (approvalid, approvalrequestid, responderid,"
        " onbehalfofid, response, comments, via, respondedon, createdby)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp(), %s)",
        (approval, response.request, response.responder, response.on_behalf_of,
         response.response, response.comments, response.via, by),
    )  # fmt: skip
    await transaction.execute(
        "UPDATE rows.approvalrequest SET isopen = false, modifiedon = now()"
        " WHERE approvalrequestid = %s",
        (response.request,),
    )


async def settle_approval(
    transaction: Transaction, id: str, stage: int, outcome: str | None
) -> None:
    """Write down which stage stands open, or the outcome, with which every question closes."""
    await transaction.execute(
        "UPDATE rows.approval SET stage = %(stage)s, outcome = %(outcome)s, modifiedon = now(),"
        " completedon = CASE WHEN %(outcome)s::text IS NOT NULL THEN clock_timestamp() END"
        " WHERE approvalid = %(id)s",
        {"id": id, "stage": stage, "outcome": outcome},
    )
    if outcome is not None:
        await transaction.execute(
            "UPDATE rows.approvalrequest SET isopen = false WHERE approvalid = %s AND isopen",
            (id,),
        )


async def cancel_approval(transaction: Transaction, id: str, cancelled: Cancelled) -> None:
    """Write down that whoever asked has taken an approval back; every question closes."""
    await settle_approval(transaction, id, 0, CANCELED)
    await transaction.execute(
        "UPDATE rows.approval SET cancelledby = %s, cancelreason = %s, cancelledvia = %s"
        " WHERE approvalid = %s",
        (cancelled.by, cancelled.reason, cancelled.via, id),
    )


async def reassign_request(
    transaction: Transaction, request: str, to: PrincipalId, *, by: PrincipalId
) -> None:
    """Ask somebody else in place of who was asked."""
    await transaction.execute(
        "UPDATE rows.approvalrequest SET holderid = %s, reassignedby = %s, reassignedon = now(),"
        " modifiedon = now() WHERE approvalrequestid = %s",
        (to, by, request),
    )


async def wait_for(transaction: Transaction, approval: str, run: RunId, path: str) -> None:
    """Write down that an action of a run waits for the outcome."""
    await transaction.execute(
        "INSERT INTO rows.approvalwait (approvalid, runid, actionpath) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (approval, run, path),
    )


async def waiting_for(transaction: Transaction, approval: str) -> list[tuple[RunId, str]]:
    """Return which actions of which runs wait for the outcome, besides the one that made it."""
    found = await transaction.execute(
        "SELECT runid, actionpath FROM rows.approvalwait WHERE approvalid = %s ORDER BY createdon",
        (approval,),
    )
    return [(RunId(row["runid"]), row["actionpath"]) for row in await found.fetchall()]
