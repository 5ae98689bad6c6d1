"""Which connection a single action takes, or all that share one do: *Change connection*."""

from __future__ import annotations

from flowner.definitions.edit import (
    with_binding_copied,
    with_binding_reference,
    with_binding_source,
    with_call_binding,
    without_binding,
)
from flowner.definitions.editing import edited, find
from flowner.definitions.envelopes import open_envelope
from flowner.definitions.flow import Action, Binding, Flow, Source, Trigger
from flowner.errors import Invalid
from flowner.values import JsonObject

_API = "/providers/Microsoft.PowerApps/apis/"


def binding_of(flow: Flow, name: str) -> Binding:
    """Return the binding that an action, or the trigger, takes. `Invalid` when it takes none."""
    node = find(flow, name)
    if node.call is None or node.call.binding not in flow.bindings:
        raise Invalid(f"`{name}` uses no connection", pointer=node.pointer)
    return flow.bindings[node.call.binding]


def sharers(flow: Flow, key: str) -> tuple[str, ...]:
    """Return the names of those that take a binding: the trigger, then actions as written."""
    nodes: list[Trigger | Action] = [flow.trigger, *flow.walk()]
    return tuple(node.name for node in nodes if node.call and node.call.binding == key)


def with_binding_added(
    flow: Flow, connector: str, reference: str | None, source: Source = Source.EMBEDDED
) -> tuple[Flow, str]:
    """Declare a binding for a connector, unless there is the same; answers its key, too."""
    for binding in flow.bindings.values():
        if (binding.connector, binding.reference, binding.source, binding.impersonates) == (
            connector, reference, source, False):  # fmt: skip
            return flow, binding.key
    key = _free_key(flow, connector)

    def change(document: JsonObject) -> None:
        envelope = open_envelope(document)
        declared = envelope.declared
        if declared is None:
            declared = {}
            envelope.holder["connectionReferences"] = declared
        entry: JsonObject = {
            "runtimeSource": source.value,
            "connection": {},
            "api": {"name": connector, "id": f"{_API}{connector}"},
        }
        declared[key] = entry

    return with_binding_reference(edited(flow, change), key, reference), key


def rewired(flow: Flow, name: str, reference: str, *, everywhere: bool) -> Flow:
    """Let an action, or the trigger, take the connection behind a reference: *Use this connection*.

    ``everywhere``: so do all that share its binding. Otherwise it gets a key of its own where it
    shared one; a key that nobody takes any more is dropped. Whether row actions follow the run's
    principal stays as it is.
    """
    before = binding_of(flow, name)
    if everywhere or len(sharers(flow, before.key)) == 1:
        flow = with_binding_reference(flow, before.key, reference)
        return with_binding_source(flow, before.key, Source.EMBEDDED)
    wanted = (before.connector, reference, Source.EMBEDDED, before.impersonates)
    for other in flow.bindings.values():
        if wanted == (other.connector, other.reference, other.source, other.impersonates):
            return _taking(flow, name, other.key, before.key)
    key = _free_key(flow, before.key)
    flow = with_binding_reference(with_binding_copied(flow, before.key, key), key, reference)
    return _taking(with_binding_source(flow, key, Source.EMBEDDED), name, key, before.key)


def _taking(flow: Flow, name: str, key: str, before: str) -> Flow:
    flow = with_call_binding(flow, name, key)
    return flow if sharers(flow, before) else without_binding(flow, before)


def _free_key(flow: Flow, wanted: str) -> str:
    number, key = 1, wanted
    while key in flow.bindings:
        number += 1
        key = f"{wanted}-{number}"
    return key
