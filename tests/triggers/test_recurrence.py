"""When a recurrence is due: one row, one rule; daylight saving; never twice, never missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.errors import Invalid
from flowner.triggers.recurrence import Rule

BERLIN, NEW_YORK = "W. Europe Standard Time", "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rule(frequency: str, interval: int = 1, zone: str | None = None, **more) -> Rule:
    given = {"frequency": frequency, "interval": interval}
    if zone:
        given["timeZone"] = zone
    for name in ("startTime", "endTime"):
        if name in more:
            given[name] = more.pop(name)
    if more:
        given["schedule"] = more
    return Rule.read(given, "/triggers/R/recurrence")


@pytest.mark.parametrize(
    ("given", "after", "expected"),
    [
        pytest.param(rule("Minute", 5), "2026-03-01T10:02:00",
                     ["2026-03-01T10:07:00", "2026-03-01T10:12:00"], id="every five minutes"),
        pytest.param(rule("Hour", 6, startTime="2026-03-01T01:00:00Z"), "2026-03-01T10:02:00",
                     ["2026-03-01T13:00:00", "2026-03-01T19:00:00"], id="on the start's grid"),
        pytest.param(rule("Day", startTime="2026-05-01T09:00:00Z"), "2026-03-01T00:00:00",
                     ["2026-05-01T09:00:00", "2026-05-02T09:00:00"], id="not before it starts"),
        pytest.param(rule("Day", hours=["6"], minutes=[30], zone=BERLIN), "2026-01-10T05:31:00",
                     ["2026-01-11T05:30:00", "2026-01-12T05:30:00"], id="at half past six, Berlin"),
        pytest.param(rule("Day", hours=[6], minutes=[30], zone=BERLIN), "2026-03-28T00:00:00",
                     ["2026-03-28T05:30:00", "2026-03-29T04:30:00"], id="into summer time"),
        pytest.param(rule("Day", hours=[2], minutes=[30], zone=BERLIN), "2026-03-28T12:00:00",
                     ["2026-03-29T01:30:00", "2026-03-30T00:30:00"], id="a time that is skipped"),
        pytest.param(rule("Day", hours=[2], minutes=[30], zone=BERLIN), "2026-10-24T12:00:00",
                     ["2026-10-25T00:30:00", "2026-10-26T01:30:00"], id="a time that comes twice"),
        pytest.param(rule("Day", hours=[1], minutes=[30], zone=NEW_YORK), "2026-10-31T12:00:00",
                     ["2026-11-01T05:30:00", "2026-11-02T06:30:00"], id="twice, New York"),
        pytest.param(rule("Week", weekDays=["Monday", "Friday"], hours=[8], minutes=[0]),
                     "2026-11-24T09:00:00", ["2026-11-27T08:00:00", "2026-11-30T08:00:00"],
                     id="Mondays and Fridays"),
        pytest.param(rule("Week", 2, startTime="2026-11-02T08:00:00Z", weekDays=["Monday"]),
                     "2026-11-03T00:00:00", ["2026-11-16T08:00:00", "2026-11-30T08:00:00"],
                     id="every other Monday"),
        pytest.param(rule("Month", startTime="2026-01-31T00:00:00Z"), "2026-01-31T00:00:00",
                     ["2026-02-28T00:00:00", "2026-03-31T00:00:00"], id="the 31st, clamped"),
        pytest.param(rule("Month", monthDays=[31], hours=[0], minutes=[0]), "2026-01-31T01:00:00",
                     ["2026-03-31T00:00:00", "2026-05-31T00:00:00"], id="only months with a 31st"),
        pytest.param(rule("Month", monthDays=[-1], hours=[0], minutes=[0]), "2026-01-31T01:00:00",
                     ["2026-02-28T00:00:00", "2026-03-31T00:00:00"], id="the last day"),
        pytest.param(
            rule("Month", monthlyOccurrences=[{"day": "Friday", "occurrence": -1}], hours=[0],
                 minutes=[0]),
            "2026-01-01T00:00:00", ["2026-01-30T00:00:00", "2026-02-27T00:00:00"],
            id="the last Friday"),
        pytest.param(rule("Day", startTime="2026-05-01T09:00:00Z", endTime="2026-05-01T10:00:00Z"),
                     "2026-04-01T00:00:00", ["2026-05-01T09:00:00"], id="until it ends"),
        pytest.param(rule("Month", monthDays=[31], startTime="2026-02-01T00:00:00Z", interval=12),
                     "2026-02-01T00:00:00", [], id="31 February never comes"),
    ],
)  # fmt: skip
def test_occurrences(given: Rule, after: str, expected: list[str]) -> None:
    found = []
    for one in given.occurrences(at(after), at("2099-01-01T00:00:00")):
        found.append(one)
        if len(found) == max(len(expected), 1):
            break
    assert found[: len(expected) or 1] == [at(text) for text in expected]


DAYLIGHT = [
    pytest.param("GMT Standard Time", 1, 30, "2026-03-27T12:00:00",
                 ["03-28T01:30", "03-29T01:30", "03-30T00:30"], id="London, skipped"),
    pytest.param("GMT Standard Time", 1, 30, "2026-10-23T12:00:00",
                 ["10-24T00:30", "10-25T00:30", "10-26T01:30"], id="London, twice"),
    pytest.param("Eastern Standard Time", 2, 30, "2026-03-07T00:00:00",
                 ["03-07T07:30", "03-08T07:30", "03-09T06:30"], id="New York, skipped"),
    pytest.param("Eastern Standard Time", 1, 30, "2026-10-31T00:00:00",
                 ["10-31T05:30", "11-01T05:30", "11-02T06:30"], id="New York, twice"),
    pytest.param("Lord Howe Standard Time", 2, 15, "2026-10-02T12:00:00",
                 ["10-02T15:45", "10-03T15:45", "10-04T15:15"], id="Lord Howe, half an hour"),
    pytest.param("Lord Howe Standard Time", 1, 45, "2026-04-03T12:00:00",
                 ["04-03T14:45", "04-04T14:45", "04-05T15:15"], id="Lord Howe, twice"),
    pytest.param("AUS Eastern Standard Time", 2, 30, "2026-10-02T12:00:00",
                 ["10-02T16:30", "10-03T16:30", "10-04T15:30"], id="Sydney, skipped"),
    pytest.param("Chatham Islands Standard Time", 3, 0, "2026-09-25T12:00:00",
                 ["09-25T14:15", "09-26T14:15", "09-27T13:15"], id="Chatham, at a quarter to"),
    pytest.param("Egypt Standard Time", 0, 30, "2026-04-22T12:00:00",
                 ["04-22T22:30", "04-23T22:30", "04-24T21:30"], id="Cairo, midnight skipped"),
    pytest.param("E. South America Standard Time", 0, 30, "2018-11-03T00:00:00",
                 ["11-03T03:30", "11-04T03:30", "11-05T02:30"], id="São Paulo, as it was"),
    pytest.param("India Standard Time", 6, 0, "2026-03-28T12:00:00",
                 ["03-29T00:30", "03-30T00:30", "03-31T00:30"], id="Kolkata, never"),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "hour", "minute", "after", "expected"), DAYLIGHT)
def test_daylight_saving(
    zone: str, hour: int, minute: int, after: str, expected: list[str]
) -> None:
    daily = rule("Day", hours=[hour], minutes=[minute], zone=zone)
    found = list(daily.occurrences(at(after), at(after) + timedelta(days=3)))
    assert found == [at(f"{after[:4]}-{text}:00") for text in expected]


def test_two_times_that_fall_together_fire_once() -> None:
    daily = rule("Day", hours=[2, 3], minutes=[30], zone=BERLIN)
    found = daily.occurrences(at("2026-03-28T00:00:00"), at("2026-03-30T12:00:00"))
    expected = ("28T01:30", "28T02:30", "29T01:30", "30T00:30", "30T01:30")
    assert list(found) == [at(f"2026-03-{text}:00") for text in expected]


def test_hours_are_elapsed_time_whatever_the_clocks_do() -> None:
    hourly = rule("Hour", 6, zone=BERLIN, startTime="2026-03-28T20:00:00")
    found = hourly.occurrences(at("2026-03-28T12:00:00"), at("2026-03-29T14:00:00"))
    expected = ("28T19", "29T01", "29T07", "29T13")
    assert list(islice(found, 5)) == [at(f"2026-03-{text}:00:00") for text in expected]


@given(
    frequency=st.sampled_from(["Second", "Minute", "Hour", "Day", "Week", "Month", "Year"]),
    interval=st.integers(1, 10),
    zone=st.sampled_from([BERLIN, NEW_YORK, "Pacific/Kiritimati", "Etc/GMT+12"]),
    start=st.one_of(st.none(), st.datetimes()),
    end=st.one_of(st.none(), st.datetimes()),
    schedule=st.fixed_dictionaries({}, optional={
        "hours": st.lists(st.integers(0, 23)), "minutes": st.lists(st.integers(0, 59)),
        "monthDays": st.lists(st.integers(-31, 31)), "weekDays": st.lists(st.just("Friday")),
    }),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - made aware below
)  # fmt: skip
def test_the_next_occurrence_lies_ahead_and_is_the_next(  # noqa: PLR0917 - a rule's parts
    frequency, interval, zone, start, end, schedule, now
) -> None:
    more = {name: value.isoformat() for name, value in
            (("startTime", start), ("endTime", end)) if value}  # fmt: skip
    try:
        given_rule = rule(frequency, interval, zone, **more, **schedule)
    except Invalid:
        return
    now = now.replace(tzinfo=UTC)
    first = given_rule.next_after(now, anchor=now)
    if first is None:
        return
    assert first > now
    assert given_rule.start is None or first >= given_rule.start
    assert given_rule.end is None or first <= given_rule.end
    between = now + (first - now) / 2
    assert given_rule.next_after(between, anchor=now) == first


@pytest.mark.parametrize(
    ("recurrence", "pointer"),
    [
        ({"frequency": "Fortnight", "interval": 1}, "/r/frequency"),
        ({"frequency": "Day", "interval": 0}, "/r/interval"),
        ({"frequency": "Day", "interval": 501}, "/r/interval"),
        ({"frequency": "Day", "interval": 1, "timeZone": "Mars"}, "/r/timeZone"),
        ({"frequency": "Day", "interval": 1, "startTime": "soon"}, "/r/startTime"),
        ({"frequency": "Day", "interval": 1, "startTime": "9999-12-31T00:00:00"}, "/r/startTime"),
        ({"frequency": "Week", "interval": 1, "startTime": "0001-01-01T00:00:00"}, "/r/startTime"),
        ({"frequency": "Day", "interval": 1, "schedule": {"hours": [24]}}, "/r/schedule/hours"),
        ({"frequency": "Week", "interval": 1, "schedule": {"weekDays": ["Mo"]}},
         "/r/schedule/weekDays"),
        (None, "/r"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_pointed_at(recurrence, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        Rule.read(recurrence, "/r")
    assert caught.value.pointer == pointer


@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    zone=st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata", "UTC",
                          "Pacific/Apia", "America/Sao_Paulo"]),
    year=st.integers(2015, 2030),
)  # fmt: skip
def test_every_day_has_one_occurrence(hour: int, minute: int, zone: str, year: int) -> None:
    daily = rule("Day", hours=[hour], minutes=[minute], zone=zone)
    first, last = (datetime(y, 1, 1, tzinfo=daily.zone) for y in (year, year + 1))
    found = list(daily.occurrences(first - timedelta(seconds=1), last - timedelta(seconds=1)))
    days = [one.astimezone(daily.zone).date() for one in found]
    assert len(days) == len(set(days))
    assert len(found) in (365, 366)
    assert all(timedelta(hours=22) < b - a < timedelta(hours=26) for a, b in pairwise(found))
