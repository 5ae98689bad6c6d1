"""Edits of a flow: pure functions that return a new one.

Each writes the flow, changes the one member that says it, and reads the document again; so an
edited flow is exactly what its document says, and is refused for the same reasons. An edit that
changes nothing returns the flow it was given.
"""

from __future__ import annotations

from collections.abc import Callable

from flowner.definitions.calls import KEY_IN_TEMPLATE, binding_member
from flowner.definitions.documents import copied_object
from flowner.definitions.editing import child, edited, find, with_node
from flowner.definitions.envelopes import Envelope, open_envelope
from flowner.definitions.flow import (
    Binding,
    Flow,
    RunAs,
    Source,
    WhenUnavailable,
)
from flowner.definitions.row_triggers import ROW_TRIGGER, RUN_AS, RUN_AS_NUMBERS
from flowner.definitions.triggers import WHEN_UNAVAILABLE
from flowner.errors import Code, Invalid
from flowner.values import Json, JsonObject

_REFERENCE = "connectionReferenceLogicalName"


def with_binding_source(flow: Flow, key: str, source: Source) -> Flow:
    """Say whose connection a binding takes: *use this connection*, or the run-only user's."""
    if _binding(flow, key).source is source:
        return flow

    def change(entry: JsonObject) -> None:
        spelled = [name for name in ("runtimeSource", "source") if entry.get(name) is not None]
        for name in spelled or ["source" if "id" in entry else "runtimeSource"]:
            entry[name] = source.value.capitalize() if name == "source" else source.value

    return _with_entry(flow, key, change)


def with_impersonation(flow: Flow, key: str, impersonates: bool) -> Flow:
    """Let the row actions on a binding follow the run's principal, or stop them from it."""
    if _binding(flow, key).impersonates is impersonates:
        return flow

    def change(entry: JsonObject) -> None:
        mark = child(entry, "impersonation")
        if impersonates:
            mark["source"] = "invoker"
        else:
            del mark["source"]
        if not mark:
            del entry["impersonation"]

    return _with_entry(flow, key, change)


def with_binding_reference(flow: Flow, key: str, logical_name: str | None) -> Flow:
    """Point a binding at a connection reference, or at none."""
    if _binding(flow, key).reference == logical_name:
        return flow

    def change(entry: JsonObject) -> None:
        # A package's entry is flat; a solution's has a `connection`.
        place = entry if "id" in entry else child(entry, "connection")
        entry.pop(_REFERENCE, None)
        if logical_name is None:
            place.pop(_REFERENCE, None)
        else:
            place[_REFERENCE] = logical_name

    return _with_entry(flow, key, change)


def with_binding_copied(flow: Flow, key: str, copy: str) -> Flow:
    """Declare a second key like an existing one, so that calls can choose between the two.

    Raises `Invalid` when the flow has a binding ``copy`` already.
    """
    _binding(flow, key)
    if copy in flow.bindings:
        raise Invalid(f"the flow has a connection `{copy}` already")

    def change(document: JsonObject) -> None:
        entries = _entries(flow, open_envelope(document))
        entry = entries[key]
        entries[copy] = copied_object(entry) if isinstance(entry, dict) else entry

    return edited(flow, change)


def without_binding(flow: Flow, key: str) -> Flow:
    """Take a binding away. Raises `Invalid` when a call uses it."""
    _binding(flow, key)

    def change(document: JsonObject) -> None:
        del _entries(flow, open_envelope(document))[key]

    return edited(flow, change)


def with_call_binding(flow: Flow, name: str, key: str) -> Flow:
    """Let an action, or the trigger, use another of the flow's bindings for the same connector.

    Raises `Invalid` when there is no such action or binding, or when the binding is for another
    connector.
    """
    node = find(flow, name)
    call, binding = node.call, _binding(flow, key)
    if call is None:
        raise Invalid(f"`{name}` uses no connection", pointer=node.pointer)
    if call.binding == key:
        return flow
    present = flow.bindings.get(call.binding)
    connector = call.connector or (present.connector if present else binding.connector)
    if connector != binding.connector:
        raise Invalid(
            f"`{name}` needs a connection to `{connector}`; `{key}` is one to "
            f"`{binding.connector}`",
            pointer=node.pointer,
        )
    return with_node(flow, node, lambda source: _point_host(source, key))


def with_run_as(flow: Flow, run_as: RunAs | None) -> Flow:
    """Choose in whose name a row trigger's runs execute; None leaves it unsaid.

    Raises `Invalid` (`RUN_AS_NOT_OFFERED`) for every other trigger.
    """
    trigger = flow.trigger
    if trigger.rows is None or trigger.call is None or trigger.call.operation != ROW_TRIGGER:
        raise Invalid(
            f"trigger `{trigger.name}` offers no Run as; a row trigger does",
            code=Code.RUN_AS_NOT_OFFERED,
            pointer=trigger.pointer,
        )
    if trigger.rows.run_as is run_as:
        return flow

    def change(source: JsonObject) -> None:
        parameters = child(child(source, "inputs"), "parameters")
        if run_as is None:
            del parameters[RUN_AS]
        else:
            parameters[RUN_AS] = RUN_AS_NUMBERS[run_as]

    return with_node(flow, trigger, change)


def with_when_unavailable(flow: Flow, choice: WhenUnavailable) -> Flow:
    """Choose what a run does when the principal that Run as names cannot be had."""
    if flow.trigger.when_unavailable is choice:
        return flow

    def change(source: JsonObject) -> None:
        child(source, "metadata")[WHEN_UNAVAILABLE] = choice.value

    return with_node(flow, flow.trigger, change)


def _with_entry(flow: Flow, key: str, change: Callable[[JsonObject], None]) -> Flow:
    def change_entry(document: JsonObject) -> None:
        change(child(_entries(flow, open_envelope(document)), key))

    return edited(flow, change_entry)


def _entries(flow: Flow, envelope: Envelope) -> JsonObject:
    """Return the declared connections, declaring first what the definition only implies."""
    entries = envelope.declared
    if entries is None:
        entries = child(envelope.holder, "connectionReferences")
    for key, binding in flow.bindings.items():
        if not binding.document:
            entries[key] = {
                "runtimeSource": binding.source.value,
                "connection": {},
                "api": {"name": binding.connector},
            }
    return entries


def _point_host(source: JsonObject, key: str) -> None:
    names = binding_member(source) or ("connectionName",)
    host = child(child(source, "inputs"), "host")
    place = host if len(names) == 1 else child(host, names[0])
    plain = names != ("connection", "name")
    place[names[-1]] = key if plain else _template(place.get("name"), key)


def _template(written: Json, key: str) -> str:
    """Put a key into a template as it is written, or write a plain one."""
    match = KEY_IN_TEMPLATE.search(written) if isinstance(written, str) else None
    if match is None or match["key"] is None:
        return f"@parameters('$connections')['{_quoted(key)}']['connectionId']"
    return match.string[: match.start("key")] + _quoted(key) + match.string[match.end("key") :]


def _quoted(key: str) -> str:
    return key.replace("'", "''")


def _binding(flow: Flow, key: str) -> Binding:
    if key not in flow.bindings:
        raise Invalid(f"the flow has no connection `{key}`", code=Code.UNKNOWN_BINDING)
    return flow.bindings[key]
