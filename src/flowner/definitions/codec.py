"""A flow definition: JSON to `Flow`, and back with nothing lost.

Reading takes a copy, so a flow never shares anything with the document it came from. What no
member of the model holds stays in the ``source`` of its node, or in ``Flow.document``; an empty
object stands there for the children that were taken out, and marks where they go back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from flowner.definitions.actions import read_actions, write_actions
from flowner.definitions.bindings import implied_bindings, read_bindings
from flowner.definitions.checks import structure_problems
from flowner.definitions.documents import copied, copied_object, own, pointer
from flowner.definitions.envelopes import Envelope, open_envelope
from flowner.definitions.flow import Action, Binding, Flow, Format, Parameter, Trigger
from flowner.definitions.problems import InvalidDefinition, Severity
from flowner.definitions.reading import Reading, member, text_at
from flowner.definitions.triggers import read_trigger
from flowner.values import JsonObject

_GUID: Final = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE
)


def read_flow(document: JsonObject, *, name: str, file: str | None = None) -> Flow:
    """Read a flow definition in any of the formats.

    ``name`` is what people call it; ``file`` goes into errors, and gives the GUID where the
    document has none (``Workflows/<name>-<GUID>.json``).

    Every control action has its branches, written or not: If `actions` and `else`; Switch its
    cases in order, then `default`; Foreach, Until, Scope and Changeset `actions`. Types are
    spelled as Power Automate does, however the document spells them.

    Raises `InvalidDefinition` (an `Invalid`) with every fatal problem, each with its pointer.
    """
    reading = Reading(file)
    own_document = own(document, file=file)
    if not isinstance(own_document, dict):
        reading.fault("", "is not a JSON object", "write the flow as `{…}`")
        raise InvalidDefinition(reading.problems)
    envelope = open_envelope(own_document, file=file)
    flow = _flow(own_document, envelope, name, reading)
    found = structure_problems(flow, file=file)
    fatal = [problem for problem in found if problem.severity is Severity.FATAL]
    if fatal:
        raise InvalidDefinition(fatal)
    return flow


def write_flow(flow: Flow) -> JsonObject:
    """Return the flow as a document of its own, in the format it was read in."""
    document = copied_object(flow.document)
    envelope = open_envelope(document)
    envelope.definition["triggers"] = {flow.trigger.name: copied(flow.trigger.source)}
    if flow.actions:
        envelope.definition["actions"] = write_actions(flow.actions)
    declared = {key: copied(found.document) for key, found in flow.bindings.items()}
    written: JsonObject = {key: entry for key, entry in declared.items() if entry}
    if envelope.declared is not None:
        envelope.declared.update(written)
    elif written:
        envelope.holder["connectionReferences"] = written
    return document


def binding_pointer(flow: Flow, key: str) -> str:
    """Return the JSON pointer of a connection's entry, or of where it would be declared."""
    return pointer(open_envelope(flow.document).declared_pointer, key)


def _flow(document: JsonObject, envelope: Envelope, name: str, reading: Reading) -> Flow:
    definition, at = envelope.definition, envelope.pointer
    declared = dict(envelope.declared or {})
    if envelope.declared is not None:
        envelope.declared.clear()
    bindings = read_bindings(declared, envelope.declared_pointer, reading)
    trigger = _trigger(definition, at, bindings, reading)
    actions = _actions(definition, at, reading)
    parameters = _parameters(definition, at, reading)
    outputs = reading.object(definition, "outputs", at)
    static_results = reading.object(definition, "staticResults", at)
    if trigger is None or reading.problems:
        raise InvalidDefinition(reading.problems)
    if not declared:
        bindings = _implied(envelope, trigger, actions)
    return Flow(
        name=name,
        guid=_guid(document, envelope.format, reading.file),
        format=envelope.format,
        trigger=trigger,
        actions=actions,
        bindings=bindings,
        parameters=parameters,
        outputs=outputs,
        static_results=static_results,
        document=document,
        file=reading.file,
    )


def _trigger(
    definition: JsonObject, at: str, bindings: Mapping[str, Binding], reading: Reading
) -> Trigger | None:
    place = pointer(at, "triggers")
    written = reading.object(definition, "triggers", at)
    if len(written) != 1:
        reading.fault(place, f"the flow has {len(written)} triggers", "leave exactly one")
        return None
    ((name, source),) = written.items()
    if not isinstance(source, dict):
        reading.fault(
            pointer(place, name), f"trigger `{name}` is not an object", "write it as `{…}`"
        )
        return None
    definition["triggers"] = {}
    return read_trigger(name, source, pointer(place, name), bindings=bindings, reading=reading)


def _actions(definition: JsonObject, at: str, reading: Reading) -> dict[str, Action]:
    block = reading.object(definition, "actions", at)
    if block:
        definition["actions"] = {}
    return read_actions(block, pointer(at, "actions"), reading)


def _implied(
    envelope: Envelope, trigger: Trigger, actions: Mapping[str, Action]
) -> dict[str, Binding]:
    """Bind what a definition without declarations names, where that is how it is meant.

    Logic Apps definitions get their connections when they are deployed. A cloud flow declares
    what it uses, and is known by the ``$authentication`` parameter that each of them has.
    """
    everywhere = envelope.declared is None and envelope.format in (Format.BARE, Format.ARM)
    cloud_flow = member(envelope.definition, "parameters", "$authentication") is not None
    if cloud_flow and not everywhere:
        return {}
    walked = (action.call for top in actions.values() for action in top.walk())
    calls = [call for call in (trigger.call, *walked) if call is not None]
    return implied_bindings(call for call in calls if everywhere or call.legacy)


def _parameters(definition: JsonObject, at: str, reading: Reading) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    place = pointer(at, "parameters")
    for name, source in reading.object(definition, "parameters", at).items():
        if not isinstance(source, dict):
            reading.fault(
                pointer(place, name), f"parameter `{name}` is not an object", "write it as `{…}`"
            )
            continue
        found[name] = Parameter(
            name=name,
            type=reading.text(source, "type", pointer(place, name)) or "Object",
            default=source.get("defaultValue"),
            has_default="defaultValue" in source,
            schema_name=text_at(source, "metadata", "schemaName"),
            source=source,
        )
    return found


def _guid(document: JsonObject, written: Format, file: str | None) -> str | None:
    """Return the GUID: a legacy document's own name first, else the last one in the file name."""
    if written is Format.LEGACY:
        named = _GUID.fullmatch(text_at(document, "name") or "")
        if named:
            return named[0].lower()
    found = _GUID.findall(file or "")
    return found[-1].lower() if found else None
