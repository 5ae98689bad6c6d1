"""Logic: comparing and choosing. What is not needed is not evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flowner.expressions.arguments import SOLE, a_boolean, fail, kinds_of, wrong_type
from flowner.expressions.catalogue import Family, function
from flowner.expressions.equality import same, text_order
from flowner.expressions.numbers import is_number, number_key
from flowner.expressions.scope import Scope
from flowner.expressions.text import type_name

Later = Callable[[Scope], Any]
_F = Family.LOGIC
_SOME: Final = "at least one boolean parameter"


@function(
    "if", _F, "if(condition, whenTrue, whenFalse)", "One of two values; only that one is evaluated.",
    ("if(equals(1, 1), 'yes', 'no')", "yes"), ("if(true, 1, div(1, 0))", 1),
    errors=(("if('true', 1, 2)", "to be of type boolean"),), lazy=True,
)  # fmt: skip
def if_(scope: Scope, condition: Later, when_true: Later, when_false: Later) -> Any:
    chosen = condition(scope)
    if chosen is True:
        return when_true(scope)
    return when_false(scope) if chosen is False else wrong_type("if", 0, "of type boolean", chosen)


@function(
    "and", _F, "and(a, b, …)", "Whether all are true; stops at the first that is not.",
    ("and(true, false)", False), ("and(true, true)", True),
    errors=(("and('true', true)", "booleans"), ("and()", _SOME)), arity=_SOME, lazy=True,
)  # fmt: skip
def and_(scope: Scope, first: Later, *others: Later) -> bool:
    return all(_one("and", one(scope)) for one in (first, *others))


@function(
    "or", _F, "or(a, b, …)", "Whether any is true; stops at the first that is.",
    ("or(true, false)", True), ("or(false, false)", False),
    errors=(("or(0, 1)", "booleans"), ("or()", _SOME)), arity=_SOME, lazy=True,
)  # fmt: skip
def or_(scope: Scope, first: Later, *others: Later) -> bool:
    return any(_one("or", one(scope)) for one in (first, *others))


def _one(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        fail(
            name,
            "expects all of its parameters to be booleans. Found invalid parameter types:"
            f" '{type_name(value)}'.",
        )
    return value


@function("not", _F, "not(a)", "The opposite.", ("not(false)", True),
          errors=(("not(1)", "to be a boolean"),))  # fmt: skip
def not_(value: Any) -> bool:
    return not a_boolean("not", SOLE, value)


@function(
    "equals", _F, "equals(a, b)", "Whether two values are the same; texts by case, 1 and 1.0 alike.",
    ("equals(1, 1.0)", True), ("equals('a', 'A')", False), ("equals(true, 1)", False),
    errors=(("equals(1)", "at least two parameters"),),
)  # fmt: skip
def equals(left: Any, right: Any, *_ignored: Any) -> bool:
    return same(left, right)


@function(
    "strongEquals", _F, "strongEquals(a, b)", "As `equals`, but values of different types are refused.",
    ("strongEquals(1, 1)", True), errors=(("strongEquals(1, '1')", "of the same type"),),
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


@function("greater", _F, "greater(a, b)", "Whether a comes after b.", ("greater(10, 5)", True),
          ("greater('apple', 'banana')", False),
          errors=(("greater('1', 0)", "matching types"), ("greater(null, 1)", "numbers")))  # fmt: skip
def greater(left: Any, right: Any) -> bool:
    if type(left) is int is type(right):
        return left > right
    return _order("greater", left, right) > 0


@function("greaterOrEquals", _F, "greaterOrEquals(a, b)", "Whether a does not come before b.",
          ("greaterOrEquals(5, 5)", True),
          errors=(("greaterOrEquals('1', 0)", "matching types"),))  # fmt: skip
def greater_or_equals(left: Any, right: Any) -> bool:
    return _order("greaterOrEquals", left, right) >= 0


@function("less", _F, "less(a, b)", "Whether a comes before b.", ("less('a', 'B')", True),
          errors=(("less(true, false)", "numbers"),))  # fmt: skip
def less(left: Any, right: Any) -> bool:
    if type(left) is int is type(right):
        return left < right
    return _order("less", left, right) < 0


@function("lessOrEquals", _F, "lessOrEquals(a, b)", "Whether a does not come after b.",
          ("lessOrEquals(10, 10)", True), errors=(("lessOrEquals(1, 'a')", "matching types"),))  # fmt: skip
def less_or_equals(left: Any, right: Any) -> bool:
    return _order("lessOrEquals", left, right) <= 0


def _order(name: str, left: Any, right: Any) -> int:
    if is_number(left) and is_number(right):
        first, second = number_key(left), number_key(right)
        return (first > second) - (first < second)
    if isinstance(left, str) and isinstance(right, str):
        a, b = text_order(left), text_order(right)
        return (a > b) - (a < b)
    if isinstance(left, str) or (is_number(left) and isinstance(right, str)):
        fail(
            name,
            "expects two parameter of matching types. The function was invoked with values of type"
            f" '{type_name(left)}' and '{type_name(right)}' that do not match.",
        )
    fail(
        name,
        "expects all of its parameters to be either integer or decimal numbers. Found invalid"
        f" parameter types: '{kinds_of([v for v in (left, right) if not is_number(v)])}'.",
    )


@function(
    "coalesce", _F, "coalesce(a, b, …)", "The first that is not null; later ones are not evaluated.",
    ("coalesce(null, 'hello')", "hello"), ("coalesce(null, null)", None),
    errors=(("coalesce()", "at least one parameter"),),
    arity="at least one parameter: the value to coalesce", lazy=True,
)  # fmt: skip
def coalesce(scope: Scope, first: Later, *others: Later) -> Any:
    for one in (first, *others):
        value = one(scope)
        if value is not None:
            return value
    return None
