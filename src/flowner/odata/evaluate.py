"""Does this row answer the predicate? The same answer as SQL gives, nulls included."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, assert_never

from flowner.errors import Invalid
from flowner.odata.syntax import (
    And,
    Compare,
    CompareColumns,
    Comparison,
    Function,
    In,
    Like,
    Not,
    Or,
    Predicate,
    Related,
    Shared,
    Test,
    TextTest,
    Value,
)
from flowner.values import Json

_COMPARE: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.EQ: operator.eq,
    Comparison.NE: operator.ne,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
}
_TEST: dict[TextTest, Callable[[str, str], bool]] = {
    TextTest.CONTAINS: lambda text, part: part in text,
    TextTest.STARTS_WITH: str.startswith,
    TextTest.ENDS_WITH: str.endswith,
}


def holds(predicate: Predicate, row: Mapping[str, Json]) -> bool:
    """Say whether a row, in the Web API's shape, answers the predicate. Unknown is no.

    `Invalid` when it names a column that the row does not have.
    """
    return _truth(predicate, row) is True


def _truth(predicate: Predicate, row: Mapping[str, Json]) -> bool | None:
    match predicate:
        case And(parts):
            return _all(_truth(part, row) for part in parts)
        case Or(parts):
            return _negated(_all(_negated(_truth(part, row)) for part in parts))
        case Not(part, surely):
            truth = _truth(part, row)
            return _negated(truth) if surely else truth is not True
        case Compare(op, column, value):
            return _compare(op, _column(row, column.name), value)
        case In(column, values):
            found = _column(row, column.name)
            return _negated(
                _all(_negated(_compare(Comparison.EQ, found, value)) for value in values)
            )
        case Test(test, column, text):
            found = _column(row, column.name)
            return None if found is None else _TEST[test](str(found).lower(), text.lower())
        case CompareColumns(op, column, other):
            return _compare_columns(op, _column(row, column.name), _column(row, other.name))
        case Like(column, pattern):
            found = _column(row, column.name)
            return None if found is None else _fits(str(found), pattern)
        case Related() | Function() | Shared():
            raise Invalid("what lies outside a row cannot be read off the row")
        case _:
            assert_never(predicate)


def _compare_columns(op: Comparison, left: Json, right: Json) -> bool | None:
    if left is None or right is None:
        return (left is not right) if op is Comparison.NE else None
    if isinstance(right, str) and not isinstance(left, str):
        return False
    return _compare(op, left, right if isinstance(right, str | bool | int) else Decimal(str(right)))


def _fits(text: str, pattern: str) -> bool:
    parts = ({"%": ".*", "_": "."}.get(sign, re.escape(sign)) for sign in pattern)
    return re.fullmatch("".join(parts), text, re.IGNORECASE | re.DOTALL) is not None


def _column(row: Mapping[str, Json], name: str) -> Json:
    if name in row:
        return row[name]
    if f"_{name}_value" in row:
        return row[f"_{name}_value"]
    raise Invalid(f"there is no column `{name}`")


def _compare(op: Comparison, found: Json, value: Value) -> bool | None:
    if value is None:
        return (found is None) == (op is Comparison.EQ)
    if found is None:
        return True if op is Comparison.NE else None
    try:
        return _COMPARE[op](*_alike(found, value))
    except (TypeError, ValueError, InvalidOperation):
        return False


def _alike(found: Json, value: Value) -> tuple[Any, Any]:
    if isinstance(value, datetime):
        return datetime.fromisoformat(str(found)), value
    if isinstance(value, str) and isinstance(found, bool):
        return found, _SAID.get(value.lower(), value)
    if isinstance(value, str) and not isinstance(found, int | float):
        return str(found).lower(), value.lower()
    if isinstance(value, bool) or isinstance(found, bool):
        return found, value
    return Decimal(str(found)), Decimal(str(value))


_SAID = {"true": True, "1": True, "false": False, "0": False}
"""What texts say to columns of truths, as in SQL."""


def _all(truths: Iterable[bool | None]) -> bool | None:
    answer: bool | None = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            answer = None
    return answer


def _negated(truth: bool | None) -> bool | None:
    return None if truth is None else not truth
