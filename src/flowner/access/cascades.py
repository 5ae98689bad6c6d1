"""What happening to a row happens to the rows that point at it.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/configure-entity-relationship-cascading-behavior
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cascade(StrEnum):
    """How far a relationship carries on what happens to the row that is pointed at."""

    NONE = "NoCascade"
    ALL = "Cascade"
    ACTIVE = "Active"
    """To the rows that are active."""
    USER_OWNED = "UserOwned"
    """To the rows with the same owner."""
    REMOVE_LINK = "RemoveLink"
    """For delete: the rows stay, and point at nothing."""
    RESTRICT = "Restrict"
    """For delete: as long as there are such rows, it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """One lookup column, and what it carries on."""

    parent: str
    """The table that is pointed at."""
    child: str
    column: str
    assign: Cascade = Cascade.NONE
    share: Cascade = Cascade.NONE
    unshare: Cascade = Cascade.NONE
    reparent: Cascade = Cascade.NONE
    delete: Cascade = Cascade.REMOVE_LINK

    @property
    def inherits(self) -> bool:
        """Whether the rows that point have the shares of what they point at."""
        return self.reparent is not Cascade.NONE or self.share is not Cascade.NONE


def reaches(cascade: Cascade, *, active: bool, same_owner: bool) -> bool:
    """Say whether a row that points is reached."""
    match cascade:
        case Cascade.ALL:
            return True
        case Cascade.ACTIVE:
            return active
        case Cascade.USER_OWNED:
            return same_owner
        case _:
            return False
