"""Numbers in text: recognised, and written in .NET's formats."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from babel.numbers import get_currency_symbol, get_territory_currencies

from flowner.expressions.arguments import a_number, a_string, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.numbers import INT_MAX, INT_MIN, float_text

_F = Family.CONVERSION
MAX_DIGITS: Final = 100
_STANDARD: Final = re.compile(r"(?P<letter>[A-Za-z])(?P<digits>\d{0,9})")


@function("isInt", _F, "isInt(text)", "Whether a text is a whole number.",
          ("isInt('10')", True), ("isInt('10.5')", False))  # fmt: skip
def is_int(value: Any) -> bool:
    text = a_string("isInt", 0, value).strip()
    return bool(re.fullmatch(r"[+-]?\d{1,25}", text)) and INT_MIN <= int(text) <= INT_MAX


@function("isFloat", _F, "isFloat(text, locale?)", "Whether a text is a number.",
          ("isFloat('10,000.00')", True))  # fmt: skip
def is_float(value: Any, locale: Any = None) -> bool:
    text = a_string("isFloat", 0, value).strip()
    mark, group = _separators(None if locale is None else a_string("isFloat", 1, locale))
    if text.lower() in ("nan", "infinity", "-infinity", "+infinity", "∞", "-∞"):
        return True
    plain = text.replace(group, "") if not text.startswith(group) else text
    plain = plain.replace(mark, ".") if mark != "." else plain
    return bool(
        re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?:\d+\.?\d*|\.\d+)[+-]", plain)
    )


def _locale(name: str | None) -> Locale:
    try:
        return Locale.parse(name or "en-US", sep="-")
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale.parse("en_US")


def _separators(name: str | None) -> tuple[str, str]:
    symbols = _locale(name).number_symbols
    latin = symbols.get("latn", symbols)
    return latin["decimal"], latin["group"]


@function("formatNumber", _F, "formatNumber(number, format, locale?)", "A number, written.",
          ("formatNumber(1234567890, '0,0.00', 'en-US')", "1,234,567,890.00"))  # fmt: skip
def format_number(number: Any, form: Any, locale: Any = None) -> str:
    value = a_number("formatNumber", 0, number)
    pattern = a_string("formatNumber", 1, form)
    culture = None if locale is None else a_string("formatNumber", 2, locale)
    if len(pattern) > 500:
        fail("formatNumber", "was invoked with a format of more than 500 characters.")
    if isinstance(value, float) and not math.isfinite(value):
        return float_text(value)
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    mark, group = _separators(culture)
    standard = _STANDARD.fullmatch(pattern or "G")
    if standard is None:
        return _custom(exact, pattern, mark, group)
    digits = int(standard["digits"]) if standard["digits"] else None
    if digits is not None and digits > MAX_DIGITS:
        fail("formatNumber", f"was invoked with more than {MAX_DIGITS} digits.")
    return _standard(value, exact, (standard["letter"], digits), culture)


def _standard(value: Any, exact: Decimal, form: tuple[str, int | None], culture: str | None) -> str:
    letter, digits = form
    mark, group = _separators(culture)
    match letter.upper():
        case "N":
            return _fixed(exact, 2 if digits is None else digits, mark, group)
        case "F":
            return _fixed(exact, 2 if digits is None else digits, mark, "")
        case "P":
            return _fixed(exact * 100, 2 if digits is None else digits, mark, group) + "%"
        case "C":
            return _currency(exact, 2 if digits is None else digits, culture)
        case "D" | "X" | "B" if isinstance(value, int):
            return _whole(value, letter, digits or 0)
        case "E":
            return _scientific(exact, 6 if digits is None else digits, letter, mark)
        case "G" | "R":
            text = float_text(float(value)) if isinstance(value, float) else str(value)
            return text.replace(".", mark)
        case _:
            fail("formatNumber", f"was invoked with the format '{letter}', which is not valid.")


def _rounded(exact: Decimal, digits: int) -> Decimal:
    with localcontext() as context:
        context.prec = 400
        return exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def _fixed(exact: Decimal, digits: int, mark: str, group: str) -> str:
    found = _rounded(exact, digits)
    sign = "-" if found < 0 else ""
    whole, _, fraction = format(abs(found), "f").partition(".")
    whole = f"{int(whole):,}".replace(",", group) if group else whole
    return f"{sign}{whole}{mark}{fraction}" if fraction else f"{sign}{whole}"


def _currency(exact: Decimal, digits: int, culture: str | None) -> str:
    locale = _locale(culture)
    mark, group = _separators(culture)
    codes = get_territory_currencies(locale.territory or "US")
    symbol = get_currency_symbol(codes[0] if codes else "USD", locale)
    text = _fixed(abs(exact), digits, mark, group)
    pattern = str(locale.currency_formats["standard"].pattern)
    text = (
        f"{text} {symbol}"
        if pattern.split(";", maxsplit=1)[0].rstrip().endswith("¤")
        else f"{symbol}{text}"
    )
    return f"-{text}" if exact < 0 else text


def _whole(value: int, letter: str, digits: int) -> str:
    if letter in "dD":
        return ("-" if value < 0 else "") + str(abs(value)).rjust(digits, "0")
    unsigned = value % (1 << (32 if -(2**31) <= value < 2**31 else 64))
    text = f"{unsigned:x}" if letter in "xX" else f"{unsigned:b}"
    return (text.upper() if letter == "X" else text).rjust(digits, "0")


def _scientific(exact: Decimal, digits: int, letter: str, mark: str) -> str:
    mantissa, _, exponent = f"{exact:.{digits}E}".partition("E")
    power = int(exponent)
    return f"{mantissa.replace('.', mark)}{letter}{'-' if power < 0 else '+'}{abs(power):03d}"


def _custom(exact: Decimal, pattern: str, mark: str, group: str) -> str:
    sections = _sections(pattern)
    chosen, value, sign = sections[0], abs(exact), "-" if exact < 0 else ""
    if exact < 0 and len(sections) > 1 and sections[1]:
        chosen, sign = sections[1], ""
    elif exact == 0 and len(sections) > 2 and sections[2]:
        chosen, sign = sections[2], ""
    return _section(value, sign, chosen, (mark, group))


def _sections(pattern: str) -> list[str]:
    return ["".join(part) for part in _split_outside_quotes(pattern)][:3]


def _split_outside_quotes(pattern: str) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for piece in re.findall(r"'[^']*'?|\"[^\"]*\"?|\\.|.", pattern, re.DOTALL):
        if piece == ";":
            found.append([])
        else:
            found[-1].append(piece)
    return found


def _section(value: Decimal, sign: str, pattern: str, marks: tuple[str, str]) -> str:
    pieces = re.findall(r"'[^']*'?|\"[^\"]*\"?|\\.|[eE][+-]?0+|.", pattern, re.DOTALL)
    digits = [i for i, piece in enumerate(pieces) if piece in ("0", "#")]
    point = next((i for i, piece in enumerate(pieces) if piece == "."), len(pieces))
    scale = 100 ** pieces.count("%") * 1000 ** pieces.count("‰")
    before = [i for i in digits if i < point]
    grouped = any(
        piece == "," and before and before[0] < i < before[-1] for i, piece in enumerate(pieces)
    )
    thousands = sum(
        piece == "," and (not before or i > before[-1]) and i < point
        for i, piece in enumerate(pieces)
    )
    places = sum(i > point for i in digits)
    number = _rounded(value * scale / Decimal(1000) ** thousands, places)
    whole, _, fraction = format(number, "f").partition(".")
    zeros = next((len(before) - n for n, i in enumerate(before) if pieces[i] == "0"), 0)
    whole = whole.lstrip("0").rjust(zeros, "0")
    needed = max((n + 1 for n, i in enumerate(d for d in digits if d > point) if pieces[i] == "0"),
                 default=0)  # fmt: skip
    fraction = fraction[:needed] + fraction[needed:].rstrip("0")
    if grouped:
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", marks[1], whole)
    if number == 0:
        sign = ""
    return sign + _laid_out(pieces, (point, before), (whole, fraction), marks[0])


def _laid_out(
    pieces: list[str], places: tuple[int, list[int]], digits: tuple[str, str], mark: str
) -> str:
    point, before = places
    whole, fraction = digits
    written: list[str] = []
    done_whole = done_fraction = False
    for index, piece in enumerate(pieces):
        if piece in ("0", "#"):
            if index < point and not done_whole and (not before or index == before[0]):
                written.append(whole)
                done_whole = True
            elif index > point and not done_fraction:
                written.append(fraction)
                done_fraction = True
        elif piece == ".":
            if index == point and fraction:
                written.append(mark)
        elif piece[0] in "'\"":
            written.append(piece.strip(piece[0]))
        elif piece[0] == "\\" and len(piece) == 2:
            written.append(piece[1])
        elif piece != ",":
            written.append(piece)
    return "".join(written)
