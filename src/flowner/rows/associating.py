"""Pairs of rows related many to many, made and ended: Append on both, and the rules of ours.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/associate-disassociate-entities-using-web-api
"""

from __future__ import annotations

from psycopg import sql

from flowner.database import Transaction
from flowner.errors import AccessDenied, Code, Conflict, NotFound, Refused
from flowner.rows.asking import Asking, guid
from flowner.rows.associations import Association
from flowner.rows.auditing import Act, note
from flowner.rows.holders import require_administrator_left, require_holder, require_unit
from flowner.rows.relating import require_association
from flowner.values import PrincipalId

_ENTRA_TEAMS = (2, 3)


async def associate(
    asking: Asking, one: Association, id: str, other: str, *, again: bool = False
) -> None:
    """Relate two rows. `Conflict` (0x80040237) where they are, unless ``again`` is no matter."""
    mine, theirs = await _pair(asking, one, id, other)
    if one.is_system:
        await _require_rules(asking.transaction, one, mine, theirs)
    pair: dict[str, str] = {one.here: mine, one.there: theirs}
    if one.is_system:
        pair |= dict.fromkeys(("createdby", "modifiedby"), asking.caller.acting_for)
    statement = sql.SQL("INSERT INTO rows.{} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.Identifier(one.kept_in),
        sql.SQL(", ").join(map(sql.Identifier, pair)),
        sql.SQL(", ").join(sql.Placeholder() for _ in pair),
    )
    done = await asking.transaction.execute(statement, list(pair.values()))
    if done.rowcount == 0 and not again:
        raise Conflict("cannot insert duplicate key: the two rows are related so already",
                       code=Code.ROW_DUPLICATE)  # fmt: skip
    if done.rowcount:
        await _note(asking, one, pair, made=True)


async def disassociate(asking: Asking, one: Association, id: str, other: str) -> None:
    """Part two rows. `NotFound` where they are not related."""
    mine, theirs = await _pair(asking, one, id, other)
    if one.is_system:
        await _require_rules(asking.transaction, one, mine, theirs)
    statement = sql.SQL("DELETE FROM rows.{} WHERE {} = %s AND {} = %s").format(
        *map(sql.Identifier, (one.kept_in, one.here, one.there))
    )
    done = await asking.transaction.execute(statement, (mine, theirs))
    if done.rowcount == 0:
        raise NotFound("the two rows are not related so", code=Code.ROW_NOT_FOUND)
    if one.kept_in in ("roleassignment", "teammembership"):
        await require_administrator_left(asking.transaction)
    await _note(asking, one, {one.here: mine, one.there: theirs}, made=False)


async def _note(asking: Asking, one: Association, pair: dict[str, str], *, made: bool) -> None:
    """Note that a role was given or taken; of other pairs there is nothing to audit."""
    if one.kept_in == "roleassignment":
        act = Act.ROLE_GIVEN if made else Act.ROLE_TAKEN
        about = pair["principalid"]
        await note(asking.transaction, act, pair["roleid"], by=asking.caller, about=about)


async def _pair(asking: Asking, one: Association, id: str, other: str) -> tuple[str, str]:
    """Return both ids when the caller may relate these rows, or end that."""
    there = await asking.about(one.other)
    mine, theirs = guid(id, asking.table), guid(other, there.table)
    await require_association((asking, mine), (there, theirs))
    if one.is_system and not all(standing.administrator for standing in asking.standings):
        raise AccessDenied(
            f"`{one.schema_name}` is written by System Administrators", code=Code.PRIVILEGE_MISSING
        )
    return mine, theirs


async def _require_rules(t: Transaction, one: Association, mine: str, theirs: str) -> None:
    if one.kept_in == "roleprivileges":
        raise AccessDenied(
            "what a role gives is written through the commands that keep its rules",
            code=Code.PRIVILEGE_MISSING,
        )
    pair = {one.here: mine, one.there: theirs}
    if one.kept_in == "roleassignment":
        await require_holder(t, PrincipalId(pair["principalid"]))
        await require_unit(t, PrincipalId(pair["principalid"]), pair["roleid"])
    if one.kept_in == "teammembership":
        await _require_editable(t, pair["teamid"])


async def _require_editable(t: Transaction, team: str) -> None:
    found = await t.execute(
        "SELECT name, teamtype, isdefault FROM rows.team WHERE teamid = %s FOR SHARE", (team,)
    )
    row = await found.fetchone()
    if row is not None and row["isdefault"]:
        raise Refused(f"the members of the team {row['name']} are those of its business unit")
    if row is not None and row["teamtype"] in _ENTRA_TEAMS:
        raise Refused(f"the members of the team {row['name']} are those of its directory group")
