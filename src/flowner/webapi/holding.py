"""The privileges that a user, a team or a role holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flowner.access.rights import Depth, Right
from flowner.errors import Code, Invalid
from flowner.rows.catalogue import Table
from flowner.rows.privileges import Held, held_by
from flowner.values import Json
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call, need
from flowner.webapi.labels import SPACE
from flowner.webapi.parameters import read_parameters
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_DEPTHS: Final = {
    Depth.USER: "Basic",
    Depth.LOCAL: "Local",
    Depth.DEEP: "Deep",
    Depth.ORGANIZATION: "Global",
}


async def of_principal(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``RetrieveUserPrivileges`` and ``RetrieveTeamPrivileges``.

    What teams of a user hold is theirs as well. Whoever asks may read the principal, and roles.
    """
    read_parameters(call, path[1], frozenset())
    found = await _held(call, table, path[0])
    return _answer(call, path[1].name.removeprefix(SPACE), found)


async def of_name(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='prvReadAccount')``."""
    given = read_parameters(call, path[1], frozenset({"PrivilegeName"})).get("PrivilegeName")
    return await _some(call, table, path, [given])


async def of_names(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``RetrieveUserSetOfPrivilegesByNames(PrivilegeNames=@p1)``."""
    given = read_parameters(call, path[1], frozenset({"PrivilegeNames"})).get("PrivilegeNames")
    return await _some(call, table, path, given if isinstance(given, list) else [None])


async def _some(
    call: Call, table: Table, path: tuple[Segment, Segment], names: Sequence[Json]
) -> Answer:
    wanted = {one.lower() for one in names if isinstance(one, str)}
    if len(wanted) < len(names):
        raise Invalid("privileges are asked for by their names, once", code=Code.BAD_QUERY)
    found = [one for one in await _held(call, table, path[0]) if one.name.lower() in wanted]
    return _answer(call, path[1].name.removeprefix(SPACE), found)


async def _held(call: Call, table: Table, segment: Segment) -> list[Held]:
    id = need(table, (await call.key(table, segment))[0])
    await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    async with call.rooms.store.asking(call.caller, "role", call.transaction) as asking:
        asking.require(Right.READ)
        standing = await asking.memory.of(id, call.transaction)
    return await held_by(call.transaction, standing.teams | {id})


async def of_role(call: Call, segment: Segment) -> Answer:
    """Answer ``RetrieveRolePrivilegesRole(RoleId=…)``: those of a role that one may read."""
    given = str(read_parameters(call, segment, frozenset({"RoleId"})).get("RoleId"))
    id = Segment("", given).guid
    if id is None:
        raise Invalid(f"`RoleId` is `{given[:60]}`, which is no id", code=Code.BAD_QUERY)
    await call.rooms.store.get(call.caller, "role", id, within=call.transaction)
    return _answer(call, segment.name, await held_by(call.transaction, (), role=id))


def _answer(call: Call, name: str, found: Sequence[Held]) -> Answer:
    listed: list[Json] = [
        {
            "Depth": _DEPTHS[Depth(one.depth)],
            "PrivilegeId": one.id,
            "BusinessUnitId": one.business_unit,
            "PrivilegeName": one.name,
        }
        for one in found
    ]
    said = f"{SPACE}{name}Response"
    return Answer(content={"@odata.context": context(call, said), "RolePrivileges": listed})
