"""Dates as people write them: ISO 8601, a culture's own numbers and words, or an exact format."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from flowner.expressions.culture_names import ENGLISH, Names, names_of
from flowner.expressions.date_formats import MAX_FORMAT, pieces_of
from flowner.expressions.moments import Kind, Moment

_MAX_TEXT: Final = 200
_CLOCK: Final = (
    r"(?P<h>[0-9]{1,2}):(?P<mi>[0-9]{2})(?::(?P<s>[0-9]{2})(?:[.,](?P<f>[0-9]{1,8})[0-9]*)?)?"
)
_HALF: Final = r"\s*(?P<half>AM|PM|am|pm)?"
_ZONE: Final = r"\s*(?P<zone>Z|z|GMT|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_ISO: Final = re.compile(
    rf"(?P<y>[0-9]{{4}})-(?P<m>[0-9]{{1,2}})(?:-(?P<d>[0-9]{{1,2}}))?(?:(?:[Tt]|\s+){_CLOCK})?{_HALF}{_ZONE}"
)
_NUMBERS: Final = re.compile(
    rf"(?P<a>[0-9]{{1,4}})([/.-])(?P<b>[0-9]{{1,2}})\2(?P<c>[0-9]{{1,4}})(?:(?:,?\s+|T){_CLOCK}{_HALF})?{_ZONE}"
)
_WORD: Final = r"[^\W\d_]+\.?"
_WORDS: Final = re.compile(
    rf"(?:(?P<day>{_WORD}),?\s+)?(?:(?P<d>[0-9]{{1,2}})\.?\s+(?:de\s+)?(?P<m>{_WORD})"
    rf"|(?P<m2>{_WORD})\s+(?P<d2>[0-9]{{1,2}})),?\s+(?:de\s+)?(?P<y>[0-9]{{4}})"
    rf"(?:,?\s+{_CLOCK}{_HALF})?{_ZONE}"
)


def read_moment(text: str, culture: str | None = None) -> Moment | None:
    """Read a date as a culture writes it, or ISO 8601; None for anything else."""
    if len(text) == 20 and text[19] == "Z":
        found = _plain(text[:19])
        if found is not None:
            return Moment(found, Kind.UTC)
    given = text.strip()
    if len(given) > _MAX_TEXT:
        return None
    try:
        return _read(given, culture)
    except (ValueError, OverflowError):
        return None


def _plain(text: str) -> datetime | None:
    """Read ``2018-03-15T13:27:36``, the way most timestamps are written."""
    if text[4] != "-" or text[7] != "-" or text[10] != "T" or text[11:13] == "24":
        return None
    try:
        return datetime.fromisoformat(text) if text[13] == ":" == text[16] else None
    except ValueError:
        return None


def _read(text: str, culture: str | None) -> Moment | None:
    match = _ISO.fullmatch(text)
    if match is not None:
        part = match.groupdict()
        return _moment((int(part["y"]), int(part["m"]), int(part["d"] or 1)), part)
    match = _NUMBERS.fullmatch(text)
    if match is not None:
        return _moment(_ordered((match["a"], match["b"], match["c"]), culture), match.groupdict())
    match = _WORDS.fullmatch(text)
    if match is None:
        return None
    return _of_words(match.groupdict(), culture)


def _ordered(numbers: tuple[str, str, str], culture: str | None) -> tuple[int, int, int]:
    """Return year, month and day in the order that a culture's short date has them."""
    if len(numbers[0]) == 4:
        order = "yMd"
    else:
        pattern = names_of(culture).standard["d"]
        order = "".join(sorted("yMd", key=pattern.find))
        if order[0] == "y":
            order = "Mdy"
    by = dict(zip(order, numbers, strict=True))
    if len(by["y"]) not in (2, 4) or len(by["M"]) > 2 or len(by["d"]) > 2:
        raise ValueError
    year = int(by["y"])
    if len(by["y"]) == 2:
        year += 2000 if year < 50 else 1900
    return year, int(by["M"]), int(by["d"])


def _of_words(part: dict[str, str | None], culture: str | None) -> Moment:
    months, days = _known(culture)
    month = months.get(_key(part["m"] or part["m2"]))
    if month is None:
        raise ValueError
    found = _moment((int(part["y"] or 0), month, int(part["d"] or part["d2"] or 0)), part)
    named = part["day"]
    if named is not None and days.get(_key(named)) != _weekday(found, part):
        raise ValueError
    return found


def _weekday(found: Moment, part: dict[str, str | None]) -> int:
    written = datetime(int(part["y"] or 0), found.whole.month, int(part["d"] or part["d2"] or 0))  # noqa: DTZ001
    return written.weekday()


def _key(word: str | None) -> str:
    return (word or "").rstrip(".").lower()


@lru_cache(maxsize=64)
def _known(culture: str | None) -> tuple[dict[str, int], dict[str, int]]:
    """Return months from 1 and days from 0 (Monday) by their names, the English ones as well."""
    months: dict[str, int] = {}
    days: dict[str, int] = {}
    for names in (ENGLISH, names_of(culture)):
        lone = (names.short_lone_months, names.lone_months)
        for called in (*lone, names.short_months, names.months):
            months.update({_key(name): n for n, name in enumerate(called, 1)})
        for called in (names.short_days, names.days):
            days.update({_key(name): n for n, name in enumerate(called)})
    return months, days


def _moment(date: tuple[int, int, int], part: dict[str, str | None]) -> Moment:
    hour = int(part["h"] or 0)
    half = part.get("half")
    if half is not None:
        if part["h"] is None or not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    value = datetime(*date, hour, int(part["mi"] or 0), int(part["s"] or 0))  # noqa: DTZ001
    return _zoned(value, part["f"], part["zone"])


def _zoned(value: datetime, fraction: str | None, zone: str | None) -> Moment:
    ticks = round(int(fraction.ljust(8, "0")[:8]) / 10) if fraction else 0
    kind = Kind.UNSPECIFIED
    if zone is not None and zone.upper() in ("Z", "GMT", "UTC"):
        kind = Kind.UTC
    elif zone is not None:
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].strip(":") or 0))
        value, kind = value - away if zone[0] == "+" else value + away, Kind.LOCAL
    return Moment(value, kind).plus(ticks)


_FIELDS: Final = {
    "d": r"(?P<d>[0-9]{1,2})", "dd": r"(?P<d>[0-9]{2})", "M": r"(?P<m>[0-9]{1,2})",
    "MM": r"(?P<m>[0-9]{2})", "yy": r"(?P<y>[0-9]{2})", "yyyy": r"(?P<y>[0-9]{4})",
    "H": r"(?P<h>[0-9]{1,2})", "HH": r"(?P<h>[0-9]{2})", "h": r"(?P<h>[0-9]{1,2})",
    "hh": r"(?P<h>[0-9]{2})", "m": r"(?P<mi>[0-9]{1,2})", "mm": r"(?P<mi>[0-9]{2})",
    "s": r"(?P<s>[0-9]{1,2})", "ss": r"(?P<s>[0-9]{2})", "K": r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?",
    "z": r"(?P<zone>[+-][0-9]{1,2})", "zz": r"(?P<zone>[+-][0-9]{2})",
    "zzz": r"(?P<zone>[+-][0-9]{2}:?[0-9]{2})",
}  # fmt: skip


def read_exactly(text: str, pattern: str, culture: str | None) -> Moment | None:
    """Read a date that is written exactly so; None when it is not, or has no day."""
    names = names_of(culture)
    asked = names.standard.get(pattern, pattern) if len(pattern) == 1 else pattern
    compiled = None if len(asked) > MAX_FORMAT else _exact(asked, culture)
    match = None if compiled is None or len(text) > MAX_FORMAT else compiled.fullmatch(text)
    if match is None:
        return None
    part = {
        name: match.groupdict().get(name) for name in ("d", "m", "y", "h", "mi", "s", "f", "zone")
    }
    try:
        return _exact_moment(part, match.groupdict(), culture)
    except (ValueError, OverflowError):
        return None


def _exact_moment(
    part: dict[str, str | None], found: dict[str, str | None], culture: str | None
) -> Moment | None:
    month = int(part["m"] or 0) or _known(culture)[0].get(_key(found.get("month")), 0)
    year = int(part["y"] or 0)
    if part["y"] is not None and len(part["y"]) == 2:
        year += 2000 if year < 50 else 1900
    half = found.get("half")
    if half:
        after = names_of(culture).halves[1].lower()
        part["half"] = "pm" if after.startswith(half.lower()) else "am"
    return _moment((year, month, int(part["d"] or 1)), part)


@lru_cache(maxsize=512)
def _exact(pattern: str, culture: str | None) -> re.Pattern[str] | None:
    names = names_of(culture)
    pieces = pieces_of(pattern, names)
    if pieces is None:
        return None
    written = ""
    for piece, literal in pieces:
        written += re.escape(piece) if literal else _field(piece, names)
    try:
        return re.compile(written, re.IGNORECASE)
    except re.error:  # a field that is asked for twice
        return None


def _field(piece: str, names: Names) -> str:
    if piece in _FIELDS:
        return _FIELDS[piece]
    letter, count = piece[0], len(piece)
    if letter in "fF":
        least = count if letter == "f" else 0
        return rf"(?P<f>[0-9]{{{least},{count}}})"
    if letter == "t":
        halves = [half[: 1 if count == 1 else None] for half in names.halves]
        return f"(?P<half>{'|'.join(map(re.escape, halves))})"
    if letter == "d":
        return f"(?:{'|'.join(map(re.escape, names.short_days if count == 3 else names.days))})"
    if letter == "M":
        if count == 3:
            every = {*names.short_months, *names.short_lone_months}
        else:
            every = {*names.months, *names.lone_months}
        return f"(?P<month>{'|'.join(map(re.escape, sorted(every, key=len, reverse=True)))})"
    return "(?:A\\.D\\.)?" if letter == "g" else _FIELDS["yyyy"]
