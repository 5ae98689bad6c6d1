"""Approvals asked for by runs: made once, however often the call is repeated, and waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flowner.approvals.deciding import APPROVE, REJECT, Kind
from flowner.approvals.shapes import created_body, outcome_body, people_of
from flowner.database import Database, Transaction
from flowner.errors import Code, Invalid, NotFound, Refused
from flowner.rows.answers import wait_for
from flowner.rows.approvals import (
    Approval,
    Request,
    find_assignees,
    insert_approval,
    lock_approval,
    members_of,
    read_approval,
    tell,
)
from flowner.rows.facts import read_principals
from flowner.values import FlowId, JsonObject, PrincipalId, RunId

_BASIC = (APPROVE, REJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The step of a run that asks."""

    flow: FlowId
    run: RunId
    path: str
    key: str
    """The same for every attempt of the step."""
    owner: PrincipalId
    """In whose name it asks."""
    due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked, of whom."""

    kind: Kind
    title: str
    stages: tuple[tuple[Kind, str], ...]
    """The kind of each, and who is asked: addresses or ids, with ``;`` between them."""
    details: str = ""
    link: str = ""
    link_text: str = ""
    requestor: str = ""
    """'' for whoever asks."""
    options: tuple[str, ...] = ()
    notifies: bool = True
    may_be_reassigned: bool = True


class Requests:
    """Makes approvals and lets runs wait for them. ``link`` is where one is answered, by its id."""

    def __init__(self, database: Database, link: Callable[[str], str]) -> None:
        self._database, self._link = database, link

    async def make(self, wanted: Wanted, by: Asking, *, waits: bool) -> JsonObject:
        """Make an approval, or find the one that this step has made; answers it as outputs.

        ``waits``: the step itself waits for the outcome.

        Raises:
            Refused: somebody who is asked, or the requestor, is nobody or several, by the codes of
                the connector.
        """
        async with self._database.transaction() as transaction:
            stages = [await self._assignees(transaction, text) for _, text in wanted.stages]
            requestor = await self._requestor(transaction, wanted.requestor)
            values = {
                "idempotencykey": by.key,
                "workflowid": by.flow,
                "runid": by.run,
                "actionpath": by.path,
                "waits": waits,
                "ownerid": by.owner,
                "requestorid": requestor,
                "kind": wanted.kind.value,
                "stages": [kind.value for kind, _ in wanted.stages],
                "responseoptions": list(wanted.options or _BASIC),
                "title": wanted.title,
                "details": wanted.details,
                "itemlink": wanted.link,
                "itemlinkdescription": wanted.link_text,
                "enablenotifications": wanted.notifies,
                "enablereassignment": wanted.may_be_reassigned,
                "due": by.due,
                "createdby": by.owner,
            }
            id = await insert_approval(transaction, values, stages)
            approval = await read_approval(transaction, id)
            await tell_asked(transaction, approval, approval.open_requests)
            people = await people_of(transaction, [approval])
        return created_body(approval, people, self._link(id))

    async def wait(self, id: str, by: Asking) -> JsonObject | None:
        """Let a step wait for an approval; answers the outcome where it is there already.

        Raises:
            NotFound: there is none, or none that whoever asks may know of.
            Refused: it was given up: nobody will answer.
        """
        async with self._database.transaction() as transaction:
            approval = await lock_approval(transaction, id)
            if approval.flow != by.flow and by.owner not in approval.senders:
                raise NotFound(f"there is no approval `{id[:60]}`")
            if approval.outcome is not None:
                people = await people_of(transaction, [approval])
                return outcome_body(approval, people, self._link(approval.id))
            if approval.status != "Pending":
                raise Refused(
                    f"the approval `{approval.title}` is {approval.status}: nobody answers it",
                    code=Code.APPROVAL_NOT_OPEN,
                )
            await wait_for(transaction, approval.id, by.run, by.path)
            return None

    async def _assignees(self, transaction: Transaction, text: str) -> list[PrincipalId]:
        """Return whom a list of addresses means, each once, in its order."""
        named = [one.strip() for one in text.split(";") if one.strip()]
        meant = await find_assignees(transaction, named)
        nobody = [one for one in named if not meant.get(one)]
        if nobody or not named:
            whom = ", ".join(f"`{one}`" for one in nobody)
            raise Refused(
                "required field 'assignedTo' contained no valid users in the organization"
                + (f": {whom} is nobody here" if nobody else ""),
                code=Code.APPROVAL_NOBODY,
            )
        for one in named:
            if len(meant[one]) > 1:
                ids = ", ".join(sorted(meant[one]))
                raise Refused(
                    f"found multiple matching users ('{ids}') for '{one}'",
                    code=Code.APPROVAL_AMBIGUOUS,
                )
        return list(dict.fromkeys(meant[one][0] for one in named))

    async def _requestor(self, transaction: Transaction, text: str) -> PrincipalId | None:
        named = [one.strip() for one in text.split(";") if one.strip()]
        if not named:
            return None
        meant = await find_assignees(transaction, named)
        people = await read_principals(transaction, [id for ids in meant.values() for id in ids])
        found = [one.id for one in people.values() if one.kind.acts]
        if len(named) != 1 or len(found) != 1:
            raise Refused(
                "the approval requestor must be a single, valid user account within your"
                f" organization, and `{text}` is none",
                code=Code.APPROVAL_REQUESTOR,
            )
        return found[0]


async def tell_asked(
    transaction: Transaction, approval: Approval, requests: Sequence[Request]
) -> None:
    """Write to everybody whom these questions are put to; members of a group, each."""
    for request in requests:
        people = await read_principals(transaction, [request.holder])
        asked = people.get(request.holder)
        if asked is None:
            continue
        members = [asked.id]
        if not asked.kind.acts:
            members = await members_of(transaction, asked.id)
        await tell(transaction, approval, request.id, members)


def stages_of(
    kind: Kind, assigned: str, steps: Sequence[tuple[str, str]]
) -> tuple[tuple[Kind, str], ...]:
    """Return the stages of an approval: one, or those of a sequence.

    ``steps`` are kind ('' for the first to respond) and addresses. A sequence that names no steps
    asks one after the other of those it is assigned to. Raises `Invalid` for a step of a kind that
    a step cannot have.
    """
    if kind is not Kind.SEQUENCE:
        return ((kind, assigned),)
    if not steps:
        named = [one.strip() for one in assigned.split(";") if one.strip()]
        return tuple((Kind.FIRST, one) for one in named) or ((Kind.FIRST, ""),)
    known = {Kind.FIRST.value: Kind.FIRST, Kind.EVERYONE.value: Kind.EVERYONE, "": Kind.FIRST}
    for given, _ in steps:
        if given not in known:
            raise Invalid(f"a step of a sequence is `Basic` or `BasicAwaitAll`, not `{given[:40]}`")
    return tuple((known[given], whom) for given, whom in steps)
