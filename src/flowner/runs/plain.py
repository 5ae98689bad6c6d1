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
    if isinstance(value, str):
        return value if value.isascii() else _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _ODD_FLOATS[str(value)]
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, Decimal):
        return plain(float(value))
    if value is None or isinstance(value, bool):
        return value
    return _whole(value) if isinstance(value, int) else str(value)


def _whole(value: int) -> Json:
    """Return a whole number of 64 bits as it is, a larger one as the nearest float."""
    if -_INT64 <= value < _INT64:
        return value
    try:
        return float(value)
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        # Two halves that met make a whole again; a lonely one is lost.
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _list(value: list[Json]) -> list[Json]:
    made = [plain(item) for item in value]
    same = all(one is other for one, other in zip(made, value, strict=True))
    return value if same else made


def _object(value: dict[str, Json]) -> dict[str, Json]:
    made = {_text(name): plain(item) for name, item in value.items()}
    same = all(
        one is other and name in value
        for (name, one), other in zip(made.items(), value.values(), strict=False)
    )
    return value if same and len(made) == len(value) else made
