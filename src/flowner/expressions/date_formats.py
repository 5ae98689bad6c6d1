"""Dates written in .NET's standard and custom formats.

Source: https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, TypeAlias

from flowner.expressions.culture_names import ENGLISH, Names, names_of
from flowner.expressions.moments import Moment

MAX_FORMAT: Final = 500
ROUND_TRIP: Final = "o"
Write: TypeAlias = Callable[[Moment], str]

PIECE: Final = re.compile(
    r"d+|M+|y+|H+|h+|m+|s+|f+|F+|t+|z+|g+|K|:|/|'[^']*'|\"[^\"]*\"|\\.|%.|.", re.DOTALL
)
_INVARIANT: Final = frozenset("OoRrsu")
_PLAIN: Final = {
    "yyyy": ("year", "%04d"), "MM": ("month", "%02d"), "M": ("month", "%d"), "dd": ("day", "%02d"),
    "d": ("day", "%d"), "HH": ("hour", "%02d"), "H": ("hour", "%d"), "mm": ("minute", "%02d"),
    "m": ("minute", "%d"), "ss": ("second", "%02d"), "s": ("second", "%d"),
}  # fmt: skip


def format_moment(moment: Moment, pattern: str, culture: str | None = None) -> str | None:
    """Write a moment; None when the pattern is none of .NET's."""
    if pattern == ROUND_TRIP:
        return round_trip(moment)
    write = writer(pattern, culture)
    return None if write is None else write(moment)


def round_trip(moment: Moment) -> str:
    """Write a moment in the format that nothing is lost in."""
    return f"{moment.whole.isoformat(timespec='microseconds')}{moment.below}{moment.suffix}"


@lru_cache(maxsize=2_048)
def writer(pattern: str, culture: str | None) -> Write | None:
    """Return what writes moments so; None when the pattern is none of .NET's."""
    if len(pattern) > MAX_FORMAT or pattern == "%":
        return None
    names = ENGLISH if pattern in _INVARIANT else names_of(culture)
    if len(pattern) < 2:
        standard = names.standard.get(pattern or "G")
        return None if standard is None else _compile(standard, names)
    return _compile(pattern, names)


def pieces_of(pattern: str, names: Names) -> list[tuple[str, bool]] | None:
    """Return a custom pattern's pieces, each with whether it stands for itself."""
    found: list[tuple[str, bool]] = []
    for match in PIECE.finditer(pattern):
        piece = match[0]
        if piece[0] == "%" and len(piece) == 2:
            piece = piece[1]
        if piece[0] in "'\"":
            if len(piece) < 2:
                return None
            found.append((piece[1:-1], True))
        elif piece[0] == "\\":
            if len(piece) < 2:
                return None
            found.append((piece[1], True))
        elif piece in "/:":
            found.append((names.date if piece == "/" else names.time, True))
        else:
            found.append((piece, piece[0] not in "dMyHhmsfFtzgK"))
    return found


def _compile(pattern: str, names: Names) -> Write | None:
    pieces = pieces_of(pattern, names)
    if pieces is None:
        return None
    if any(
        piece[0] in "fF" and len(piece) > 7 for piece, literal in pieces if not literal and piece
    ):
        return None
    fast = _all_plain(pieces)
    if fast is not None:
        return fast
    with_day = any(piece in ("d", "dd") for piece, literal in pieces if not literal)
    parts: list[str | Write] = []
    for index, (piece, literal) in enumerate(pieces):
        before = pieces[index - 1][0] if index else ""
        if not literal and piece[0] == "F" and before == ".":
            parts[-1] = _optional_fraction(len(piece))
        else:
            parts.append(piece if literal else _piece(piece, names, with_day))
    return lambda moment: "".join([one if isinstance(one, str) else one(moment) for one in parts])


def _all_plain(pieces: list[tuple[str, bool]]) -> Write | None:
    """Return a writer that fills in numbers and nothing else, where that is enough."""
    fields: list[str] = []
    template = ""
    for piece, literal in pieces:
        if literal:
            template += piece.replace("%", "%%")
        elif piece in _PLAIN:
            field, form = _PLAIN[piece]
            fields.append(field)
            template += form
        else:
            return None
    if not fields:
        return None
    get: Callable[[Any], Any] = attrgetter(*fields)
    return lambda moment: template % get(moment.whole)


def _optional_fraction(count: int) -> Write:
    def write(moment: Moment) -> str:
        text = f"{moment.fraction:07d}"[:count].rstrip("0")
        return f".{text}" if text else ""

    return write


def _piece(piece: str, names: Names, with_day: bool) -> Write:
    letter, count = piece[0], len(piece)
    if letter in "dMy":
        return _date_piece(letter, count, names, with_day)
    if letter in "Hhms":
        return _clock_piece(letter, min(count, 2))
    if letter == "f":
        return lambda moment: f"{moment.fraction:07d}"[:count]
    if letter == "F":
        return lambda moment: f"{moment.fraction:07d}"[:count].rstrip("0")
    if letter == "t":
        cut = 1 if count == 1 else None
        return lambda moment: names.halves[moment.whole.hour >= 12][:cut]
    if letter == "z":
        offset = {1: "+0", 2: "+00"}.get(count, "+00:00")
        return lambda _moment: offset
    if letter == "K":
        return lambda moment: moment.suffix
    return lambda _moment: "A.D."


def _date_piece(letter: str, count: int, names: Names, with_day: bool) -> Write:
    if letter == "y":
        if count <= 2:
            return lambda moment: str(moment.whole.year % 100).rjust(count, "0")
        return lambda moment: str(moment.whole.year).rjust(count, "0")
    if letter == "d":
        if count > 2:
            days = names.short_days if count == 3 else names.days
            return lambda moment: days[moment.whole.weekday()]
        return lambda moment: str(moment.whole.day).rjust(count, "0")
    if count <= 2:
        return lambda moment: str(moment.whole.month).rjust(count, "0")
    beside = names.short_months if count == 3 else names.months
    alone = names.short_lone_months if count == 3 else names.lone_months
    months = beside if with_day else alone
    return lambda moment: months[moment.whole.month - 1]


def _clock_piece(letter: str, count: int) -> Write:
    if letter == "h":
        return lambda moment: str(moment.whole.hour % 12 or 12).rjust(count, "0")
    get = attrgetter({"H": "hour", "m": "minute", "s": "second"}[letter])
    return lambda moment: str(get(moment.whole)).rjust(count, "0")
