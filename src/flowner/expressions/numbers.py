"""Numbers of the language: whole numbers of 64 bits, doubles, and .NET decimals."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final, TypeGuard

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1


def is_number(value: object) -> TypeGuard[int | float | Decimal]:
    """Say whether a value is a number; booleans are none."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def float_text(value: float) -> str:
    """Return a double as .NET writes it: shortest that reads back, no trailing ``.0``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if mark:
        return _scientific(mantissa, int(exponent))
    if text.endswith(".0"):
        digits = text[:-2].lstrip("-")
        if len(digits) > 16:
            return _scientific(*_normal(value))
        return text[:-2]
    if value != 0 and abs(value) < 1e-4:
        return _scientific(*_normal(value))
    return text


def _normal(value: float) -> tuple[str, int]:
    digits = Decimal(repr(value)).normalize()
    exponent = digits.adjusted()
    return str(digits.scaleb(-exponent).normalize()), exponent


def _scientific(mantissa: str, exponent: int) -> str:
    mantissa = mantissa.removesuffix(".0")
    sign = "-" if exponent < 0 else "+"
    if 0 < exponent < 16 or -5 < exponent < 0:
        return format(Decimal(f"{mantissa}E{exponent}"), "f")
    return f"{mantissa}E{sign}{abs(exponent):02d}"
