"""Every function of the language, once: its signature, its meaning, its examples.

A function takes its arguments evaluated, and the `Scope` first if it `needs_scope`. Names are
looked up without regard to case.
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
    """Expressions (without ``@``) and what they give."""
    needs_scope: bool
    lazy: bool
    """Takes its arguments unevaluated, as callables."""
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
    needs_scope: bool = False,
    lazy: bool = False,
    source: str = SOURCE,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the function below into the catalogue; its own parameters give the arity."""

    def register(call: Callable[..., Any]) -> Callable[..., Any]:
        parameters = list(inspect.signature(call).parameters.values())[1 if needs_scope else 0 :]
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
            needs_scope=needs_scope,
            lazy=lazy,
            call=call,
            source=source,
        )
        return call

    return register
