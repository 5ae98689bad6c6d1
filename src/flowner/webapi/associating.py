"""Pairs of rows related many to many: ``…/$ref``, and the members of teams."""

from __future__ import annotations

from flowner.errors import Code, Invalid
from flowner.rows.associating import associate, disassociate
from flowner.rows.associations import Association
from flowner.rows.catalogue import Table
from flowner.values import Json
from flowner.webapi.addresses import Segment, read_link
from flowner.webapi.bodies import linked
from flowner.webapi.calls import Call, need
from flowner.webapi.parameters import read_parameters, row_of
from flowner.webapi.requests import Answer

_MEMBERS = "teammembership_association"


async def pair(call: Call, table: Table, path: tuple[Segment, Segment], one: Association) -> Answer:
    """Answer ``…/$ref`` of a relationship of many to many."""
    id = need(table, (await call.key(table, path[0]))[0])
    removing = call.request.method == "DELETE"
    options = call.request.options()
    given: Json = options.pop("$id", None)
    if options:
        raise Invalid("`$ref` takes no options but `$id`", code=Code.BAD_QUERY)
    if not removing:
        given = call.request.json().get("@odata.id")
    elif path[1].key is not None:
        given = f"{(await call.named(one.other)).set_name}({path[1].key})"
    if not isinstance(given, str):
        raise Invalid("there is no link to the other row in `@odata.id`", code=Code.BAD_BODY)
    other = read_link(await linked(call, given, {one.other})).guid or ""
    if not removing:
        await tie(call, one, id, other)
        return Answer(status=204)
    async with call.rooms.store.asking(call.caller, table.name, call.transaction) as asking:
        await disassociate(asking, one, id, other)
    return Answer(status=204)


async def tie(call: Call, one: Association, id: str, other: str) -> None:
    """Relate a row of ``one.table`` and one of ``one.other``."""
    async with call.rooms.store.asking(call.caller, one.table, call.transaction) as asking:
        await associate(asking, one, id, other)


async def add_members(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``teams(guid)/…AddMembersTeam``: who is in the team already stays in it."""
    return await _members(call, table, path, adds=True)


async def remove_members(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``teams(guid)/…RemoveMembersTeam``: all of them, or none."""
    return await _members(call, table, path, adds=False)


async def _members(
    call: Call, table: Table, path: tuple[Segment, Segment], *, adds: bool
) -> Answer:
    read_parameters(call, path[1], frozenset())
    team = need(table, (await call.key(table, path[0]))[0])
    given, one = call.request.json().get("Members"), table.associated(_MEMBERS)
    if not isinstance(given, list) or one is None:
        raise Invalid("`Members` is a list of users", code=Code.BAD_BODY)
    async with call.rooms.store.asking(call.caller, table.name, call.transaction) as asking:
        for member in given:
            other, id = await row_of(call, member, "Members")
            if other.name != one.other:
                raise Invalid(f"a row of `{other.name}` is no member", code=Code.BAD_BODY)
            if adds:
                await associate(asking, one, team, id, again=True)
            else:
                await disassociate(asking, one, team, id)
    return Answer(status=204)
