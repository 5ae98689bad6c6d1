"""Values that a journal gives back as they were: JSON, and nothing a JSON text cannot say.

The language knows decimals, infinities and halves of surrogate pairs. A record does not: there a
decimal is a float, ``NaN`` is a text and half a pair is U+FFFD, as in the real service's records.
"""

from __future__ import annotations

import math
from decimal import Decimal

from flowner.values import Json

_INT64 = 2**63
_ODD_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def plain(value: object) -> Json:
    """Return the value with what JSON cannot say replaced; the same object if there is nothing.

    Costs a walk over the value.
    """
    if _is_plain(value):
        return value  # type: ignore[return-value] # that is what was asked
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _ODD_FLOATS[str(value)]
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {_text(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, Decimal):
        return plain(float(value))
    return _whole(value) if isinstance(value, int) else str(value)


def _is_plain(value: object) -> bool:
    kind = type(value)
    if kind is str:
        return value.isascii() or _whole_text(value)  # type: ignore[attr-defined, arg-type]
    if kind is dict:
        return all(
            type(name) is str and (name.isascii() or _whole_text(name)) and _is_plain(item)
            for name, item in value.items()  # type: ignore[attr-defined]
        )
    if kind is list:
        return all(map(_is_plain, value))  # type: ignore[call-overload]
    if kind is int:
        return -_INT64 <= value < _INT64  # type: ignore[operator]
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    return value is None or kind is bool


def _whole_text(value: str) -> bool:
    """Say whether the text has no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(value: int) -> Json:
    """Return a whole number of 64 bits as it is, a larger one as the nearest float."""
    if -_INT64 <= value < _INT64:
        return value
    try:
        return float(value)
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"


def _text(value: str) -> str:
    if _whole_text(value):
        return value
    # Two halves that met make a whole again; a lonely one is lost.
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
