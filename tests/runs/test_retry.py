"""Retry policies: whether there is a next attempt, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.errors import Invalid
from flowner.runs.retry import pause, read_policy


def least(minimum: int, _: int) -> int:
    return minimum


def most(_: int, maximum: int) -> int:
    return maximum - 1


FIXED = {"type": "fixed", "count": 2, "interval": "PT5S"}
DOUBLING = {"type": "exponential", "count": 3, "interval": "PT10S"}
HELD = {**DOUBLING, "minimumInterval": "PT15S", "maximumInterval": "PT20S"}


@pytest.mark.parametrize(
    ("written", "attempt", "asked", "low", "high"),
    [
        pytest.param(None, 1, None, 5, 7.5, id="default, first pause"),
        pytest.param(None, 2, None, 7.5, 15, id="default, second"),
        pytest.param(None, 4, None, 30, 45, id="default, fourth, capped"),
        pytest.param(None, 5, None, None, None, id="default gives up after four"),
        pytest.param({"type": "Default"}, 1, None, 5, 7.5, id="default by name"),
        pytest.param({"type": "none"}, 1, None, None, None, id="none"),
        pytest.param({"type": "none"}, 1, 9, None, None, id="none, whatever was asked"),
        pytest.param(FIXED, 1, None, 5, 5, id="fixed"),
        pytest.param(FIXED, 2, None, 5, 5, id="fixed, the last"),
        pytest.param(FIXED, 3, None, None, None, id="fixed gives up"),
        pytest.param(FIXED, 1, 60, 60, 60, id="longer, because the outside asked"),
        pytest.param(FIXED, 1, 1, 5, 5, id="not shorter for that"),
        pytest.param(DOUBLING, 1, None, 5, 10, id="doubling, first"),
        pytest.param(DOUBLING, 3, None, 20, 40, id="doubling, third"),
        pytest.param(HELD, 1, None, 15, 15, id="held up by the minimum"),
        pytest.param(HELD, 3, None, 20, 20, id="held down by the maximum"),
    ],
)
def test_pause(
    written: Any, attempt: int, asked: float | None, low: float | None, high: float | None
) -> None:
    policy = read_policy(written)
    after = None if asked is None else timedelta(seconds=asked)
    for draw, expected in ((least, low), (most, high)):
        found = pause(policy, attempt, after, draw)
        assert (None if found is None else found.total_seconds()) == expected


@pytest.mark.parametrize(
    "written",
    [
        [],
        {"type": "sometimes"},
        {"type": "fixed", "count": 91},
        {"type": "fixed", "count": True},
        {"type": "fixed", "interval": "5 s"},
    ],
)
def test_no_policy(written: Any) -> None:
    with pytest.raises(Invalid):
        read_policy(written)


@given(
    st.integers(1, 90),
    st.integers(1, 100_000),
    st.integers(1, 100_000),
    st.integers(1, 100_000),
)
def test_jitter_keeps_within_bounds(attempt: int, interval: int, one: int, other: int) -> None:
    low, high = sorted((one, other))
    policy = read_policy(
        {
            "type": "exponential",
            "count": 90,
            "interval": f"PT{interval}S",
            "minimumInterval": f"PT{low}S",
            "maximumInterval": f"PT{high}S",
        }
    )
    shortest, longest = pause(policy, attempt, None, least), pause(policy, attempt, None, most)
    assert shortest is not None
    assert longest is not None
    assert policy.minimum <= shortest <= longest <= max(policy.maximum, policy.minimum)
