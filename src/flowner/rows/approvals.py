"""Approvals as they are kept: what is asked of whom, what was answered, and who waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from flowner.database import Transaction
from flowner.errors import NotFound
from flowner.rows.letters import write_letters
from flowner.values import FlowId, PrincipalId, RunId

CANCELED: Final = "Canceled"
"""The outcome, and the status, of an approval that was taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question of an approval: whom it stands with."""

    id: str
    stage: int
    holder: PrincipalId
    """A user or a group."""
    first_holder: PrincipalId
    """Who was asked before it was reassigned; else the holder."""
    reassigned_by: PrincipalId | None
    reassigned_on: datetime | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer."""

    request: str
    responder: PrincipalId
    on_behalf_of: PrincipalId | None
    """Who was asked, where somebody else answered: a group, or who it was reassigned from."""
    response: str
    comments: str
    via: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """How whoever asked took an approval back."""

    by: PrincipalId
    reason: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One approval with its questions and answers, in order."""

    id: str
    flow: FlowId
    flow_name: str
    flow_owner: PrincipalId | None
    run: RunId
    path: str
    waits: bool
    """Whether the action that made it waits for it itself."""
    owner: PrincipalId
    requestor: PrincipalId | None
    kind: str
    stages: tuple[str, ...]
    """The kind of each."""
    stage: int
    options: tuple[str, ...]
    title: str
    details: str
    link: str
    link_text: str
    notifies: bool
    may_be_reassigned: bool
    due: datetime | None
    created: datetime
    status: str
    """Pending, Completed, TimedOut or Canceled: also by what has become of its run."""
    outcome: str | None
    """What the answers came to; Canceled: whoever asked has taken it back."""
    completed: datetime | None
    cancelled: Cancelled | None
    """None also where it is given up because its run is over."""
    requests: tuple[Request, ...]
    responses: tuple[Response, ...]

    @property
    def senders(self) -> tuple[PrincipalId | None, ...]:
        """Whose approval it is: who asks, in whose name, and who owns the flow."""
        return (self.owner, self.requestor, self.flow_owner)

    @property
    def open_requests(self) -> tuple[Request, ...]:
        """The questions that can be answered now."""
        if self.status != "Pending":
            return ()
        return tuple(one for one in self.requests if one.is_open and one.stage == self.stage)


_ONE = """
SELECT a.*, a.approvalid::text AS id,
       coalesce((SELECT json_agg(json_build_object('id', q.approvalrequestid, 'stage', q.stage,
                    'holder', q.holderid, 'first_holder', q.firstholderid,
                    'reassigned_by', q.reassignedby, 'reassigned_on', q.reassignedon,
                    'is_open', q.isopen) ORDER BY q.stage, q.position)
                 FROM rows.approvalrequest q WHERE q.approvalid = a.approvalid), '[]') AS requests,
       coalesce((SELECT json_agg(json_build_object('request', p.approvalrequestid,
                    'responder', p.responderid, 'on_behalf_of', p.onbehalfofid,
                    'response', p.response, 'comments', p.comments, 'via', p.via,
                    'at', p.respondedon) ORDER BY p.respondedon, p.createdon)
                 FROM rows.approvalresponse p WHERE p.approvalid = a.approvalid), '[]') AS responses
FROM rows.approvalnow a
"""
_RECEIVED = """
WHERE a.status = 'Pending' AND EXISTS (
    SELECT FROM rows.approvalrequest q WHERE q.approvalid = a.approvalid AND q.isopen
    AND q.stage = a.stage AND q.holderid = ANY(%(holders)s::uuid[]))
AND a.approvalid IN (SELECT approvalid FROM rows.approvalrequest
    WHERE isopen AND holderid = ANY(%(holders)s::uuid[]))
"""
_SENT = """
WHERE a.ownerid = %(person)s OR a.requestorid = %(person)s OR a.flowownerid = %(person)s
"""
_HISTORY = """
WHERE a.approvalid IN (
    SELECT approvalid FROM rows.approvalresponse WHERE responderid = %(person)s
    UNION SELECT approvalid FROM rows.approvalrequest WHERE holderid = ANY(%(holders)s::uuid[])
        OR firstholderid = ANY(%(holders)s::uuid[]))
AND (a.status <> 'Pending' OR EXISTS (
    SELECT FROM rows.approvalresponse p
    WHERE p.approvalid = a.approvalid AND p.responderid = %(person)s))
"""
_OF_RUN = """
WHERE a.runid = %(run)s OR a.approvalid IN
    (SELECT approvalid FROM rows.approvalwait WHERE runid = %(run)s) ORDER BY a.createdon
"""
_LISTS = {"received": _RECEIVED, "sent": _SENT, "history": _HISTORY}
_INSERT = """
INSERT INTO rows.approval ({columns}) VALUES ({values})
ON CONFLICT (idempotencykey) DO NOTHING RETURNING approvalid::text AS id
"""
_ASSIGNEES = """
SELECT t.text, u.systemuserid::text AS id FROM unnest(%(texts)s::text[]) t(text)
JOIN rows.systemuser u ON NOT u.isdisabled AND u.applicationid IS NULL
 AND (u.systemuserid::text = lower(t.text) OR lower(u.domainname) = lower(t.text)
      OR lower(u.internalemailaddress) = lower(t.text))
UNION
SELECT t.text, g.securitygroupid::text FROM unnest(%(texts)s::text[]) t(text)
JOIN rows.securitygroup g ON g.securitygroupid::text = lower(t.text)
 OR lower(g.mail) = lower(t.text) OR lower(g.name) = lower(t.text)
"""


async def find_assignees(
    transaction: Transaction, texts: Iterable[str]
) -> dict[str, list[PrincipalId]]:
    """Return whom each text means: users by id, UPN or mail, groups by id, mail or name."""
    found = await transaction.execute(_ASSIGNEES, {"texts": list(texts)})
    meant: dict[str, list[PrincipalId]] = {}
    for row in await found.fetchall():
        meant.setdefault(row["text"], []).append(PrincipalId(row["id"]))
    return meant


async def insert_approval(
    transaction: Transaction, values: Mapping[str, Any], stages: Sequence[Sequence[PrincipalId]]
) -> str:
    """Keep an approval and its questions; answers its id, also where it is kept already.

    ``values`` by column; one with the same ``idempotencykey`` is the same one. ``stages`` are who
    is asked in each.
    """
    stored = {n: Jsonb(v) if isinstance(v, list) else v for n, v in values.items()}
    statement = _INSERT.format(
        columns=", ".join(stored), values=", ".join(f"%({name})s" for name in stored)
    )
    row = await (await transaction.execute(statement.encode(), stored)).fetchone()
    if row is None:
        known = await transaction.execute(
            "SELECT approvalid::text AS id FROM rows.approval WHERE idempotencykey = %s",
            (values["idempotencykey"],),
        )
        row = await known.fetchone()
        if row is None:
            raise NotFound("the approval is gone")
        return str(row["id"])
    for stage, holders in enumerate(stages):
        for position, holder in enumerate(holders):
            await transaction.execute(
                "INSERT INTO rows.approvalrequest"
                " (approvalid, stage, position, holderid, firstholderid)"
                " VALUES (%s, %s, %s, %s, %s)",
                (row["id"], stage, position, holder, holder),
            )
    return str(row["id"])


async def lock_approval(transaction: Transaction, id: str) -> Approval:
    """Read one for a change; whoever changes it too waits. `NotFound` when there is none."""
    await transaction.execute(
        "SELECT FROM rows.approval WHERE approvalid::text = lower(%s) FOR UPDATE", (id,)
    )
    return await read_approval(transaction, id)


async def read_approval(transaction: Transaction, id: str) -> Approval:
    """Read one; `NotFound` when there is none."""
    found = await transaction.execute(
        (_ONE + " WHERE a.approvalid::text = lower(%s)").encode(), (id.replace("\0", ""),)
    )
    row = await found.fetchone()
    if row is None:
        raise NotFound(f"there is no approval `{id[:60]}`")
    return _approval(row)


async def approval_of_request(transaction: Transaction, request: str) -> str:
    """Return the approval that a question is of; `NotFound` when there is none."""
    found = await transaction.execute(
        "SELECT approvalid::text AS id FROM rows.approvalrequest"
        " WHERE approvalrequestid::text = lower(%s)",
        (request.replace("\0", ""),),
    )
    row = await found.fetchone()
    if row is None:
        raise NotFound("there is no such question")
    return str(row["id"])


async def list_approvals(
    transaction: Transaction,
    person: PrincipalId,
    holders: Iterable[PrincipalId],
    *,
    which: str,
    limit: int,
) -> list[Approval]:
    """Return somebody's approvals, the newest first: ``received``, ``sent`` or ``history``.

    ``holders`` are the person and their groups.
    """
    statement = _ONE + _LISTS[which] + " ORDER BY a.createdon DESC LIMIT %(limit)s"
    values = {"person": person, "holders": sorted(holders), "limit": limit}
    found = await transaction.execute(statement.encode(), values)
    return [_approval(row) for row in await found.fetchall()]


async def approvals_of_run(transaction: Transaction, run: RunId) -> list[Approval]:
    """Return the approvals that a run made or waits for, the oldest first."""
    found = await transaction.execute((_ONE + _OF_RUN).encode(), {"run": run})
    return [_approval(row) for row in await found.fetchall()]


async def members_of(transaction: Transaction, group: PrincipalId) -> list[PrincipalId]:
    """Return the users in a group, however deep, who are not disabled."""
    found = await transaction.execute(
        "WITH RECURSIVE inside(id) AS (SELECT %s::uuid UNION"
        " SELECT m.memberid FROM rows.groupmembership m JOIN inside i ON m.securitygroupid = i.id)"
        " SELECT u.systemuserid::text AS id FROM rows.systemuser u JOIN inside i"
        " ON i.id = u.systemuserid WHERE NOT u.isdisabled ORDER BY 1",
        (group,),
    )
    return [PrincipalId(row["id"]) for row in await found.fetchall()]


async def tell(
    transaction: Transaction, approval: Approval, request: str, people: Iterable[PrincipalId]
) -> None:
    """Write a letter about a question to each; to be sent, where the approval notifies."""
    await write_letters(transaction, "approval", request, people, wanted=approval.notifies)


def _approval(row: Mapping[str, Any]) -> Approval:
    return Approval(
        id=row["id"],
        flow=FlowId(str(row["workflowid"])),
        flow_name=row["flowname"] or "",
        flow_owner=_id(row["flowownerid"]),
        run=RunId(row["runid"]),
        path=row["actionpath"],
        waits=row["waits"],
        owner=PrincipalId(str(row["ownerid"])),
        requestor=_id(row["requestorid"]),
        kind=row["kind"],
        stages=tuple(row["stages"]),
        stage=row["stage"],
        options=tuple(row["responseoptions"]),
        title=row["title"],
        details=row["details"],
        link=row["itemlink"],
        link_text=row["itemlinkdescription"],
        notifies=row["enablenotifications"],
        may_be_reassigned=row["enablereassignment"],
        due=row["due"],
        created=row["createdon"],
        status=row["status"],
        outcome=row["outcome"],
        completed=row["completedon"],
        cancelled=_cancelled(row),
        requests=tuple(_request(one) for one in row["requests"]),
        responses=tuple(_response(one) for one in row["responses"]),
    )


def _cancelled(row: Mapping[str, Any]) -> Cancelled | None:
    by = _id(row["cancelledby"])
    if by is None:
        return None
    return Cancelled(by=by, reason=row["cancelreason"], via=row["cancelledvia"])


def _request(one: Mapping[str, Any]) -> Request:
    at = one["reassigned_on"]
    return Request(**{**one, "reassigned_on": None if at is None else datetime.fromisoformat(at)})


def _response(one: Mapping[str, Any]) -> Response:
    return Response(**{**one, "at": datetime.fromisoformat(one["at"])})


def _id(value: object) -> PrincipalId | None:
    return None if value is None else PrincipalId(str(value))
