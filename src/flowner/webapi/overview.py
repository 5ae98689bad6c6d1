"""What the service says of itself: its version, its organisation, how many rows there are."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flowner.errors import Code, Invalid
from flowner.odata.syntax import TRUE
from flowner.rows import seed
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call
from flowner.webapi.labels import SPACE
from flowner.webapi.parameters import read_parameters
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_VERSION: Final = "9.2.0.0"
"""The version of Dataverse whose surface this is."""
_ACCESS: Final = ("Default", "Internet", "Intranet")


async def version(call: Call, segment: Segment) -> Answer:
    """Answer ``RetrieveVersion``."""
    read_parameters(call, segment, frozenset())
    return _answer(call, "RetrieveVersion", {"Version": _VERSION})


async def organization(call: Call, segment: Segment) -> Answer:
    """Answer ``RetrieveCurrentOrganization``, for who may read the organisation's row."""
    given = read_parameters(call, segment, frozenset({"AccessType"}))
    if given.get("AccessType", "Default") not in _ACCESS:
        raise Invalid(f"`AccessType` is one of {', '.join(_ACCESS)}", code=Code.BAD_QUERY)
    row = await call.rooms.store.get(
        call.caller, "organization", seed.ORGANIZATION, within=call.transaction
    )
    split = urlsplit(call.request.service)
    root = f"{split.scheme}://{split.netloc}/"
    endpoints: JsonObject = {
        "Count": 2,
        "IsReadOnly": False,
        "Keys": ["WebApplication", "OrganizationDataService"],
        "Values": [root, call.request.service],
    }
    detail: JsonObject = {
        "OrganizationId": seed.ORGANIZATION,
        "FriendlyName": row["name"],
        "OrganizationVersion": _VERSION,
        "EnvironmentId": seed.ORGANIZATION,
        "UniqueName": f"org{seed.ORGANIZATION.replace('-', '')}",
        "UrlName": split.hostname or "",
        "State": "Enabled",
        "Endpoints": endpoints,
    }
    return _answer(call, "RetrieveCurrentOrganization", {"Detail": detail})


async def totals(call: Call, segment: Segment) -> Answer:
    """Answer ``RetrieveTotalRecordCount(EntityNames=['account'])``: what the caller may read."""
    given = read_parameters(call, segment, frozenset({"EntityNames"})).get("EntityNames")
    if not isinstance(given, list) or not given:
        raise Invalid("`EntityNames` is a list of tables", code=Code.BAD_QUERY)
    names = [(await call.named(str(name))).name for name in given]
    counts: list[Json] = [
        await call.rooms.reading.count(call.caller, name, TRUE, call.transaction, most=None)
        for name in names
    ]
    found: JsonObject = {
        "Count": len(names),
        "IsReadOnly": False,
        "Keys": [*names],
        "Values": counts,
    }
    return _answer(call, "RetrieveTotalRecordCount", {"EntityRecordCountCollection": found})


def _answer(call: Call, name: str, content: JsonObject) -> Answer:
    said = f"{SPACE}{name}Response"
    return Answer(content={"@odata.context": context(call, said), **content})
