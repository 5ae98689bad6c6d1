"""How a flow is edited: its document is written, one place of it is changed, and it is read again.

So an edited flow is exactly what its document says, and is refused for the same reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.flow import Action, Flow, Trigger
from flowner.errors import Invalid
from flowner.values import Json, JsonObject


def edited(flow: Flow, change: Callable[[JsonObject], None]) -> Flow:
    """Return the flow that the document is of when ``change`` was done to it.

    Raises `InvalidDefinition` where that is none.
    """
    document = write_flow(flow)
    change(document)
    return replace(read_flow(document, name=flow.name), guid=flow.guid)


def with_node(flow: Flow, node: Action | Trigger, change: Callable[[JsonObject], None]) -> Flow:
    """Return the flow with what an action or its trigger says changed."""

    def change_node(document: JsonObject) -> None:
        change(follow(document, node.pointer))

    return edited(flow, change_node)


def find(flow: Flow, name: str) -> Action | Trigger:
    """Return an action, or the trigger, by name in whatever case. `Invalid` when there is none."""
    wanted = name.casefold()
    for action in flow.walk():
        if action.name.casefold() == wanted:
            return action
    if flow.trigger.name.casefold() == wanted:
        return flow.trigger
    raise Invalid(f"the flow has no action `{name}`")


def follow(document: JsonObject, pointer: str) -> JsonObject:
    """Return the object at a pointer; an empty one, of nobody, where there is none."""
    found: Json = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) else _member(found, name)
    return found if isinstance(found, dict) else {}


def child(holder: JsonObject, name: str) -> JsonObject:
    """Return a member that is an object, making it one where it is not."""
    found = holder.get(name)
    if not isinstance(found, dict):
        found = holder[name] = {}
    return found


def _member(holder: Json, name: str) -> Json:
    return holder.get(name) if isinstance(holder, dict) else None
