"""Points in time as .NET has them: 100-nanosecond ticks and a kind."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

TICKS_A_SECOND: Final = 10_000_000
_MICRO_TICKS: Final = 10
MAX_TICKS: Final = 3_155_378_975_999_999_999
_FIRST: Final = datetime(1, 1, 1)  # noqa: DTZ001 - ticks have no zone


class Kind(Enum):
    """How a point in time is to be read, and what stands at its end."""

    UNSPECIFIED = auto()
    """No zone was given; nothing is printed."""
    UTC = auto()
    """``Z``."""
    LOCAL = auto()
    """An offset was given, and has been taken off: the host's zone, which is UTC, ``+00:00``."""


_SUFFIXES: Final = {Kind.UNSPECIFIED: "", Kind.UTC: "Z", Kind.LOCAL: "+00:00"}


class Moment(NamedTuple):
    """A point in time, of a precision that ``datetime`` lacks."""

    whole: datetime
    """Without a zone, to the microsecond below."""
    kind: Kind
    below: int = 0
    """Ticks below the microsecond, 0 to 9."""

    @classmethod
    def at(cls, ticks: int, kind: Kind) -> Moment:
        """Return the moment of so many ticks. Raises ``OverflowError`` beyond the year 9999."""
        if not 0 <= ticks <= MAX_TICKS:
            raise OverflowError
        micros, below = divmod(ticks, _MICRO_TICKS)
        return cls(_FIRST + timedelta(microseconds=micros), kind, below)

    @property
    def ticks(self) -> int:
        """Ticks since the year 1 began."""
        since = self.whole - _FIRST
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return micros * _MICRO_TICKS + self.below

    @property
    def fraction(self) -> int:
        """Ticks within the second: 0 to 9,999,999."""
        return self.whole.microsecond * _MICRO_TICKS + self.below

    @property
    def suffix(self) -> str:
        """What format ``K`` prints."""
        return _SUFFIXES[self.kind]

    def plus(self, ticks: int) -> Moment:
        """Return the moment later by ticks. Raises ``OverflowError`` outside years 1 to 9999."""
        return Moment.at(self.ticks + ticks, self.kind)

    def plus_months(self, months: int) -> Moment:
        """Return the moment later by months, the day clamped to the month's length.

        Raises ``OverflowError`` outside years 1 to 9999.
        """
        value = self.whole
        year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
        if not 1 <= year <= 9999:
            raise OverflowError
        day = min(value.day, calendar.monthrange(year, month + 1)[1])
        moved = value.replace(year=year, month=month + 1, day=day)
        return self._replace(whole=moved)


def from_datetime(value: datetime) -> Moment:
    """Return the moment of an aware datetime, in UTC."""
    return Moment(value.astimezone(UTC).replace(tzinfo=None), Kind.UTC)
