"""What Dataverse's functions say, in plain comparisons: edges of days, weeks, months and years."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.errors import Invalid
from flowner.odata.evaluate import holds
from flowner.odata.functions import ARGUMENTS, Asker, settled
from flowner.odata.parser import parse_filter
from flowner.odata.syntax import Column, Function

# A Thursday.
NOW = datetime(2024, 2, 29, 10, 30, tzinfo=UTC)
ASKER = Asker(now=NOW, user="me", teams=frozenset({"crew"}), business_unit="unit")


def finds(name: str, value: Any, *given: Any) -> bool:
    row = {"a": value.isoformat() if isinstance(value, datetime) else value}
    return holds(settled(Function(name, Column("a"), given), ASKER), row)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "given", "first", "last"),
    [
        ("Today", (), "2024-02-29", "2024-02-29T23:59:59"),
        ("Yesterday", (), "2024-02-28", "2024-02-28T23:59:59"),
        ("Tomorrow", (), "2024-03-01", "2024-03-01T23:59:59"),
        ("Last7Days", (), "2024-02-22", "2024-02-29T23:59:59"),
        ("Next7Days", (), "2024-02-29", "2024-03-07T23:59:59"),
        ("ThisWeek", (), "2024-02-25", "2024-03-02T23:59:59"),
        ("LastWeek", (), "2024-02-18", "2024-02-24T23:59:59"),
        ("NextWeek", (), "2024-03-03", "2024-03-09T23:59:59"),
        ("ThisMonth", (), "2024-02-01", "2024-02-29T23:59:59"),
        ("LastMonth", (), "2024-01-01", "2024-01-31T23:59:59"),
        ("NextMonth", (), "2024-03-01", "2024-03-31T23:59:59"),
        ("ThisYear", (), "2024-01-01", "2024-12-31T23:59:59"),
        ("LastYear", (), "2023-01-01", "2023-12-31T23:59:59"),
        ("NextYear", (), "2025-01-01", "2025-12-31T23:59:59"),
        ("LastXHours", ("2",), "2024-02-29T08:30:00", "2024-02-29T10:30:00"),
        ("LastXDays", ("1",), "2024-02-28", "2024-02-29T10:30:00"),
        ("LastXMonths", ("12",), "2023-02-28", "2024-02-29T10:30:00"),
        ("NextXDays", ("1",), "2024-02-29T10:30:01", "2024-03-01T23:59:59"),
        ("NextXYears", ("1",), "2024-02-29T10:30:01", "2025-02-28T23:59:59"),
        ("On", ("2024-02-10",), "2024-02-10", "2024-02-10T23:59:59"),
    ],
)
def test_a_span_has_its_edges(name: str, given: tuple[str, ...], first: str, last: str) -> None:
    second = timedelta(seconds=1)
    assert finds(name, at(first), *given)
    assert finds(name, at(last), *given)
    assert not finds(name, at(first) - second, *given)
    assert not finds(name, at(last) + second, *given)
    assert not finds(name, None, *given)


@pytest.mark.parametrize(
    ("name", "given", "yes", "no"),
    [
        ("OnOrAfter", ("2024-02-10",), ["2024-02-10T00:00:00Z"], ["2024-02-09T23:59:59Z", None]),
        ("OnOrBefore", ("2024-02-10",), ["2024-02-10T23:59:59Z"], ["2024-02-11T00:00:00Z", None]),
        ("NotOn", ("2024-02-10",), ["2024-02-11T00:00:00Z"], ["2024-02-10T09:00:00Z", None]),
        ("OlderThanXMinutes", ("30",), ["2024-02-29T09:59:00Z"], ["2024-02-29T10:01:00Z", None]),
        ("OlderThanXYears", ("1",), ["2023-02-27T00:00:00Z"], ["2023-03-01T00:00:00Z", None]),
        ("In", ("a", "b"), ["A", "b"], ["c", None]),
        ("NotIn", ("a", "b"), ["c"], ["a", None]),
        ("Between", ("2", "4"), [2, 3, 4], [1, 5, None]),
        ("NotBetween", ("2", "4"), [1, 5], [2, 3, 4]),
        ("Contains", ("b",), ["aBc"], ["ac", None]),
        ("BeginsWith", ("a",), ["Ab"], ["ba", None]),
        ("EndsWith", ("b",), ["aB"], ["ba", None]),
        ("DoesNotBeginWith", ("a",), ["b"], ["ab"]),
        ("DoesNotEndWith", ("a",), ["b"], ["ba"]),
        ("ContainValues", (1, 3), ["1", "1,2", "2,3"], ["2", "11,13", None]),
        ("DoesNotContainValues", (1,), ["2", "11"], ["1", "1,2"]),
        ("EqualUserId", (), ["me"], ["you", None]),
        ("NotEqualUserId", (), ["you"], ["me"]),
        ("EqualUserTeams", (), ["crew"], ["me", None]),
        ("EqualUserOrUserTeams", (), ["crew", "me"], ["you", None]),
        ("EqualBusinessId", (), ["unit"], ["other", None]),
        ("NotEqualBusinessId", (), ["other"], ["unit"]),
    ],
)
def test_a_function_finds(name: str, given: tuple[Any, ...], yes: list[Any], no: list[Any]) -> None:
    assert [value for value in yes if not finds(name, value, *given)] == []
    assert [value for value in no if finds(name, value, *given)] == []


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if "X" in name])
@pytest.mark.parametrize("given", ["0", "-1", "x", "99999999", "1.5", ""])
def test_a_number_of_days_is_one(name: str, given: str) -> None:
    with pytest.raises(Invalid):
        settled(Function(name, Column("a"), (given,)), ASKER)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("On", "0001-01-01T00:00:00+14:00"), ("OnOrBefore", "9999-12-31"), ("On", "9999-12-31"),
        ("LastXYears", "36000"), ("NextXYears", "36000"), ("On", "x"),
    ],
)  # fmt: skip
def test_beyond_the_calendar_is_refused(name: str, given: str) -> None:
    with pytest.raises(Invalid):
        settled(Function(name, Column("a"), (given,)), ASKER)


@given(name=st.sampled_from(sorted(ARGUMENTS)), now=st.datetimes(), count=st.integers(1, 50))
def test_every_function_is_said_at_any_time(name: str, now: datetime, count: int) -> None:
    asker = Asker(now=now.replace(tzinfo=UTC), user="me")
    least, _ = ARGUMENTS[name]
    values = ("2024-01-01",) if name in ("On", "NotOn", "OnOrAfter", "OnOrBefore") else (
        tuple(str(count) for _ in range(least)))  # fmt: skip
    try:
        said = settled(Function(name, Column("a"), values), asker)
    except Invalid:
        return
    holds(said, {"a": "2024-01-01T00:00:00Z"})


def test_functions_are_said_wherever_they_stand() -> None:
    text = "not (up/any(x:Microsoft.Dynamics.CRM.EqualUserId(PropertyName='x/a')) or a eq 'b')"
    assert "Function" not in repr(settled(parse_filter(text), ASKER))
