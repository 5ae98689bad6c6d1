"""Conditions as rows that people fill in: this, compared so, with that.

Only what every row of a list says, or any: what is nested deeper is a formula, and stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flowner.values import Json, JsonObject

COMPARISONS: Final = {
    "equals": "is equal to",
    "not equals": "is not equal to",
    "greater": "is greater than",
    "greaterOrEquals": "is greater than or equal to",
    "less": "is less than",
    "lessOrEquals": "is less than or equal to",
    "contains": "contains",
    "not contains": "does not contain",
    "startsWith": "starts with",
    "not startsWith": "does not start with",
    "endsWith": "ends with",
    "not endsWith": "does not end with",
}
"""The comparisons that rows offer, in the words of designers."""
_BY_NAME: Final = {name.split()[-1].casefold(): name.split()[-1] for name in COMPARISONS}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row."""

    left: Json
    how: str
    """One of `COMPARISONS`."""
    right: Json


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows of which all must hold (``and``), or any (``or``)."""

    joined: str
    rows: tuple[Comparison, ...]


def compared(expression: Json) -> Compared | None:
    """Return a condition as rows; None for one that is more, or a formula."""
    if not isinstance(expression, dict) or len(expression) != 1:
        return None
    ((name, value),) = expression.items()
    if name.casefold() in ("and", "or") and isinstance(value, list):
        rows = [_row(one) for one in value]
        found = tuple(row for row in rows if row is not None)
        return Compared(name.casefold(), found) if len(found) == len(rows) else None
    row = _row(expression)
    return None if row is None else Compared("and", (row,))


def expression_of(rows: Sequence[Comparison], joined: str = "and") -> JsonObject:
    """Return the condition that rows say. One row stands for itself."""
    written: list[Json] = []
    for row in rows:
        negated, _, name = row.how.rpartition(" ")
        one: JsonObject = {name: [row.left, row.right]}
        written.append({"not": one} if negated else one)
    if len(written) == 1 and isinstance(written[0], dict):
        return written[0]
    return {"or" if joined == "or" else "and": written}


def _row(expression: Json, *, negated: bool = False) -> Comparison | None:
    if not isinstance(expression, dict) or len(expression) != 1:
        return None
    ((name, value),) = expression.items()
    if name.casefold() == "not" and not negated:
        inner = _row(value, negated=True)
        return None if inner is None else inner
    known = _BY_NAME.get(name.casefold())
    how = f"not {known}" if negated else known
    if how not in COMPARISONS or not isinstance(value, list) or len(value) != 2:
        return None
    left, right = value
    return Comparison(left, how, right)
