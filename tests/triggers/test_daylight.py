"""Both daylight-saving changes of 2026 in twelve zones: no occurrence missed, none doubled.

The table says it in instants; a walk through every minute, which knows of zones only what a clock
on the wall shows, says it a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.triggers.recurrence import Rule

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CHANGES = [
    pytest.param("W. Europe Standard Time", "Europe/Berlin", "2026-03-29",
                 "03-28T01:30 03-29T01:30 03-30T00:30", "03-22T01:30 03-29T01:30 04-05T00:30",
                 "03-29T01:30 04-29T00:30 05-29T00:30",
                 "02:30", "03-29T01:30 03-30T00:30", id="Berlin gap"),
    pytest.param("W. Europe Standard Time", "Europe/Berlin", "2026-10-25",
                 "10-24T00:30 10-25T00:30 10-26T01:30", "10-18T00:30 10-25T00:30 11-01T01:30",
                 "09-25T00:30 10-25T00:30 11-25T01:30",
                 "02:30", "10-25T00:30 10-26T01:30", id="Berlin overlap"),
    pytest.param("GMT Standard Time", "Europe/London", "2026-03-29",
                 "03-28T02:30 03-29T01:30 03-30T01:30", "03-22T02:30 03-29T01:30 04-05T01:30",
                 "03-29T01:30 04-29T01:30 05-29T01:30",
                 "01:30", "03-29T01:30 03-30T00:30", id="London gap"),
    pytest.param("GMT Standard Time", "Europe/London", "2026-10-25",
                 "10-24T01:30 10-25T02:30 10-26T02:30", "10-18T01:30 10-25T02:30 11-01T02:30",
                 "09-25T01:30 10-25T02:30 11-25T02:30",
                 "01:30", "10-25T00:30 10-26T01:30", id="London overlap"),
    pytest.param("Eastern Standard Time", "America/New_York", "2026-03-08",
                 "03-07T07:30 03-08T07:30 03-09T06:30", "03-01T07:30 03-08T07:30 03-15T06:30",
                 "02-08T07:30 03-08T07:30 04-08T06:30",
                 "02:30", "03-08T07:30 03-09T06:30", id="New York gap"),
    pytest.param("Eastern Standard Time", "America/New_York", "2026-11-01",
                 "10-31T06:30 11-01T07:30 11-02T07:30", "10-25T06:30 11-01T07:30 11-08T07:30",
                 "10-01T06:30 11-01T07:30 12-01T07:30",
                 "01:30", "11-01T05:30 11-02T06:30", id="New York overlap"),
    pytest.param("Pacific Standard Time", "America/Los_Angeles", "2026-03-08",
                 "03-07T10:30 03-08T10:30 03-09T09:30", "03-01T10:30 03-08T10:30 03-15T09:30",
                 "02-08T10:30 03-08T10:30 04-08T09:30",
                 "02:30", "03-08T10:30 03-09T09:30", id="Los Angeles gap"),
    pytest.param("Pacific Standard Time", "America/Los_Angeles", "2026-11-01",
                 "10-31T09:30 11-01T10:30 11-02T10:30", "10-25T09:30 11-01T10:30 11-08T10:30",
                 "10-01T09:30 11-01T10:30 12-01T10:30",
                 "01:30", "11-01T08:30 11-02T09:30", id="Los Angeles overlap"),
    pytest.param("E. South America Standard Time", "America/Sao_Paulo", "2026-02-15",
                 "02-14T05:30 02-15T05:30 02-16T05:30", "02-08T05:30 02-15T05:30 02-22T05:30",
                 "01-15T05:30 02-15T05:30 03-15T05:30",
                 "00:30", "02-15T03:30 02-16T03:30", id="São Paulo, spring of others"),
    pytest.param("E. South America Standard Time", "America/Sao_Paulo", "2026-11-01",
                 "10-31T05:30 11-01T05:30 11-02T05:30", "10-25T05:30 11-01T05:30 11-08T05:30",
                 "10-01T05:30 11-01T05:30 12-01T05:30",
                 "00:30", "11-01T03:30 11-02T03:30", id="São Paulo, autumn of others"),
    pytest.param("AUS Eastern Standard Time", "Australia/Sydney", "2026-10-04",
                 "10-02T16:30 10-03T16:30 10-04T15:30", "09-26T16:30 10-03T16:30 10-10T15:30",
                 "09-03T16:30 10-03T16:30 11-03T15:30",
                 "02:30", "10-03T16:30 10-04T15:30", id="Sydney gap"),
    pytest.param("AUS Eastern Standard Time", "Australia/Sydney", "2026-04-05",
                 "04-03T15:30 04-04T15:30 04-05T16:30", "03-28T15:30 04-04T15:30 04-11T16:30",
                 "03-04T15:30 04-04T15:30 05-04T16:30",
                 "02:30", "04-04T15:30 04-05T16:30", id="Sydney overlap"),
    pytest.param("Lord Howe Standard Time", "Australia/Lord_Howe", "2026-10-04",
                 "10-02T16:00 10-03T15:30 10-04T15:30", "09-26T16:00 10-03T15:30 10-10T15:30",
                 "09-03T16:00 10-03T15:30 11-03T15:30",
                 "02:15", "10-03T15:45 10-04T15:15", id="Lord Howe gap"),
    pytest.param("Lord Howe Standard Time", "Australia/Lord_Howe", "2026-04-05",
                 "04-03T15:30 04-04T16:00 04-05T16:00", "03-28T15:30 04-04T16:00 04-11T16:00",
                 "03-04T15:30 04-04T16:00 05-04T16:00",
                 "01:45", "04-04T14:45 04-05T15:15", id="Lord Howe overlap"),
    pytest.param("New Zealand Standard Time", "Pacific/Auckland", "2026-09-27",
                 "09-25T14:30 09-26T14:30 09-27T13:30", "09-19T14:30 09-26T14:30 10-03T13:30",
                 "08-26T14:30 09-26T14:30 10-26T13:30",
                 "02:30", "09-26T14:30 09-27T13:30", id="Auckland gap"),
    pytest.param("New Zealand Standard Time", "Pacific/Auckland", "2026-04-05",
                 "04-03T13:30 04-04T13:30 04-05T14:30", "03-28T13:30 04-04T13:30 04-11T14:30",
                 "03-04T13:30 04-04T13:30 05-04T14:30",
                 "02:30", "04-04T13:30 04-05T14:30", id="Auckland overlap"),
    pytest.param("Pacific SA Standard Time", "America/Santiago", "2026-09-06",
                 "09-05T06:30 09-06T05:30 09-07T05:30", "08-30T06:30 09-06T05:30 09-13T05:30",
                 "08-06T06:30 09-06T05:30 10-06T05:30",
                 "00:30", "09-06T04:30 09-07T03:30", id="Santiago gap"),
    pytest.param("Pacific SA Standard Time", "America/Santiago", "2026-04-04",
                 "04-03T05:30 04-04T05:30 04-05T06:30", "03-29T05:30 04-05T06:30 04-12T06:30",
                 "03-04T05:30 04-04T05:30 05-04T06:30",
                 "23:30", "04-05T02:30 04-06T03:30", id="Santiago overlap"),
    pytest.param("Egypt Standard Time", "Africa/Cairo", "2026-04-24",
                 "04-23T00:30 04-23T23:30 04-24T23:30", "04-19T00:30 04-25T23:30 05-02T23:30",
                 "03-24T00:30 04-23T23:30 05-23T23:30",
                 "00:30", "04-23T22:30 04-24T21:30", id="Cairo gap"),
    pytest.param("Egypt Standard Time", "Africa/Cairo", "2026-10-29",
                 "10-27T23:30 10-28T23:30 10-30T00:30", "10-24T23:30 11-01T00:30 11-08T00:30",
                 "09-28T23:30 10-28T23:30 11-29T00:30",
                 "23:30", "10-29T20:30 10-30T21:30", id="Cairo overlap"),
    pytest.param("India Standard Time", "Asia/Kolkata", "2026-03-29",
                 "03-27T21:00 03-28T21:00 03-29T21:00", "03-21T21:00 03-28T21:00 04-04T21:00",
                 "03-28T21:00 04-28T21:00 05-28T21:00",
                 "02:30", "03-28T21:00 03-29T21:00", id="Kolkata, spring of others"),
    pytest.param("India Standard Time", "Asia/Kolkata", "2026-10-25",
                 "10-23T21:00 10-24T21:00 10-25T21:00", "10-17T21:00 10-24T21:00 10-31T21:00",
                 "09-24T21:00 10-24T21:00 11-24T21:00",
                 "02:30", "10-24T21:00 10-25T21:00", id="Kolkata, autumn of others"),
    pytest.param("Samoa Standard Time", "Pacific/Apia", "2026-09-27",
                 "09-25T13:30 09-26T13:30 09-27T13:30", "09-19T13:30 09-26T13:30 10-03T13:30",
                 "08-26T13:30 09-26T13:30 10-26T13:30",
                 "02:30", "09-26T13:30 09-27T13:30", id="Apia, spring of others"),
    pytest.param("Samoa Standard Time", "Pacific/Apia", "2026-04-05",
                 "04-03T13:30 04-04T13:30 04-05T13:30", "03-28T13:30 04-04T13:30 04-11T13:30",
                 "03-04T13:30 04-04T13:30 05-04T13:30",
                 "02:30", "04-04T13:30 04-05T13:30", id="Apia, autumn of others"),
]  # fmt: skip
"""Zone by both names, the day of its change; then in UTC: 02:30 every day, on Sundays, on that day
of the month; and every day from a start in the gap or the overlap on."""
NAMES = ("windows", "iana", "day", "daily", "weekly", "monthly", "wall", "started")
HALF_PAST_TWO = {"hours": [2], "minutes": [30]}


def rule(frequency: str, zone: str, interval: int = 1, **more) -> Rule:
    given = {"frequency": frequency, "interval": interval, "timeZone": zone}
    return Rule.read(given | more, "/triggers/R/recurrence")


def instants(text: str) -> list[datetime]:
    return [datetime.fromisoformat(f"2026-{one}:00").replace(tzinfo=UTC) for one in text.split()]


def check(one: Rule, expected: str) -> None:
    """Ask from just before the first on, so that nothing can come between."""
    found = one.occurrences(instants(expected)[0] - timedelta(hours=20), instants("12-31T00:00")[0])
    wanted = instants(expected)
    assert list(islice(found, len(wanted))) == wanted


@pytest.mark.parametrize("named", ["windows", "iana"])
@pytest.mark.parametrize(NAMES, CHANGES)
def test_the_changes_of_2026(  # noqa: PLR0917 - the table's columns
    windows, iana, day, daily, weekly, monthly, wall, started, named
) -> None:
    zone, number = {"windows": windows, "iana": iana}[named], int(day[-2:])
    check(rule("Day", zone, schedule=HALF_PAST_TWO), daily)
    check(rule("Week", zone, schedule=HALF_PAST_TWO | {"weekDays": ["Sunday"]}), weekly)
    check(rule("Month", zone, schedule=HALF_PAST_TWO | {"monthDays": [number]}), monthly)
    check(rule("Day", zone, startTime=f"{day}T{wall}:00"), started)


@pytest.mark.parametrize(("frequency", "interval"), [("Hour", 1), ("Minute", 15), ("Second", 90)])
@pytest.mark.parametrize("change", [one.values for one in CHANGES])
def test_elapsed_time_knows_no_changes(change, frequency: str, interval: int) -> None:
    windows, _, day, *_, wall, started = change
    start = instants(started)[0]
    step = {"Hour": 3600, "Minute": 60, "Second": 1}[frequency] * timedelta(seconds=interval)
    one = rule(frequency, windows, interval, startTime=f"{day}T{wall}:00")
    found = list(one.occurrences(start - DAY, start + DAY))
    assert found == [start + step * count for count in range(DAY // step + 1)]


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        pytest.param("Europe/Berlin", "2026-10-25T01:30:00Z", "10-25T01:30 10-26T01:30",
                     id="the second 02:30 is its own start"),
        pytest.param("Europe/Berlin", "2026-10-25T00:30:00Z", "10-25T00:30 10-26T01:30",
                     id="the first 02:30 does not come again"),
        pytest.param("Europe/Berlin", "2026-03-29T02:30:00+01:00", "03-29T01:30 03-30T01:30",
                     id="with an offset it is an instant, 03:30 in summer"),
        pytest.param("Africa/Cairo", "2026-04-24T00:00:00", "04-23T22:00 04-24T21:00",
                     id="a midnight that is not there"),
        pytest.param("America/Santiago", "2026-04-05T03:15:00Z", "04-05T03:15 04-06T03:15",
                     id="the second 23:15"),
    ],
)  # fmt: skip
def test_a_start_within_a_change(zone: str, start: str, expected: str) -> None:
    one = rule("Day", zone, startTime=start)
    assert one.next_after(instants(expected)[0] - DAY) == instants(expected)[0]
    check(one, expected)


def walk(zone: ZoneInfo, after: datetime, minutes: int) -> Iterator[tuple[datetime, datetime]]:
    """Watch a clock on the wall; yields what it shows for the first time, and when.

    What it leaves out is taken for shown as much later as it leaps.
    """
    shown = after.astimezone(zone).replace(tzinfo=None)
    furthest, later = shown, {}
    for count in range(1, minutes + 1):
        now = after + count * MINUTE
        before, shown = shown, now.astimezone(zone).replace(tzinfo=None)
        leap = shown - before - MINUTE
        for skipped in range(1, max(leap // MINUTE, 0) + 1):
            later[before + skipped * MINUTE + leap] = before + skipped * MINUTE
        if shown > furthest:
            furthest = shown
            if shown in later:
                yield later[shown], now
            yield shown, now


@given(
    change=st.sampled_from([one.values for one in CHANGES]),
    frequency=st.sampled_from(["Day", "Week", "Month"]),
    hours=st.sets(st.integers(0, 3) | st.integers(22, 23), min_size=1, max_size=4),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=3),
    before=st.integers(0, 3000),
)
def test_a_walk_through_every_minute_finds_the_same(
    change, frequency, hours, minutes, before
) -> None:
    zone, day = ZoneInfo(change[1]), date.fromisoformat(change[2])
    after = datetime.combine(day, time(12), tzinfo=UTC) - before * MINUTE
    schedule = {"hours": sorted(hours), "minutes": sorted(minutes)}
    kept = {"Day": lambda _: True, "Week": lambda d: d.weekday() in {5, 6},
            "Month": lambda d: d.day in {1, day.day}}[frequency]  # fmt: skip
    schedule |= {"weekDays": ["Saturday", "Sunday"]} if frequency == "Week" else {}
    schedule |= {"monthDays": [1, day.day]} if frequency == "Month" else {}
    # The walk begins a day earlier: what the wall has shown before counts as shown.
    seen = walk(zone, after - DAY, 6 * 24 * 60)
    expected = {
        now
        for wall, now in seen
        if now > after and wall.hour in hours and wall.minute in minutes and kept(wall.date())
    }
    # It has begun long before: what begins between two showings of a time begins with the second.
    start = (after - 10 * DAY).isoformat()
    began = rule(frequency, change[0], schedule=schedule, startTime=start)
    found = list(began.occurrences(after, after + 5 * DAY))
    assert all(one < two for one, two in pairwise(found))
    assert set(found) == expected
