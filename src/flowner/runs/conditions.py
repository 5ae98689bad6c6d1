"""Conditions of If and Until: an expression as a string, or an object of operators.

In an object every member is an operator: ``{"and": [{"equals": ["@x", 1]}]}``. The real host
accepts any function of the language there, in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from flowner.expressions.errors import ExpressionError
from flowner.runs.templates import (
    MAX_CONDITION_DEPTH,
    Broken,
    ItemScope,
    Template,
    compile_template,
)
from flowner.values import Json

_SHORT: Final = {"and": False, "or": True}
"""The operators that stop at an argument of this value."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A function of the language, and what it is called with."""

    name: str
    arguments: tuple[Operation | Template, ...]
    function: Template
    """Calls the function with the members of ``item()``."""

    def evaluate(self, scope: ItemScope) -> Json:
        """Evaluate from left to right, no further than needed. Raises `ExpressionError`."""
        stop = _SHORT.get(self.name)
        values: list[Json] = []
        for argument in self.arguments:
            value = evaluate(argument, scope)
            if stop is not None and value is stop:
                return stop
            values.append(value)
        with scope.at_item(values):
            return self.function.evaluate(scope)


Condition: TypeAlias = Operation | Template


def evaluate(condition: Condition, scope: ItemScope) -> Json:
    """Evaluate a condition of either form. Raises `ExpressionError`."""
    return condition.evaluate(scope)


def compile_condition(written: Json) -> Condition:
    """Compile a condition in either form. What cannot be understood fails when evaluated."""
    return _compile(written, 0)


def _compile(written: Json, depth: int) -> Condition:
    if not isinstance(written, dict):
        return compile_template(written)
    if depth > MAX_CONDITION_DEPTH:
        return Broken(f"the condition is nested deeper than {MAX_CONDITION_DEPTH} levels")
    operations = [_operation(name, value, depth) for name, value in written.items()]
    if not operations:
        return Broken('the condition is empty; write `{"equals": […]}` or an expression')
    return operations[0] if len(operations) == 1 else _call("and", tuple(operations))


def _operation(name: str, written: Json, depth: int) -> Condition:
    arguments = written if isinstance(written, list) else [written]
    return _call(name, tuple(_compile(argument, depth + 1) for argument in arguments))


def _call(name: str, arguments: tuple[Condition, ...]) -> Condition:
    if not name.isidentifier():
        return Broken(f"`{name[:40]}` is not a function of the language")
    places = ", ".join(f"item()[{place}]" for place in range(len(arguments)))
    return Operation(
        name=name.casefold(), arguments=arguments, function=compile_template(f"@{name}({places})")
    )


def require_boolean(value: Json) -> bool:
    """Return the value of a condition. Raises `ExpressionError` if it is not a boolean."""
    if not isinstance(value, bool):
        raise ExpressionError(
            "The condition's result is not a boolean; write a comparison like `equals`"
        )
    return value
