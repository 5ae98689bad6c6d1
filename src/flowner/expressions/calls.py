"""Calls as closures, in the shape that costs least.

Almost all of what a flow does per item is here, so the few shapes that most calls have are written
out, one frame each: literals are not asked again and again, and what goes wrong is placed where it
is caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from flowner.expressions.catalogue import Function
from flowner.expressions.errors import ExpressionError
from flowner.expressions.scope import Missing, Scope

Evaluate: TypeAlias = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class Constant:
    """An argument that is a literal."""

    value: Any


def call_of(
    found: Function,
    arguments: list[Evaluate],
    constants: list[Constant | None],
    position: int,
) -> Evaluate:
    """Return a callable that asks the arguments and calls the function.

    ``constants`` holds those arguments that are literals, by their places. What goes wrong without
    a position gets ``position``.
    """
    if found.lazy or found.needs_scope:
        return _in_scope(found, arguments, constants, position)
    match arguments:
        case [only]:
            return _of_one(found, only, position)
        case [first, second]:
            return _of_two(found, (first, second), constants, position)
        case _:
            return _of_many(found, arguments, position)


def _of_one(found: Function, only: Evaluate, position: int) -> Evaluate:
    call = found.call

    def evaluate(scope: Scope) -> Any:
        try:
            return call(only(scope))
        except _TROUBLE as error:
            raise _placed(error, found, position) from None

    return evaluate


def _of_two(
    found: Function,
    arguments: tuple[Evaluate, Evaluate],
    constants: list[Constant | None],
    position: int,
) -> Evaluate:
    call = found.call
    first, second = arguments
    match constants:
        case [Constant(value=constant), _]:
            return _after_constant(found, constant, second, position)
        case [_, Constant(value=constant)]:
            return _before_constant(found, first, constant, position)

    def evaluate(scope: Scope) -> Any:
        try:
            return call(first(scope), second(scope))
        except _TROUBLE as error:
            raise _placed(error, found, position) from None

    return evaluate


def _after_constant(found: Function, constant: Any, second: Evaluate, position: int) -> Evaluate:
    call = found.call

    def evaluate(scope: Scope) -> Any:
        try:
            return call(constant, second(scope))
        except _TROUBLE as error:
            raise _placed(error, found, position) from None

    return evaluate


def _before_constant(found: Function, first: Evaluate, constant: Any, position: int) -> Evaluate:
    call = found.call

    def evaluate(scope: Scope) -> Any:
        try:
            return call(first(scope), constant)
        except _TROUBLE as error:
            raise _placed(error, found, position) from None

    return evaluate


def _of_many(found: Function, arguments: list[Evaluate], position: int) -> Evaluate:
    call = found.call

    def evaluate(scope: Scope) -> Any:
        try:
            return call(*[one(scope) for one in arguments])
        except _TROUBLE as error:
            raise _placed(error, found, position) from None

    return evaluate


def _in_scope(
    found: Function,
    arguments: list[Evaluate],
    constants: list[Constant | None],
    position: int,
) -> Evaluate:
    call = found.call
    if found.lazy or not arguments:

        def evaluate(scope: Scope) -> Any:
            try:
                return call(scope, *arguments)
            except _TROUBLE as error:
                raise _placed(error, found, position) from None

        return evaluate

    match constants:
        case [Constant(value=constant)]:

            def evaluate(scope: Scope) -> Any:
                try:
                    return call(scope, constant)
                except _TROUBLE as error:
                    raise _placed(error, found, position) from None

        case _:

            def evaluate(scope: Scope) -> Any:
                try:
                    return call(scope, *[one(scope) for one in arguments])
                except _TROUBLE as error:
                    raise _placed(error, found, position) from None

    return evaluate


_TROUBLE: Final = (ExpressionError, Missing, RecursionError)


def _placed(error: Exception, found: Function, position: int) -> ExpressionError:
    """Return what to raise: an error that says where it happened."""
    if isinstance(error, ExpressionError):
        if error.position is None:
            error.position = position
        return error
    if isinstance(error, Missing):
        return ExpressionError(_missing(found, str(error)), position=position)
    return ExpressionError("a value is nested too deep", position=position)


_MISSING: Final = {
    "parameters": "The workflow parameter '{}' is not found.",
    "variables": "the template variable '{}' cannot be found.",
    "item": "The template function 'item' is not expected at this location.",
    "items": "the repetition action(s) '{}' referenced by 'inputs' in action are not defined in the"
    " template.",
    "iterationindexes": "the until action '{}' is not defined at current scope.",
    "appsetting": "The template function 'appsetting' is not expected at this location.",
}


def _missing(found: Function, name: str) -> str:
    known = _MISSING.get(found.name.lower())
    if known is not None:
        said = known.format(name)
        if said.startswith("The "):
            return said
        return f"Template language expression cannot be evaluated: {said}"
    return (
        "Template language expression cannot be evaluated: the template action"
        f" '{name}' is not defined at current scope."
    )
