"""When two values are the same, and which comes first."""

from __future__ import annotations

import math
import unicodedata
from decimal import Decimal
from typing import Any

from flowner.expressions.numbers import is_number


def same(left: Any, right: Any) -> bool:
    """Say whether two values are equal at the top level: numbers by value, texts by case."""
    if type(left) is str and type(right) is str:
        return left == right
    if is_number(left) and is_number(right):
        return _plain(left) == _plain(right)
    return same_inside(left, right)


def same_inside(left: Any, right: Any) -> bool:
    """Say whether two values are equal inside arrays and objects: 1 is not 1.0 there."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_inside, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same_inside(value, right[name]) for name, value in left.items()
        )
    if isinstance(left, float | Decimal) and isinstance(right, float | Decimal):
        return _plain(left) == _plain(right)
    return type(left) is type(right) and bool(left == right)


def text_order(text: str) -> tuple[list[tuple[int, str]], str, str]:
    """Return a sorting key for texts as people sort them: a < A < b < B, é beside e.

    Marks and signs come before digits, digits before letters; accents decide between texts that
    are otherwise alike, and case last.
    """
    apart = unicodedata.normalize("NFD", text)
    bare = [one for one in apart if not unicodedata.combining(one)]
    return [_rank(one) for one in bare], apart.casefold(), "".join(bare).swapcase()


_RANKS = {"Z": 0, "C": 0, "P": 1, "S": 2, "N": 3}


def _rank(one: str) -> tuple[int, str]:
    return _RANKS.get(unicodedata.category(one)[0], 4), one.casefold()


def _plain(value: float | Decimal) -> float | Decimal:
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(repr(value))
    return value
