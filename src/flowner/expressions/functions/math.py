"""Arithmetic: whole numbers of 64 bits, doubles, and decimals where one is involved."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException, localcontext
from typing import Any, Final, NoReturn

from flowner.expressions.arguments import a_number, a_whole, fail, kinds_of
from flowner.expressions.catalogue import Family, function
from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import (
    INT_MAX,
    INT_MIN,
    decimal_of,
    fit_decimal,
    is_number,
    number_key,
)
from flowner.expressions.scope import Scope

_F = Family.MATH
_PRECISE: Final = Context(prec=60)
Number = int | float | Decimal
MAX_RANGE: Final = 100_000


@function("add", _F, "add(a, b)", "The sum.", ("add(1, 1.5)", 2.5), ("add(2, 3)", 5),
          errors=(("add('1', 2)", "to be an integer, a float or a decimal number"),
                  ("add(9223372036854775807, 1)", "arithmetic overflow")),
          arity="two numeric parameters: the first summand as the first parameter and the seccond"
                " summand as the second parameter")  # fmt: skip
def add(left: Any, right: Any) -> Number:
    return _combine("add", left, right, lambda a, b: a + b)


@function("sub", _F, "sub(a, b)", "The difference.", ("sub(10.3, +.3)", 10.0),
          errors=(("sub(null, 1)", "integer or a decimal number"),))  # fmt: skip
def sub(left: Any, right: Any) -> Number:
    return _combine("sub", left, right, lambda a, b: a - b)


@function("mul", _F, "mul(a, b)", "The product.", ("mul(1.5, 2)", 3.0),
          errors=(("mul(1, '2')", "integer or a decimal number"),))  # fmt: skip
def mul(left: Any, right: Any) -> Number:
    return _combine("mul", left, right, lambda a, b: a * b)


@function("div", _F, "div(a, b)", "The quotient; of whole numbers, cut toward zero.",
          ("div(11, 5)", 2), ("div(11, 5.0)", 2.2), ("div(-7, 2)", -3),
          errors=(("div(1, 0)", "by zero in function 'div'"),))  # fmt: skip
def div(left: Any, right: Any) -> Number:
    return _combine("div", left, right, _quotient)


@function("mod", _F, "mod(a, b)", "What remains of a division; its sign is the dividend's.",
          ("mod(-7, 2)", -1), ("mod(5, 3)", 2), errors=(("mod(1, 0)", "by zero in function 'mod'"),))  # fmt: skip
def mod(left: Any, right: Any) -> Number:
    return _combine("mod", left, right, _remainder)


def _combine(name: str, left: Any, right: Any, operation: Callable[[Any, Any], Any]) -> Number:
    wanted = f"an integer{', a float' if name == 'add' else ''} or a decimal number"
    a, b = a_number(name, 0, left, wanted), a_number(name, 1, right, wanted)
    if name in ("div", "mod") and b == 0:
        raise ExpressionError(
            f"Attempt to divide an integral or decimal value by zero in function '{name}'."
        )
    if isinstance(a, int) and isinstance(b, int):
        whole: int = operation(a, b)
        return whole if INT_MIN <= whole <= INT_MAX else _overflow(name)
    if isinstance(a, Decimal) or isinstance(b, Decimal):
        return _exact(name, decimal_of(a), decimal_of(b), operation)
    try:
        double: float = operation(float(a), float(b))
    except (OverflowError, ValueError):
        _overflow(name)
    return double


def _exact(name: str, a: Decimal, b: Decimal, operation: Callable[[Any, Any], Any]) -> Decimal:
    try:
        with localcontext(_PRECISE):
            found = fit_decimal(operation(a, b))
    except DecimalException:
        _overflow(name)
    return _overflow(name) if found is None else found


def _overflow(name: str) -> NoReturn:
    raise ExpressionError(
        f"The provided parameters for template language function '{name}' caused arithmetic"
        " overflow."
    )


def _quotient(a: Any, b: Any) -> Any:
    if isinstance(a, int):
        whole = abs(a) // abs(b)
        return whole if (a < 0) == (b < 0) else -whole
    return a / b


def _remainder(a: Any, b: Any) -> Any:
    if isinstance(a, int):
        return abs(a) % abs(b) * (-1 if a < 0 else 1)
    return a % b if isinstance(a, Decimal) else math.fmod(a, b)


@function("max", _F, "max(a, b, …)", "The largest; also of one array.", ("max(1, 2, 3)", 3),
          ("max(3, 2.5)", 3.0), errors=(("max('a', 2)", "either integer or decimal numbers"),))  # fmt: skip
def max_(first: Any, *others: Any) -> Number:
    return _extreme("max", first, others, max)


@function("min", _F, "min(a, b, …)", "The smallest; also of one array.", ("min(1, 2, 3)", 1),
          ("min(createArray(2, 1))", 1), errors=(("min(json('[]'))", "no parameters"),))  # fmt: skip
def min_(first: Any, *others: Any) -> Number:
    return _extreme("min", first, others, min)


def _extreme(name: str, first: Any, others: tuple[Any, ...], choose: Callable[..., Any]) -> Number:
    given = first if isinstance(first, list) and not others else [first, *others]
    if not given:
        fail(
            name,
            "expects either an array of numbers or a comma separated list of numbers as its"
            " parameters. The function was invoked with no parameters.",
        )
    odd = [one for one in given if not is_number(one)]
    if odd:
        fail(
            name,
            "expects all of its parameters to be either integer or decimal numbers. Found invalid"
            f" parameter types: '{kinds_of(odd)}'.",
        )
    return _widened(name, choose(given, key=number_key), given)


def _widened(name: str, found: Number, numbers: list[Number]) -> Number:
    """Return a number as the widest kind among those it was chosen from."""
    if any(isinstance(one, Decimal) for one in numbers):
        exact = fit_decimal(decimal_of(found))
        return _overflow(name) if exact is None else exact
    if isinstance(found, int) and any(isinstance(one, float) for one in numbers):
        return float(found)
    return found


@function("range", _F, "range(start, count)", "Whole numbers in a row.",
          ("range(1, 4)", [1, 2, 3, 4]), errors=(("range(1, 100001)", "from 0 to 100000"),))  # fmt: skip
def range_(start: Any, count: Any) -> list[int]:
    begin, number = a_whole("range", 0, start), a_whole("range", 1, count)
    if not 0 <= number <= MAX_RANGE:
        fail("range", f"expects its second parameter, the count, to be from 0 to {MAX_RANGE}.")
    if begin + number > 2_147_483_647:
        fail("range", "makes numbers that are larger than 2147483647.")
    return list(range(begin, begin + number))


@function("rand", _F, "rand(minimum, maximum)", "A random whole number, below the maximum.",
          ("rand(5, 5)", 5), errors=(("rand(2, 1)", "no greater than"),
                                    ("rand(1.5, 3)", "first parameter 'minimum' to be an integer")),
          needs_scope=True)  # fmt: skip
def rand(scope: Scope, minimum: Any, maximum: Any) -> int:
    low = a_whole("rand", "first parameter 'minimum'", minimum)
    high = a_whole("rand", "second parameter 'maximum'", maximum)
    if low > high:
        fail("rand", "expects its first parameter to be no greater than the second.")
    return low if low == high else scope.chance(low, high)
