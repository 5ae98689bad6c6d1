"""When a recurrence is due. Pure: the caller brings the present.

Seconds, minutes and hours are elapsed time. Days, weeks, months and years are counted on the
calendar of the rule's time zone: a local time that daylight saving skips falls due as much later
as was skipped, one that comes twice falls due the first time; so nothing is missed or doubled. Two
local times that fall on one instant thereby are one occurrence. A ``startTime`` keeps the local
time it was written with, also where the zone skips it on that day.

Source of members and ranges: https://learn.microsoft.com/azure/connectors/connectors-native-recurrence.
Of local times that do not exist or exist twice, Microsoft's documentation of schedules says that a
time zone keeps the local time over the year, and no rule that we found for the hour of the change
itself: the rule above is ours, and the one of RFC 5545 (3.3.5).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Final, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global

from flowner.errors import Code, Invalid
from flowner.values import Json

_ELAPSED: Final = {"Second": 1, "Minute": 60, "Hour": 3600}
_MOST: Final = {
    "Second": 9_999_999, "Minute": 72_000, "Hour": 12_000, "Day": 500, "Week": 71, "Month": 16,
    "Year": 10,
}  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ENOUGH: Final = 600
"""Periods without an occurrence after which there is none (31 February)."""

_STARTS: Final = range(2, 9001)
"""The calendar has the years 1 to 9999, and periods are counted from the start on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A recurrence, read and checked."""

    frequency: str
    interval: int
    zone: ZoneInfo
    start: datetime | None = None
    """In UTC, as `end`."""
    wall: datetime | None = None
    """What clocks in `zone` say at `start`, as it was written: there may be no such time."""
    end: datetime | None = None
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    week_days: tuple[int, ...] = ()
    """0 is Monday."""
    month_days: tuple[int, ...] = ()
    """Negative ones count from the month's end."""
    month_weeks: tuple[tuple[int, int], ...] = ()
    """Pairs of weekday and occurrence; -1 is the last."""

    @classmethod
    def read(cls, recurrence: Json, pointer: str = "") -> Rule:
        """Read the ``recurrence`` of a trigger. `Invalid` points at what is wrong."""
        reading = _Reading(recurrence, pointer)
        frequency = reading.one_of("frequency", tuple(_MOST))
        zone = reading.zone()
        start, wall = reading.start(zone)
        return cls(
            frequency=frequency,
            interval=reading.whole("interval", 1, _MOST[frequency]),
            zone=zone,
            start=start,
            wall=wall,
            end=reading.moment("endTime", zone),
            hours=reading.numbers("hours", 0, 23),
            minutes=reading.numbers("minutes", 0, 59),
            week_days=reading.week_days(),
            month_days=reading.numbers("monthDays", -31, 31),
            month_weeks=reading.month_weeks(),
        )

    def next_after(self, moment: datetime, *, anchor: datetime | None = None) -> datetime | None:
        """Return the first occurrence after ``moment``, in UTC; None when there is none any more.

        Periods are counted from ``startTime``, else from ``anchor`` (an earlier occurrence, or
        when the flow was turned on), else from ``moment``.
        """
        base = self.start or anchor or moment
        if self.start is not None and moment < self.start:
            moment = self.start - timedelta(microseconds=1)
        if self.frequency in _ELAPSED:
            found: datetime | None = self._elapsed(base, moment)
        else:
            found = self._on_the_calendar(base, moment)
        if found is None or (self.end is not None and found > self.end):
            return None
        return found

    def occurrences(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the occurrences after one moment, up to and with another."""
        anchor, at = after, self.next_after(after)
        while at is not None and at <= until:
            yield at
            at = self.next_after(at, anchor=anchor)

    def _elapsed(self, base: datetime, moment: datetime) -> datetime:
        step = timedelta(seconds=_ELAPSED[self.frequency] * self.interval)
        count = max((moment - base) // step + 1, 0)
        return (base + count * step).astimezone(UTC)

    def _on_the_calendar(self, base: datetime, moment: datetime) -> datetime | None:
        first = base.astimezone(self.zone) if self.wall is None else self.wall
        number = max(self._period_of(moment.astimezone(self.zone).date(), first.date()) - 1, 0)
        for period in range(number, number + _ENOUGH):
            days = self._days(first.date(), period)
            times = product(days, self._times(first))
            for found in sorted(self._instant(*at, base) for at in times):
                if found > moment and found >= base:
                    return found
        return None

    def _period_of(self, day: date, first: date) -> int:
        match self.frequency:
            case "Day":
                return (day - first).days // self.interval
            case "Week":
                return (day - _sunday(first)).days // (7 * self.interval)
            case "Month":
                return _months(first, day) // self.interval
            case _:
                return (day.year - first.year) // self.interval

    def _days(self, first: date, period: int) -> list[date]:
        count = period * self.interval
        match self.frequency:
            case "Day":
                return [first + timedelta(days=count)]
            case "Week":
                sunday = _sunday(first) + timedelta(weeks=count)
                wanted = self.week_days or (first.weekday(),)
                return sorted(sunday + timedelta(days=(day + 1) % 7) for day in wanted)
            case "Month":
                return self._days_of_month(first, *_later(first, count))
            case _:
                year = first.year + count
                return [_clamped(year, first.month, first.day)]

    def _days_of_month(self, first: date, year: int, month: int) -> list[date]:
        length = calendar.monthrange(year, month)[1]
        found = {
            date(year, month, day if day > 0 else length + 1 + day)
            for day in self.month_days
            if 1 <= (day if day > 0 else length + 1 + day) <= length
        }
        for weekday, occurrence in self.month_weeks:
            days = [d for d in range(1, length + 1) if date(year, month, d).weekday() == weekday]
            index = occurrence - 1 if occurrence > 0 else occurrence
            if -len(days) <= index < len(days):
                found.add(date(year, month, days[index]))
        if self.month_days or self.month_weeks:
            return sorted(found)
        return [_clamped(year, month, first.day)]

    def _times(self, first: datetime) -> list[time]:
        seconds = first.second if not (self.hours or self.minutes) else 0
        hours, minutes = self.hours or (first.hour,), self.minutes or (first.minute,)
        return [time(hour, minute, seconds) for hour in hours for minute in minutes]

    def _instant(self, day: date, at: time, base: datetime) -> datetime:
        """Return when clocks show a time: the first time they do, unless all began after that."""
        local = datetime.combine(day, at, tzinfo=self.zone)
        found = local.astimezone(UTC)
        return found if found >= base else local.replace(fold=1).astimezone(UTC)


class _Reading:
    def __init__(self, recurrence: Json, pointer: str) -> None:
        self._pointer = pointer
        if not isinstance(recurrence, dict):
            self._fail("", "a recurrence is an object with `frequency` and `interval`")
        self._given = recurrence
        schedule = recurrence.get("schedule")
        self._schedule = schedule if isinstance(schedule, dict) else {}

    def one_of(self, name: str, values: tuple[str, ...]) -> str:
        given = self._given.get(name)
        for value in values:
            if isinstance(given, str) and given.lower() == value.lower():
                return value
        self._fail(name, f"`{given}` is none of {', '.join(f'`{value}`' for value in values)}")

    def whole(self, name: str, low: int, high: int) -> int:
        return self._number(name, self._given.get(name, 1), low, high)

    def zone(self) -> ZoneInfo:
        given = self._given.get("timeZone") or "UTC"
        name = get_global("windows_zone_mapping").get(str(given), given)
        try:
            return ZoneInfo(str(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._fail("timeZone", f"there is no time zone `{given}`")

    def start(self, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        found = self.moment("startTime", zone)
        if found is None:
            return None, None
        if found.year not in _STARTS:
            self._fail("startTime", f"`{found.date()}` is too near an end of the calendar")
        written = datetime.fromisoformat(str(self._given["startTime"]))
        local = written if written.tzinfo is None else found.astimezone(zone)
        return found, local.replace(tzinfo=None)

    def moment(self, name: str, zone: ZoneInfo) -> datetime | None:
        given = self._given.get(name)
        if given is None:
            return None
        try:
            found = datetime.fromisoformat(str(given))
            aware = found if found.tzinfo is not None else found.replace(tzinfo=zone)
            # In UTC, because arithmetic within any other zone is the wall clock's.
            return aware.astimezone(UTC)
        except (ValueError, OverflowError):
            self._fail(name, f"`{given}` is no date and time such as `2026-05-01T09:00:00Z`")

    def numbers(self, name: str, low: int, high: int) -> tuple[int, ...]:
        given = self._schedule.get(name)
        if given is None:
            return ()
        listed = given if isinstance(given, list) else [given]
        place = f"schedule/{name}"
        return tuple(sorted({self._number(place, one, low, high) for one in listed}))

    def week_days(self) -> tuple[int, ...]:
        given = self._schedule.get("weekDays")
        if given is None:
            return ()
        listed = given if isinstance(given, list) else [given]
        return tuple(sorted({self._day("schedule/weekDays", one) for one in listed}))

    def month_weeks(self) -> tuple[tuple[int, int], ...]:
        given = self._schedule.get("monthlyOccurrences")
        listed = given if isinstance(given, list) else [] if given is None else [given]
        found = []
        for one in listed:
            if not isinstance(one, dict):
                self._fail("schedule/monthlyOccurrences", "each is `{day, occurrence}`")
            place = "schedule/monthlyOccurrences"
            occurrence = self._number(place, one.get("occurrence"), -5, 5)
            found.append((self._day(place, one.get("day") or one.get("dayOfWeek")), occurrence))
        return tuple(found)

    def _day(self, place: str, given: Json) -> int:
        for index, name in enumerate(_DAYS):
            if isinstance(given, str) and given.lower() == name.lower():
                return index
        self._fail(place, f"`{given}` is no day of the week such as `Monday`")

    def _number(self, place: str, given: Json, low: int, high: int) -> int:
        try:
            number = int(str(given))
        except ValueError:
            number = low - 1
        if isinstance(given, bool) or not low <= number <= high:
            self._fail(place, f"`{given}` is no whole number from {low} to {high}")
        return number

    def _fail(self, place: str, message: str) -> NoReturn:
        raise Invalid(
            message,
            code=Code.INVALID_DEFINITION,
            pointer=f"{self._pointer}/{place}" if place else self._pointer,
        )


def _sunday(day: date) -> date:
    return day - timedelta(days=(day.weekday() + 1) % 7)


def _months(first: date, day: date) -> int:
    return (day.year - first.year) * 12 + day.month - first.month


def _later(first: date, months: int) -> tuple[int, int]:
    whole = first.year * 12 + first.month - 1 + months
    return whole // 12, whole % 12 + 1


def _clamped(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
