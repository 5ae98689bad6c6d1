"""Which statement lists rows best? One row, one reader."""

from __future__ import annotations

import pytest

from flowner.access.listing_shape import Served, Shape, narrowest, shape
from flowner.access.row_filter import Ways

EACH, ALL, NO = Served.EVERYWHERE, Served.OF_ALL, Served.NOWHERE
NOBODY = Ways(owners=frozenset(), units=frozenset(), sharers=frozenset())
EVERYTHING = Ways(owners=frozenset(), units=frozenset(), sharers=frozenset(), everywhere=True)


def ways(owners: int, units: int = 0) -> Ways:
    return Ways(
        owners=frozenset(f"o{at}" for at in range(owners)),
        units=frozenset(f"u{at}" for at in range(units)),
        sharers=frozenset({"me"}),
    )


@pytest.mark.parametrize(
    ("reader", "served", "expected"),
    [
        pytest.param(EVERYTHING, EACH, Shape.WALK, id="everything is open"),
        pytest.param(EVERYTHING, NO, Shape.WALK, id="everything, in an order of no index"),
        pytest.param(ways(3), EACH, Shape.ARMS, id="own rows"),
        pytest.param(ways(3), ALL, Shape.ARMS, id="own rows by key"),
        pytest.param(ways(3), NO, Shape.ARMS, id="own rows, filtered"),
        pytest.param(ways(3, 1), EACH, Shape.ARMS, id="a unit"),
        pytest.param(ways(3, 1), ALL, Shape.ARMS, id="a unit by key"),
        pytest.param(ways(3, 22), EACH, Shape.ARMS, id="a division"),
        pytest.param(ways(3, 22), ALL, Shape.WALK, id="a division by key: too much to sort"),
        pytest.param(ways(3, 22), NO, Shape.ARMS, id="a division, filtered"),
        pytest.param(ways(3, 60), EACH, Shape.WALK, id="a third: soon found"),
        pytest.param(ways(3, 60), NO, Shape.ARMS, id="a third, filtered"),
        pytest.param(ways(3, 150), NO, Shape.WALK, id="most, filtered"),
        pytest.param(ways(500), EACH, Shape.ARMS, id="a manager of many"),
        pytest.param(ways(5000), EACH, Shape.WALK, id="more owners than a statement bears"),
    ],
)
def test_shape(reader: Ways, served: Served, expected: Shape) -> None:
    assert shape(reader, units=200, served=served) is expected


def test_arms_are_those_of_whoever_sees_least() -> None:
    assert narrowest([EVERYTHING, ways(3, 22), ways(2)]) == 2
    assert narrowest([EVERYTHING, NOBODY]) == 1


def test_a_company_of_one_unit_is_walked() -> None:
    assert shape(ways(1, 1), units=1, served=Served.OF_ALL) is Shape.WALK
