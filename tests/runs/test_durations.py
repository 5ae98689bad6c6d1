"""Durations and moments, as definitions write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flowner.errors import Invalid
from flowner.runs.durations import LONGEST, duration, instant, later, moment, span
from flowner.values import Json


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0),
        ("PT5S", 5),
        ("PT1.5S", 1.5),
        ("PT90M", 5_400),
        ("P1D", 86_400),
        ("P1DT12H", 129_600),
        ("P1W", 604_800),
        ("P1M", 30 * 86_400),
        ("P1Y", 365 * 86_400),
        ("pt1h", 3_600),
        ("P999999Y", LONGEST.total_seconds()),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "PT1", "P1H", "PT-1S", "P1DT", "PT1S "[:3]])
def test_no_duration(text: str) -> None:
    with pytest.raises(Invalid, match="is not a duration"):
        duration(text)


@pytest.mark.parametrize(
    ("count", "unit", "seconds"),
    [
        (3, "Second", 3),
        (3, "minutes", 180),
        ("2", "Hour", 7_200),
        (0, "Day", 0),
        (1, "Month", 30 * 86_400),
        (0.5, "Minute", 30),
    ],
)
def test_span(count: Json, unit: str, seconds: float) -> None:
    assert span(count, unit) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("count", "unit"), [(-1, "Day"), (True, "Day"), ("x", "Day"), (None, "Day"), (1, "Fortnight")]
)
def test_no_span(count: Json, unit: str) -> None:
    with pytest.raises(Invalid):
        span(count, unit)


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T08:00:00Z", "2026-01-31T08:00:00.0000000Z", "2026-01-31T09:00:00+01:00"],
)
def test_moment(text: str) -> None:
    assert moment(text) == datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_no_moment(text: str) -> None:
    with pytest.raises(Invalid):
        moment(text)


def test_time_ends() -> None:
    end = later(datetime(9999, 12, 31, tzinfo=UTC), timedelta(days=2))
    assert end.year == 9999


def test_instant_has_seven_digits() -> None:
    assert instant(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)) == "2026-01-02T03:04:05.0000060Z"
