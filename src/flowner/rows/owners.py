"""Who can own a row, and where the row is then."""

from __future__ import annotations

from psycopg import sql

from flowner.access.rights import Right, Standing
from flowner.errors import AccessDenied, Code, Invalid, Refused
from flowner.rows.asking import Asking


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
