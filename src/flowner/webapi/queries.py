"""Conditions as FetchXML and QueryExpression write them, said as predicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flowner.errors import Code, Invalid
from flowner.odata.functions import ARGUMENTS
from flowner.odata.syntax import (
    And,
    Column,
    Compare,
    CompareColumns,
    Comparison,
    Function,
    In,
    Like,
    Not,
    Or,
    Predicate,
)
from flowner.values import Json, JsonObject

_COMPARED: Final = {
    "eq": Comparison.EQ, "ne": Comparison.NE, "neq": Comparison.NE, "gt": Comparison.GT,
    "ge": Comparison.GE, "lt": Comparison.LT, "le": Comparison.LE,
}  # fmt: skip
_LIKE: Final = {"like": "{}", "begins-with": "{}%", "ends-with": "%{}"}
_NOT_LIKE: Final = {
    "not-like": "like", "not-begin-with": "begins-with", "not-end-with": "ends-with",
}  # fmt: skip
_EXPRESSION: Final = {
    "Equal": "eq", "NotEqual": "ne", "GreaterThan": "gt", "GreaterEqual": "ge",
    "LessThan": "lt", "LessEqual": "le", "Like": "like", "NotLike": "not-like", "In": "in",
    "NotIn": "not-in", "Null": "null", "NotNull": "not-null", "BeginsWith": "begins-with",
    "DoesNotBeginWith": "not-begin-with", "EndsWith": "ends-with",
    "DoesNotEndWith": "not-end-with", "Between": "between", "NotBetween": "not-between",
}  # fmt: skip
_MEANT: Final = {"eq-userid": "EqualUserId", "ne-userid": "NotEqualUserId",
                 "eq-userteams": "EqualUserTeams", "eq-businessid": "EqualBusinessId",
                 "ne-businessid": "NotEqualBusinessId"}  # fmt: skip
MOST_DEEP: Final = 30


def read_condition(column: str, operator: str, values: Sequence[str]) -> Predicate:
    """Return one condition by FetchXML's name of its operator. `Invalid` names what is not known.

    Values are texts: what the column holds decides how they are read.
    """
    name = Column(column)
    if operator in ("null", "not-null") and not values:
        return Compare(Comparison.EQ if operator == "null" else Comparison.NE, name, None)
    if operator in ("in", "not-in") and values:
        found = In(name, tuple(values))
        return found if operator == "in" else Not(found)
    if operator in ("between", "not-between") and len(values) == 2:
        low, high = (
            Compare(op, name, value)
            for op, value in zip((Comparison.GE, Comparison.LE), values, strict=True)
        )
        return And((low, high)) if operator == "between" else Not(And((low, high)))
    if len(values) == 1 and operator in _COMPARED:
        return Compare(_COMPARED[operator], name, values[0])
    if len(values) == 1 and operator in _LIKE:
        return Like(name, _LIKE[operator].format(values[0]))
    if len(values) == 1 and operator in _NOT_LIKE:
        return Not(read_condition(column, _NOT_LIKE[operator], values))
    return _function(name, operator, values)


def read_columns(column: str, operator: str, other: str) -> Predicate:
    """Return a condition that compares two columns of the row."""
    if operator not in _COMPARED:
        raise Invalid(f"columns are not compared by `{operator[:40]}`", code=Code.BAD_QUERY)
    return CompareColumns(_COMPARED[operator], Column(column), Column(other))


def _function(name: Column, operator: str, values: Sequence[str]) -> Predicate:
    function = _MEANT.get(operator, "".join(part.capitalize() for part in operator.split("-")))
    function = function.replace("OlderthanX", "OlderThanX")
    if function not in ARGUMENTS:
        raise Invalid(f"the operator `{operator[:40]}` is not known", code=Code.BAD_QUERY)
    least, most = ARGUMENTS[function]
    if not least <= len(values) <= most:
        raise Invalid(f"`{operator}` is given {len(values)} values", code=Code.BAD_QUERY)
    return Function(function, name, tuple(values))


def read_criteria(criteria: JsonObject, depth: int = 0) -> Predicate:
    """Return a QueryExpression's criteria."""
    if depth > MOST_DEEP:
        raise Invalid(f"criteria are nested more than {MOST_DEEP} deep", code=Code.BAD_BODY)
    parts: list[Predicate] = []
    for one in _objects(criteria.get("Conditions")):
        operator = _EXPRESSION.get(str(one.get("Operator")))
        if operator is None:
            raise Invalid(
                f"the operator `{str(one.get('Operator'))[:40]}` is not known", code=Code.BAD_BODY
            )
        values = [str(_value(value)) for value in _list(one.get("Values"))]
        parts.append(read_condition(str(one.get("AttributeName")), operator, values))
    parts += [read_criteria(one, depth + 1) for one in _objects(criteria.get("Filters"))]
    if not parts:
        raise Invalid("criteria without a condition would find every row", code=Code.BAD_BODY)
    return Or(tuple(parts)) if criteria.get("FilterOperator") == "Or" else And(tuple(parts))


def _value(value: Json) -> Json:
    return value.get("Value") if isinstance(value, dict) else value


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _objects(value: Json) -> list[JsonObject]:
    return [one for one in _list(value) if isinstance(one, dict)]
