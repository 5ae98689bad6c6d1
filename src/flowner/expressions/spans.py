"""Time spans as .NET has them: 100-nanosecond ticks, written ``d.hh:mm:ss.fffffff``.

Source: https://learn.microsoft.com/dotnet/standard/base-types/custom-timespan-format-strings
"""

from __future__ import annotations

import re
from typing import Final

TICKS_A_SECOND: Final = 10_000_000
MAX_TICKS: Final = 2**63 - 1
_DAYS: Final = re.compile(r"\s*(?P<sign>-?)(?P<days>\d{1,8})\s*")
_SPAN: Final = re.compile(
    r"\s*(?P<sign>-?)(?:(?P<days>\d{1,8})(?:\.|:(?=\d+:\d+:)))?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<part>\d{1,7}))?)?\s*"
)
_PIECE: Final = re.compile(
    r"d{1,8}|h{1,2}|m{1,2}|s{1,2}|f{1,7}|F{1,7}|'[^']*'|\"[^\"]*\"|\\.|%[dhmsfF]", re.DOTALL
)


def span_text(ticks: int) -> str:
    """Return a time span in the constant format."""
    sign, left = ("-", -ticks) if ticks < 0 else ("", ticks)
    days, hours, minutes, seconds, fraction = _apart(left)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    text = f"{days}.{text}" if days else text
    return f"{sign}{text}.{fraction:07d}" if fraction else f"{sign}{text}"


def read_span(text: str) -> int | None:
    """Read a time span; a number alone is days. None: it is none."""
    match = _SPAN.fullmatch(text) or _DAYS.fullmatch(text)
    if match is None:
        return None
    part = {name: value or "0" for name, value in match.groupdict().items()}
    hours, minutes, seconds = (int(part.get(n, "0")) for n in ("hours", "minutes", "seconds"))
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    whole = ((int(part.get("days", "0")) * 24 + hours) * 60 + minutes) * 60 + seconds
    ticks = whole * TICKS_A_SECOND + int(part.get("part", "0").ljust(7, "0"))
    return None if ticks > MAX_TICKS else -ticks if match["sign"] else ticks


def write_span(ticks: int, pattern: str) -> str | None:
    """Write a time span in a standard or custom format; None when it is none of .NET's."""
    if pattern in ("", "c", "t", "T"):
        return span_text(ticks)
    if pattern in ("g", "G"):
        return _general(ticks, pattern)
    return None if len(pattern) < 2 else _custom(abs(ticks), pattern)


def _apart(ticks: int) -> tuple[int, int, int, int, int]:
    seconds, fraction = divmod(ticks, TICKS_A_SECOND)
    days, seconds = divmod(seconds, 86_400)
    return days, seconds // 3600, seconds // 60 % 60, seconds % 60, fraction


def _general(ticks: int, pattern: str) -> str:
    sign = "-" if ticks < 0 else ""
    days, hours, minutes, seconds, fraction = _apart(abs(ticks))
    if pattern == "G":
        return f"{sign}{days}:{hours:02d}:{minutes:02d}:{seconds:02d}.{fraction:07d}"
    text = f"{days}:{hours}" if days else f"{hours}"
    text = f"{sign}{text}:{minutes:02d}:{seconds:02d}"
    return f"{text}.{f'{fraction:07d}'.rstrip('0')}" if fraction else text


def _custom(ticks: int, pattern: str) -> str | None:
    written: list[str] = []
    at = 0
    while at < len(pattern):
        match = _PIECE.match(pattern, at)
        if match is None:  # a mark must be escaped or quoted
            return None
        written.append(_piece(ticks, match[0]))
        at = match.end()
    return "".join(written)


def _piece(ticks: int, piece: str) -> str:
    if piece[0] in "'\"":
        return piece[1:-1]
    if piece[0] == "\\":
        return piece[1:]
    letter, count = piece[-1], len(piece) - (piece[0] == "%")
    days, hours, minutes, seconds, fraction = _apart(ticks)
    if letter in "fF":
        text = f"{fraction:07d}"[:count]
        return text if letter == "f" else text.rstrip("0")
    value = {"d": days, "h": hours, "m": minutes, "s": seconds}[letter]
    return str(value).rjust(count, "0")
