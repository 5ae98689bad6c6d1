"""Logic: comparing and choosing. What is not needed is not evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowner.expressions.arguments import a_boolean, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.equality import same, text_order
from flowner.expressions.numbers import is_number
from flowner.expressions.text import type_name

Later = Callable[[], Any]
_F = Family.LOGIC


@function(
    "if", _F, "if(condition, whenTrue, whenFalse)", "One of two values; only that one is evaluated.",
    ("if(equals(1, 1), 'yes', 'no')", "yes"), lazy=True,
)  # fmt: skip
def if_(condition: Later, when_true: Later, when_false: Later) -> Any:
    return when_true() if a_boolean("if", 0, condition()) else when_false()


@function(
    "and", _F, "and(a, b, …)", "Whether all are true; stops at the first that is not.",
    ("and(true, false)", False), lazy=True,
)  # fmt: skip
def and_(first: Later, *others: Later) -> bool:
    return all(a_boolean("and", i, one()) for i, one in enumerate((first, *others)))


@function(
    "or", _F, "or(a, b, …)", "Whether any is true; stops at the first that is.",
    ("or(true, false)", True), lazy=True,
)  # fmt: skip
def or_(first: Later, *others: Later) -> bool:
    return any(a_boolean("or", i, one()) for i, one in enumerate((first, *others)))


@function("not", _F, "not(a)", "The opposite.", ("not(false)", True))
def not_(value: Any) -> bool:
    return not a_boolean("not", 0, value)


@function(
    "equals", _F, "equals(a, b)", "Whether two values are the same; texts by case, 1 and 1.0 alike.",
    ("equals(1, 1.0)", True), ("equals('a', 'A')", False),
)  # fmt: skip
def equals(left: Any, right: Any, *_ignored: Any) -> bool:
    return same(left, right)


@function(
    "strongEquals", _F, "strongEquals(a, b)", "As `equals`, but values of different types are refused.",
    ("strongEquals(1, 1)", True),
)  # fmt: skip
def strong_equals(left: Any, right: Any) -> bool:
    alike = is_number(left) and is_number(right)
    if not alike and type_name(left) != type_name(right):
        fail(
            "strongEquals",
            "expects its parameters to be of the same type. The provided values are of types"
            f" '{type_name(left)}' and '{type_name(right)}'.",
        )
    return same(left, right)


@function("greater", _F, "greater(a, b)", "Whether a comes after b.", ("greater(10, 5)", True))
def greater(left: Any, right: Any) -> bool:
    return _order("greater", left, right) > 0


@function("greaterOrEquals", _F, "greaterOrEquals(a, b)", "Whether a does not come before b.",
          ("greaterOrEquals(5, 5)", True))  # fmt: skip
def greater_or_equals(left: Any, right: Any) -> bool:
    return _order("greaterOrEquals", left, right) >= 0


@function("less", _F, "less(a, b)", "Whether a comes before b.", ("less('a', 'B')", True))
def less(left: Any, right: Any) -> bool:
    return _order("less", left, right) < 0


@function("lessOrEquals", _F, "lessOrEquals(a, b)", "Whether a does not come after b.",
          ("lessOrEquals(10, 10)", True))  # fmt: skip
def less_or_equals(left: Any, right: Any) -> bool:
    return _order("lessOrEquals", left, right) <= 0


def _order(name: str, left: Any, right: Any) -> int:
    if is_number(left) and is_number(right):
        return (left > right) - (left < right)
    if isinstance(left, str) and isinstance(right, str):
        a, b = text_order(left), text_order(right)
        return (a > b) - (a < b)
    fail(
        name,
        "expects two parameters of matching types. The function was invoked with values of type"
        f" '{type_name(left)}' and '{type_name(right)}' that do not match.",
    )


@function(
    "coalesce", _F, "coalesce(a, b, …)", "The first that is not null; later ones are not evaluated.",
    ("coalesce(null, 'hello')", "hello"), lazy=True,
)  # fmt: skip
def coalesce(first: Later, *others: Later) -> Any:
    for one in (first, *others):
        value = one()
        if value is not None:
            return value
    return None
