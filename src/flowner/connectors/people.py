"""People: the directory, as Office 365 Users shows it, in the acting identity's name."""

from __future__ import annotations

import re
from urllib.parse import unquote

from flowner.sdk.connector import Connector, Credentials, Lookup, ParameterForm, Repeat, SignIn
from flowner.sdk.context import Answer, OperationContext, People, Person, Rejected
from flowner.values import Json, JsonObject

_PATH = re.compile(
    r"(?P<new>/codeless/v1\.0)?(?:/me|/users/(?P<id>[^/]+))(?:/(?P<whose>manager|directreports))?/?",
    re.IGNORECASE,
)
_ROUTES = {None: "UserProfile", "manager": "Manager", "directreports": "DirectReports"}


def _route(method: str, path: str) -> tuple[str, JsonObject] | None:
    match = _PATH.fullmatch(path) if method == "GET" else None
    if match is None:
        return None
    version = "_V2" if match["new"] else ""
    if match["id"] is None:
        return None if match["whose"] else (f"MyProfile{version}", {})
    whose = match["whose"]
    operation = _ROUTES[whose.lower() if whose else None]
    return f"{operation}{version}", {"id": unquote(match["id"])}


connector = Connector(
    ids=("shared_office365users",),
    title="People",
    summary="Reads the directory as the connection's owner sees it.",
    credentials=(Credentials(id="own", title="My own identity", sign_in=SignIn.OWN_IDENTITY),),
    legacy_route=_route,
)

_WHO = ParameterForm(name="id", title="User (UPN)", required=True, lookup=Lookup.PEOPLE)
_PROFILE = (
    ("displayName", "Display Name"),
    ("mail", "Email"),
    ("userPrincipalName", "User Principal Name"),
    ("id", "Id"),
    ("givenName", "Given Name"),
    ("surname", "Surname"),
    ("jobTitle", "Job Title"),
    ("department", "Department"),
    ("mobilePhone", "Mobile Phone"),
)
_MOST = 1000


@connector.operation("MyProfile_V2", title="Get my profile", repeat=Repeat.HARMLESS,
                     answers=_PROFILE)  # fmt: skip
async def my_profile(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return the profile of whom the action acts for.

    Called twice: it reads twice.
    """
    person = await _people(context).me()
    return Answer(body=_selected(_shown(person), parameters), seen=person.upn)


@connector.operation("UserProfile_V2", title="Get user profile", repeat=Repeat.HARMLESS,
                     parameters=(_WHO,), answers=_PROFILE)  # fmt: skip
async def user_profile(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return somebody's profile; 404 when there is nobody.

    Called twice: it reads twice.
    """
    return Answer(body=_selected(_shown(await _found(parameters, context)), parameters))


@connector.operation("Manager_V2", title="Get manager", repeat=Repeat.HARMLESS,
                     parameters=(_WHO,), answers=_PROFILE)  # fmt: skip
async def manager(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return the profile of somebody's manager; 404 when there is none.

    Called twice: it reads twice.
    """
    who = _named(parameters)
    found = await _people(context).manager_of(who)
    if found is None:
        raise _nobody(f"`{who}` has no manager")
    return Answer(body=_selected(_shown(found), parameters))


@connector.operation("DirectReports_V2", title="Get direct reports", repeat=Repeat.HARMLESS,
                     parameters=(_WHO,), answers=(("value[]", "value"),))  # fmt: skip
async def direct_reports(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return the profiles of those who report to somebody.

    Called twice: it reads twice.
    """
    found = await _people(context).reports_of(_named(parameters))
    return Answer(body=_page(found))


@connector.operation("SearchUserV2", title="Search for users", repeat=Repeat.HARMLESS,
                     parameters=(ParameterForm(name="searchTerm", title="Search term"),
                                 ParameterForm(name="top", title="Top", type="integer")),
                     answers=(("value[]", "value"),))  # fmt: skip
async def search(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return profiles whose name, UPN or mail fits; all of them for an empty text.

    Called twice: it reads twice.
    """
    top = parameters.get("top", _MOST)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise Rejected(f"`top` is `{top}`: give a whole number from 1")
    text = parameters.get("searchTerm")
    found = await _people(context).search(str(text or ""), min(top, _MOST))
    return Answer(body=_page(found))


@connector.operation("MyProfile", title="Get my profile (V1)", repeat=Repeat.HARMLESS)
async def my_old_profile(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return the profile of whom the action acts for, with the names of the first version.

    Called twice: it reads twice.
    """
    del parameters
    person = await _people(context).me()
    return Answer(body=_as_before(_shown(person)), seen=person.upn)


@connector.operation("UserProfile", title="Get user profile (V1)", repeat=Repeat.HARMLESS,
                     parameters=(_WHO,))  # fmt: skip
async def old_user_profile(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return somebody's profile, with the names of the first version; 404 when there is nobody.

    Called twice: it reads twice.
    """
    return Answer(body=_as_before(_shown(await _found(parameters, context))))


@connector.operation("Manager", title="Get manager (V1)", repeat=Repeat.HARMLESS,
                     parameters=(_WHO,))  # fmt: skip
async def old_manager(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return somebody's manager, with the names of the first version; 404 when there is none.

    Called twice: it reads twice.
    """
    answer = await manager({"id": _named(parameters)}, context)
    return Answer(body=_as_before(answer.body))


@connector.operation("DirectReports", title="Get direct reports (V1)", repeat=Repeat.HARMLESS,
                     parameters=(_WHO,))  # fmt: skip
async def old_direct_reports(parameters: JsonObject, context: OperationContext) -> Answer:
    """Return who reports to somebody, as an array, with the names of the first version.

    Called twice: it reads twice.
    """
    found = await _people(context).reports_of(_named(parameters))
    return Answer(body=[_as_before(_shown(person)) for person in found])


def _as_before(profile: Json) -> Json:
    """Return a profile whose names begin with capitals, as in the operations without ``_V2``."""
    if not isinstance(profile, dict):
        return profile
    return {name[:1].upper() + name[1:]: value for name, value in profile.items()}


def _people(context: OperationContext) -> People:
    if context.people is None:
        raise Rejected("there is no directory here", status=501, code="NotImplemented")
    return context.people


async def _found(parameters: JsonObject, context: OperationContext) -> Person:
    who = _named(parameters)
    found = await _people(context).find(who)
    if found is None:
        raise _nobody(f"there is nobody called `{who}`")
    return found


def _named(parameters: JsonObject) -> str:
    who = parameters.get("id") or parameters.get("userId")
    if not isinstance(who, str):
        raise Rejected("`id` is missing: give a user principal name or an id")
    return who


def _nobody(message: str) -> Rejected:
    return Rejected(message, status=404, code="Request_ResourceNotFound")


def _page(people: list[Person]) -> JsonObject:
    value: list[Json] = [_shown(person) for person in people]
    return {"value": value}


def _selected(profile: JsonObject, parameters: JsonObject) -> JsonObject:
    wanted = parameters.get("$select")
    if not isinstance(wanted, str) or not wanted.strip():
        return profile
    names = {name.strip() for name in wanted.split(",")}
    return {name: value for name, value in profile.items() if name in names}


def _shown(person: Person) -> JsonObject:
    phones: list[Json] = [] if person.phone is None else [person.phone]
    return {
        "id": person.id,
        "displayName": person.name,
        "givenName": person.given_name,
        "surname": person.surname,
        "mail": person.mail,
        "userPrincipalName": person.upn,
        "jobTitle": person.job_title,
        "department": person.department,
        "businessPhones": phones,
        "mobilePhone": person.phone,
        "accountEnabled": person.enabled,
    }
