"""What cultures call days and months, and how they write dates: CLDR's data, .NET's spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from babel import Locale, UnknownLocaleError


@dataclass(frozen=True, slots=True)
class Names:
    """A culture's names and patterns."""

    days: tuple[str, ...]
    """From Monday on."""
    short_days: tuple[str, ...]
    months: tuple[str, ...]
    """As they stand beside a day; the same in most languages."""
    short_months: tuple[str, ...]
    lone_months: tuple[str, ...]
    """As they stand alone."""
    short_lone_months: tuple[str, ...]
    halves: tuple[str, str]
    """Before and after noon."""
    date: str
    """What stands for ``/``."""
    time: str
    """What stands for ``:``."""
    standard: dict[str, str]
    """Patterns by the letter that asks for them."""


_INVARIANT: Final = {
    "O": "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
    "R": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
    "s": "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
    "u": "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
}
_ENGLISH_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_ENGLISH_DAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip


def _patterns(
    short: str, long: str, times: tuple[str, str], lone: tuple[str, str]
) -> dict[str, str]:
    brief, full = times
    day, year = lone
    found = {
        "d": short, "D": long, "t": brief, "T": full, "f": f"{long} {brief}", "F": f"{long} {full}",
        "g": f"{short} {brief}", "G": f"{short} {full}", "U": f"{long} {full}", "M": day, "m": day,
        "Y": year, "y": year, **_INVARIANT,
    }  # fmt: skip
    return {**found, "o": found["O"], "r": found["R"]}


ENGLISH: Final = Names(
    days=_ENGLISH_DAYS,
    short_days=tuple(name[:3] for name in _ENGLISH_DAYS),
    months=_ENGLISH_MONTHS,
    short_months=tuple(name[:3] for name in _ENGLISH_MONTHS),
    lone_months=_ENGLISH_MONTHS,
    short_lone_months=tuple(name[:3] for name in _ENGLISH_MONTHS),
    halves=("AM", "PM"),
    date="/",
    time=":",
    standard=_patterns(
        "M/d/yyyy", "dddd, MMMM d, yyyy", ("h:mm tt", "h:mm:ss tt"), ("MMMM d", "MMMM yyyy")
    ),
)


@lru_cache(maxsize=256)
def names_of(culture: str | None) -> Names:
    """Return a culture's names; those of the United States for none and for one not known."""
    if not culture or culture.lower() in ("en-us", "en"):
        return ENGLISH
    try:
        return _from_cldr(Locale.parse(culture, sep="-"))
    except (UnknownLocaleError, ValueError, TypeError):
        return ENGLISH


def _from_cldr(locale: Locale) -> Names:
    days, months = locale.days["format"], locale.months
    short_date = re.sub(r"(?<!y)yy(?!y)", "yyyy", _net(locale.date_formats["short"].pattern))
    long_date = _net(locale.date_formats["full"].pattern)
    times = tuple(_net(locale.time_formats[size].pattern) for size in ("short", "medium"))
    periods = locale.day_periods.get("format", {}).get("abbreviated", {})
    lone = tuple(
        _net(str(locale.datetime_skeletons.get(skeleton) or usual))
        for skeleton, usual in (("MMMMd", "MMMM d"), ("yMMMM", "MMMM yyyy"))
    )
    return Names(
        days=tuple(days["wide"][n] for n in range(7)),
        short_days=tuple(days["abbreviated"][n] for n in range(7)),
        months=_months(months["format"]["wide"]),
        short_months=_months(months["format"]["abbreviated"]),
        lone_months=_lone(months, "wide"),
        short_lone_months=_lone(months, "abbreviated"),
        halves=(str(periods.get("am", "AM")), str(periods.get("pm", "PM"))),
        date=next((c for c in short_date if c in "./-"), "/"),
        time=next((c for c in times[0] if c in ":."), ":"),
        standard=_patterns(short_date, long_date, (times[0], times[1]), (lone[0], lone[1])),
    )


def _months(found: Any) -> tuple[str, ...]:
    return tuple(str(found[n]) for n in range(1, 13))


def _lone(months: Any, width: str) -> tuple[str, ...]:
    """Return the names of months alone; numbers stand where CLDR has none of its own."""
    found = _months(months["stand-alone"][width])
    usual = _months(months["format"][width])
    return usual if any(re.search(r"\d", name) for name in found) else found


def _net(pattern: str) -> str:
    """Spell CLDR's pattern as .NET does."""
    pattern = re.sub("E{4,}|c{4,}", "dddd", str(pattern))
    pattern = re.sub("E{1,3}|c{1,3}", "ddd", pattern)
    pattern = re.sub(r"(?<!y)y(?!y)", "yyyy", pattern)
    return re.sub("a+", "tt", pattern).replace("L", "M").replace("\u202f", " ")
