"""Every function of the language, once: its signature, its meaning, its examples, its errors.

A function takes its arguments evaluated, and the `Scope` first if it `needs_scope`. A lazy one
takes the scope and its arguments as callables that ask it. Names are looked up without regard to
case.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

SOURCE: Final = "https://learn.microsoft.com/azure/logic-apps/expression-functions-reference"


class Family(StrEnum):
    """What a function is about; the chapters of the reference."""

    LOGIC = "Logic"
    TEXT = "Text"
    COLLECTIONS = "Collections"
    MATH = "Math"
    CONVERSION = "Conversion"
    MANIPULATION = "Manipulation"
    DATES = "Dates and times"
    ADDRESSES = "Addresses"
    CONTENT = "Content"
    XML = "XML"
    WORKFLOW = "Workflow"


Errors = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One entry of the catalogue."""

    name: str
    family: Family
    signature: str
    summary: str
    minimum: int
    maximum: int | None
    """None: as many arguments as wanted."""
    examples: tuple[tuple[str, Any], ...]
    """Expressions (without ``@``) and what they give, asked in `reference.SAMPLE`."""
    errors: Errors
    """Expressions that are refused, and a part of what is then said."""
    arity: str | None
    """What follows ``expects`` when the number of arguments is wrong; None: the plain words."""
    needs_scope: bool
    lazy: bool
    """Takes the scope, and its arguments unevaluated: callables that take the scope."""
    call: Callable[..., Any]
    source: str


CATALOGUE: Final[dict[str, Function]] = {}
"""By lower-case name. Filled when `functions` is imported."""


def function(  # noqa: PLR0913 - the parts of one entry
    name: str,
    family: Family,
    signature: str,
    summary: str,
    *examples: tuple[str, Any],
    errors: Errors = (),
    arity: str | None = None,
    needs_scope: bool = False,
    lazy: bool = False,
    source: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the function below into the catalogue; its own parameters give the arity."""

    def register(call: Callable[..., Any]) -> Callable[..., Any]:
        parameters = list(inspect.signature(call).parameters.values())[
            1 if needs_scope or lazy else 0 :
        ]
        many = any(one.kind is one.VAR_POSITIONAL for one in parameters)
        named = [one for one in parameters if one.kind is not one.VAR_POSITIONAL]
        CATALOGUE[name.lower()] = Function(
            name=name,
            family=family,
            signature=signature,
            summary=summary,
            minimum=sum(one.default is one.empty for one in named),
            maximum=None if many else len(named),
            examples=examples,
            errors=errors,
            arity=arity,
            needs_scope=needs_scope,
            lazy=lazy,
            call=call,
            source=source or f"{SOURCE}#{name.lower()}",
        )
        return call

    return register


_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six")


def arity_problem(found: Function, given: int) -> str | None:
    """Say what is wrong with the number of arguments; None when nothing is."""
    if found.minimum <= given and (found.maximum is None or given <= found.maximum):
        return None
    if found.maximum == 0:
        said = "must not have any parameters."
    else:
        said = f"expects {found.arity or _plain_arity(found)}."
    # Source: the engine's own messages, which count `parameters` where it tests booleans or lists.
    noun = "parameters" if found.name in ("and", "or", "array") else "parameter(s)"
    count = "no parameters" if found.name == "createArray" else f"'{given}' {noun}"
    return (
        f"The template language function '{found.name}' {said} The function was invoked with"
        f" {count}. Please see https://aka.ms/logicexpressions#{found.name} for usage details."
    )


def _plain_arity(found: Function) -> str:
    if found.maximum is None:
        return f"at least {_counted(found.minimum)}"
    if found.minimum == found.maximum:
        return _counted(found.minimum)
    return f"from {_NUMBERS[found.minimum]} to {_counted(found.maximum)}"


def _counted(number: int) -> str:
    return f"{_NUMBERS[number]} parameter{'' if number == 1 else 's'}"
