"""Points in time as .NET has them: 100-nanosecond ticks and a kind."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

from flowner.expressions.zones import offset_text

TICKS_A_SECOND: Final = 10_000_000
_MICRO_TICKS: Final = 10
MAX_TICKS: Final = 3_155_378_975_999_999_999
_FIRST: Final = datetime(1, 1, 1)  # noqa: DTZ001 - ticks have no zone

_ISO: Final = re.compile(
    r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,8})\d*)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_AMERICAN: Final = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?\s*(AM|PM)?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_MONTHS: Final = {name.lower(): n for n, name in enumerate(calendar.month_name) if name} | {
    name.lower(): n for n, name in enumerate(calendar.month_abbr) if name
}
_WORDS: Final = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?(?:(?P<m1>[A-Za-z]{3,9})\.?\s+(?P<d1>\d{1,2}),?"
    r"|(?P<d2>\d{1,2})\s+(?P<m2>[A-Za-z]{3,9})),?\s+(?P<y>\d{4})"
    r"(?:,?\s+(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2}))?\s*(?P<half>AM|PM)?)?"
    r"\s*(?P<zone>GMT|Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


class Kind(Enum):
    """How a point in time is to be read, and what stands at its end."""

    UNSPECIFIED = auto()
    UTC = auto()
    LOCAL = auto()
    """It was written with an offset; it is UTC now, and prints ``+00:00``."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Ticks since 1 January of the year 1."""

    ticks: int
    kind: Kind = Kind.UNSPECIFIED

    @classmethod
    def of(cls, value: datetime, kind: Kind, *, extra: int = 0) -> Moment:
        """Return the moment of a datetime without a zone."""
        since = value - _FIRST
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return cls(micros * _MICRO_TICKS + extra, kind)

    @property
    def whole(self) -> datetime:
        """The datetime without a zone, to the microsecond below."""
        return _FIRST + timedelta(microseconds=self.ticks // _MICRO_TICKS)

    @property
    def fraction(self) -> int:
        """Ticks within the second: 0 to 9,999,999."""
        return self.ticks % TICKS_A_SECOND

    @property
    def suffix(self) -> str:
        """What format ``K`` prints."""
        return {Kind.UNSPECIFIED: "", Kind.UTC: "Z", Kind.LOCAL: offset_text(timedelta(0))}[
            self.kind
        ]

    def plus(self, ticks: int) -> Moment:
        """Return the moment later by ticks. Raises ``OverflowError`` outside years 1 to 9999."""
        found = self.ticks + ticks
        if not 0 <= found <= MAX_TICKS:
            raise OverflowError
        return replace(self, ticks=found)

    def plus_months(self, months: int) -> Moment:
        """Return the moment later by months, the day clamped to the month's length."""
        value = self.whole
        count = value.year * 12 + value.month - 1 + months
        year, month = divmod(count, 12)
        if not 1 <= year <= 9999:
            raise OverflowError
        day = min(value.day, calendar.monthrange(year, month + 1)[1])
        moved = value.replace(year=year, month=month + 1, day=day)
        return Moment.of(moved, self.kind, extra=self.ticks % _MICRO_TICKS)


def from_datetime(value: datetime) -> Moment:
    """Return the moment of an aware datetime, in UTC."""
    return Moment.of(value.astimezone(UTC).replace(tzinfo=None), Kind.UTC)


def read_moment(text: str) -> Moment | None:
    """Read ISO 8601, American or written-out dates; None for anything else."""
    given = text.strip()
    for pattern, read in ((_ISO, _read_iso), (_AMERICAN, _read_american), (_WORDS, _read_words)):
        match = pattern.fullmatch(given)
        if match is not None:
            try:
                return read(match)
            except (ValueError, OverflowError, KeyError):
                return None
    return None


def _read_iso(match: re.Match[str]) -> Moment:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    value = datetime(int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0),  # noqa: DTZ001
                     int(second or 0))  # fmt: skip
    return _zoned(value, fraction, zone)


def _read_american(match: re.Match[str]) -> Moment:
    month, day, year, hour, minute, second, fraction, half, zone = match.groups()
    value = datetime(int(year), int(month), int(day), _hour(hour, half), int(minute or 0),  # noqa: DTZ001
                     int(second or 0))  # fmt: skip
    return _zoned(value, fraction, zone)


def _read_words(match: re.Match[str]) -> Moment:
    part = match.groupdict()
    month = _MONTHS[(part["m1"] or part["m2"]).lower()]
    day, hour = int(part["d1"] or part["d2"]), _hour(part["h"], part["half"])
    value = datetime(int(part["y"]), month, day, hour, int(part["mi"] or 0), int(part["s"] or 0))  # noqa: DTZ001
    zone = part["zone"]
    return _zoned(value, None, "Z" if zone and zone.upper() == "GMT" else zone)


def _hour(text: str | None, half: str | None) -> int:
    hour = int(text or 0)
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError
    return hour % 12 + (12 if half.upper() == "PM" else 0)


def _zoned(value: datetime, fraction: str | None, zone: str | None) -> Moment:
    extra = round(int(fraction.ljust(8, "0")[:8]) / 10) if fraction else 0
    if zone is None:
        return Moment.of(value, Kind.UNSPECIFIED, extra=extra)
    if zone.upper() == "Z":
        return Moment.of(value, Kind.UTC, extra=extra)
    sign = -1 if zone[0] == "-" else 1
    digits = zone[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return Moment.of(value - sign * away, Kind.LOCAL, extra=extra)
