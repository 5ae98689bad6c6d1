"""How a definition is wrapped: which of the formats, and where in the document things are.

SOLUTION  properties.definition, properties.connectionReferences
LEGACY    the same below a resource with ``id``, ``name`` and ``type``
BARE      the whole document, or its ``definition``; ``connectionReferences`` beside it
ARM       resources[…].properties.definition, ….parameters.$connections.value
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from flowner.definitions.documents import pointer
from flowner.definitions.flow import Format
from flowner.definitions.reading import member, text_at
from flowner.errors import Code, Invalid
from flowner.values import Json, JsonObject

_WORKFLOWS = "microsoft.logic/workflows"
_FLOWS = "microsoft.flow/flows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A document opened: the parts are those of the document, not copies."""

    format: Format
    definition: JsonObject
    pointer: str
    """JSON pointer of the definition."""
    holder: JsonObject
    """What the definition stands in: the document itself for a bare one."""
    declared: JsonObject | None
    """The connection references by key; None where the document has no place for them yet."""
    declared_pointer: str
    """Where they are, or would be."""


def open_envelope(document: JsonObject, *, file: str | None = None) -> Envelope:
    """Recognise a document's format.

    Raises `Invalid` when it is not a flow in any of them.
    """
    if _is_template(document):
        return _opened(Format.ARM, *_resource(document, file), file)
    properties = document.get("properties")
    if isinstance(properties, dict) and "definition" in properties:
        wrapped = Format.LEGACY if _is_legacy(document, properties) else Format.SOLUTION
        return _opened(wrapped, properties, "/properties", file)
    if "definition" in document:
        return _opened(Format.BARE, document, "", file)
    if "triggers" in document or "actions" in document:
        return _envelope(Format.BARE, document, "", (document, ""), file)
    raise Invalid(
        "is not a flow; neither `properties.definition`, `definition` nor `triggers` is there",
        code=Code.INVALID_DEFINITION,
        pointer="",
        file=file,
    )


def client_data(document: JsonObject) -> str:
    """Return a flow's document as the column `clientdata` of Dataverse's table `workflow` has it.

    Source: https://learn.microsoft.com/power-automate/manage-flows-with-code
    """
    envelope = open_envelope(document)
    if envelope.format is Format.SOLUTION:
        return json.dumps(document, ensure_ascii=False)
    properties: JsonObject = {
        "connectionReferences": envelope.declared or {},
        "definition": envelope.definition,
    }
    wrapped: JsonObject = {"properties": properties, "schemaVersion": "1.0.0.0"}
    return json.dumps(wrapped, ensure_ascii=False)


def is_flow(document: Json) -> bool:
    """Say whether a file that may be anything is meant as a flow, if perhaps a broken one."""
    if not isinstance(document, dict):
        return False
    try:
        definition = open_envelope(document).definition
    except Invalid:
        return any(True for _ in _workflows(document))
    schema = text_at(definition, "$schema") or ""
    return "workflowdefinition" in schema.casefold() or isinstance(definition.get("triggers"), dict)


def _opened(wrapped: Format, holder: JsonObject, at: str, file: str | None) -> Envelope:
    definition = holder.get("definition")
    if not isinstance(definition, dict):
        raise Invalid(
            "`definition` is not an object",
            code=Code.INVALID_DEFINITION,
            pointer=f"{at}/definition",
            file=file,
        )
    return _envelope(wrapped, definition, f"{at}/definition", (holder, at), file)


def _envelope(
    wrapped: Format,
    definition: JsonObject,
    at: str,
    around: tuple[JsonObject, str],
    file: str | None,
) -> Envelope:
    holder, holder_at = around
    declared = holder.get("connectionReferences")
    declared_at = f"{holder_at}/connectionReferences"
    if declared is None:
        declared = member(holder, "parameters", "$connections", "value")
        if isinstance(declared, dict):
            declared_at = f"{holder_at}/parameters/$connections/value"
        else:
            declared = None
    elif not isinstance(declared, dict):
        raise Invalid(
            "`connectionReferences` is not an object",
            code=Code.INVALID_DEFINITION,
            pointer=declared_at,
            file=file,
        )
    return Envelope(
        format=wrapped,
        definition=definition,
        pointer=at,
        holder=holder,
        declared=declared,
        declared_pointer=declared_at,
    )


def _is_legacy(document: JsonObject, properties: JsonObject) -> bool:
    kind = (text_at(document, "type") or "").casefold()
    return kind.endswith(_FLOWS) or "apiId" in properties


def _is_template(document: JsonObject) -> bool:
    if "resources" not in document or "definition" in document or "triggers" in document:
        return False
    schema = (text_at(document, "$schema") or "").casefold()
    return "deploymenttemplate" in schema or any(True for _ in _workflows(document))


def _resource(document: JsonObject, file: str | None) -> tuple[JsonObject, str]:
    found = list(_workflows(document))
    if len(found) != 1:
        raise Invalid(
            f"the template holds {len(found)} resources of type `Microsoft.Logic/workflows`; "
            "one is expected",
            code=Code.INVALID_DEFINITION,
            pointer="/resources",
            file=file,
        )
    resource, at = found[0]
    properties = resource.get("properties")
    return (properties if isinstance(properties, dict) else {}), f"{at}/properties"


def _workflows(document: JsonObject) -> Iterator[tuple[JsonObject, str]]:
    resources = document.get("resources")
    named: list[tuple[str | int, Json]] = []
    if isinstance(resources, list):
        named = list(enumerate(resources))
    elif isinstance(resources, dict):
        named = list(resources.items())
    for token, resource in named:
        if (text_at(resource, "type") or "").casefold() == _WORKFLOWS and isinstance(
            resource, dict
        ):
            yield resource, pointer("/resources", token)
