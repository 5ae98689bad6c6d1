"""Approvals: ask people, and go on when they have answered."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from flowner.sdk.connector import Connector, Credentials, Lookup, ParameterForm, Repeat, SignIn
from flowner.sdk.context import Answer, Approvals, NewApproval, OperationContext, Rejected
from flowner.values import Json, JsonObject

KINDS: Final = ("Basic", "BasicAwaitAll", "CustomResponse", "CustomResponseAwaitAll", "Sequential")
LONGEST_OPTION: Final = 99
_TYPES: Final = re.compile(r"/types/(?P<type>[^/]+)(?P<wait>/subscriptions)?/?", re.IGNORECASE)
_WAIT: Final = re.compile(r"/approvals/(?P<id>[^/]*)/subscriptions/?", re.IGNORECASE)
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WAITING: Final = "people have to answer"
_PREFIXES: Final = ("WebhookApprovalCreationInput/", "ApprovalCreationInput/")


def _route(method: str, path: str) -> tuple[str, JsonObject] | None:
    made, waited = _TYPES.fullmatch(path), _WAIT.fullmatch(path)
    # What subscribes says no method in an export.
    if made is not None and (made["wait"] or method == "POST"):
        operation = "StartAndWaitForAnApproval" if made["wait"] else "CreateAnApproval"
        return operation, {"approvalType": unquote(made["type"])}
    if waited is not None:
        return "WaitForAnApproval", {"approvalName": unquote(waited["id"])}
    return None


connector = Connector(
    ids=("shared_approvals",),
    title="Approvals",
    summary="Asks people in the name of the connection's owner, and waits for what they answer.",
    credentials=(Credentials(id="own", title="My own identity", sign_in=SignIn.OWN_IDENTITY),),
    legacy_route=_route,
)


def _forms(prefix: str) -> tuple[ParameterForm, ...]:
    return (
        ParameterForm(name="approvalType", title="Approval type", required=True, choices=KINDS),
        ParameterForm(name=f"{prefix}title", title="Title", required=True),
        ParameterForm(
            name=f"{prefix}assignedTo",
            title="Assigned to",
            required=True,
            lookup=Lookup.PEOPLE,
            description="users and groups by mail, UPN or id, separated by semicolons",
        ),
        ParameterForm(name=f"{prefix}details", title="Details", description="Markdown"),
        ParameterForm(name=f"{prefix}itemLink", title="Item link"),
        ParameterForm(name=f"{prefix}itemLinkDescription", title="Item link description"),
        ParameterForm(
            name=f"{prefix}requestor",
            title="Requestor",
            lookup=Lookup.PEOPLE,
            description="in whose behalf it is asked; the connection's owner where it is empty",
        ),
        ParameterForm(
            name=f"{prefix}responseOptions",
            title="Response options",
            type="array",
            description="what can be answered, for the two custom types",
        ),
        ParameterForm(
            name=f"{prefix}steps",
            title="Steps",
            type="array",
            description="for `Sequential`: objects with `assignedTo` and `approvalType`; without"
            " steps, those it is assigned to are asked one after the other",
        ),
        ParameterForm(
            name=f"{prefix}enableNotifications", title="Enable notifications", type="boolean"
        ),
        ParameterForm(
            name=f"{prefix}enableReassignment", title="Enable reassignment", type="boolean"
        ),
    )


_MADE: Final = (
    ("name", "Approval ID"),
    ("title", "Title"),
    ("details", "Details"),
    ("itemLink", "Item link"),
    ("itemLinkDescription", "Item link description"),
    ("requestDate", "Requested date"),
    ("expirationDate", "Expiration date"),
    ("respondLink", "Respond link"),
    ("approvers[]", "Approvers"),
)
_OUTCOME: Final = (
    ("outcome", "Outcome"),
    ("responses[]", "Responses"),
    ("responseSummary", "Response summary"),
    ("completionDate", "Completion date"),
    *_MADE,
)


@connector.operation(
    "StartAndWaitForAnApproval",
    title="Start and wait for an approval",
    repeat=Repeat.WITH_KEY,
    parameters=_forms(_PREFIXES[0]),
    answers=_OUTCOME,
    waits=True,
)
async def start_and_wait(parameters: JsonObject, context: OperationContext) -> Answer:
    """Ask people, and answer when they have: the outcome, and who responded what.

    The wait is rows: it outlives the server, and ends with the action's timeout or with the run.

    Called twice: it asks once.
    """
    await _approvals(context).make(_wanted(parameters), waits=True)
    return Answer(later=True, waits_for=_WAITING, seen=context.account or None)


@connector.operation(
    "CreateAnApproval",
    title="Create an approval",
    repeat=Repeat.WITH_KEY,
    parameters=_forms(_PREFIXES[1]),
    answers=_MADE,
)
async def create(parameters: JsonObject, context: OperationContext) -> Answer:
    """Ask people, and go on at once; *Wait for an approval* waits for what they answer.

    Called twice: it asks once.
    """
    made = await _approvals(context).make(_wanted(parameters), waits=False)
    return Answer(status=201, body=made, seen=context.account or None)


@connector.operation(
    "WaitForAnApproval",
    title="Wait for an approval",
    repeat=Repeat.WITH_KEY,
    parameters=(ParameterForm(name="approvalName", title="Approval ID", required=True),),
    answers=_OUTCOME,
    waits=True,
)
async def wait(parameters: JsonObject, context: OperationContext) -> Answer:
    """Answer when an approval is settled that was created before; at once, if it is.

    Called twice: it waits once.
    """
    named = next((parameters[n] for n in ("approvalName", "approvalId") if n in parameters), None)
    if not isinstance(named, str) or _GUID.fullmatch(named) is None:
        raise Rejected(
            f"the provided record id '{named}' is null or invalid", code="InvalidXrmRecordId"
        )
    outcome = await _approvals(context).wait(named)
    if outcome is None:
        return Answer(later=True, waits_for=_WAITING, seen=context.account or None)
    return Answer(body=outcome, seen=context.account or None)


def _approvals(context: OperationContext) -> Approvals:
    if context.approvals is None:
        raise Rejected("there is nobody to ask here", status=501, code="NotImplemented")
    return context.approvals


def _wanted(parameters: JsonObject) -> NewApproval:
    """Read what is asked. Raises `Rejected` for what cannot be."""
    given = _given(parameters)
    kind = parameters.get("approvalType") or "Basic"
    if kind not in KINDS:
        raise Rejected(f"`approvalType` is `{kind}`: it is one of {', '.join(KINDS)}")
    steps = _steps(given.get("steps"))
    return NewApproval(
        kind=str(kind),
        title=_needed(given, "title", "TitleMissing"),
        assigned_to="" if steps else _needed(given, "assignedto", "AssignedToMissing"),
        steps=steps if kind == "Sequential" else (),
        details=_text(given, "details"),
        link=_text(given, "itemlink"),
        link_text=_text(given, "itemlinkdescription"),
        requestor=_text(given, "requestor"),
        options=_options(given.get("responseoptions")) if str(kind).startswith("Custom") else (),
        notifies=_yes(given, "enablenotifications"),
        may_be_reassigned=_yes(given, "enablereassignment"),
    )


def _given(parameters: JsonObject) -> JsonObject:
    """Gather the members by name in lower case, from flat keys and from a body."""
    found: JsonObject = {}
    for name, value in parameters.items():
        prefix = next((one for one in _PREFIXES if name.startswith(one)), None)
        if prefix is not None:
            found[name.removeprefix(prefix).lower()] = value
        elif isinstance(value, dict) and f"{name}/" in (*_PREFIXES, "body/"):
            found.update({inner.lower(): one for inner, one in value.items()})
    return found


def _text(given: JsonObject, name: str) -> str:
    value = given.get(name)
    return value.strip() if isinstance(value, str) else ""


def _needed(given: JsonObject, name: str, code: str) -> str:
    found = _text(given, name)
    if not found.strip("; "):
        shown = {"assignedto": "assignedTo"}.get(name, name)
        raise Rejected(
            f"required field '{shown}' is missing or empty",
            code=f"InvalidApprovalCreateRequest{code}",
        )
    return found


def _yes(given: JsonObject, name: str) -> bool:
    """Say whether a box is ticked, as it is where nothing was said."""
    return given.get(name) not in (False, "false", "False")


def _options(value: Json) -> tuple[str, ...]:
    found = tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
    if not found or any(not one.strip() or len(one) > LONGEST_OPTION for one in found):
        raise Rejected(
            "the response options provided for this approval are invalid: options must be less"
            " than 100 characters and cannot be blank",
            code="InvalidApprovalCustomOptions",
        )
    return tuple(dict.fromkeys(found))


def _steps(value: Json) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        return ()
    found = []
    for one in value:
        given: JsonObject = {n.lower(): v for n, v in one.items()} if isinstance(one, dict) else {}
        whom = _needed(given, "assignedto", "AssignedToMissing")
        found.append((_text(given, "approvaltype") or _text(given, "type"), whom))
    return tuple(found)
