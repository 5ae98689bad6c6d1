"""Answers to approvals: whose they are to give is proved at the moment they are given.

Whoever answers locks the approval. Of two who answer at the same moment the first wins, and the
second is told. The outcome and the message that wakes the run are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flowner.approvals.deciding import Kind, Stage, settle
from flowner.approvals.requesting import tell_asked
from flowner.approvals.shapes import People, answered_by, outcome_body, people_of
from flowner.clock import Clock
from flowner.database import Database, Transaction
from flowner.errors import AccessDenied, Code, Conflict, Invalid, NotFound, Refused
from flowner.identity.world import Principal
from flowner.journal.store import Journal
from flowner.rows.answers import (
    cancel_approval,
    insert_response,
    reassign_request,
    settle_approval,
    waiting_for,
)
from flowner.rows.approvals import (
    Approval,
    Cancelled,
    Request,
    Response,
    lock_approval,
    read_approval,
)
from flowner.rows.facts import read_principals
from flowner.rows.letters import was_written_to
from flowner.runs.messages import ENCODER, Answered
from flowner.values import PrincipalId

LONGEST_COMMENT = 10_000
_GIVEN_UP = {
    "TimedOut": "the time to answer is over",
    "Canceled": "the run that asked is over, so nobody waits for an answer any more",
}


class Answers:
    """Takes answers in. ``link`` is where an approval is answered, by its id."""

    def __init__(
        self, database: Database, journal: Journal, clock: Clock, link: Callable[[str], str]
    ) -> None:
        self._database, self._journal = database, journal
        self._clock, self._link = clock, link

    async def respond(
        self,
        id: str,
        person: PrincipalId,
        response: str,
        *,
        comments: str = "",
        via: str = "api",
        request: str | None = None,
    ) -> Approval:
        """Answer an approval as ``person``; answers how it stands then.

        ``request`` is the one question that is answered; None: the first that is theirs.

        Raises:
            NotFound: there is none, or none that they may know of.
            AccessDenied: it is not theirs to answer, or not any more.
            Conflict: it is settled, or they have answered.
            Invalid: the response is none of its options.
        """
        async with self._database.transaction() as transaction:
            approval = await lock_approval(transaction, id)
            who = await enabled(transaction, person)
            people = await people_of(transaction, [approval])
            question = await self._question(transaction, approval, who, people, request)
            given = _response(approval, question, person, response, comments)
            given = replace(given, via=via, at=self._clock.now())
            await insert_response(transaction, approval.id, given, by=person)
            return await self._settle(transaction, await read_approval(transaction, approval.id))

    async def reassign(self, id: str, request: str, to: PrincipalId, by: PrincipalId) -> Approval:
        """Ask somebody else in place of who is asked.

        By who is asked, where the approval lets them; by who asked, always. Raises as `respond`,
        and `Refused` for somebody who cannot be asked.
        """
        async with self._database.transaction() as transaction:
            approval = await lock_approval(transaction, id)
            who = await enabled(transaction, by)
            question = await self._to_reassign(transaction, approval, who, request)
            other = (await read_principals(transaction, [to])).get(to)
            if other is None or not other.who.enabled:
                raise Refused("there is nobody like that to ask")
            if any(one.holder == to for one in approval.open_requests):
                raise Refused(f"{other.name} is asked already")
            await reassign_request(transaction, request, to, by=by)
            changed = await read_approval(transaction, approval.id)
            await tell_asked(transaction, changed, [replace(question, holder=to)])
            return changed

    async def cancel(
        self, id: str, by: PrincipalId, *, reason: str = "", via: str = "api"
    ) -> Approval:
        """Take an approval back: by who asked, or the flow's owner. Nobody can answer it any more.

        Whoever waits for it goes on, with the outcome Canceled and the answers so far.

        Raises:
            NotFound: there is none, or none that they may know of.
            AccessDenied: they were asked, and did not ask.
            Conflict: it is settled, or given up.
        """
        if len(reason) > LONGEST_COMMENT:
            raise Invalid(f"a reason has at most {LONGEST_COMMENT} characters")
        async with self._database.transaction() as transaction:
            approval = await lock_approval(transaction, id)
            who = await enabled(transaction, by)
            if who.id not in approval.senders:
                found = [one for one in approval.requests if one.holder in who.who.identities]
                if not found:
                    raise NotFound(f"there is no approval `{id[:60]}`")
                raise AccessDenied("only whoever asked, or the flow's owner, cancels it: answer it")
            if approval.status != "Pending":
                await self._refuse(
                    transaction, approval, who, await people_of(transaction, [approval])
                )
            await cancel_approval(
                transaction, approval.id, Cancelled(by=by, reason=reason, via=via)
            )
            settled = await read_approval(transaction, approval.id)
            await self._wake(transaction, settled)
            return settled

    async def _to_reassign(
        self, transaction: Transaction, approval: Approval, who: Principal, request: str
    ) -> Request:
        question = next((one for one in approval.open_requests if one.id == request), None)
        holds = question is not None and question.holder in who.who.identities
        asks = who.id in approval.senders
        if not holds and not asks:
            people = await people_of(transaction, [approval])
            await self._refuse(transaction, approval, who, people)
        if question is None:
            raise Conflict("the question is not open any more", code=Code.APPROVAL_CLOSED)
        if not asks and not approval.may_be_reassigned:
            raise AccessDenied("whoever asked does not let this approval be reassigned")
        return question

    async def _question(
        self,
        transaction: Transaction,
        approval: Approval,
        who: Principal,
        people: People,
        request: str | None,
    ) -> Request:
        """Return the question that somebody answers: put to them, else to a group of theirs."""
        mine = [one for one in approval.open_requests if one.holder in who.who.identities]
        if request is not None:
            mine = [one for one in mine if one.id == request]
        if not mine:
            await self._refuse(transaction, approval, who, people)
        return min(mine, key=lambda one: one.holder != who.id)

    async def _refuse(
        self, transaction: Transaction, approval: Approval, who: Principal, people: People
    ) -> None:
        """Say why an approval cannot be answered, or not by them; raises always."""
        asked = await was_written_to(
            transaction, "approval", [one.id for one in approval.requests], who.id
        )
        holds = any(one.holder in who.who.identities for one in approval.requests)
        sent = who.id in approval.senders
        if not asked and not holds and not sent:
            raise NotFound(f"there is no approval `{approval.id}`")
        if approval.cancelled is not None:
            name, reason = people.name(approval.cancelled.by), approval.cancelled.reason
            raise Conflict(
                f"{name} has cancelled it" + (f": {reason}" if reason else ""),
                code=Code.APPROVAL_CLOSED,
            )
        if approval.status in _GIVEN_UP:
            raise Conflict(_GIVEN_UP[approval.status], code=Code.APPROVAL_CLOSED)
        if approval.status == "Completed":
            names = ", ".join(people.name(one.responder) for one in approval.responses)
            raise Conflict(
                f"it is settled: `{approval.outcome}`, answered by {names}",
                code=Code.APPROVAL_CLOSED,
            )
        given = next((one for one in approval.responses if one.responder == who.id), None)
        if given is not None:
            raise Conflict(f"you have answered: `{given.response}`", code=Code.APPROVAL_CLOSED)
        raise AccessDenied(_not_yours(approval, people, asked=asked))

    async def _settle(self, transaction: Transaction, approval: Approval) -> Approval:
        """Draw what follows from the answers, and wake whoever waits for the outcome."""
        counts = [0] * len(approval.stages)
        for request in approval.requests:
            counts[request.stage] += 1
        stages = [
            Stage(kind=Kind(kind), asked=counts[at]) for at, kind in enumerate(approval.stages)
        ]
        places = {one.id: one.stage for one in approval.requests}
        given = [(places[one.request], one.response) for one in approval.responses]
        stage, outcome = settle(stages, given)
        if outcome is None and stage == approval.stage:
            return approval
        await settle_approval(transaction, approval.id, stage, outcome)
        settled = await read_approval(transaction, approval.id)
        if outcome is None:
            await tell_asked(transaction, settled, settled.open_requests)
        else:
            await self._wake(transaction, settled)
        return settled

    async def _wake(self, transaction: Transaction, approval: Approval) -> None:
        people = await people_of(transaction, [approval])
        body = outcome_body(approval, people, self._link(approval.id))
        noted: dict[str, object] = {"answeredBy": answered_by(approval, people)}
        waiting = await waiting_for(transaction, approval.id)
        if approval.waits:
            waiting.insert(0, (approval.run, approval.path))
        for run, path in waiting:
            message = Answered(path, 200, body, has_body=True, noted=noted)
            told = await self._journal.post(run, ENCODER.encode(message), within=transaction)
            if not told and approval.waits and run == approval.run:
                raise Conflict(_GIVEN_UP["Canceled"], code=Code.APPROVAL_CLOSED)


async def enabled(transaction: Transaction, person: PrincipalId) -> Principal:
    """Return somebody who may act now; raises `AccessDenied` for who is disabled, or gone."""
    found = (await read_principals(transaction, [person])).get(person)
    if found is None or not found.who.enabled:
        name = "whoever you are" if found is None else found.name
        raise AccessDenied(f"{name} is disabled", code=Code.PRINCIPAL_DISABLED)
    return found


def _response(
    approval: Approval, question: Request, person: PrincipalId, response: str, comments: str
) -> Response:
    """Return an answer to a question; raises `Invalid` for what is none."""
    if response not in approval.options:
        options = ", ".join(f"`{one}`" for one in approval.options)
        raise Invalid(f"`{response[:60]}` is no answer to this: say one of {options}")
    if len(comments) > LONGEST_COMMENT:
        raise Invalid(f"a comment has at most {LONGEST_COMMENT} characters")
    return Response(
        request=question.id,
        responder=person,
        on_behalf_of=None if question.first_holder == person else question.first_holder,
        response=response,
        comments=comments,
        via="",
        at=approval.created,
    )


def _not_yours(approval: Approval, people: People, *, asked: bool) -> str:
    names = ", ".join(dict.fromkeys(people.name(one.holder) for one in approval.open_requests))
    if not asked:
        return f"it is not asked of you, but of {names}"
    groups = [one.holder for one in approval.open_requests if people.is_group(one.holder)]
    if groups:
        named = ", ".join(f"`{people.name(one)}`" for one in groups)
        return f"you are no longer in {named}, of whom it is asked"
    return f"it is asked of {names} now, and of you no longer"
