"""Dynamic content: what an action may use of what has happened before it, as formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from flowner.definitions.flow import Action, Flow, Trigger
from flowner.definitions.precedence import Precedence, Standing
from flowner.definitions.reading import member
from flowner.values import Json

_DEEPEST: Final = 3
"""Levels of a schema that are offered one by one."""
Fields = Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
"""What the bodies of connectors' answers hold: name and title by connector and operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One value that can be used."""

    source: str
    """What it is of: the trigger, an action, *Variables*."""
    title: str
    formula: str
    """Without its ``@``: ``outputs('Get')?['body/name']``."""
    is_list: bool = False
    """Whether it is an array, to be looped over."""


def visible(flow: Flow, name: str | None, fields: Fields | None = None) -> tuple[Token, ...]:
    """Return what an action may use: of the trigger, variables, loops around it, actions before.

    The nearest come first. ``name`` None is for an action that is yet to be put at the end.
    ``fields`` tells what connectors answer; without it their bodies are offered whole.
    """
    order = Precedence(flow)
    action = None if name is None else order.named(name)
    found: list[Token] = []
    if action is not None:
        for loop in reversed(order.loops(action)):
            found += _loop(loop)
    before = [one for one in flow.walk() if _is_before(order, one, action)]
    for one in reversed(before):
        found += _action(one, fields or {}, flow)
    found += _variables(before)
    found += _trigger(flow.trigger)
    return tuple(found)


def _is_before(order: Precedence, one: Action, action: Action | None) -> bool:
    if action is None:
        return order.standing(one, None, ended=True) is Standing.BEFORE
    return order.standing(one, action, ended=False) is Standing.BEFORE


def given_by(node: Action | Trigger, flow: Flow, fields: Fields | None = None) -> tuple[Token, ...]:
    """Return what one action gives, as a loop also, or the trigger. ``fields`` as for `visible`."""
    if isinstance(node, Trigger):
        return tuple(_trigger(node))
    loop = _loop(node) if node.type in ("Foreach", "Until") else ()
    return (*loop, *_action(node, fields or {}, flow))


def title_of(name: str) -> str:
    """Return a name as designers show it."""
    return name.replace("_", " ")


def _loop(loop: Action) -> Iterator[Token]:
    said = _quoted(loop.name)
    if loop.type == "Foreach":
        yield Token(source=title_of(loop.name), title="Current item", formula=f"items({said})")
    else:
        formula = f"iterationIndexes({said})"
        yield Token(source=title_of(loop.name), title="Current iteration index", formula=formula)


_OUTPUTS: Final[Mapping[str, tuple[tuple[str, str, bool], ...]]] = {
    "Compose": (("Outputs", "outputs({})", False),),
    "Select": (("Output", "body({})", True),),
    "Query": (("Output", "body({})", True),),
    "Join": (("Output", "body({})", False),),
    "Table": (("Output", "body({})", False),),
    "ParseJson": (("Body", "body({})", False),),
    "Workflow": (("Body", "body({})", False),),
    "Expression": (("Result", "body({})", False),),
    **dict.fromkeys(
        ("Http", "HttpWebhook"),
        (
            ("Body", "body({})", False),
            ("Status code", "outputs({})?['statusCode']", False),
            ("Headers", "outputs({})?['headers']", False),
        ),
    ),
}
"""What an action of each type gives: title, formula around its name, whether it is an array."""


def _action(action: Action, fields: Fields, flow: Flow) -> Iterator[Token]:
    source, said = title_of(action.name), _quoted(action.name)
    if action.call is not None:
        binding = flow.bindings.get(action.call.binding)
        connector = action.call.connector or (binding.connector if binding else "")
        for name, title in fields.get((connector, action.call.operation), ()):
            place = f"body/{name.removesuffix('[]')}".removesuffix("/")
            formula = f"outputs({said})?['{place}']"
            yield Token(source=source, title=title, formula=formula, is_list=name.endswith("[]"))
        yield Token(source=source, title="body", formula=f"body({said})")
    for title, formula, is_list in _OUTPUTS.get(action.type, ()):
        yield Token(source=source, title=title, formula=formula.format(said), is_list=is_list)
    if action.type == "ParseJson":
        yield from _of_schema(member(action.inputs, "schema"), source, f"body({said})")


def _variables(before: list[Action]) -> Iterator[Token]:
    for action in before:
        declared = member(action.inputs, "variables")
        if action.type != "InitializeVariable" or not isinstance(declared, list):
            continue
        for one in declared:
            name = member(one, "name")
            if isinstance(name, str) and name and "@" not in name:
                is_list = str(member(one, "type")).casefold() == "array"
                formula = f"variables({_quoted(name)})"
                yield Token(source="Variables", title=name, formula=formula, is_list=is_list)


def _trigger(trigger: Trigger) -> Iterator[Token]:
    source = title_of(trigger.name)
    if trigger.type == "Recurrence":
        return
    yield from _of_schema(member(trigger.inputs, "schema"), source, "triggerBody()")
    yield Token(source=source, title="Body", formula="triggerBody()")
    if trigger.flow_kind == "instant":
        for key, title in _WHO:
            formula = f"triggerOutputs()?['headers']['{key}']"
            yield Token(source=source, title=title, formula=formula)


_WHO: Final = (
    ("x-ms-user-name", "User name"),
    ("x-ms-user-email", "User email"),
    ("x-ms-user-timestamp", "Timestamp"),
)


def _of_schema(schema: Json, source: str, base: str, depth: int = 0) -> Iterator[Token]:
    properties = member(schema, "properties")
    if not isinstance(properties, dict) or depth == _DEEPEST:
        return
    for name, inner in properties.items():
        formula = f"{base}?[{_quoted(name)}]"
        title = member(inner, "title")
        kind = member(inner, "type")
        yield Token(
            source=source,
            title=title if isinstance(title, str) and title else name,
            formula=formula,
            is_list=kind == "array",
        )
        yield from _of_schema(inner, source, formula, depth + 1)


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
