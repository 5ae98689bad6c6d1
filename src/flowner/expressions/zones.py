"""Time zones by their Windows or IANA names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global
from babel.dates import get_timezone_name

_NEWER: Final = {
    "Alberta Standard Time": "America/Edmonton",
    "British Columbia Standard Time": "America/Vancouver",
    "Manitoba Standard Time": "America/Winnipeg",
}
"""Names that Windows has and babel's copy of CLDR has not yet.

Source: https://github.com/unicode-org/cldr/blob/main/common/supplemental/windowsZones.xml
"""


@lru_cache(maxsize=1_024)
def find_zone(name: str) -> ZoneInfo | None:
    """Return the zone of a Windows name (by CLDR's table) or an IANA name; None: there is none."""
    known = {**_NEWER, **get_global("windows_zone_mapping")}
    wanted = known.get(name)
    if wanted is None:
        folded = name.strip().lower()
        wanted = next((zone for key, zone in known.items() if key.lower() == folded), name)
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def is_utc(zone: ZoneInfo) -> bool:
    return str(zone) in ("UTC", "Etc/UTC", "Etc/GMT", "Etc/UCT", "Etc/Zulu", "Zulu", "UCT")


def to_utc(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return a local time in UTC; None when the zone skips it or has it twice."""
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        return None
    return first.astimezone(UTC)


def standard_name(zone: ZoneInfo) -> str:
    """Return a zone's name in winter, as messages call it."""
    return str(get_timezone_name(zone, width="long", zone_variant="standard", locale="en_US"))


def display_name(zone: ZoneInfo) -> str:
    """Return ``(UTC-08:00) Pacific Standard Time``."""
    winter = datetime(2018, 1, 1, tzinfo=zone)
    offset = (winter.utcoffset() or timedelta(0)) - (winter.dst() or timedelta(0))
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    away = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else ""
    return f"(UTC{away}) {standard_name(zone)}"
