"""The words of the row law: rights, depths, and what a caller holds.

Names and numbers are Dataverse's: https://learn.microsoft.com/power-platform/admin/wp-security-cds
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Right(StrEnum):
    """What may be done with rows."""

    CREATE = "Create"
    READ = "Read"
    WRITE = "Write"
    DELETE = "Delete"
    APPEND = "Append"
    APPEND_TO = "AppendTo"
    ASSIGN = "Assign"
    SHARE = "Share"

    @property
    def mask(self) -> int:
        """The right's bit in the access mask of a share."""
        return _MASKS[self]


_MASKS = {
    Right.READ: 1,
    Right.WRITE: 2,
    Right.APPEND: 4,
    Right.APPEND_TO: 16,
    Right.CREATE: 32,
    Right.DELETE: 65536,
    Right.SHARE: 262144,
    Right.ASSIGN: 524288,
}


def rights_of(mask: int) -> frozenset[Right]:
    """Return the rights whose bits are set."""
    return frozenset(right for right in Right if right.mask & mask)


def mask_of(rights: Iterable[Right]) -> int:
    """Return the access mask of some rights."""
    return sum(right.mask for right in set(rights))


class Depth(IntEnum):
    """How far a privilege reaches, seen from the business unit of the role that gives it."""

    USER = 1
    """Rows that the holder or one of their teams owns, or that are shared with them."""
    LOCAL = 2
    """Also the rows of the role's business unit; of the team's, where a team holds the role."""
    DEEP = 4
    """Also those of the business units below it."""
    ORGANIZATION = 8
    """Every row."""


EVERY_TABLE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far one right reaches on one table, all roles taken together."""

    own: bool = True
    """Whether to the holder's own rows; a role for a team's privileges alone, at user depth,
    opens the team's rows and not these."""
    units: frozenset[str] = frozenset()
    """The business units whose rows are open."""
    everywhere: bool = False

    def joined(self, other: Reach) -> Reach:
        """Return what either opens."""
        return Reach(
            own=self.own or other.own,
            units=self.units | other.units,
            everywhere=self.everywhere or other.everywhere,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Whose rows a manager, or a higher position, may work with."""

    direct: frozenset[str] = frozenset()
    """The direct reports, and the owner teams that they are in."""
    direct_shares: frozenset[str] = frozenset()
    """With whom a row must be shared to count as a direct report's."""
    indirect: frozenset[str] = frozenset()
    indirect_shares: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    """Tables that the hierarchy does not count for."""

    def owners(self, table: str, right: Right) -> frozenset[str]:
        """Return whose rows the right reaches through the hierarchy."""
        return self._seen(table, right, self.direct, self.indirect)

    def sharers(self, table: str, right: Right) -> frozenset[str]:
        """Return whose shares count."""
        return self._seen(table, right, self.direct_shares, self.indirect_shares)

    def _seen(
        self, table: str, right: Right, near: frozenset[str], far: frozenset[str]
    ) -> frozenset[str]:
        if table in self.excluded or right not in _OF_REPORTS:
            return frozenset()
        return near | far if right is Right.READ else near


_OF_REPORTS = frozenset({Right.READ, Right.WRITE, Right.APPEND, Right.APPEND_TO})


@dataclass(frozen=True, slots=True)
class ColumnRights:
    """What a caller may do with one secured column, in every row that is open to them."""

    read: bool = False
    create: bool = False
    update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one principal holds at this moment."""

    id: str
    name: str
    business_unit: str = ""
    teams: frozenset[str] = frozenset()
    """The teams whose rows are theirs as well: owner teams and teams of directory groups."""
    access_teams: frozenset[str] = frozenset()
    """Teams, and groups of the directory, that hold shares alone."""
    everybody: str = ""
    """The organisation, as a principal that rows are shared with."""
    privileges: Mapping[tuple[str, Right], Reach] = field(default_factory=dict)
    """By table (or `EVERY_TABLE`) and right; a right that no role gives is not there."""
    reports: Reports = Reports()
    columns: Mapping[tuple[str, str], ColumnRights] = field(default_factory=dict)
    """Every secured column, by table and column."""
    enabled: bool = True
    has_roles: bool = True
    reads_only: bool = False
    """The access mode is *Read*."""
    confined: frozenset[str] | None = None
    """The only tables that the access mode *Administrative* leaves open; None: it is another."""
    administrator: bool = False
    acts_for_others: bool = False
    """Whether a role of their own, not a team's, lets them act on behalf of another."""
    is_team: bool = False
    owns_rows: bool = True
    """False: an access team."""

    @property
    def holders(self) -> frozenset[str]:
        """Return with whom a row must be shared to be shared with this principal."""
        return (self.teams | self.access_teams | {self.id, self.everybody}) - {""}

    def unread(self, table: str) -> frozenset[str]:
        """Return a table's secured columns that are not theirs to read."""
        return frozenset(
            column
            for (name, column), rights in self.columns.items()
            if name == table and not rights.read
        )

    def reach(self, table: str, right: Right) -> Reach | None:
        """Return how far a right reaches on a table; None: not at all."""
        if self.reads_only and right is not Right.READ:
            return None
        if self.confined is not None and table not in self.confined:
            return None
        here = self.privileges.get((table, right))
        everywhere = self.privileges.get((EVERY_TABLE, right))
        if here is None or everywhere is None:
            return here or everywhere
        return here.joined(everywhere)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """What the law looks at in one row."""

    owner: str | None
    """None: the table has no owners; only the organisation's depth opens it."""
    business_unit: str | None = None
    shares: Mapping[str, int] = field(default_factory=dict)
    """Access masks by the principal that holds the share; inherited ones with the others."""
