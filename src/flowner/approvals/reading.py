"""Approvals as those see them who are asked, or who asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowner.approvals.shapes import People, approval_json, people_of
from flowner.database import Database, Transaction
from flowner.errors import Conflict, Invalid, NotFound
from flowner.identity.world import Principal
from flowner.rows.approvals import (
    Approval,
    Request,
    approval_of_request,
    approvals_of_run,
    list_approvals,
    read_approval,
)
from flowner.rows.facts import read_principals
from flowner.values import JsonObject, PrincipalId, RunId

WHICH = ("received", "sent", "history")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One approval, as somebody sees it."""

    approval: Approval
    people: People
    mine: tuple[Request, ...]
    """The open questions that are theirs to answer, put to them or to a group of theirs."""
    may_reassign: tuple[Request, ...]
    may_cancel: bool

    def as_json(self, link: str) -> JsonObject:
        return approval_json(self.approval, self.people, link)


class Approvals:
    """Shows approvals: to who is, or was, asked, who asked, and the owner of the flow."""

    def __init__(self, database: Database, link: Callable[[str], str]) -> None:
        self._database, self.link = database, link

    async def of(
        self, person: PrincipalId, which: str = "received", *, limit: int = 100
    ) -> list[Seen]:
        """Return somebody's approvals, the newest first; ``which`` is one of `WHICH`."""
        if which not in WHICH:
            raise Invalid(f"`{which[:40]}` are no approvals: say one of {', '.join(WHICH)}")
        async with self._database.connection() as connection:
            who = await _somebody(connection, person)
            found = await list_approvals(
                connection, person, who.who.identities, which=which, limit=limit
            )
            people = await people_of(connection, found)
        return [_seen(one, who, people) for one in found]

    async def open(self, id: str, person: PrincipalId) -> Seen:
        """Return one; `NotFound` where there is none that they may know of."""
        async with self._database.connection() as connection:
            who = await _somebody(connection, person)
            approval = await read_approval(connection, id)
            people = await people_of(connection, [approval])
        if not _may_see(approval, who):
            raise NotFound(f"there is no approval `{id[:60]}`")
        return _seen(approval, who, people)

    async def of_request(self, request: str, person: PrincipalId) -> Seen:
        """Return the approval that a question is of, for whom it was asked.

        Whoever has their link may read it, whatever has become of their right to answer since.
        """
        async with self._database.connection() as connection:
            who = await _somebody(connection, person)
            id = await approval_of_request(connection, request)
            approval = await read_approval(connection, id)
            people = await people_of(connection, [approval])
        return _seen(approval, who, people)

    async def to_reassign(self, id: str, by: PrincipalId, of: PrincipalId | None) -> str:
        """Return the one question that somebody may reassign, put to ``of`` where they say so.

        Raises `NotFound`, or `Conflict` where it is none, or several.
        """
        seen = await self.open(id, by)
        found = [one for one in seen.may_reassign if of in (None, one.holder)]
        if len(found) != 1:
            names = ", ".join(seen.people.name(one.holder) for one in found)
            raise Conflict(
                f"say in whose place: {names} are asked" if found else "nothing can be reassigned"
            )
        return found[0].id

    async def of_run(self, run: RunId) -> list[tuple[Approval, People]]:
        """Return the approvals that a run made or waits for. The run's readers may see them."""
        async with self._database.connection() as connection:
            found = await approvals_of_run(connection, run)
            people = await people_of(connection, found)
        return [(one, people) for one in found]


async def _somebody(transaction: Transaction, person: PrincipalId) -> Principal:
    found = (await read_principals(transaction, [person])).get(person)
    if found is None:
        raise NotFound(f"there is no principal `{person}`")
    return found


def _may_see(approval: Approval, who: Principal) -> bool:
    if who.id in approval.senders:
        return True
    if any(one.responder == who.id for one in approval.responses):
        return True
    asked = {id for one in approval.requests for id in (one.holder, one.first_holder)}
    return not asked.isdisjoint(who.who.identities)


def _seen(approval: Approval, who: Principal, people: People) -> Seen:
    asks = who.id in approval.senders
    mine = tuple(one for one in approval.open_requests if one.holder in who.who.identities)
    return Seen(
        approval=approval,
        people=people,
        mine=mine,
        may_cancel=asks and approval.status == "Pending",
        may_reassign=approval.open_requests if asks else mine if approval.may_be_reassigned else (),
    )
