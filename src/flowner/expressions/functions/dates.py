"""Dates and times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

from flowner.expressions.arguments import SOLE, a_string, a_whole, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.date_formats import format_moment, round_trip
from flowner.expressions.date_reading import read_exactly, read_moment
from flowner.expressions.errors import ExpressionError
from flowner.expressions.moments import TICKS_A_SECOND, Kind, Moment, from_datetime
from flowner.expressions.scope import Scope
from flowner.expressions.spans import span_text
from flowner.expressions.zones import display_name, find_zone, is_utc, standard_name, to_utc

_F = Family.DATES
_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MONTHS: Final = {"month": 1, "year": 12}
_A_TIMESTAMP: Final = "a string that represents a timestamp"
_NOT_ISO: Final = "must match ISO 8601 format"


def _read(name: str, value: Any, place: int | str = 0) -> Moment:
    text = a_string(name, place, value, _A_TIMESTAMP)
    found = read_moment(text)
    return _unreadable(name, text) if found is None else found


def _unreadable(name: str, text: str) -> NoReturn:
    raise ExpressionError(
        f"In function '{name}', the value provided for date time string '{text[:200]}' was not"
        f" valid. The datetime string {_NOT_ISO}."
    )


def _write(name: str, moment: Moment, form: Any, place: int, culture: Any = None) -> str:
    if form is None:
        return round_trip(moment)
    pattern = a_string(name, place, form)
    locale = None if culture is None else a_string(name, place + 1, culture)
    text = format_moment(moment, pattern, locale)
    if text is None:
        fail(
            name,
            f"format parameter '{pattern[:200]}' is not supported. The format must be a valid"
            " single format specifier character (such as 'd' or 'g') or a valid custom format"
            " pattern (such as 'MMMM dd, yyyy' or 'hh:mm:ss.ff'). For details please review the"
            " Standard Date and Time Format Strings and the Custom Date and Time Format Strings of"
            " the .Net framework.",
        )
    return text


def _moved(name: str, moment: Moment, ticks: int) -> Moment:
    try:
        return moment.plus(ticks)
    except OverflowError:
        _too_far(name)


def _too_far(name: str) -> NoReturn:
    fail(name, "gives a date that is outside the years 1 to 9999.")


@function("utcNow", _F, "utcNow(format?)", "The present, in UTC.", ("utcNow('yyyy-MM-dd')", "2026-01-01"),
          ("utcNow()", "2026-01-01T00:00:00.0000000Z"), errors=(("utcNow('Q')", "is not supported"),),
          needs_scope=True)  # fmt: skip
def utc_now(scope: Scope, form: Any = None) -> str:
    return _write("utcNow", from_datetime(scope.now()), form, 0)


@function("formatDateTime", _F, "formatDateTime(timestamp, format?, locale?)", "A timestamp, written.",
          ("formatDateTime('2018-03-15T00:00:00', 'yyyy-MM-dd')", "2018-03-15"),
          ("formatDateTime('2018-03-15T13:27:36Z', 'D', 'fr-FR')", "jeudi 15 mars 2018"),
          errors=(("formatDateTime('soon')", _NOT_ISO), ("formatDateTime('2018-03-15', 'Q')", "is not supported")))  # fmt: skip
def format_date_time(timestamp: Any, form: Any = None, locale: Any = None) -> str:
    return _write("formatDateTime", _read("formatDateTime", timestamp), form, 1, locale)


@function("parseDateTime", _F, "parseDateTime(text, locale?, format?)",
          "A date as a culture writes it, or in a format, as a timestamp.",
          ("parseDateTime('20/10/2014', 'fr-FR')", "2014-10-20T00:00:00.0000000"),
          ("parseDateTime('20 octobre 2010', 'fr-FR')", "2010-10-20T00:00:00.0000000"),
          ("parseDateTime('21052019', 'fr-FR', 'ddMMyyyy')", "2019-05-21T00:00:00.0000000"),
          errors=(("parseDateTime('20/10/2014', 'en-US')", _NOT_ISO),))  # fmt: skip
def parse_date_time(text: Any, locale: Any = None, form: Any = None) -> str:
    name = "parseDateTime"
    source = a_string(name, 0, text)
    culture = None if locale is None else a_string(name, 1, locale)
    if form is None:
        found = read_moment(source, culture)
    else:
        found = read_exactly(source, a_string(name, 2, form), culture)
    return round_trip(_unreadable(name, source) if found is None else found)


def _adder(name: str, seconds: int) -> Callable[[Any, Any, Any], str]:
    def add(timestamp: Any, amount: Any, form: Any = None) -> str:
        moment = _read(name, timestamp)
        ticks = a_whole(name, 1, amount) * seconds * TICKS_A_SECOND
        return _write(name, _moved(name, moment, ticks), form, 2)

    return add


for _name, _unit, _given in (
    ("addDays", "day", "2018-01-02T00:00:00.0000000Z"),
    ("addHours", "hour", "2018-01-01T01:00:00.0000000Z"),
    ("addMinutes", "minute", "2018-01-01T00:01:00.0000000Z"),
    ("addSeconds", "second", "2018-01-01T00:00:01.0000000Z"),
):
    function(
        _name, _F, f"{_name}(timestamp, {_unit}s, format?)", f"Later by {_unit}s; earlier by negative ones.",
        (f"{_name}('2018-01-01T00:00:00Z', 1)", _given),
        errors=((f"{_name}('2018-01-01', 1.5)", "to be an integer"), (f"{_name}('soon', 1)", _NOT_ISO)),
    )(_adder(_name, _UNITS[_unit]))  # fmt: skip


@function("addToTime", _F, "addToTime(timestamp, interval, unit, format?)",
          "Later by Seconds, Minutes, Hours, Days, Weeks, Months or Years (named in the singular).",
          ("addToTime('2018-01-31T00:00:00Z', 1, 'Month')", "2018-02-28T00:00:00.0000000Z"),
          errors=(("addToTime('2018-01-01', 1, 'Quarter')", "a valid time unit"),))  # fmt: skip
def add_to_time(timestamp: Any, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _read("addToTime", timestamp)
    return _write("addToTime", _later("addToTime", moment, (interval, unit), 1), form, 3)


@function("subtractFromTime", _F, "subtractFromTime(timestamp, interval, unit, format?)", "Earlier by some units.",
          ("subtractFromTime('2018-01-02T00:00:00Z', 1, 'Day')", "2018-01-01T00:00:00.0000000Z"),
          errors=(("subtractFromTime('2018-01-01', 1, '')", "a valid time unit"),))  # fmt: skip
def subtract_from_time(timestamp: Any, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _read("subtractFromTime", timestamp)
    return _write(
        "subtractFromTime", _later("subtractFromTime", moment, (interval, unit), -1), form, 3
    )


@function("getFutureTime", _F, "getFutureTime(interval, unit, format?)", "The present, later by some units.",
          ("getFutureTime(2, 'Week', 'yyyy-MM-dd')", "2026-01-15"),
          errors=(("getFutureTime(1, 'Quarter')", "a valid time unit"),), needs_scope=True)  # fmt: skip
def get_future_time(scope: Scope, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _later("getFutureTime", from_datetime(scope.now()), (interval, unit), 1)
    return _write("getFutureTime", moment, form, 2)


@function("getPastTime", _F, "getPastTime(interval, unit, format?)", "The present, earlier by some units.",
          ("getPastTime(1, 'Month', 'yyyy-MM-dd')", "2025-12-01"),
          errors=(("getPastTime('1', 'Day')", "to be an integer"),), needs_scope=True)  # fmt: skip
def get_past_time(scope: Scope, interval: Any, unit: Any, form: Any = None) -> str:
    moment = _later("getPastTime", from_datetime(scope.now()), (interval, unit), -1)
    return _write("getPastTime", moment, form, 2)


def _later(name: str, moment: Moment, by: tuple[Any, Any], sign: int) -> Moment:
    place = 0 if name.startswith("get") else 1
    count = a_whole(name, place, by[0]) * sign
    unit = a_string(name, place + 1, by[1])
    called = unit.lower()
    if called in _MONTHS:
        try:
            return moment.plus_months(count * _MONTHS[called])
        except OverflowError:
            _too_far(name)
    if called not in _UNITS:
        # Source: the engine's own count of this parameter.
        fail(
            name,
            "expects its second parameter to be a string that represents a valid time unit. The"
            f" provided value '{unit[:100]}' is not a valid time unit.",
        )
    return _moved(name, moment, count * _UNITS[called] * TICKS_A_SECOND)


def _starter(name: str, keep: str) -> Callable[[Any, Any], str]:
    def start(timestamp: Any, form: Any = None) -> str:
        moment = _read(name, timestamp)
        value = moment.whole.replace(minute=0, second=0, microsecond=0)
        if keep != "hour":
            value = value.replace(hour=0)
        if keep == "month":
            value = value.replace(day=1)
        return _write(name, Moment(value, moment.kind), form, 1)

    return start


for _name, _keep, _given in (
    ("startOfHour", "hour", "2018-03-15T13:00:00.0000000Z"),
    ("startOfDay", "day", "2018-03-15T00:00:00.0000000Z"),
    ("startOfMonth", "month", "2018-03-01T00:00:00.0000000Z"),
):
    function(
        _name, _F, f"{_name}(timestamp, format?)", f"When the {_keep} began.",
        (f"{_name}('2018-03-15T13:30:30Z')", _given), errors=((f"{_name}(5)", _A_TIMESTAMP),),
    )(_starter(_name, _keep))  # fmt: skip


@function("dayOfWeek", _F, "dayOfWeek(timestamp)", "The day of the week; Sunday is 0.",
          ("dayOfWeek('2018-03-15T13:27:36Z')", 4), errors=(("dayOfWeek(null)", _A_TIMESTAMP),))  # fmt: skip
def day_of_week(timestamp: Any) -> int:
    return (_read("dayOfWeek", timestamp, SOLE).whole.weekday() + 1) % 7


@function("dayOfMonth", _F, "dayOfMonth(timestamp)", "The day of the month.",
          ("dayOfMonth('2018-03-15T13:27:36Z')", 15), errors=(("dayOfMonth('soon')", _NOT_ISO),))  # fmt: skip
def day_of_month(timestamp: Any) -> int:
    return _read("dayOfMonth", timestamp, SOLE).whole.day


@function("dayOfYear", _F, "dayOfYear(timestamp)", "The day of the year.",
          ("dayOfYear('2018-03-15T13:27:36Z')", 74), errors=(("dayOfYear(1)", _A_TIMESTAMP),))  # fmt: skip
def day_of_year(timestamp: Any) -> int:
    return _read("dayOfYear", timestamp, SOLE).whole.timetuple().tm_yday


@function("ticks", _F, "ticks(timestamp)", "100-nanosecond intervals since the year 1.",
          ("ticks('0001-01-01T00:00:01Z')", 10_000_000), errors=(("ticks('')", _NOT_ISO),))  # fmt: skip
def ticks(timestamp: Any) -> int:
    return _read("ticks", timestamp, SOLE).ticks


@function("dateDifference", _F, "dateDifference(start, end)", "The time between, as a .NET time span.",
          ("dateDifference('2015-02-08', '2018-07-30')", "1268.00:00:00"),
          ("dateDifference('2018-01-01T12:00:00Z', '2018-01-01T10:30:00Z')", "-01:30:00"),
          errors=(("dateDifference('2018-01-01', 'soon')", _NOT_ISO),))  # fmt: skip
def date_difference(start: Any, end: Any) -> str:
    begin = _read("dateDifference", start)
    return span_text(_read("dateDifference", end, 1).ticks - begin.ticks)


def _zone(name: str, value: Any, index: int) -> ZoneInfo:
    text = a_string(name, index, value)
    found = find_zone(text)
    if found is None:
        raise ExpressionError(
            f"In the template language function '{name}', the value provided for the time zone id"
            f" '{text[:200]}' was not valid."
        )
    return found


@function("convertFromUtc", _F, "convertFromUtc(timestamp, zone, format?)",
          "From UTC to a time zone, by its Windows or IANA name.",
          ("convertFromUtc('2018-01-01T08:00:00Z', 'Pacific Standard Time')", "2018-01-01T00:00:00.0000000"),
          errors=(("convertFromUtc('2018-01-01T08:00:00Z', 'Bogus')", "time zone id 'Bogus'"),
                  ("convertFromUtc('2018-01-01T08:00:00', 'UTC')", "contains a UTC time")))  # fmt: skip
def convert_from_utc(timestamp: Any, zone: Any, form: Any = None) -> str:
    name = "convertFromUtc"
    moment, found = _read(name, timestamp), _zone(name, zone, 1)
    if moment.kind is not Kind.UTC:
        fail(
            name,
            "expects its first parameter to be a string that contains a UTC time. The provided"
            f" value '{timestamp[:200]}' is not a UTC time.",
        )
    return _write(name, _in_zone(name, moment, found), form, 2)


def _in_zone(name: str, moment: Moment, zone: ZoneInfo) -> Moment:
    try:
        aware = moment.whole.replace(tzinfo=UTC).astimezone(zone)
    except OverflowError:
        _too_far(name)
    kind = Kind.UTC if is_utc(zone) else Kind.UNSPECIFIED
    return Moment(aware.replace(tzinfo=None), kind, moment.below)


@function("convertToUtc", _F, "convertToUtc(timestamp, zone, format?)", "From a time zone to UTC.",
          ("convertToUtc('2018-01-01T00:00:00', 'Pacific Standard Time')", "2018-01-01T08:00:00.0000000Z"),
          errors=(("convertToUtc('2018-03-11T02:30:00', 'Pacific Standard Time')", "invalid or ambiguous"),
                  ("convertToUtc('2018-01-01T00:00:00Z', 'Pacific Standard Time')", "matching the time zone")))  # fmt: skip
def convert_to_utc(timestamp: Any, zone: Any, form: Any = None) -> str:
    name = "convertToUtc"
    moment = _read(name, timestamp)
    return _write(name, _from_zone(name, moment, _zone(name, zone, 1)), form, 2)


def _from_zone(name: str, moment: Moment, zone: ZoneInfo) -> Moment:
    if moment.kind is not Kind.UNSPECIFIED:
        if is_utc(zone):
            return moment._replace(kind=Kind.UTC)
        fail(
            name,
            "expects its second parameter to be a time zone matching the time zone indicated by the"
            f" timestamp. The provided value '{display_name(zone)}' is not valid or does not match"
            f" the timestamp '{round_trip(moment)}'.",
        )
    try:
        utc = to_utc(moment.whole, zone)
    except OverflowError:
        _too_far(name)
    if utc is None:
        fail(
            name,
            f"was given a timestamp '{round_trip(moment)}' that was invalid or ambiguous in the"
            f" source time zone '{standard_name(zone)}'.",
        )
    return Moment(utc.replace(tzinfo=None), Kind.UTC, moment.below)


@function("convertTimeZone", _F, "convertTimeZone(timestamp, from, to, format?)",
          "From one time zone to another. A timestamp that is in UTC stays so, whatever `from` says.",
          ("convertTimeZone('2018-01-01T08:00:00.0000000Z', 'UTC', 'Pacific Standard Time')",
           "2018-01-01T00:00:00.0000000"),
          errors=(("convertTimeZone('2018-01-01T08:00:00Z', 'UTC', 'Bogus')", "time zone id 'Bogus'"),))  # fmt: skip
def convert_time_zone(timestamp: Any, source: Any, target: Any, form: Any = None) -> str:
    name = "convertTimeZone"
    moment, origin = _read(name, timestamp), _zone(name, source, 1)
    if moment.kind is Kind.UNSPECIFIED:
        moment = _from_zone(name, moment, origin)
    return _write(name, _in_zone(name, moment, _zone(name, target, 2)), form, 3)
