"""Numbers written in .NET's standard and custom formats.

Source: https://learn.microsoft.com/dotnet/standard/base-types/custom-numeric-format-strings
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from babel.numbers import get_currency_precision, get_currency_symbol, get_territory_currencies

from flowner.expressions.number_texts import locale_of, separators
from flowner.expressions.numbers import float_text

MAX_DIGITS: Final = 100
MAX_FORMAT: Final = 500
_STANDARD: Final = re.compile(r"(?P<letter>[A-Za-z])(?P<digits>\d{0,9})")
_PIECE: Final = re.compile(r"'[^']*'?|\"[^\"]*\"?|\\.|[eE][+-]?0+|.", re.DOTALL)
_WIDE: Final = Context(prec=800, rounding=ROUND_HALF_UP)
_HALF_UP: Final = ROUND_HALF_UP


class Marks(NamedTuple):
    """How a culture sets its digits apart."""

    decimal: str
    group: str
    sizes: tuple[int, int]
    """Digits in the group before the decimal mark, and in each before that."""


@lru_cache(maxsize=256)
def marks_of(culture: str | None) -> Marks:
    """Return a culture's marks; those of the United States where there is none such."""
    near, far = locale_of(culture).decimal_formats[None].grouping
    return Marks(*separators(culture), (near, far) if near < 100 else (3, 3))


def write_number(value: float | Decimal, pattern: str, culture: str | None) -> str | None:
    """Write a number; None when the pattern is none of .NET's."""
    if isinstance(value, float) and not math.isfinite(value):
        return float_text(value)
    standard = _STANDARD.fullmatch(pattern or "G")
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if standard is None:
        return _custom(exact, pattern, marks_of(culture))
    digits = int(standard["digits"]) if standard["digits"] else None
    if digits is not None and digits > MAX_DIGITS:
        return None
    return _standard(value, exact, (standard["letter"], digits), culture)


def _standard(
    value: float | Decimal, exact: Decimal, form: tuple[str, int | None], culture: str | None
) -> str | None:
    letter, digits = form
    marks = marks_of(culture)
    mark, places = marks.decimal, 2 if digits is None else digits
    match letter.upper():
        case "N":
            return _fixed(exact, places, marks)
        case "F":
            return _fixed(exact, places, marks._replace(group=""))
        case "P":
            return _percent(exact, places, culture)
        case "C":
            return _currency(exact, digits, culture)
        case "D" | "X" | "B":
            return _whole(value, letter, digits or 0) if isinstance(value, int) else None
        case "E":
            return _scientific(exact, 6 if digits is None else digits, letter, mark)
        case "G":
            return _general(value, exact, form, mark)
        case "R":
            return _shortest(value).replace(".", mark)
        case _:
            return None


def _shortest(value: float | Decimal) -> str:
    return float_text(value) if isinstance(value, float) else format(Decimal(value), "f")


def _rounded(exact: Decimal, digits: int) -> Decimal:
    return exact.quantize(Decimal(1).scaleb(-digits), context=_WIDE)


def _fixed(exact: Decimal, digits: int, marks: Marks) -> str:
    found = _rounded(exact, digits)
    sign = "-" if found < 0 else ""
    whole, _, fraction = format(abs(found), "f").partition(".")
    whole = "".join(_spread(whole, 1, marks)) if marks.group else whole
    return f"{sign}{whole}{marks.decimal}{fraction}" if fraction else f"{sign}{whole}"


def _percent(exact: Decimal, digits: int, culture: str | None) -> str:
    text = _fixed(abs(exact) * 100, digits, marks_of(culture))
    written = _around(str(locale_of(culture).percent_formats[None].pattern), text)
    return f"-{written}" if exact < 0 else written


def _around(pattern: str, text: str) -> str:
    """Put a number where CLDR's pattern has its digits."""
    before, _, after = re.sub(r"[#0,.]+", "\0", pattern.partition(";")[0]).partition("\0")
    return before.replace("\xa0", " ") + text + after.replace("\xa0", " ")


def _currency(exact: Decimal, digits: int | None, culture: str | None) -> str:
    locale = locale_of(culture)
    codes = get_territory_currencies(locale.territory or "US") or ["USD"]
    places = get_currency_precision(codes[0]) if digits is None else digits
    symbol = get_currency_symbol(codes[0], locale)
    text = _fixed(abs(exact), places, marks_of(culture))
    written = _around(str(locale.currency_formats["standard"].pattern), text)
    written = written.replace("¤", symbol)
    return f"-{written}" if exact < 0 else written


def _whole(value: int, letter: str, digits: int) -> str:
    if letter in "dD":
        return ("-" if value < 0 else "") + str(abs(value)).rjust(digits, "0")
    unsigned = value % (1 << (32 if -(2**31) <= value < 0 else 64))
    text = f"{unsigned:x}" if letter in "xX" else f"{unsigned:b}"
    return (text.upper() if letter == "X" else text).rjust(digits, "0")


def _scientific(exact: Decimal, digits: int, letter: str, mark: str, least: int = 3) -> str:
    rounded = Context(prec=digits + 1, rounding=_HALF_UP).plus(exact)
    mantissa, _, exponent = f"{rounded:.{digits}E}".partition("E")
    power = int(exponent)
    sign = "-" if power < 0 else "+"
    return f"{mantissa.replace('.', mark)}{letter}{sign}{abs(power):0{least}d}"


def _general(
    value: float | Decimal, exact: Decimal, form: tuple[str, int | None], mark: str
) -> str:
    letter, digits = form
    if not digits:
        return _shortest(value).replace(".", mark)
    rounded = Context(prec=digits, rounding=_HALF_UP).plus(exact)
    power = rounded.adjusted() if rounded else 0
    if -5 < power < digits:
        text = format(rounded.normalize(), "f")
        return text.replace(".", mark)
    places = len(rounded.normalize().as_tuple().digits) - 1
    return _scientific(rounded, places, "E" if letter == "G" else "e", mark, least=2)


@dataclass(frozen=True, slots=True)
class _Section:
    """One of the up to three parts of a custom format: above, below, and at zero."""

    pieces: tuple[str, ...]
    point: int
    """Where the decimal point stands; the number of pieces where none does."""
    before: tuple[int, ...]
    """The places of the digits before the point."""
    after: tuple[int, ...]
    grouped: bool
    thousands: int
    """How often to divide by 1000."""
    scale: int
    power: int | None
    """Where the exponent stands."""


def _custom(exact: Decimal, pattern: str, marks: Marks) -> str:
    sections = _sections(pattern)
    if exact < 0 and len(sections) > 1 and sections[1].pieces:
        return _written(abs(exact), "", sections[1], marks)
    number = _shown(abs(exact), sections[0])
    if number == 0 and len(sections) > 2 and sections[2].pieces:
        return _written(Decimal(0), "", sections[2], marks)
    return _written(abs(exact), "-" if exact < 0 and number else "", sections[0], marks)


def _sections(pattern: str) -> list[_Section]:
    parts: list[list[str]] = [[]]
    for piece in _PIECE.findall(pattern):
        if piece == ";":
            parts.append([])
        else:
            parts[-1].append(piece)
    return [_section(part) for part in parts[:3]]


def _section(pieces: list[str]) -> _Section:
    digits = [i for i, piece in enumerate(pieces) if piece in ("0", "#")]
    point = next((i for i, piece in enumerate(pieces) if piece == "."), len(pieces))
    before = [i for i in digits if i < point]
    commas = [i for i, piece in enumerate(pieces) if piece == "," and i < point]
    inside = [i for i in commas if before and before[0] < i < before[-1]]
    power = next((i for i, p in enumerate(pieces) if p[0] in "eE" and len(p) > 1), None)
    return _Section(
        pieces=tuple(pieces),
        point=point,
        before=tuple(before),
        after=tuple(i for i in digits if i > point),
        grouped=bool(inside),
        thousands=sum(bool(before) and i > before[-1] for i in commas),
        scale=100 ** pieces.count("%") * 1000 ** pieces.count("‰"),
        power=power,
    )


def _shown(value: Decimal, section: _Section) -> Decimal:
    scaled = _WIDE.divide(_WIDE.multiply(value, section.scale), Decimal(1000) ** section.thousands)
    return scaled if section.power is not None else _rounded(scaled, len(section.after))


def _written(value: Decimal, sign: str, section: _Section, marks: Marks) -> str:
    number, power = _shown(value, section), 0
    if section.power is not None and number:
        power = number.adjusted() - max(len(section.before) - 1, 0)
        number = _rounded(number.scaleb(-power, context=_WIDE), len(section.after))
    whole, _, fraction = format(number, "f").partition(".")
    zeros = [n for n, i in enumerate(section.before) if section.pieces[i] == "0"]
    whole = whole.lstrip("0").rjust(len(section.before) - zeros[0] if zeros else 0, "0")
    kept = [n for n, i in enumerate(section.after) if section.pieces[i] == "0"]
    least = kept[-1] + 1 if kept else 0
    fraction = fraction[:least] + fraction[least:].rstrip("0")
    return sign + _laid_out(section, (whole, fraction), marks, power)


def _laid_out(section: _Section, digits: tuple[str, str], marks: Marks, power: int) -> str:
    whole, fraction = digits
    spread = _spread(whole, len(section.before), marks if section.grouped else None)
    written: list[str] = []
    for index, piece in enumerate(section.pieces):
        if index in section.before:
            written.append(spread[section.before.index(index)])
        elif index in section.after:
            place = section.after.index(index)
            written.append(fraction[place : place + 1])
        elif index == section.point:
            written.append(("" if section.before else whole) + (marks.decimal if fraction else ""))
        elif index == section.power:
            written.append(_power(piece, power))
        elif piece not in (".", ","):
            written.append(_literal(piece))
    return "".join(written)


def _spread(whole: str, places: int, marks: Marks | None) -> list[str]:
    """Give each place before the point its digits; the first takes those that are too many."""
    found = [""] * places
    for index, digit in enumerate(whole):
        right = len(whole) - index
        if places:
            ends = marks is not None and _ends_group(right, marks.sizes)
            found[max(places - right, 0)] += digit + (marks.group if marks and ends else "")
    return found


def _ends_group(right: int, sizes: tuple[int, int]) -> bool:
    """Say whether a mark follows the digit that is so many places from the right, from 1."""
    near, far = sizes
    return right > near and (right - near - 1) % far == 0


def _power(piece: str, power: int) -> str:
    sign = "-" if power < 0 else "+" if "+" in piece else ""
    return f"{piece[0]}{sign}{abs(power):0{piece.count('0')}d}"


def _literal(piece: str) -> str:
    if piece[0] in "'\"":
        return piece.strip(piece[0])
    return piece[1] if piece[0] == "\\" and len(piece) == 2 else piece
