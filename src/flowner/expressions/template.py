"""Templates: JSON in which strings may be expressions, or hold some.

'@expr'          the expression's value, whatever its type
'a @{expr} b'    text with the value in it
'@@…'            text that begins with '@'
'… @@{…'         text with '@{' in it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from flowner.expressions import functions
from flowner.expressions.calls import Evaluate
from flowner.expressions.compiling import compile_node
from flowner.expressions.errors import ExpressionError
from flowner.expressions.parser import SEGMENT, Access, CallNode, Node, parse_whole
from flowner.expressions.scope import Scope
from flowner.expressions.text import to_text
from flowner.values import Json

functions.load()

_MAX_SHOWN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Named:
    """A function call that names something by a constant text: ``outputs('X')``."""

    function: str
    """Lower case."""
    name: str | None
    """None where only the evaluation will know."""
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A template, ready to be evaluated."""

    is_constant: bool
    """The value depends on nothing: no scope is asked."""
    references: tuple[Named, ...]
    _evaluate: Evaluate

    def evaluate(self, scope: Scope) -> Json:
        """Return the value. Raises `ExpressionError`."""
        value: Json = self._evaluate(scope)
        return value


def compile_value(value: Json) -> Compiled:
    """Compile any JSON value; the keys of objects are templates as well.

    Raises `ExpressionError` for an expression that cannot be read.
    """
    nodes: list[Node] = []
    evaluate = _value(value, nodes)
    if evaluate is None:
        return Compiled(True, (), lambda scope: value)
    return Compiled(False, tuple(n for node in nodes for n in _named(node)), evaluate)


def compile_expression(text: str) -> Compiled:
    """Compile one expression, without its leading ``@``."""
    node = parse_whole(text)
    return Compiled(False, tuple(_named(node)), compile_node(node, text))


def _value(value: Json, nodes: list[Node]) -> Evaluate | None:
    """Return how to evaluate a value; None where it stands for itself."""
    if isinstance(value, str):
        return _text(value, nodes)
    if isinstance(value, list):
        return _list(value, nodes)
    if isinstance(value, dict):
        return _object(value, nodes)
    return None


def _list(value: list[Json], nodes: list[Node]) -> Evaluate | None:
    parts = [_value(item, nodes) for item in value]
    if not any(parts):
        return None
    made = [part or _constant(item) for part, item in zip(parts, value, strict=True)]
    return lambda scope: [part(scope) for part in made]


def _object(value: dict[str, Json], nodes: list[Node]) -> Evaluate | None:
    names = {name: _text(name, nodes) for name in value}
    parts = {name: _value(inner, nodes) for name, inner in value.items()}
    if not any(names.values()) and not any(parts.values()):
        return None
    if not any(names.values()):
        made = [(name, parts[name] or _constant(inner)) for name, inner in value.items()]
        return lambda scope: {name: part(scope) for name, part in made}
    pairs = [
        (names[name] or _constant(name), parts[name] or _constant(inner))
        for name, inner in value.items()
    ]
    return lambda scope: {_key(name(scope)): part(scope) for name, part in pairs}


def _key(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError("the name of a member is a text; this gives something else")
    return value


def _constant(value: Json) -> Evaluate:
    return lambda scope: value


def _text(text: str, nodes: list[Node]) -> Evaluate | None:
    if "@" not in text or text == "@":
        return None
    if text.startswith("@@"):
        return _constant(text[1:])
    if text.startswith("@") and not text.startswith("@{"):
        node = parse_whole(text, 1)
        nodes.append(node)
        return compile_node(node, text[1:])
    if "@{" not in text:
        return None
    return _interpolated(text, nodes)


def _interpolated(text: str, nodes: list[Node]) -> Evaluate:
    parts: list[str | Evaluate] = []
    at = 0
    while (found := text.find("@{", at)) >= 0:
        if found > at and text[found - 1] == "@":
            parts.append(text[at : found - 1] + "@{")
            at = found + 2
            continue
        if found > at:
            parts.append(text[at:found])
        end = _end_of(text, found)
        node = parse_whole(text, found + 2, end)
        nodes.append(node)
        parts.append(_as_text(compile_node(node, text[found + 2 : end])))
        at = end + 1
    if at < len(text):
        parts.append(text[at:])
    return lambda scope: "".join([part if isinstance(part, str) else part(scope) for part in parts])


def _end_of(text: str, start: int) -> int:
    """Return where the ``}`` stands that ends what begins at ``start``; one in quotes does not."""
    match = SEGMENT.match(text, start + 2)
    if match is None:
        raise ExpressionError(
            f"The template language expression '{text[:_MAX_SHOWN]}' is not valid: the string"
            f" interpolation segment starting at position '{start}' is not terminated. Make sure"
            " that every '@{' is followed by its '}'.",
            position=start,
        )
    return match.end() - 1


def _as_text(evaluate: Evaluate) -> Callable[[Scope], str]:
    return lambda scope: to_text(evaluate(scope))


def _named(node: Node) -> Iterator[Named]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, CallNode):
            first = one.arguments[0] if one.arguments else None
            constant = getattr(first, "value", None)
            name = constant if isinstance(constant, str) else None
            yield Named(one.name.lower(), name, one.position)
            waiting.extend(one.arguments)
        elif isinstance(one, Access):
            waiting += [one.base, one.key]
