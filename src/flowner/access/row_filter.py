"""The row law, stated twice: as a decision about one row, and as a predicate over all of them.

``tests/rows/test_agreement.py`` holds the two together.
Source: https://learn.microsoft.com/power-platform/admin/how-record-access-determined
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowner.access.rights import Right, RowFacts, Standing
from flowner.errors import AccessDenied, Code
from flowner.odata.syntax import TRUE, And, Column, In, Or, Predicate, Shared


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a right is given on a row, and why."""

    allowed: bool
    because: str


def decide_row(standing: Standing, table: str, right: Right, row: RowFacts) -> Decision:
    """Judge one right of one principal on one row. Any one way in is enough."""
    reach = standing.reach(table, right)
    if reach is None:
        return Decision(False, f"no role gives {standing.name} {right} on `{table}`")
    if reach.everywhere:
        return Decision(True, f"{right} on every row of `{table}`")
    if row.owner is None:
        return Decision(False, f"the rows of `{table}` have no owners, and they reach not all")
    if row.owner in standing.teams:
        return Decision(True, "the row is their team's")
    if row.owner == standing.id and reach.own:
        return Decision(True, "the row is theirs")
    if row.business_unit in reach.units:
        return Decision(True, "the row is in a business unit that they reach")
    if _shared(row, standing.holders, right):
        return Decision(True, "the row is shared with them or their team")
    reports = standing.reports
    if row.owner in reports.owners(table, right):
        return Decision(True, "the row belongs to somebody who reports to them")
    if _shared(row, reports.sharers(table, right), right):
        return Decision(True, "the row is shared with somebody who reports to them")
    return Decision(False, "the row is neither theirs, nor in their reach, nor shared with them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways into the rows of a table for one principal: any one is enough."""

    owners: frozenset[str]
    """Whose rows are open."""
    units: frozenset[str]
    """The business units whose rows are open."""
    sharers: frozenset[str]
    """With whom a row must be shared."""
    everywhere: bool = False
    """Every row is open, whatever the others say."""


_NO_WAY = Ways(owners=frozenset(), units=frozenset(), sharers=frozenset())


def ways_in(standing: Standing, table: str, right: Right, *, owned: bool) -> Ways:
    """State the law for one principal as ways in. ``owned``: the table's rows have owners."""
    reach = standing.reach(table, right)
    if reach is None:
        return _NO_WAY
    if reach.everywhere or not owned:
        return replace(_NO_WAY, everywhere=reach.everywhere)
    reports = standing.reports
    own = {standing.id} if reach.own else set()
    return Ways(
        owners=standing.teams | own | reports.owners(table, right),
        units=reach.units,
        sharers=standing.holders | reports.sharers(table, right),
    )


def row_filter(standing: Standing, table: str, right: Right, *, owned: bool) -> Predicate:
    """State the law for one principal as a predicate. ``owned``: the table's rows have owners."""
    ways = ways_in(standing, table, right, owned=owned)
    if ways.everywhere:
        return TRUE
    parts: list[Predicate] = []
    if ways.owners:
        parts.append(In(Column("ownerid"), tuple(sorted(ways.owners))))
    if ways.units:
        parts.append(In(Column("owningbusinessunit"), tuple(sorted(ways.units))))
    if ways.sharers:
        parts.append(Shared(table, ways.sharers, right.mask))
    return Or(tuple(parts))


def together(standings: Sequence[Standing], table: str, right: Right, *, owned: bool) -> Predicate:
    """State the law for callers who act for one another: what all of them may."""
    return And(tuple(row_filter(one, table, right, owned=owned) for one in standings))


def require_enabled(standing: Standing) -> None:
    """Raise unless the principal is enabled and has a role."""
    if not standing.enabled:
        raise AccessDenied(
            f"the user with id {standing.id} ({standing.name}) is disabled",
            code=Code.PRINCIPAL_DISABLED,
        )
    if not standing.has_roles:
        raise AccessDenied(
            f"the user {standing.name} ({standing.id}) has not been assigned any roles",
            code=Code.NO_ROLES,
        )


def require_privilege(standings: Sequence[Standing], table: str, right: Right) -> None:
    """Raise unless every caller is enabled, has roles, and holds the right at some depth.

    The order is Dataverse's: disabled, no roles, privilege.
    """
    for standing in standings:
        require_enabled(standing)
        if standing.reach(table, right) is None:
            raise AccessDenied(
                f"principal user (Id={standing.id}, {standing.name}) is missing"
                f" prv{right}{table} privilege for entity '{table}'",
                code=Code.PRIVILEGE_MISSING,
            )


def require_impersonation(acting_for: Standing, actor: Standing) -> None:
    """Raise unless the actor may act on behalf of others, by a role of their own.

    Source: https://learn.microsoft.com/power-apps/developer/data-platform/impersonate-another-user
    """
    require_enabled(actor)
    if not actor.acts_for_others:
        raise AccessDenied(
            f"{actor.name} ({actor.id}) does not have the privilege to act on behalf of another"
            f" user, here {acting_for.name}: prvActOnBehalfOfAnotherUser, by a role of their own",
            code=Code.CANNOT_ACT_ON_BEHALF,
        )


def refuse_row(standings: Sequence[Standing], right: Right, table: str, id: str) -> AccessDenied:
    """Return the error for a row that is there but not open to these callers."""
    who = standings[-1].id if standings else "?"
    return AccessDenied(
        f"principal with id {who} does not have {right}Access right(s) for record with id {id} of"
        f" entity {table}",
        code=Code.ROW_ACCESS_DENIED,
    )


def _shared(row: RowFacts, holders: frozenset[str], right: Right) -> bool:
    return any(row.shares.get(holder, 0) & right.mask for holder in holders)
