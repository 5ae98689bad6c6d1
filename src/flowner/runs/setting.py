"""Actions on variables: what they would change, checked; `variables` carries it out."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from flowner.runs.compiled import Node
from flowner.runs.data import text
from flowner.runs.results import HIDDEN, ActionFault, Result, type_name
from flowner.runs.state import State
from flowner.runs.templates import ItemScope
from flowner.runs.variables import TYPES, Variable, accepts
from flowner.values import Json, JsonObject

_INT64: Final = 2**63
MAX_ITEMS: Final = 1_000_000
"""Items of one array variable."""
MAX_CHARACTERS: Final = 104_857_600
"""Characters of one string variable; the language's own limit for texts."""


def initialize(node: Node, scope: ItemScope, _state: State) -> Result:
    """Declare variables. One that exists already starts again."""
    inputs = _inputs(node, scope)
    declared = inputs.get("variables")
    if not isinstance(declared, list) or not declared:
        raise ActionFault("the action declares no variable; add one to `variables`", inputs=inputs)
    for variable in declared:
        _check_declaration(node, variable, inputs)
    return Result(code=HIDDEN, inputs=inputs)


def _check_declaration(node: Node, variable: Json, inputs: JsonObject) -> None:
    found = variable if isinstance(variable, dict) else {}
    name, type = found.get("name"), str(found.get("type")).casefold()
    if not isinstance(name, str) or type not in TYPES:
        raise ActionFault(
            f"The inputs of action '{node.name}' are not valid: a variable has a name and a type, "
            "one of 'String', 'Integer', 'Float', 'Boolean', 'Array', 'Object'.",
            error_code="InvalidVariableInitialization",
            inputs=inputs,
        )
    # A value that is absent, or null, is the type's own beginning.
    if found.get("value") is not None and not accepts(type, found["value"]):
        raise _mismatch(Variable(name=name, type=type), found["value"], inputs)


def assign(node: Node, scope: ItemScope, state: State) -> Result:
    """Set a variable to a value of its type."""
    inputs = _inputs(node, scope)
    variable = _variable(node, inputs, state)
    value = inputs.get("value")
    if not accepts(variable.type, value):
        raise _mismatch(variable, value, inputs)
    return Result(
        code=HIDDEN,
        inputs={"name": variable.name, "value": value},
        outputs={"body": {"name": variable.name, "value": value}},
    )


def append_item(node: Node, scope: ItemScope, state: State) -> Result:
    """Add one item at the end of an array."""
    inputs = _inputs(node, scope)
    variable = _variable(node, inputs, state, "array")
    if len(variable.value or ()) >= MAX_ITEMS:
        raise _full(variable, f"{MAX_ITEMS} items", inputs)
    return Result(code=HIDDEN, inputs={"name": variable.name, "value": inputs.get("value")})


def append_text(node: Node, scope: ItemScope, state: State) -> Result:
    """Add a value's text at the end of a string."""
    inputs = _inputs(node, scope)
    variable = _variable(node, inputs, state, "string")
    added = text(inputs.get("value"), scope)
    if len(variable.value or "") + len(added) > MAX_CHARACTERS:
        raise _full(variable, f"{MAX_CHARACTERS} characters", inputs)
    return Result(code=HIDDEN, inputs={"name": variable.name, "value": added})


def _full(variable: Variable, most: str, inputs: JsonObject) -> ActionFault:
    return ActionFault(f"The variable '{variable.name}' holds at most {most}.", inputs=inputs)


def increment(node: Node, scope: ItemScope, state: State) -> Result:
    """Add to a number."""
    return _step(node, scope, state, 1)


def decrement(node: Node, scope: ItemScope, state: State) -> Result:
    """Take from a number."""
    return _step(node, scope, state, -1)


def _step(node: Node, scope: ItemScope, state: State, sign: int) -> Result:
    inputs = _inputs(node, scope)
    variable = _variable(node, inputs, state, "integer", "float")
    by = inputs.get("value", 1)
    if isinstance(by, bool) or not isinstance(by, int | float):
        raise _mismatch(variable, by, inputs)
    value = (variable.value or 0) + sign * by
    if not accepts(variable.type, value):
        raise _mismatch(variable, by, inputs)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise ActionFault(
            f"The variable '{variable.name}' would leave the range of 64-bit integers.",
            inputs=inputs,
        )
    return Result(
        code=HIDDEN,
        inputs={"name": variable.name, "value": by},
        outputs={"body": {"name": variable.name, "value": value}},
    )


def _inputs(node: Node, scope: ItemScope) -> JsonObject:
    template = node.templates.get("inputs")
    inputs = None if template is None else template.evaluate(scope)
    return dict(inputs) if isinstance(inputs, dict) else {}


def _variable(node: Node, inputs: JsonObject, state: State, *types: str) -> Variable:
    name = inputs.get("name")
    variable = state.variables.get(name.casefold()) if isinstance(name, str) else None
    if variable is None:
        raise ActionFault(
            f"The inputs to workflow run action '{node.name}' of type '{node.type}' are not "
            f"valid. The variable '{name}' must be initialized before it can be used.",
            error_code="InvalidTemplate",
            inputs=inputs,
        )
    if types and variable.type not in types:
        expected = ", ".join(type.capitalize() for type in types)
        raise ActionFault(
            f"The action '{node.name}' of type '{node.type}' works on variables of type "
            f"'{expected}', and '{variable.name}' is of type '{variable.type.capitalize()}'.",
            inputs=inputs,
        )
    return variable


_SUPPORTED: Final = {"float": "Float, Integer"}


def _mismatch(variable: Variable, value: Json, inputs: JsonObject) -> ActionFault:
    shown = type_name(value)
    supported = _SUPPORTED.get(variable.type, variable.type.capitalize())
    return ActionFault(
        f"The variable '{variable.name}' of type '{variable.type.capitalize()}' cannot be "
        f"initialized or updated with a value of type '{shown}'. The variable "
        f"'{variable.name}' only supports values of types '{supported}'.",
        inputs=inputs or UNSET,
    )
