"""Variables: their types, and how actions change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from flowner.runs.events import ActionEnded
from flowner.values import Json

CHANGING: Final = frozenset(
    {
        "InitializeVariable",
        "SetVariable",
        "AppendToArrayVariable",
        "AppendToStringVariable",
        "IncrementVariable",
        "DecrementVariable",
    }
)

_COUNTING: Final = {"IncrementVariable": 1, "DecrementVariable": -1}


class Variable(msgspec.Struct, kw_only=True):
    """One variable of a run. Variables belong to the whole run, not to a scope."""

    name: str
    type: str
    """``string``, ``integer``, ``float``, ``boolean``, ``array`` or ``object``."""
    value: Any = None
    lent: bool = True
    """Somebody else may hold the value: an array is copied before it grows."""


def initial(type: str) -> Json:
    """Return the value of a variable that was declared without one."""
    return [] if type == "array" else None


_ACCEPTED: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "float": (float, int),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
TYPES: Final = tuple(_ACCEPTED)


def accepts(type: str, value: Json) -> bool:
    """Say whether a variable of this type may hold the value. Null fits all but numbers."""
    if value is None:
        return type not in ("integer", "float", "boolean")
    if isinstance(value, bool):
        return type == "boolean"
    return isinstance(value, _ACCEPTED[type])


def change(variables: dict[str, Variable], kind: str, event: ActionEnded) -> None:
    """Do to the variables what the event says. The values were checked before it was written."""
    if kind not in CHANGING:
        return
    inputs = event.inputs
    if not isinstance(inputs, dict):
        return
    if kind == "InitializeVariable":
        for declared in inputs["variables"]:
            name, type = declared["name"], declared["type"].casefold()
            value = declared.get("value")
            value = initial(type) if value is None else value
            variables[name.casefold()] = Variable(name=name, type=type, value=value)
        return
    variable = variables[inputs["name"].casefold()]
    if kind == "AppendToArrayVariable":
        _append(variable, inputs["value"])
    elif kind == "AppendToStringVariable":
        variable.value = (variable.value or "") + inputs["value"]
    elif event.taken_over_from and kind in _COUNTING:
        # What was counted between then may not be taken over, and is counted again.
        variable.value = (variable.value or 0) + _COUNTING[kind] * inputs["value"]
        variable.lent = True
    else:
        outputs: Any = event.outputs
        source = inputs if kind == "SetVariable" else outputs["body"]
        variable.value, variable.lent = source["value"], True


def _append(variable: Variable, value: Json) -> None:
    if variable.lent:
        variable.value, variable.lent = list(variable.value or ()), False
    variable.value.append(value)
