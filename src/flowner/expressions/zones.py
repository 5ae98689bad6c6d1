"""Time zones by their Windows or IANA names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global


def find_zone(name: str) -> ZoneInfo | None:
    """Return the zone of a Windows name (by CLDR's table) or an IANA name; None: there is none."""
    known = get_global("windows_zone_mapping")
    wanted = known.get(name)
    if wanted is None:
        folded = name.strip().lower()
        wanted = next((zone for key, zone in known.items() if key.lower() == folded), name)
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def to_utc(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return a local time in UTC; None when the zone skips it or has it twice."""
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        return None
    return first.astimezone(UTC)


def offset_text(offset: timedelta) -> str:
    """Return an offset as ``+02:00``."""
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
