"""The privileges of a role, as clients give and take them.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/addprivilegesrole
"""

from __future__ import annotations

from typing import Final

from flowner.access.rights import Depth
from flowner.errors import Code, Invalid
from flowner.rows import giving
from flowner.rows.catalogue import Table
from flowner.values import Json
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call, need
from flowner.webapi.parameters import read_parameters
from flowner.webapi.requests import Answer

_DEPTHS: Final[dict[Json, Depth]] = {
    "Basic": Depth.USER, "Local": Depth.LOCAL, "Deep": Depth.DEEP, "Global": Depth.ORGANIZATION,
    0: Depth.USER, 1: Depth.LOCAL, 2: Depth.DEEP, 3: Depth.ORGANIZATION,
}  # fmt: skip
"""By name and by number of ``PrivilegeDepth``."""


async def add(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``AddPrivilegesRole``: the role has these besides."""
    return await _give(call, table, path, anew=False)


async def replace(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``ReplacePrivilegesRole``: the role has these and no others."""
    return await _give(call, table, path, anew=True)


async def remove(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``RemovePrivilegeRole``: the role does not have this one any more."""
    read_parameters(call, path[1], frozenset())
    id = _privilege(call.request.json().get("PrivilegeId"))
    role = need(table, (await call.key(table, path[0]))[0])
    async with call.rooms.store.asking(call.caller, table.name, call.transaction) as asking:
        await giving.take(asking, role, id)
    return Answer(status=204)


async def _give(call: Call, table: Table, path: tuple[Segment, Segment], *, anew: bool) -> Answer:
    read_parameters(call, path[1], frozenset())
    given = call.request.json().get("Privileges")
    if not isinstance(given, list):
        raise Invalid("`Privileges` is a list of privileges", code=Code.BAD_BODY)
    wanted = {one.id: one for one in map(_given, given)}
    role = need(table, (await call.key(table, path[0]))[0])
    async with call.rooms.store.asking(call.caller, table.name, call.transaction) as asking:
        await giving.give(asking, role, list(wanted.values()), anew=anew)
    return Answer(status=204)


def _given(one: Json) -> giving.Given:
    if not isinstance(one, dict):
        raise Invalid("a privilege of `Privileges` is no object", code=Code.BAD_BODY)
    said = one.get("Depth")
    depth = _DEPTHS.get(said) if isinstance(said, str | int) else None
    if depth is None or isinstance(said, bool):
        raise Invalid("`Depth` is Basic, Local, Deep or Global", code=Code.BAD_BODY)
    return giving.Given(_privilege(one.get("PrivilegeId")), depth)


def _privilege(said: Json) -> str:
    id = Segment("", str(said)).guid
    if id is None:
        raise Invalid(f"`PrivilegeId` is `{str(said)[:60]}`, which is no id", code=Code.BAD_BODY)
    return id
