"""The privileges of a role: given at a depth, given anew, taken.

A role's copies in the business units below have its privileges, and are not given any themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowner.access.rights import Depth, Right
from flowner.errors import AccessDenied, Code, NotFound, Refused
from flowner.rows import registry, seed
from flowner.rows.asking import Asking, fetch
from flowner.values import JsonObject

_KNOWN = """
SELECT privilegeid::text AS id, name, tablename, rightname, owned
FROM rows.tableprivilege WHERE privilegeid = ANY(%s::uuid[])
"""
_GIVE = """
INSERT INTO rows.roleprivilege (roleid, tablename, rightname, privilegename, depth, createdby,
    modifiedby)
SELECT %(role)s, t, r, CASE WHEN r = '' THEN n ELSE '' END, d, %(by)s, %(by)s
FROM unnest(%(tables)s::text[], %(rights)s::text[], %(names)s::text[], %(depths)s::int[])
    AS g(t, r, n, d)
"""
_TAKE = """
DELETE FROM rows.roleprivilege p USING unnest(%(tables)s::text[], %(rights)s::text[],
    %(names)s::text[]) AS g(t, r, n)
WHERE p.roleid = %(role)s
  AND CASE WHEN r = '' THEN p.privilegename = n ELSE p.tablename = t AND p.rightname = r END
"""


@dataclass(frozen=True, slots=True)
class Given:
    """A privilege, and how far it is to reach."""

    id: str
    depth: Depth


async def give(asking: Asking, role: str, wanted: Sequence[Given], *, anew: bool = False) -> None:
    """Give a role privileges; one that it has already reaches as far as it is given now.

    ``anew``: these and no others. Whoever gives may write the role, and holds what they give, as
    far as it is to reach. `NotFound` names a privilege that there is not.
    """
    row = await _written(asking, role)
    known = await _known(asking, [one.id for one in wanted])
    for one in wanted:
        _require_held(asking, known[one.id], one.depth)
    t, id = asking.transaction, str(row["roleid"])
    if anew:
        await registry.delete(t, "roleprivilege", {"roleid": id})
    else:
        await t.execute(_TAKE, _values(id, [known[one.id] for one in wanted]))
    values = _values(id, [known[one.id] for one in wanted])
    depths = [one.depth if known[one.id]["owned"] else Depth.ORGANIZATION for one in wanted]
    await t.execute(_GIVE, values | {"depths": depths, "by": asking.caller.acting_for})


async def take(asking: Asking, role: str, privilege: str) -> None:
    """Take a privilege from a role. `NotFound` when the role does not have it."""
    row = await _written(asking, role)
    known = await _known(asking, [privilege])
    values = _values(str(row["roleid"]), list(known.values()))
    if (await asking.transaction.execute(_TAKE, values)).rowcount == 0:
        raise NotFound(
            f"the role {row['name']} has no privilege {known[privilege]['name']}",
            code=Code.ROW_NOT_FOUND,
        )


async def _written(asking: Asking, role: str) -> dict[str, Any]:
    """Return a role that the caller may write, and that is neither a copy nor fixed."""
    asking.require(Right.WRITE)
    row = await fetch(asking, role, Right.WRITE, ["roleid", "name", "parentroleid"], lock=True)
    if row["parentroleid"] is not None:
        raise Refused(f"the role {row['name']} is inherited here: give to the role it is a copy of")
    if str(row["roleid"]) == seed.SYSTEM_ADMINISTRATOR:
        raise Refused(f"the role {row['name']} may do everything, and stays as it is")
    return row


async def _known(asking: Asking, ids: Sequence[str]) -> dict[str, JsonObject]:
    found = await asking.transaction.execute(_KNOWN, (list(ids),))
    known: dict[str, JsonObject] = {row["id"]: dict(row) for row in await found.fetchall()}
    for id in ids:
        if id not in known:
            raise NotFound(f"there is no privilege {id}", code=Code.ROW_NOT_FOUND)
    return known


def _require_held(asking: Asking, privilege: JsonObject, depth: Depth) -> None:
    """Raise unless everybody in whose name is asked holds as much themselves."""
    table, name = str(privilege["tablename"]), str(privilege["name"])
    for standing in asking.standings:
        if standing.administrator:
            continue
        if not privilege["rightname"]:
            held = standing.acts_for_others
        else:
            reach = standing.reach(table, Right(str(privilege["rightname"])))
            held = reach is not None and (reach.everywhere or depth is Depth.USER)
        if not held:
            raise AccessDenied(
                f"{standing.name} does not hold {name} everywhere, and cannot give it further",
                code=Code.PRIVILEGE_MISSING,
            )


def _values(role: str, known: Sequence[JsonObject]) -> dict[str, Any]:
    return {
        "role": role,
        "tables": [one["tablename"] for one in known],
        "rights": [one["rightname"] for one in known],
        "names": [one["name"] for one in known],
    }
