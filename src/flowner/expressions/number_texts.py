"""Numbers as people write them: signs at either end, thousands, a culture's own marks.

Source: https://learn.microsoft.com/dotnet/api/system.globalization.numberstyles
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError

_SPACE: Final = "[\\t-\\r ]*"
_CAP: Final = 400
"""Digits beyond which a text is no number to us."""


@lru_cache(maxsize=256)
def locale_of(name: str | None) -> Locale:
    """Return a culture by its name; English of the United States where there is none such."""
    try:
        return Locale.parse(name or "en-US", sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale.parse("en_US")


@lru_cache(maxsize=256)
def separators(culture: str | None) -> tuple[str, str]:
    """Return a culture's decimal mark and its mark between thousands."""
    symbols = locale_of(culture).number_symbols
    latin = symbols.get("latn", symbols)
    return str(latin["decimal"]), str(latin["group"])


def plain_number(text: str, culture: str | None = None, *, exponent: bool) -> str | None:
    """Return a written number as Python writes one; None: it is none.

    Thousands marks may stand anywhere between the first digit and the decimal mark, and the sign
    at either end. ``exponent`` says whether ``1e3`` is a number.
    """
    match = _pattern(culture, exponent).fullmatch(text) if len(text) < _CAP else None
    if match is None or (match["before"] and match["after"]):
        return None
    found = match.groupdict()
    whole = re.sub("[^0-9]", "", found["whole"] or "0")
    fraction = found["part"] or found["only"]
    sign = "-" if "-" in (match["before"], match["after"]) else ""
    ending = f"e{found['power']}" if found.get("power") else ""
    return f"{sign}{whole}{f'.{fraction}' if fraction else ''}{ending}"


@lru_cache(maxsize=256)
def _pattern(culture: str | None, exponent: bool) -> re.Pattern[str]:
    mark, group = (re.escape(one) for one in separators(culture))
    groups = f"(?:{group})" if group.strip("\\\u00a0\u202f ") else "[\u00a0\u202f ]"
    power = r"(?:[eE](?P<power>[+-]?[0-9]{1,9}))?" if exponent else ""
    return re.compile(
        rf"{_SPACE}(?P<before>[+-]?){_SPACE}(?:(?P<whole>[0-9](?:[0-9]|{groups})*)"
        rf"(?:{mark}(?P<part>[0-9]*))?|{mark}(?P<only>[0-9]+)){power}{_SPACE}(?P<after>[+-]?)"
        rf"{_SPACE}"
    )


def read_double(text: str, culture: str | None = None) -> float | None:
    """Read a double, or what a culture calls one that is no number or endless; None: neither."""
    special = _special(text.strip(" \t\r\n"), culture)
    if special is not None:
        return special
    plain = plain_number(text, culture, exponent=True)
    return None if plain is None else float(plain)


def _special(text: str, culture: str | None) -> float | None:
    # The culture without a name is the only one that spells infinity out.
    endless = "infinity" if culture == "" else "∞"
    known = {"nan": math.nan, endless: math.inf, f"+{endless}": math.inf, f"-{endless}": -math.inf}
    return known.get(text.lower())
