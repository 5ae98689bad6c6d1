"""An approval as flows and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flowner.database import Transaction
from flowner.identity.world import Principal, PrincipalKind
from flowner.rows.approvals import CANCELED, Approval, Request, Response
from flowner.rows.facts import read_principals
from flowner.rows.looking import read_names
from flowner.rows.seed import ORGANIZATION
from flowner.values import Json, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody whom some approvals speak of."""

    known: Mapping[PrincipalId, Principal]
    upns: Mapping[PrincipalId, tuple[str, str]]

    def name(self, id: PrincipalId | None) -> str:
        """Return a name for people to read; '' for nobody."""
        if id is None:
            return ""
        found = self.known.get(id)
        return "somebody who is gone" if found is None else found.name

    def is_group(self, id: PrincipalId) -> bool:
        """Say whether this is a group, any member of which may answer."""
        found = self.known.get(id)
        return found is not None and found.kind is PrincipalKind.GROUP

    def json(self, id: PrincipalId | None) -> Json:
        """Return somebody as the connector's outputs show them; None for nobody."""
        if id is None:
            return None
        found = self.known.get(id)
        return {
            "id": id,
            "displayName": self.name(id),
            "email": "" if found is None else found.mail,
            "tenantId": ORGANIZATION,
            "userPrincipalName": self.upns.get(id, ("", ""))[0],
        }


async def people_of(transaction: Transaction, approvals: Iterable[Approval]) -> People:
    """Read everybody whom the approvals speak of: two queries."""
    ids: set[PrincipalId] = set()
    for one in approvals:
        named = [*one.senders, one.cancelled.by if one.cancelled else None]
        for request in one.requests:
            named += [request.holder, request.first_holder, request.reassigned_by]
        for response in one.responses:
            named += [response.responder, response.on_behalf_of]
        ids |= {id for id in named if id is not None}
    known = await read_principals(transaction, ids)
    return People(known=known, upns=await read_names(transaction, ids))


def stamp(at: datetime | None) -> str | None:
    """Return a moment as the connector writes it: UTC, with a ``Z``."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def created_body(approval: Approval, people: People, link: str) -> JsonObject:
    """Return what `CreateAnApproval` answers. ``link`` is where it is answered."""
    approvers: list[Json] = [people.json(one.first_holder) for one in approval.requests]
    return {
        "name": approval.id,
        "id": approval.id,
        "approvalId": approval.id,
        "title": approval.title,
        "details": approval.details,
        "itemLink": approval.link,
        "itemLinkDescription": approval.link_text,
        "requestDate": stamp(approval.created),
        "expirationDate": stamp(approval.due),
        "requestor": people.json(approval.requestor or approval.owner),
        "approvers": approvers,
        "respondLink": link,
    }


def outcome_body(approval: Approval, people: People, link: str) -> JsonObject:
    """Return what an action that waited answers."""
    responses: list[Json] = [
        {
            "responder": people.json(one.responder),
            "requestDate": stamp(asked_on(approval, one.request)),
            "responseDate": stamp(one.at),
            "approverResponse": one.response,
            "comments": one.comments,
        }
        for one in approval.responses
    ]
    return {
        **created_body(approval, people, link),
        "outcome": approval.outcome,
        "completionDate": stamp(approval.completed),
        "responses": responses,
        "responseSummary": "\n\n".join(
            _summary(approval, one, people) for one in approval.responses
        ),
    }


def asked_on(approval: Approval, request: str) -> datetime:
    """Return when a question was put to whoever holds it."""
    found = next((one for one in approval.requests if one.id == request), None)
    return (found.reassigned_on if found else None) or approval.created


def _summary(approval: Approval, response: Response, people: People) -> str:
    lines = [
        f"Approver: {people.name(response.responder)}",
        f"Response: {response.response}",
        f"Request Date: {stamp(asked_on(approval, response.request))}",
        f"Response Date: {stamp(response.at)}",
    ]
    if response.on_behalf_of is not None:
        lines.insert(1, f"On behalf of: {people.name(response.on_behalf_of)}")
    if response.comments:
        lines.append(f"Comments: {response.comments}")
    return "\n".join(lines)


def answered_by(approval: Approval, people: People) -> list[JsonObject]:
    """Return who answered, and in whose place, for the record of the action that waited.

    The last is who cancelled it, if somebody did.
    """
    found: list[JsonObject] = [
        {
            "principal": one.responder,
            "name": people.name(one.responder),
            "onBehalfOf": one.on_behalf_of,
            "onBehalfOfName": people.name(one.on_behalf_of) or None,
            "response": one.response,
            "comments": one.comments,
            "via": one.via,
            "at": stamp(one.at),
        }
        for one in approval.responses
    ]
    if approval.cancelled is not None:
        found.append(
            {
                "principal": approval.cancelled.by,
                "name": people.name(approval.cancelled.by),
                "onBehalfOf": None,
                "onBehalfOfName": None,
                "response": CANCELED,
                "comments": approval.cancelled.reason,
                "via": approval.cancelled.via,
                "at": stamp(approval.completed),
            }
        )
    return found


def approval_json(approval: Approval, people: People, link: str) -> JsonObject:
    """Return an approval as the API and the command line show it."""
    asked: list[Json] = [_asked(one, people) for one in approval.requests]
    given: list[Json] = [*answered_by(approval, people)]
    options: list[Json] = [*approval.options]
    return {
        **created_body(approval, people, link),
        "kind": approval.kind,
        "status": approval.status,
        "outcome": approval.outcome,
        "completionDate": stamp(approval.completed),
        "responseOptions": options,
        "flow": approval.flow_name,
        "flowId": approval.flow,
        "run": str(approval.run),
        "requests": asked,
        "responses": given,
    }


def _asked(request: Request, people: People) -> JsonObject:
    return {
        "request": request.id,
        "stage": request.stage,
        "of": people.json(request.holder),
        "reassignedFrom": people.json(request.first_holder)
        if request.first_holder != request.holder
        else None,
        "open": request.is_open,
    }
