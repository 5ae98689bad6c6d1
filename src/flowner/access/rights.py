"""The words of the row law: rights, depths, and what a caller holds.

Names and numbers are Dataverse's: https://learn.microsoft.com/power-platform/admin/wp-security-cds
"""

from __future__ import annotations

from collections.abc import Mapping
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


class Depth(IntEnum):
    """How far a privilege reaches, seen from its holder."""

    USER = 1
    """Rows that the holder or one of their teams owns, or that are shared with them."""
    LOCAL = 2
    """Also the rows of the holder's business unit."""
    DEEP = 4
    """Also those of the business units below it."""
    ORGANIZATION = 8
    """Every row."""


EVERY_TABLE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one caller holds at this moment."""

    id: str
    name: str
    teams: frozenset[str] = frozenset()
    business_unit: str = ""
    below: frozenset[str] = frozenset()
    """The business units under the caller's own."""
    privileges: Mapping[tuple[str, Right], Depth] = field(default_factory=dict)
    """By table (or `EVERY_TABLE`) and right: the deepest that any role gives."""
    enabled: bool = True
    has_roles: bool = True

    @property
    def holders(self) -> frozenset[str]:
        return self.teams | {self.id}

    def depth(self, table: str, right: Right) -> Depth | None:
        """Return how far a right reaches on a table; None: not at all."""
        found = [
            depth
            for name in (table, EVERY_TABLE)
            if (depth := self.privileges.get((name, right))) is not None
        ]
        return max(found, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """What the law looks at in one row."""

    owner: str | None
    """None: the table has no owners; only the organisation's depth opens it."""
    business_unit: str | None = None
    shares: Mapping[str, int] = field(default_factory=dict)
    """Access masks by the principal that holds the share."""
