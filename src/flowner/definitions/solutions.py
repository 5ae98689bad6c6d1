"""The XML of a solution: its name, its workflows, its connection references and variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from lxml import etree

from flowner.definitions.bindings import connector_name
from flowner.errors import Code, Invalid

CLOUD_FLOW: Final = 5
"""The category of a modern flow."""

# Source: the `workflow` table's category choice,
# https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/workflow
_CATEGORIES: Final = {
    0: "a classic workflow",
    1: "a dialog",
    2: "a business rule",
    3: "an action",
    4: "a business process flow",
    6: "a desktop flow",
    7: "an AI flow",
    9000: "an agent macro",
}


class VariableType(IntEnum):
    """The type of an environment variable, as Dataverse numbers it."""

    STRING = 100000000
    NUMBER = 100000001
    BOOLEAN = 100000002
    JSON = 100000003
    DATA_SOURCE = 100000004
    SECRET = 100000005


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Which solution a package carries."""

    unique_name: str
    version: str
    managed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredReference:
    """A connection reference that a solution brings along, always unbound."""

    logical_name: str
    connector: str
    """``shared_office365``"""
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredVariable:
    """An environment variable that a solution brings along."""

    schema_name: str
    display_name: str
    type: VariableType
    default: str | None = field(repr=False)
    value: str | None = field(repr=False)
    """The exporting environment's value, where it was exported with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredWorkflow:
    """A process that a solution brings along."""

    name: str
    guid: str | None
    file: str | None
    """The path of its JSON inside the solution; None for the kinds that have none."""
    category: int
    activated: bool

    @property
    def why_skipped(self) -> str | None:
        """Say why it is no cloud flow; None when it is one."""
        if self.category == CLOUD_FLOW:
            return None
        what = _CATEGORIES.get(self.category, "no cloud flow")
        return f"is {what} (category {self.category})"


def parse_xml(data: bytes, *, file: str) -> etree._Element:
    """Parse an XML file without a document type: no entities, no network, no huge trees.

    Raises `Invalid` (`INVALID_PACKAGE`) with line and column.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _bad(f"is not XML: {str(error)[:200]}", file) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise _bad("declares a document type; none is allowed", file)
    return root


def read_solution(root: etree._Element) -> Solution:
    """Read a ``solution.xml``."""
    manifest = root.find("SolutionManifest")
    return Solution(
        unique_name=_text(manifest, "UniqueName") or "",
        version=_text(manifest, "Version") or "",
        managed=_text(manifest, "Managed") == "1",
    )


def read_workflows(root: etree._Element, *, file: str) -> Iterator[DeclaredWorkflow]:
    """Read the workflows of a ``customizations.xml``, or the one of a ``.data.xml``."""
    for element in root.iter("Workflow"):
        category = _text(element, "Category") or str(CLOUD_FLOW)
        if not category.isascii() or not category.isdigit():
            raise _bad(f"`{category[:40]}` is not the category of a workflow", file)
        path = _text(element, "JsonFileName")
        yield DeclaredWorkflow(
            name=element.get("Name") or path or "",
            guid=(element.get("WorkflowId") or "").strip("{}").lower() or None,
            file=path.replace("\\", "/").lstrip("/") if path else None,
            category=int(category[:9]),
            activated=_text(element, "StateCode") == "1",
        )


def read_references(root: etree._Element) -> Iterator[DeclaredReference]:
    """Read the connection references of a ``customizations.xml``."""
    for element in root.iter("connectionreference"):
        name = element.get("connectionreferencelogicalname")
        if name:
            yield DeclaredReference(
                logical_name=name,
                connector=connector_name(_text(element, "connectorid") or ""),
                display_name=_text(element, "connectionreferencedisplayname") or name,
            )


def read_variables(root: etree._Element, *, file: str) -> Iterator[DeclaredVariable]:
    """Read the environment variables that older exports keep in their ``customizations.xml``."""
    for element in root.iterfind("EnvironmentVariables/Definition"):
        label = element.find("DisplayName/LocalizedNames/LocalizedName")
        yield _variable(
            _text(element, "SchemaName"),
            label.get("description") if label is not None else None,
            _text(element, "Type"),
            (_text(element, "DefaultValue"), None),
            file,
        )


def read_variable(root: etree._Element, value: str | None, *, file: str) -> DeclaredVariable:
    """Read an ``environmentvariabledefinition.xml``; ``value`` stands in a file beside it."""
    label = root.find("displayname")
    return _variable(
        root.get("schemaname"),
        label.get("default") if label is not None else None,
        _text(root, "type"),
        (_text(root, "defaultvalue"), value),
        file,
    )


def _variable(
    name: str | None,
    display_name: str | None,
    written: str | None,
    values: tuple[str | None, str | None],
    file: str,
) -> DeclaredVariable:
    known = {str(kind.value): kind for kind in VariableType}
    kind = known.get(written or str(VariableType.STRING.value))
    if not name or kind is None:
        raise _bad(f"declares a variable `{name}` of type `{(written or '')[:40]}`", file)
    default, value = values
    return DeclaredVariable(
        schema_name=name,
        display_name=display_name or name,
        type=kind,
        default=default,
        value=value,
    )


def _text(element: etree._Element | None, name: str) -> str | None:
    found = element.find(name) if element is not None else None
    return found.text.strip() if found is not None and found.text else None


def _bad(message: str, file: str) -> Invalid:
    return Invalid(message, code=Code.INVALID_PACKAGE, file=file)
