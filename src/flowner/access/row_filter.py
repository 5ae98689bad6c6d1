"""The row law, stated twice: as a decision about one row, and as a predicate over all of them.

``tests/rows/test_agreement.py`` holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from flowner.access.rights import Depth, Right, RowFacts, Standing
from flowner.errors import AccessDenied, Code
from flowner.odata.syntax import FALSE, TRUE, And, Column, In, Or, Predicate, Shared


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a right is given on a row, and why."""

    allowed: bool
    because: str


def decide_row(standing: Standing, table: str, right: Right, row: RowFacts) -> Decision:
    """Judge one right of one caller on one row."""
    depth = standing.depth(table, right)
    if depth is None:
        return Decision(False, f"no role gives {standing.name} {right} on `{table}`")
    if depth is Depth.ORGANIZATION:
        return Decision(True, f"{right} on every row of `{table}`")
    if row.owner in standing.holders:
        return Decision(True, "the row is theirs or their team's")
    reach = _units(standing, depth)
    if row.owner is not None and row.business_unit in reach:
        return Decision(True, "the row is in a business unit that they reach")
    shared = sorted(h for h in standing.holders if row.shares.get(h, 0) & right.mask)
    if row.owner is not None and shared:
        return Decision(True, "the row is shared with them or their team")
    return Decision(False, "the row is neither theirs, nor in their reach, nor shared with them")


def row_filter(standing: Standing, table: str, right: Right, *, owned: bool) -> Predicate:
    """State the law for one caller as a predicate. ``owned``: the table's rows have owners."""
    depth = standing.depth(table, right)
    if depth is None:
        return FALSE
    if depth is Depth.ORGANIZATION:
        return TRUE
    if not owned:
        return FALSE
    parts: list[Predicate] = [In(Column("ownerid"), tuple(sorted(standing.holders)))]
    reach = _units(standing, depth)
    if reach:
        parts.append(In(Column("owningbusinessunit"), tuple(sorted(reach))))
    parts.append(Shared(table, standing.holders, right.mask))
    return Or(tuple(parts))


def together(standings: Sequence[Standing], table: str, right: Right, *, owned: bool) -> Predicate:
    """State the law for callers who act for one another: what all of them may."""
    return And(tuple(row_filter(one, table, right, owned=owned) for one in standings))


def require_privilege(standings: Sequence[Standing], table: str, right: Right) -> None:
    """Raise unless every caller is enabled, has roles, and holds the right at some depth.

    The order is Dataverse's: disabled, no roles, privilege.
    """
    for standing in standings:
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
        if standing.depth(table, right) is None:
            raise AccessDenied(
                f"principal user (Id={standing.id}, {standing.name}) is missing"
                f" prv{right}{table} privilege for entity '{table}'",
                code=Code.PRIVILEGE_MISSING,
            )


def refuse_row(standings: Sequence[Standing], right: Right, table: str, id: str) -> AccessDenied:
    """Return the error for a row that is there but not open to these callers."""
    who = standings[-1].id if standings else "?"
    return AccessDenied(
        f"principal with id {who} does not have {right}Access right(s) for record with id {id} of"
        f" entity {table}",
        code=Code.ROW_ACCESS_DENIED,
    )


def _units(standing: Standing, depth: Depth) -> frozenset[str]:
    match depth:
        case Depth.USER:
            return frozenset()
        case Depth.LOCAL:
            return frozenset({standing.business_unit})
        case Depth.DEEP | Depth.ORGANIZATION:
            return standing.below | {standing.business_unit}
        case _:
            assert_never(depth)
