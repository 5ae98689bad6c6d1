"""Templates of a definition, compiled once; which actions they name; conditions as objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

from flowner.expressions.errors import ExpressionError
from flowner.expressions.scope import Scope
from flowner.expressions.template import compile_value
from flowner.runs.plain import plain
from flowner.values import Json

MAX_CONDITION_DEPTH: Final = 50
"""Levels in a condition that is written as an object."""

_NAMING: Final = re.compile(
    r"\b(?P<function>actions|outputs|body|actionOutputs|actionBody|result|formDataValue"
    r"|formDataMultiValues|multipartBody)\s*\(\s*(?:'(?P<name>(?:[^']|'')*)'\s*[,)])?",
    re.IGNORECASE,
)


class ItemScope(Scope, Protocol):
    """A scope that can be told what ``item()`` is."""

    def at_item(self, item: Json) -> AbstractContextManager[None]: ...


class Template(Protocol):
    """What can be evaluated. Raises `ExpressionError`."""

    def evaluate(self, scope: Scope, /) -> Json: ...


@dataclass(frozen=True, slots=True)
class Broken:
    """A template that cannot be understood: fails when it is evaluated, and not before."""

    message: str

    def evaluate(self, _scope: Scope) -> Json:
        raise ExpressionError(self.message)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that no evaluation changes. Whoever gets it must not change it either."""

    value: Json = field(repr=False)

    def evaluate(self, _scope: Scope) -> Json:
        return self.value


_ODD: Final = frozenset(
    {"add", "chunk", "decimal", "div", "first", "float", "json", "last", "max", "min", "mul"}
    | {"reverse", "skip", "slice", "string", "sub", "substring", "take", "xpath"}
)
"""The functions that may make what a journal cannot hold."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A template whose value is made fit for the journal."""

    template: Template

    def evaluate(self, scope: Scope, /) -> Json:
        value = self.template.evaluate(scope)
        try:
            return plain(value)
        except RecursionError:
            raise ExpressionError("the value is nested too deep") from None


def compile_template(value: Json) -> Template:
    """Compile a JSON value whose strings are templates."""
    try:
        compiled = compile_value(value)
    except ExpressionError as error:
        return Broken(str(error))
    if compiled.is_constant:
        return Constant(value)
    used = {named.function for named in compiled.references}
    return compiled if used.isdisjoint(_ODD) else Plain(compiled)


def strings(value: Json) -> Iterator[str]:
    """Yield every string in the value, keys of objects included."""
    waiting: list[Json] = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, dict):
            waiting.extend(found)
            waiting.extend(found.values())


_OWN: Final = re.compile(r"\baction\s*\(\s*\)", re.IGNORECASE)


def about_itself(value: Json, name: str) -> Json:
    """Let ``action()``, which the language has in a few places only, name the action it is in."""
    if isinstance(value, str):
        own = "actions('" + name.replace("'", "''") + "')"
        return _OWN.sub(lambda _: own, value) if "@" in value else value
    if isinstance(value, list):
        return [about_itself(item, name) for item in value]
    if isinstance(value, dict):
        return {member: about_itself(item, name) for member, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Naming:
    """One place that names an action; ``name`` is None where only the run will know which."""

    name: str | None
    """Case-folded."""
    result: bool
    """By ``result('X')``: what is directly inside X is meant."""


def namings(value: Json) -> Iterator[Naming]:
    """Yield the actions that the templates in the value name. It may yield some too many."""
    for text in strings(value):
        if "@" not in text:
            continue
        for found in _NAMING.finditer(text):
            name = found["name"]
            yield Naming(
                name=None if name is None else name.replace("''", "'").casefold(),
                result=found["function"].casefold() == "result",
            )
