"""Where a flow holds templates, and what can be seen from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from flowner.definitions.documents import pointer
from flowner.definitions.envelopes import open_envelope
from flowner.definitions.flow import Action, Flow
from flowner.values import Json

_TRIGGER_MEMBERS: Final = ("inputs", "recurrence", "splitOn", "correlation", "runtimeConfiguration")
_ACTION_MEMBERS: Final = ("inputs", "foreach", "expression", "limit", "runtimeConfiguration")
_PER_ITEM: Final = {"Select": "select", "Query": "where"}
"""The inputs that are evaluated for each item of the others."""
CHANGING: Final = frozenset(
    {
        "SetVariable",
        "AppendToArrayVariable",
        "AppendToStringVariable",
        "IncrementVariable",
        "DecrementVariable",
    }
)
"""The actions that change a variable which another one has initialised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One value of a flow that may hold templates."""

    value: Json
    pointer: str
    action: Action | None = None
    """Whose it is; None: the trigger's, or the flow's outputs."""
    ended: bool = False
    """It is evaluated when the action has ended, or the run: what is inside has run."""
    has_item: bool = False
    """It is evaluated for each item, which ``item()`` gives."""
    is_condition: bool = False
    """An object in it is one of operators."""
    names_variable: bool = False
    """It names the variable that the action changes."""


def spots(flow: Flow) -> Iterator[Spot]:
    """Yield every place of a flow that may hold templates, in document order of its actions."""
    trigger = flow.trigger
    for name in _TRIGGER_MEMBERS:
        if name in trigger.source:
            yield Spot(value=trigger.source[name], pointer=pointer(trigger.pointer, name))
    conditions = trigger.source.get("conditions")
    for place, condition in enumerate(conditions if isinstance(conditions, list) else ()):
        if isinstance(condition, dict) and "expression" in condition:
            yield Spot(
                value=condition["expression"],
                pointer=pointer(trigger.pointer, "conditions", place, "expression"),
                is_condition=True,
            )
    for action in flow.walk():
        yield from _of_action(action)
    yield from _outputs(flow)


def _outputs(flow: Flow) -> Iterator[Spot]:
    if not flow.outputs:
        return
    outputs = pointer(open_envelope(flow.document).pointer, "outputs")
    for name, output in flow.outputs.items():
        if not isinstance(output, dict):
            yield Spot(value=output, pointer=pointer(outputs, name), ended=True)
        elif "value" in output:
            yield Spot(value=output["value"], pointer=pointer(outputs, name, "value"), ended=True)


def texts(spot: Spot) -> Iterator[tuple[str, str]]:
    """Yield every text in a spot's value that may be a template, with its pointer.

    The name of a member is a template as well; it has the pointer of the member.
    """
    waiting = [(spot.value, spot.pointer)]
    while waiting:
        value, at = waiting.pop()
        if isinstance(value, str):
            if "@" in value:
                yield value, at
        elif isinstance(value, list):
            inside = [(item, pointer(at, place)) for place, item in enumerate(value)]
            waiting.extend(reversed(inside))
        elif isinstance(value, dict):
            members = [(member, pointer(at, name)) for name, member in value.items()]
            yield from ((name, pointer(at, name)) for name in value if "@" in name)
            waiting.extend(reversed(members))


def _of_action(action: Action) -> Iterator[Spot]:
    for name in _ACTION_MEMBERS:
        if name not in action.source:
            continue
        spot = Spot(value=action.source[name], pointer=pointer(action.pointer, name), action=action)
        if name == "inputs":
            yield from _inputs(spot, action)
        elif name == "expression":
            is_condition = action.type in ("If", "Until")
            yield replace(spot, ended=action.type == "Until", is_condition=is_condition)
        else:
            yield spot
    if "trackedProperties" in action.source:
        yield Spot(
            value=action.source["trackedProperties"],
            pointer=pointer(action.pointer, "trackedProperties"),
            action=action,
            ended=True,
        )


def _inputs(spot: Spot, action: Action) -> Iterator[Spot]:
    """Take inputs apart where not all of them see the same."""
    inputs = spot.value
    if not isinstance(inputs, dict):
        yield spot
        return
    for name, value in inputs.items():
        part = replace(
            spot,
            value=value,
            pointer=pointer(spot.pointer, name),
            has_item=_PER_ITEM.get(action.type) == name,
            ended=action.type == "HttpWebhook" and name == "unsubscribe",
            names_variable=action.type in CHANGING and name == "name",
        )
        if action.type == "Table" and name == "columns":
            yield from _columns(part)
        else:
            yield part
        if "@" in name:
            yield replace(spot, value=name, pointer=part.pointer)


def _columns(spot: Spot) -> Iterator[Spot]:
    columns = spot.value
    if not isinstance(columns, list):
        yield spot
        return
    for place, column in enumerate(columns):
        at = pointer(spot.pointer, place)
        if not isinstance(column, dict):
            yield replace(spot, value=column, pointer=at)
            continue
        for name, value in column.items():
            yield replace(spot, value=value, pointer=pointer(at, name), has_item=name == "value")
