"""Durations and moments as definitions write them: ISO 8601 and `count` with `unit`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from flowner.errors import Code, Invalid
from flowner.values import Json

LONGEST: Final = timedelta(days=36_500)
"""No pause or timeout is longer."""

_DURATION: Final = re.compile(
    r"P(?:(?P<years>\d{1,6})Y)?(?:(?P<months>\d{1,6})M)?(?:(?P<weeks>\d{1,6})W)?"
    r"(?:(?P<days>\d{1,6}(?:\.\d{1,7})?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,9}(?:\.\d{1,7})?)H)?(?:(?P<minutes>\d{1,9}(?:\.\d{1,7})?)M)?"
    r"(?:(?P<seconds>\d{1,12}(?:\.\d{1,7})?)S)?)?",
    re.IGNORECASE,
)
_SECONDS: Final = {
    "years": 365 * 86_400.0,
    "months": 30 * 86_400.0,
    "weeks": 7 * 86_400.0,
    "days": 86_400.0,
    "hours": 3_600.0,
    "minutes": 60.0,
    "seconds": 1.0,
}
_UNITS: Final = {name[:-1]: seconds for name, seconds in _SECONDS.items()}


def duration(text: str) -> timedelta:
    """Read ``PT1H``, ``P1DT12H``. A year has 365 days, a month 30, as .NET reads them."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or text.strip()[-1:].upper() in ("P", "T", ""):
        raise Invalid(
            f"`{text[:40]}` is not a duration; write it like `PT1H`", code=Code.INVALID_TEMPLATE
        )
    seconds = sum(
        float(number) * _SECONDS[unit]
        for unit, number in found.groupdict().items()
        if number is not None
    )
    return _bounded(seconds)


def span(count: Json, unit: Json) -> timedelta:
    """Read ``{"count": 5, "unit": "Minute"}``; the unit in any case, plural or not."""
    if isinstance(count, str) and re.fullmatch(r"\d{1,12}", count.strip()):
        count = int(count)
    if isinstance(count, bool) or not isinstance(count, int | float) or count < 0:
        raise Invalid(f"`{count}` is not a count; write a whole number, 0 or more")
    name = str(unit).casefold().removesuffix("s")
    if name not in _UNITS:
        raise Invalid(
            f"`{unit}` is not a unit; write `Second`, `Minute`, `Hour`, `Day`, `Week` or `Month`"
        )
    return _bounded(count * _UNITS[name])


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))


def later(moment: datetime, by: timedelta) -> datetime:
    """Add, stopping at the end of time."""
    try:
        return moment + by
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def moment(text: str) -> datetime:
    """Read an ISO 8601 time; one without a zone is UTC."""
    # Seven digits of a second are common here; datetime keeps six.
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
    try:
        found = datetime.fromisoformat(trimmed)
    except ValueError:
        raise Invalid(
            f"`{text[:60]}` is not a time; write it like `2026-01-31T08:00:00Z`"
        ) from None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise Invalid(f"`{text[:60]}` is too near the end of time") from None


def instant(moment: datetime) -> str:
    """Return ``yyyy-MM-ddTHH:mm:ss.fffffffZ``, as records show times."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"
