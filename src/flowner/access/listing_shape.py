"""Which statement lists rows best: a walk through all of them, or an arm for each way in.

Both find the same rows; only what they cost differs. Costs are counted in rows looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final, assert_never

from flowner.access.row_filter import Ways

_MOST_ARMS: Final = 1_000
_WALKED: Final = 4
"""What a row that is walked past costs, in rows that an arm takes: the whole row is fetched and,
where no other way in opens it, its shares are looked up; an arm reads nothing but its index."""
_READ_WHOLE: Final = 20
"""Arms that have no index in the list's order read all that is open: from this
part of the business units on, one in so many, that is dearer than a walk."""


class Served(Enum):
    """Which rows an index has in the order of the list."""

    EVERYWHERE = auto()
    """Those of an owner, those of a business unit, and all."""
    OF_ALL = auto()
    """All, but not those of an owner or a business unit."""
    NOWHERE = auto()
    """None; or more is asked for than an order, so that a walk may have to go to the end."""


class Shape(Enum):
    """How the rows that are open are found."""

    WALK = auto()
    """In the list's order through all rows, past those that are not open, until enough are found:
    cheap for those who see much."""
    ARMS = auto()
    """For each owner, each business unit and the shares the first rows of its own, then the first
    of all: cheap for those who see little."""


def narrowest(ways: Sequence[Ways]) -> int:
    """Return the place of the caller with the fewest ways in: others are tested on their rows."""
    return min(range(len(ways)), key=lambda at: (ways[at].everywhere, _arms(ways[at])))


def shape(ways: Ways, *, units: int, served: Served) -> Shape:
    """Choose. ``units``: how many business units there are, all in all.

    Rows are taken to be spread evenly over business units; nothing is asked of the database.
    """
    arms, reached = _arms(ways), len(ways.units)
    if ways.everywhere or arms > _MOST_ARMS:
        return Shape.WALK
    match served:
        case Served.EVERYWHERE:
            # Of a page of n rows: n * units / reached are walked past, and n * arms are taken.
            much = _WALKED * units < reached * arms
        case Served.OF_ALL:
            much = units < reached * _READ_WHOLE
        case Served.NOWHERE:
            much = units < reached * 2
        case _:
            assert_never(served)
    return Shape.WALK if much else Shape.ARMS


def _arms(ways: Ways) -> int:
    return len(ways.owners) + len(ways.units) + 1
