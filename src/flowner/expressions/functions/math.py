"""Arithmetic: whole numbers of 64 bits, doubles, and decimals where one is involved."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final

from flowner.expressions.arguments import a_number, a_whole, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import INT_MAX, INT_MIN
from flowner.expressions.scope import Scope

_F = Family.MATH
_DECIMAL: Final = Context(prec=29)
Number = int | float | Decimal


@function("add", _F, "add(a, b)", "The sum.", ("add(1, 1.5)", 2.5))
def add(left: Any, right: Any) -> Number:
    return _combine("add", left, right, lambda a, b: a + b)


@function("sub", _F, "sub(a, b)", "The difference.", ("sub(10.3, 0.3)", 10.0))
def sub(left: Any, right: Any) -> Number:
    return _combine("sub", left, right, lambda a, b: a - b)


@function("mul", _F, "mul(a, b)", "The product.", ("mul(1.5, 2)", 3.0))
def mul(left: Any, right: Any) -> Number:
    return _combine("mul", left, right, lambda a, b: a * b)


@function("div", _F, "div(a, b)", "The quotient; of whole numbers, cut toward zero.",
          ("div(11, 5)", 2), ("div(11, 5.0)", 2.2))  # fmt: skip
def div(left: Any, right: Any) -> Number:
    _refuse_zero("div", right, "divide an integral or decimal value")
    return _combine("div", left, right, _quotient)


@function("mod", _F, "mod(a, b)", "What remains of a division; its sign is the dividend's.",
          ("mod(-7, 2)", -1))  # fmt: skip
def mod(left: Any, right: Any) -> Number:
    _refuse_zero("mod", right, "divide an integral or decimal value")
    return _combine("mod", left, right, _remainder)


def _combine(name: str, left: Any, right: Any, operation: Callable[[Any, Any], Any]) -> Number:
    a, b = a_number(name, 0, left), a_number(name, 1, right)
    if isinstance(a, int) and isinstance(b, int):
        whole: int = operation(a, b)
        if not INT_MIN <= whole <= INT_MAX:
            raise ExpressionError(
                f"An integer overflow occurred while evaluating the function '{name}'."
            )
        return whole
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        exact: Decimal = operation(_decimal(a), _decimal(b))
        return _DECIMAL.plus(exact)
    try:
        double: float = operation(float(a), float(b))
    except OverflowError:
        return math.inf
    return double


def _decimal(value: Number) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _refuse_zero(name: str, right: Any, what: str) -> None:
    if a_number(name, 1, right) == 0:
        raise ExpressionError(f"Attempt to {what} by zero in function '{name}'.")


def _quotient(a: Any, b: Any) -> Any:
    if isinstance(a, int):
        whole = abs(a) // abs(b)
        return whole if (a < 0) == (b < 0) else -whole
    return a / b


def _remainder(a: Any, b: Any) -> Any:
    if isinstance(a, int):
        return abs(a) % abs(b) * (-1 if a < 0 else 1)
    return a % b if isinstance(a, Decimal) else math.fmod(a, b)


@function("max", _F, "max(a, b, …)", "The largest; also of one array.", ("max(1, 2, 3)", 3))
def max_(first: Any, *others: Any) -> Number:
    return _extreme("max", first, others, max)


@function("min", _F, "min(a, b, …)", "The smallest; also of one array.", ("min(1, 2, 3)", 1))
def min_(first: Any, *others: Any) -> Number:
    return _extreme("min", first, others, min)


def _extreme(
    name: str, first: Any, others: tuple[Any, ...], choose: Callable[[list[Any]], Any]
) -> Number:
    given = first if isinstance(first, list) and not others else [first, *others]
    if not given:
        fail(name, "expects an array that is not empty.")
    numbers = [a_number(name, index, one) for index, one in enumerate(given)]
    found: Number = choose(numbers)
    if isinstance(found, int) and any(isinstance(one, float) for one in numbers):
        return float(found)
    return found


@function("rand", _F, "rand(minimum, maximum)", "A random whole number, below the maximum.",
          needs_scope=True)  # fmt: skip
def rand(scope: Scope, minimum: Any, maximum: Any) -> int:
    low, high = a_whole("rand", 0, minimum), a_whole("rand", 1, maximum)
    if low > high:
        fail("rand", "expects its first parameter to be no greater than the second.")
    return low if low == high else scope.chance(low, high)
