"""Dates and times."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from flowner.expressions.arguments import a_string, a_whole, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.date_formats import ROUND_TRIP, format_moment
from flowner.expressions.errors import ExpressionError
from flowner.expressions.moments import (
    TICKS_A_SECOND,
    Kind,
    Moment,
    from_datetime,
    read_moment,
)
from flowner.expressions.scope import Scope
from flowner.expressions.zones import find_zone, to_utc

_F = Family.DATES
_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MONTHS: Final = {"month": 1, "year": 12}


def _read(name: str, index: int, value: Any) -> Moment:
    text = a_string(name, index, value)
    found = read_moment(text)
    if found is None:
        raise ExpressionError(
            f"In function '{name}', the value provided for date time string '{text}' was not valid."
            " The datetime string must match ISO 8601 format."
        )
    return found


def _write(name: str, moment: Moment, form: Any, culture: Any = None) -> str:
    pattern = ROUND_TRIP if form is None else a_string(name, 1, form)
    locale = None if culture is None else a_string(name, 2, culture)
    text = format_moment(moment, pattern, locale)
    if text is None:
        fail(name, f"was invoked with the format '{pattern}', which is not valid.")
    return text


def _moved(name: str, moment: Moment, ticks: int) -> Moment:
    try:
        return moment.plus(ticks)
    except OverflowError:
        _too_far(name)


def _too_far(name: str) -> NoReturn:
    fail(name, "gives a date that is outside the years 1 to 9999.")


@function("utcNow", _F, "utcNow(format?)", "The present, in UTC.", needs_scope=True)
def utc_now(scope: Scope, form: Any = None) -> str:
    return _write("utcNow", from_datetime(scope.now()), form)


@function("formatDateTime", _F, "formatDateTime(timestamp, format?, locale?)", "A timestamp, written.",
          ("formatDateTime('2018-03-15T00:00:00', 'yyyy-MM-dd')", "2018-03-15"))  # fmt: skip
def format_date_time(timestamp: Any, form: Any = None, locale: Any = None) -> str:
    return _write("formatDateTime", _read("formatDateTime", 0, timestamp), form, locale)


@function("parseDateTime", _F, "parseDateTime(text, locale?, format?)", "A written date, as a timestamp.",
          ("parseDateTime('03/15/2018')", "2018-03-15T00:00:00.0000000"))  # fmt: skip
def parse_date_time(text: Any, locale: Any = None, form: Any = None) -> str:
    source = a_string("parseDateTime", 0, text)
    if form is not None:
        found = _exactly(source, a_string("parseDateTime", 2, form))
    else:
        found = read_moment(_american(source, locale))
    if found is None:
        raise ExpressionError(
            f"In function 'parseDateTime', the value provided for date time string '{source}' was"
            " not valid. The datetime string must match ISO 8601 format."
        )
    return _write("parseDateTime", found, None)


def _american(text: str, locale: Any) -> str:
    day_first = isinstance(locale, str) and locale.lower() not in ("en-us", "en", "")
    match = (
        re.fullmatch(r"(\d{1,2})[./](\d{1,2})[./](\d{4})(.*)", text.strip()) if day_first else None
    )
    return text if match is None else f"{match[2]}/{match[1]}/{match[3]}{match[4]}"


_READING: Final = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dddd": "%A",
    "ddd": "%a", "dd": "%d", "d": "%d", "HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M",
    "m": "%M", "ss": "%S", "s": "%S", "tt": "%p",
}  # fmt: skip


def _exactly(text: str, form: str) -> Moment | None:
    pattern = re.sub(
        r"yyyy|yy|M{1,4}|d{1,4}|H{1,2}|h{1,2}|m{1,2}|s{1,2}|tt|%",
        lambda found: _READING.get(found[0], "%%"),
        form,
    )
    try:
        return Moment.of(datetime.strptime(text, pattern), Kind.UNSPECIFIED)  # noqa: DTZ007
    except ValueError:
        return None


def _adder(name: str, seconds: int) -> Callable[[Any, Any, Any], str]:
    def add(timestamp: Any, amount: Any, form: Any = None) -> str:
        moment = _read(name, 0, timestamp)
        ticks = a_whole(name, 1, amount) * seconds * TICKS_A_SECOND
        return _write(name, _moved(name, moment, ticks), form)

    return add


for _name, _unit in (("addDays", "day"), ("addHours", "hour"), ("addMinutes", "minute"),
                     ("addSeconds", "second")):  # fmt: skip
    function(_name, _F, f"{_name}(timestamp, {_unit}s, format?)", f"Later by {_unit}s.")(
        _adder(_name, _UNITS[_unit])
    )


@function("addToTime", _F, "addToTime(timestamp, interval, unit, format?)", "Later by some units.",
          ("addToTime('2018-01-01T00:00:00Z', 1, 'Day')", "2018-01-02T00:00:00.0000000Z"))  # fmt: skip
def add_to_time(timestamp: Any, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _read("addToTime", 0, timestamp)
    return _write("addToTime", _later("addToTime", moment, interval, unit, 1), form)


@function("subtractFromTime", _F, "subtractFromTime(timestamp, interval, unit, format?)",
          "Earlier by some units.",
          ("subtractFromTime('2018-01-02T00:00:00Z', 1, 'Day')", "2018-01-01T00:00:00.0000000Z"))  # fmt: skip
def subtract_from_time(timestamp: Any, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _read("subtractFromTime", 0, timestamp)
    return _write("subtractFromTime", _later("subtractFromTime", moment, interval, unit, -1), form)


@function("getFutureTime", _F, "getFutureTime(interval, unit, format?)", "The present, later by some units.",
          needs_scope=True)  # fmt: skip
def get_future_time(scope: Scope, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _later("getFutureTime", from_datetime(scope.now()), interval, unit, 1)
    return _write("getFutureTime", moment, form)


@function("getPastTime", _F, "getPastTime(interval, unit, format?)", "The present, earlier by some units.",
          needs_scope=True)  # fmt: skip
def get_past_time(scope: Scope, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _later("getPastTime", from_datetime(scope.now()), interval, unit, -1)
    return _write("getPastTime", moment, form)


def _later(name: str, moment: Moment, interval: Any, unit: Any, sign: int) -> Moment:
    place = 0 if name.startswith("get") else 1
    count = a_whole(name, place, interval) * sign
    called = a_string(name, place + 1, unit).lower()
    if called in _MONTHS:
        try:
            return moment.plus_months(count * _MONTHS[called])
        except OverflowError:
            _too_far(name)
    if called not in _UNITS:
        fail(
            name,
            f"was invoked with the time unit '{unit}': it is one of Second, Minute, Hour, Day,"
            " Week, Month and Year.",
        )
    return _moved(name, moment, count * _UNITS[called] * TICKS_A_SECOND)


def _starter(name: str, keep: str) -> Callable[[Any, Any], str]:
    def start(timestamp: Any, form: Any = None) -> str:
        moment = _read(name, 0, timestamp)
        value = moment.whole.replace(minute=0, second=0, microsecond=0)
        if keep != "hour":
            value = value.replace(hour=0)
        if keep == "month":
            value = value.replace(day=1)
        return _write(name, Moment.of(value, moment.kind), form)

    return start


for _name, _keep in (("startOfHour", "hour"), ("startOfDay", "day"), ("startOfMonth", "month")):
    function(_name, _F, f"{_name}(timestamp, format?)", f"When the {_keep} began.")(
        _starter(_name, _keep)
    )


@function("dayOfWeek", _F, "dayOfWeek(timestamp)", "The day of the week; Sunday is 0.",
          ("dayOfWeek('2018-03-15T13:27:36Z')", 4))  # fmt: skip
def day_of_week(timestamp: Any) -> int:
    return (_read("dayOfWeek", 0, timestamp).whole.weekday() + 1) % 7


@function("dayOfMonth", _F, "dayOfMonth(timestamp)", "The day of the month.",
          ("dayOfMonth('2018-03-15T13:27:36Z')", 15))  # fmt: skip
def day_of_month(timestamp: Any) -> int:
    return _read("dayOfMonth", 0, timestamp).whole.day


@function("dayOfYear", _F, "dayOfYear(timestamp)", "The day of the year.",
          ("dayOfYear('2018-03-15T13:27:36Z')", 74))  # fmt: skip
def day_of_year(timestamp: Any) -> int:
    return _read("dayOfYear", 0, timestamp).whole.timetuple().tm_yday


@function("ticks", _F, "ticks(timestamp)", "100-nanosecond intervals since the year 1.",
          ("ticks('0001-01-01T00:00:01Z')", 10_000_000))  # fmt: skip
def ticks(timestamp: Any) -> int:
    return _read("ticks", 0, timestamp).ticks


@function("dateDifference", _F, "dateDifference(start, end)", "The time between, as a .NET time span.",
          ("dateDifference('2015-02-08', '2018-07-30')", "1268.00:00:00"))  # fmt: skip
def date_difference(start: Any, end: Any) -> str:
    return span_text(
        _read("dateDifference", 1, end).ticks - _read("dateDifference", 0, start).ticks
    )


def span_text(ticks_: int) -> str:
    """Return a time span in .NET's constant format."""
    sign, left = ("-", -ticks_) if ticks_ < 0 else ("", ticks_)
    seconds, fraction = divmod(left, TICKS_A_SECOND)
    days, seconds = divmod(seconds, 86_400)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    text = f"{days}.{text}" if days else text
    return f"{sign}{text}.{fraction:07d}" if fraction else f"{sign}{text}"


def _zone(name: str, value: Any, index: int) -> Any:
    text = a_string(name, index, value)
    found = find_zone(text)
    if found is None:
        raise ExpressionError(
            f"In the template language function '{name}', the value provided for the time zone id"
            f" '{text}' was not valid."
        )
    return found


@function("convertFromUtc", _F, "convertFromUtc(timestamp, zone, format?)", "From UTC to a time zone.",
          ("convertFromUtc('2018-01-01T08:00:00Z', 'Pacific Standard Time')",
           "2018-01-01T00:00:00.0000000"))  # fmt: skip
def convert_from_utc(timestamp: Any, zone: Any, form: Any = None) -> str:
    name = "convertFromUtc"
    moment = _read(name, 0, timestamp)
    found = _zone(name, zone, 1)
    return _write(name, _in_zone(moment, found), form)


def _in_zone(moment: Moment, zone: Any) -> Moment:

    aware = moment.whole.replace(tzinfo=UTC).astimezone(zone)
    kind = Kind.UTC if str(zone) in ("UTC", "Etc/UTC", "Etc/GMT") else Kind.UNSPECIFIED
    extra = moment.ticks % 10
    return Moment.of(aware.replace(tzinfo=None), kind, extra=extra)


@function("convertToUtc", _F, "convertToUtc(timestamp, zone, format?)", "From a time zone to UTC.",
          ("convertToUtc('2018-01-01T00:00:00', 'Pacific Standard Time')",
           "2018-01-01T08:00:00.0000000Z"))  # fmt: skip
def convert_to_utc(timestamp: Any, zone: Any, form: Any = None) -> str:
    name = "convertToUtc"
    moment = _read(name, 0, timestamp)
    return _write(name, _from_zone(name, moment, zone, 1), form)


def _from_zone(name: str, moment: Moment, zone: Any, index: int) -> Moment:
    found = _zone(name, zone, index)
    if moment.kind is not Kind.UNSPECIFIED:
        if str(found) in ("UTC", "Etc/UTC"):
            return Moment(moment.ticks, Kind.UTC)
        fail(
            name, "was invoked with a timestamp that has an offset, so it is in no other time zone."
        )
    utc = to_utc(moment.whole, found)
    if utc is None:
        fail(name, "was invoked with a time that its time zone skips or has twice.")
    return Moment.of(utc.replace(tzinfo=None), Kind.UTC, extra=moment.ticks % 10)


@function("convertTimeZone", _F, "convertTimeZone(timestamp, from, to, format?)",
          "From one time zone to another.",
          ("convertTimeZone('2018-01-01T08:00:00.0000000Z', 'UTC', 'Pacific Standard Time')",
           "2018-01-01T00:00:00.0000000"))  # fmt: skip
def convert_time_zone(timestamp: Any, source: Any, target: Any, form: Any = None) -> str:
    name = "convertTimeZone"
    moment = _read(name, 0, timestamp)
    if moment.kind is Kind.UNSPECIFIED:
        moment = _from_zone(name, moment, source, 1)
    else:
        _zone(name, source, 1)
    return _write(name, _in_zone(moment, _zone(name, target, 2)), form)
