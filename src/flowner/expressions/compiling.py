"""Syntax trees to Python closures: parsed once, evaluated often."""

from __future__ import annotations

from typing import Any, Final

from flowner.expressions.calls import Constant, Evaluate, call_of
from flowner.expressions.catalogue import CATALOGUE, arity_problem
from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import is_whole
from flowner.expressions.parser import Access, CallNode, Literal, Node
from flowner.expressions.scope import Scope
from flowner.expressions.text import type_name

_HELP: Final = "Please see https://aka.ms/logicexpressions for usage details."


def compile_node(node: Node, text: str) -> Evaluate:
    """Return a callable that evaluates ``node`` in a scope. ``text`` is shown in errors.

    An unknown function and a wrong number of arguments are errors of the evaluation, as on
    Microsoft's engine, where a branch that is not taken may hold either.
    """
    match node:
        case Literal(value=value):
            return lambda scope: value
        case CallNode():
            return _call(node, text)
        case Access():
            return _access(node, text)


def _call(node: CallNode, text: str) -> Evaluate:
    found = CATALOGUE.get(node.name.lower())
    if found is None:
        return _failing(f"The template function '{node.name}' is not defined or not valid.", node)
    wrong = arity_problem(found, len(node.arguments))
    if wrong is not None:
        return _failing(wrong, node)
    arguments = [compile_node(argument, text) for argument in node.arguments]
    return call_of(found, arguments, _constants(node.arguments), node.position)


def _constants(nodes: tuple[Node, ...]) -> list[Constant | None]:
    return [Constant(one.value) if isinstance(one, Literal) else None for one in nodes]


def _failing(message: str, node: CallNode) -> Evaluate:
    def evaluate(scope: Scope) -> Any:
        del scope
        raise ExpressionError(message, position=node.position)

    return evaluate


def _access(node: Access, text: str) -> Evaluate:
    base = compile_node(node.base, text)
    safe, position = node.safe, node.position
    if isinstance(node.key, Literal):
        key = node.key.value

        def by_constant(scope: Scope) -> Any:
            value = base(scope)
            if type(value) is dict and key in value:
                return value[key]
            return _select(value, key, safe, (text, position))

        return by_constant
    key_of = compile_node(node.key, text)
    return lambda scope: _select(base(scope), key_of(scope), safe, (text, position))


def _select(value: Any, key: Any, safe: bool, at: tuple[str, int]) -> Any:
    if value is None:
        if safe:
            return None
        raise _cannot(at, f"property '{_key_text(key)}' cannot be selected.")
    if isinstance(value, dict):
        return _member(value, key, safe, at)
    if isinstance(value, list):
        return _element(value, key, safe, at)
    raise _cannot(
        at,
        f"property '{_key_text(key)}' cannot be selected. Property selection is not supported on"
        f" values of type '{type_name(value)}'.",
    )


def _member(value: dict[str, Any], key: Any, safe: bool, at: tuple[str, int]) -> Any:
    if not isinstance(key, str):
        raise _cannot(
            at,
            f"property '{_key_text(key)}' cannot be selected. Object properties can only be"
            " selected by names.",
        )
    found, hit = _find(value, key)
    if hit:
        return found
    if "/" in key:
        walked, hit = _walk(value, key, safe)
        if hit:
            return walked
    if safe:
        return None
    names = ", ".join(value)
    raise _cannot(at, f"property '{key}' doesn't exist, available properties are '{names}'.")


def _find(value: dict[str, Any], key: str) -> tuple[Any, bool]:
    if key in value:
        return value[key], True
    folded = key.lower()
    for name, inner in value.items():
        if name.lower() == folded:
            return inner, True
    return None, False


def _walk(value: dict[str, Any], key: str, safe: bool) -> tuple[Any, bool]:
    """Follow ``a/b`` through objects. With ``?`` any step that fails gives null."""
    current: Any = value
    for name in key.split("/"):
        if not isinstance(current, dict):
            return None, safe
        current, hit = _find(current, name)
        if not hit:
            return None, safe
    return current, True


def _element(value: list[Any], key: Any, safe: bool, at: tuple[str, int]) -> Any:
    if not is_whole(key):
        raise _cannot(
            at,
            f"property '{_key_text(key)}' cannot be selected. Array elements can only be selected"
            " using an integer index.",
        )
    if 0 <= key < len(value):
        return value[key]
    if safe:
        return None
    if not value:
        raise _cannot(at, f"array index '{key}' cannot be selected from empty array.")
    raise _cannot(at, f"array index '{key}' is outside bounds (0, {len(value) - 1}) of array.")


def _cannot(at: tuple[str, int], because: str) -> ExpressionError:
    text, position = at
    return ExpressionError(
        f"The template language expression '{text}' cannot be evaluated because {because} {_HELP}",
        position=position,
    )


def _key_text(key: Any) -> str:
    return "" if key is None else str(key)
