"""Rows shared with users, teams and the organisation, and what each may do with them.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/security-sharing-assigning
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from flowner.access.rights import Right
from flowner.errors import Code, Invalid
from flowner.rows.catalogue import Table
from flowner.rows.shares import shares_of, ways_in
from flowner.values import Json, JsonObject, PrincipalId
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call, need
from flowner.webapi.labels import SPACE
from flowner.webapi.parameters import read_parameters, row_of
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

PRINCIPALS: Final = frozenset({"systemuser", "team", "organization"})
_RIGHTS: Final = {f"{right}Access": right for right in sorted(Right, key=lambda one: one.mask)}


async def grant(call: Call, segment: Segment) -> Answer:
    """Answer ``GrantAccess``: rights added to those that the principal has already."""
    return await _write(call, segment, adds=True)


async def modify(call: Call, segment: Segment) -> Answer:
    """Answer ``ModifyAccess``: rights in place of those that the principal had."""
    return await _write(call, segment, adds=False)


async def revoke(call: Call, segment: Segment) -> Answer:
    """Answer ``RevokeAccess``."""
    read_parameters(call, segment, frozenset())
    body = call.request.json()
    table, id = await row_of(call, body.get("Target"), "Target")
    principal = await _principal(call, body.get("Revokee"), "Revokee")
    store = call.rooms.store
    await store.revoke_access(call.caller, table.name, id, principal, within=call.transaction)
    return Answer(status=204)


async def access_of(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``systemusers(guid)/…RetrievePrincipalAccess(Target=@p1)``."""
    principal = need(table, (await call.key(table, path[0]))[0])
    given = read_parameters(call, path[1], frozenset({"Target"}))
    target, id = await row_of(call, given.get("Target"), "Target")
    rights = await call.rooms.store.principal_access(
        call.caller, target.name, id, PrincipalId(principal), within=call.transaction
    )
    return _answer(call, "RetrievePrincipalAccess", {"AccessRights": _names(rights)})


async def ways_of(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``…RetrievePrincipalAccessInfo(ObjectId=…,EntityName='…')``: what gives which rights.

    ``AccessInfo`` is a text of JSON.
    """
    principal = need(table, (await call.key(table, path[0]))[0])
    given = read_parameters(call, path[1], frozenset({"ObjectId", "EntityName"}))
    target = await call.named(str(given.get("EntityName")))
    async with call.rooms.store.asking(call.caller, target.name, call.transaction) as asking:
        ways = await ways_in(asking, str(given.get("ObjectId")), principal)
    info = {
        "RoleAccessRights": _names(ways.roles),
        "PoaAccessRights": _names(ways.shares),
        "HsmAccessRights": _names(ways.hierarchy),
        "GrantedAccessRights": _names(ways.roles | ways.shares | ways.hierarchy),
    }
    return _answer(call, "RetrievePrincipalAccessInfo", {"AccessInfo": json.dumps(info)})


async def shared_with(call: Call, segment: Segment) -> Answer:
    """Answer ``RetrieveSharedPrincipalsAndAccess(Target=@p1)``: the shares of one row."""
    given = read_parameters(call, segment, frozenset({"Target"}))
    table, id = await row_of(call, given.get("Target"), "Target")
    async with call.rooms.store.asking(call.caller, table.name, call.transaction) as asking:
        found = await shares_of(asking, id)
    listed: list[Json] = [
        {
            "AccessMask": _names(one.rights),
            "Principal": {"@odata.type": f"#{SPACE}{one.kind}", f"{one.kind}id": one.principal},
        }
        for one in found
    ]
    return _answer(call, "RetrieveSharedPrincipalsAndAccess", {"PrincipalAccesses": listed})


async def _write(call: Call, segment: Segment, *, adds: bool) -> Answer:
    read_parameters(call, segment, frozenset())
    body = call.request.json()
    table, id = await row_of(call, body.get("Target"), "Target")
    access = body.get("PrincipalAccess")
    if not isinstance(access, dict):
        raise Invalid("`PrincipalAccess` is no object", code=Code.BAD_BODY)
    principal = await _principal(call, access.get("Principal"), "Principal")
    store = call.rooms.store
    write = store.grant_access if adds else store.modify_access
    rights = _rights(access.get("AccessMask"))
    await write(call.caller, table.name, id, principal, rights, within=call.transaction)
    return Answer(status=204)


async def _principal(call: Call, given: Json, what: str) -> PrincipalId:
    # An owner is either: clients name it by its key alone.
    if isinstance(given, dict) and isinstance(given.get("ownerid"), str):
        return PrincipalId(str(given["ownerid"]).lower())
    table, id = await row_of(call, given, what)
    if table.name not in PRINCIPALS:
        raise Invalid(
            f"`{what}` is a row of `{table.name}`: rows are shared with users and teams",
            code=Code.BAD_BODY,
        )
    return PrincipalId(id)


def _rights(given: Json) -> list[Right]:
    names = [one.strip() for one in given.split(",")] if isinstance(given, str) else []
    unknown = [one for one in names if one not in _RIGHTS and one != "None"]
    if not names or unknown:
        raise Invalid(
            f"`AccessMask` is `{str(given)[:60]}`: write some of {', '.join(_RIGHTS)}",
            code=Code.BAD_BODY,
        )
    return [_RIGHTS[one] for one in names if one != "None"]


def _names(rights: Iterable[Right]) -> str:
    """Return rights as Dataverse says them: in the order of their bits, ``None`` for none."""
    held = set(rights)
    return ", ".join(name for name, right in _RIGHTS.items() if right in held) or "None"


def _answer(call: Call, name: str, content: JsonObject) -> Answer:
    said = f"{SPACE}{name}Response"
    return Answer(content={"@odata.context": context(call, said), **content})
