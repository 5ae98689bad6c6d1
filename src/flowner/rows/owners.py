"""Who can own a row, and where the row is then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from psycopg import sql

from flowner.access.rights import Right, RowFacts, Standing
from flowner.database import Transaction
from flowner.errors import AccessDenied, Code, Invalid, Refused
from flowner.rows.asking import Asking

_UNIT: Final = "owningbusinessunit"


async def owner_of(asking: Asking, owner: object, *, new: bool) -> Standing:
    """Return how an owner-to-be stands; raise where they cannot own rows of the table.

    Whoever adds a ``new`` row can own it: that they may add it is asked of them anyway.
    Source: https://learn.microsoft.com/power-apps/developer/data-platform/security-sharing-assigning
    """
    if new and str(owner) == asking.standings[0].id:
        return asking.standings[0]
    try:
        standing = await asking.memory.of(str(owner), asking.transaction)
    except AccessDenied:
        raise Invalid(f"`{owner}` is neither a user nor a team, and can own no row") from None
    if not standing.owns_rows:
        raise Refused(
            f"the team {standing.name} is an access team: give the row to an owner team",
            code=Code.OWNED_BY_ACCESS_TEAM,
        )
    if standing.is_team and not standing.has_roles:
        raise Refused(
            f"the team {standing.name} has not been assigned any roles",
            code=Code.TEAM_WITHOUT_ROLES,
        )
    if standing.reach(asking.table.name, Right.READ) is None:
        raise AccessDenied(
            f"{standing.name} cannot own rows of `{asking.table.name}`: they are missing the"
            f" prvRead{asking.table.name} privilege",
            code=Code.OWNER_LACKS_PRIVILEGE,
        )
    return standing


def owned_by(standing: Standing) -> dict[str, object]:
    """Return the columns that say whose a row is."""
    return {
        "ownerid": standing.id,
        "owneridtype": "team" if standing.is_team else "systemuser",
        "owningbusinessunit": standing.business_unit,
    }


async def placed(
    asking: Asking, given: Mapping[str, object], owner: Standing, row: RowFacts | None
) -> dict[str, object]:
    """Return in which business unit a row is to be: where the request says, else the owner's.

    ``row``: as it stands, None for a new one. Nobody puts a row where they could not write it.
    Source: https://learn.microsoft.com/power-platform/admin/wp-security-cds
    """
    if _UNIT not in given:
        return {_UNIT: owner.business_unit}
    unit = given[_UNIT]
    if unit is None:
        raise Invalid("a row cannot be without a business unit")
    await require_open_unit(asking.transaction, unit)
    across = await organization_says(asking, "enableownershipacrossbusinessunits")
    if str(unit) != owner.business_unit and not across:
        raise Refused("a row is in its owner's business unit, as the organisation has chosen")
    if row is not None:
        there = replace(row, owner=owner.id, business_unit=str(unit))
        asking.require_on(Right.WRITE, there, "in that business unit")
    return {_UNIT: str(unit)}


async def require_open_unit(transaction: Transaction, unit: object) -> None:
    """Raise where nothing can be put into a business unit: it is disabled, or not there."""
    found = await transaction.execute(
        "SELECT name, isdisabled FROM rows.businessunit WHERE businessunitid = %s", (unit,)
    )
    row = await found.fetchone()
    if row is None:
        raise Invalid(f"there is no business unit `{unit}`")
    if row["isdisabled"]:
        raise Refused(f"the business unit {row['name']} is disabled", code=Code.UNIT_DISABLED)


async def organization_says(asking: Asking, setting: str) -> bool:
    """Return one of the organisation's switches."""
    found = await asking.transaction.execute("SELECT * FROM rows.organization LIMIT 1")
    row = await found.fetchone()
    return row is not None and bool(row[setting])


async def owns_rows(asking: Asking, owning: list[tuple[str, str]]) -> bool:
    """Say whether there is a row with one of these values of ``ownerid`` or another of the columns
    that say whose it is: 1 query for each table with owners."""
    for table in await asking.catalogue.tables(asking.transaction):
        if not table.owned:
            continue
        some = sql.SQL(" OR ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(id))
            for column, id in owning
            if column in table.columns
        )
        statement = sql.SQL("SELECT 1 AS one FROM rows.{} WHERE {} LIMIT 1")
        asked = statement.format(sql.Identifier(table.name), some)
        if await (await asking.transaction.execute(asked)).fetchone() is not None:
            return True
    return False
