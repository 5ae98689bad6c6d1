"""Syntax trees to Python closures: parsed once, evaluated often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from flowner.expressions.arguments import fail
from flowner.expressions.catalogue import CATALOGUE, Function, arity_problem
from flowner.expressions.errors import ExpressionError
from flowner.expressions.numbers import is_whole
from flowner.expressions.parser import Access, CallNode, Literal, Node
from flowner.expressions.scope import Missing, Scope
from flowner.expressions.text import MAX_TEXT, type_name

Evaluate: TypeAlias = Callable[[Scope], Any]

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
    return _guarded(found, arguments, node)


def _guarded(found: Function, arguments: list[Evaluate], node: CallNode) -> Evaluate:
    position = node.position
    run = _arranged(found, arguments)

    def evaluate(scope: Scope) -> Any:
        try:
            value = run(scope)
            if type(value) is str and len(value) > MAX_TEXT:
                fail(found.name, f"makes a text of more than {MAX_TEXT} characters.")
            return value
        except ExpressionError as error:
            if error.position is None:
                error.position = position
            raise
        except Missing as error:
            raise ExpressionError(_missing(found, str(error)), position=position) from None
        except RecursionError:
            raise ExpressionError("a value is nested too deep", position=position) from None

    return evaluate


def _arranged(found: Function, arguments: list[Evaluate]) -> Evaluate:
    call = found.call
    if found.lazy:
        return lambda scope: call(*[_later(one, scope) for one in arguments])
    if found.needs_scope:
        return lambda scope: call(scope, *[one(scope) for one in arguments])
    match arguments:
        case [only]:
            return lambda scope: call(only(scope))
        case [first, second]:
            return lambda scope: call(first(scope), second(scope))
        case _:
            return lambda scope: call(*[one(scope) for one in arguments])


def _later(one: Evaluate, scope: Scope) -> Callable[[], Any]:
    return lambda: one(scope)


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
