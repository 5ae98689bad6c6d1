"""Numbers of the language: whole numbers of 64 bits, doubles, and .NET decimals."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, TypeGuard

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
DECIMAL_MAX: Final = 2**96 - 1
"""A .NET decimal is a whole number of 96 bits and a scale of at most 28."""
_MAX_SCALE: Final = 28
_WIDE: Final = Context(prec=400, rounding=ROUND_HALF_EVEN)
_FIFTEEN: Final = Context(prec=15, rounding=ROUND_HALF_EVEN)


def is_number(value: object) -> TypeGuard[int | float | Decimal]:
    """Say whether a value is a number; booleans are none."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def number_key(value: float | Decimal) -> tuple[bool, float | Decimal]:
    """Return a sorting key; what is not a number comes before all that are."""
    odd = value != value  # noqa: PLR0124 - true of NaN alone
    return (False, 0) if odd else (True, value)


def float_text(value: float) -> str:
    """Return a double as the engine writes it: shortest that reads back, no trailing ``.0``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text.removesuffix(".0")
    mantissa, power = mantissa.removesuffix(".0"), int(exponent)
    if power == 16:  # Python changes to exponents one power of ten earlier
        return format(Decimal(text), "f")
    return f"{mantissa}E{'-' if power < 0 else '+'}{abs(power):02d}"


def fit_decimal(value: Decimal) -> Decimal | None:
    """Round to what a .NET decimal holds, the last digit half to even; None: it is too large."""
    if not value.is_finite() or value.adjusted() > _MAX_SCALE:
        return None
    exponent = value.as_tuple().exponent
    scale = min(max(-exponent, 0), _MAX_SCALE) if isinstance(exponent, int) else 0
    while True:
        found = value.quantize(Decimal(1).scaleb(-scale), context=_WIDE)
        if abs(int(found.scaleb(scale, context=_WIDE))) <= DECIMAL_MAX:
            return found
        if scale == 0:
            return None
        scale -= 1


def decimal_of(value: float | Decimal) -> Decimal:
    """Return a number as a decimal; of a double, the first 15 digits count, as in .NET."""
    if isinstance(value, float):
        return Decimal(format(_FIFTEEN.create_decimal(repr(value)).normalize(), "f"))
    return Decimal(value)
