"""Dates written in .NET's standard and custom formats.

Source: https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from babel import Locale, UnknownLocaleError

from flowner.expressions.moments import Moment

MAX_FORMAT: Final = 500

_STANDARD: Final = {
    "d": "M/d/yyyy",
    "D": "dddd, MMMM d, yyyy",
    "f": "dddd, MMMM d, yyyy h:mm tt",
    "F": "dddd, MMMM d, yyyy h:mm:ss tt",
    "g": "M/d/yyyy h:mm tt",
    "G": "M/d/yyyy h:mm:ss tt",
    "M": "MMMM d",
    "m": "MMMM d",
    "O": "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
    "o": "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
    "R": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
    "r": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
    "s": "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
    "t": "h:mm tt",
    "T": "h:mm:ss tt",
    "u": "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
    "U": "dddd, MMMM d, yyyy h:mm:ss tt",
    "Y": "MMMM yyyy",
    "y": "MMMM yyyy",
}
_INVARIANT: Final = frozenset("OoRrsu")
ROUND_TRIP: Final = _STANDARD["o"]
_PIECE: Final = re.compile(
    r"d{1,}|M{1,}|y{1,}|H{1,}|h{1,}|m{1,}|s{1,}|f{1,}|F{1,}|t{1,}|z{1,}|g{1,}|K|:|/"
    r"|'[^']*'|\"[^\"]*\"|\\.|%.|.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Names:
    """What a culture calls days and months, and how it writes them."""

    days: tuple[str, ...]
    short_days: tuple[str, ...]
    """From Monday on."""
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    halves: tuple[str, str] = ("AM", "PM")
    date: str = "/"
    standard: tuple[tuple[str, str], ...] = ()


def format_moment(moment: Moment, pattern: str, culture: str | None = None) -> str | None:
    """Write a moment; None when the pattern is none of .NET's."""
    if len(pattern) > MAX_FORMAT:
        return None
    names = names_of(culture)
    if pattern == "":
        pattern = "G"
    if len(pattern) == 1:
        standard = dict(names.standard).get(pattern) or _STANDARD.get(pattern)
        if standard is None:
            return None
        names = names_of(None) if pattern in _INVARIANT else names
        return _custom(moment, standard, names)
    if pattern == "%":
        return None
    return _custom(moment, pattern, names)


def _custom(moment: Moment, pattern: str, names: Names) -> str | None:
    written: list[str] = []
    for match in _PIECE.finditer(pattern):
        piece = match[0]
        if piece[0] == "%" and len(piece) == 2:
            piece = piece[1]
        if piece[0] in "'\"":
            if len(piece) < 2 or piece[-1] != piece[0]:
                return None
            written.append(piece[1:-1])
            continue
        if piece[0] == "\\":
            if len(piece) < 2:
                return None
            written.append(piece[1])
            continue
        text = _piece(moment, piece, names)
        if text is None:
            return None
        if piece[0] == "F" and text == "" and written and written[-1] == ".":
            written.pop()
        written.append(text)
    return "".join(written)


def _piece(moment: Moment, piece: str, names: Names) -> str | None:  # noqa: C901, PLR0912 - a table
    value, count = moment.whole, len(piece)
    match piece[0]:
        case "d":
            return _day(value.day, value.weekday(), count, names)
        case "M":
            if count > 2:
                return (names.short_months if count == 3 else names.months)[value.month - 1]
            return str(value.month).rjust(count, "0")
        case "y":
            return _year(value.year, count)
        case "H":
            return str(value.hour).rjust(min(count, 2), "0")
        case "h":
            return str(value.hour % 12 or 12).rjust(min(count, 2), "0")
        case "m":
            return str(value.minute).rjust(min(count, 2), "0")
        case "s":
            return str(value.second).rjust(min(count, 2), "0")
        case "f" | "F":
            return _fraction(moment.fraction, piece[0], count)
        case "t":
            half = names.halves[value.hour >= 12]
            return half[:1] if count == 1 else half
        case "z":
            return {1: "+0", 2: "+00"}.get(count, "+00:00")
        case "K":
            return moment.suffix
        case "g":
            return "A.D."
        case "/":
            return names.date
        case _:
            return piece


def _day(day: int, weekday: int, count: int, names: Names) -> str:
    if count > 2:
        return (names.short_days if count == 3 else names.days)[weekday]
    return str(day).rjust(count, "0")


def _year(year: int, count: int) -> str:
    if count <= 2:
        return str(year % 100).rjust(count, "0")
    return str(year).rjust(count, "0")


def _fraction(ticks: int, letter: str, count: int) -> str | None:
    if count > 7:
        return None
    text = f"{ticks:07d}"[:count]
    return text.rstrip("0") if letter == "F" else text


_ENGLISH: Final = Names(
    days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    short_days=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    months=("January", "February", "March", "April", "May", "June", "July", "August", "September",
            "October", "November", "December"),
    short_months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                  "Dec"),
)  # fmt: skip


def names_of(culture: str | None) -> Names:
    """Return a culture's names, from CLDR; English for none and for one that is not known."""
    if not culture or culture.lower() in ("en-us", "en"):
        return _ENGLISH
    try:
        locale = Locale.parse(culture, sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return _ENGLISH
    days, months = locale.days["format"], locale.months["format"]
    long_date = _net(str(locale.date_formats["full"].pattern))
    short_date = _net(str(locale.date_formats["short"].pattern))
    short_time = _net(str(locale.time_formats["short"].pattern))
    long_time = _net(str(locale.time_formats["medium"].pattern))
    periods = locale.day_periods.get("format", {}).get("abbreviated", {})
    return Names(
        days=tuple(days["wide"][n] for n in range(7)),
        short_days=tuple(days["abbreviated"][n] for n in range(7)),
        months=tuple(months["wide"][n] for n in range(1, 13)),
        short_months=tuple(months["abbreviated"][n] for n in range(1, 13)),
        halves=(periods.get("am", "AM"), periods.get("pm", "PM")),
        date=next((c for c in short_date if c in "./-"), "/"),
        standard=(
            ("d", short_date), ("D", long_date), ("t", short_time), ("T", long_time),
            ("f", f"{long_date} {short_time}"), ("F", f"{long_date} {long_time}"),
            ("g", f"{short_date} {short_time}"), ("G", f"{short_date} {long_time}"),
        ),
    )  # fmt: skip


def _net(pattern: str) -> str:
    """Spell CLDR's pattern as .NET does."""
    pattern = re.sub(r"E{4,}|c{4,}", "dddd", re.sub(r"E{1,3}(?!E)", "ddd", pattern)
                     if "EEEE" not in pattern else pattern)  # fmt: skip
    pattern = re.sub(r"(?<!y)y(?!y)", "yyyy", pattern)
    return pattern.replace("a", "tt").replace("L", "M").replace("\u202f", " ")
