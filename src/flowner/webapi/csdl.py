"""The whole service as CSDL: tables as types, relationships, functions, actions and sets.

Source: https://docs.oasis-open.org/odata/odata-csdl-xml/v4.01/odata-csdl-xml-v4.01.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from flowner.access.rights import Right
from flowner.rows.catalogue import STAMPS, Table, Type
from flowner.webapi.signatures import OPEN, SIGNATURES, STRUCTURES, TO_ROWS, Named, Signature

_EDMX: Final = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM: Final = "http://docs.oasis-open.org/odata/ns/edm"
_SPACE: Final = "Microsoft.Dynamics.CRM"
_BASE: Final = "mscrm.crmbaseentity"
_PRINCIPAL: Final = "mscrm.principal"
_PRINCIPALS: Final = ("systemuser", "team")
_COMPUTED: Final = "Org.OData.Core.V1.Computed"
_TYPES: Final = {
    Type.TEXT: "Edm.String",
    Type.WHOLE: "Edm.Int32",
    Type.BIG: "Edm.Int64",
    Type.DECIMAL: "Edm.Decimal",
    Type.FLOAT: "Edm.Double",
    Type.BOOLEAN: "Edm.Boolean",
    Type.MOMENT: "Edm.DateTimeOffset",
    Type.DAY: "Edm.Date",
    Type.LOOKUP: "Edm.Guid",
    Type.JSON: "Edm.Untyped",
}


@dataclass(slots=True)
class Description:
    """Describes tables, and remembers the document for as long as they are the same."""

    _of: Mapping[str, Table] | None = None
    _document: bytes = field(default=b"", repr=False)

    def document(self, tables: Mapping[str, Table], state: Mapping[str, Table]) -> bytes:
        """Return the document. ``state`` is another object whenever a table has changed."""
        if self._of is not state:
            self._document = describe(tables)
            self._of = state
        return self._document


@dataclass(frozen=True, slots=True)
class _Link:
    """A navigation property."""

    name: str
    table: str | None
    """None: a user or a team."""
    many: bool
    partner: str | None = None
    column: str | None = None
    """The lookup that it follows."""


def describe(tables: Mapping[str, Table]) -> bytes:
    """Return the CSDL of tables, given by logical name, as XML in UTF-8."""
    root = etree.Element(
        etree.QName(_EDMX, "Edmx"), nsmap={"edmx": _EDMX}, attrib={"Version": "4.0"}
    )
    services = etree.SubElement(root, etree.QName(_EDMX, "DataServices"))
    schema = etree.SubElement(
        services, etree.QName(_EDM, "Schema"), nsmap={None: _EDM},  # type: ignore[dict-item]
        attrib={"Namespace": _SPACE, "Alias": "mscrm"},
    )  # fmt: skip
    _add(schema, "EntityType", Name="crmbaseentity", Abstract="true")
    _add(schema, "EntityType", Name="principal", BaseType=_BASE, Abstract="true")
    links = {name: [*_links(table, tables)] for name, table in tables.items()}
    for name, table in tables.items():
        _describe_table(schema, table, links[name], tables)
    _describe_structures(schema)
    for one in SIGNATURES:
        for bound_to in [f"mscrm.{name}" for name in tables] if one.bound_to == "*" else [None]:
            _describe_signature(schema, one, bound_to)
    _describe_sets(schema, tables, links)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _links(table: Table, tables: Mapping[str, Table]) -> Iterator[_Link]:
    """Return a table's navigation properties; of two of one name, the first."""
    found = [
        _Link(one.navigation, one.referenced, False, one.collection, one.attribute)
        for one in table.outgoing
    ]
    if table.owned:
        found.append(_Link("ownerid", None, False, None, "ownerid"))
    found += [
        _Link(one.collection, one.referencing, True, one.navigation) for one in table.incoming
    ]
    found += [_Link(one.navigation, one.other, True, one.back) for one in table.associations]
    known: set[str] = set(_shown(table))
    for link in found:
        if link.name not in known and (link.table is None or link.table in tables):
            known.add(link.name)
            yield link


def _shown(table: Table) -> dict[str, str]:
    """Return the columns by the names that rows have them by."""
    return {
        f"_{column}_value" if type is Type.LOOKUP and column != table.key else column: column
        for column, type in sorted(table.columns.items())
    }


def _describe_table(
    schema: etree._Element, table: Table, links: Sequence[_Link], tables: Mapping[str, Table]
) -> None:
    base = _PRINCIPAL if table.name in _PRINCIPALS else _BASE
    entity = _add(schema, "EntityType", Name=table.name, BaseType=base)
    _add(_add(entity, "Key"), "PropertyRef", Name=table.key)
    for name, column in _shown(table).items():
        one = _add(entity, "Property", Name=name, Type=_TYPES[table.columns[column]])
        if table.columns[column] is Type.DECIMAL:
            one.set("Scale", "variable")
        if name != column or column in STAMPS:
            _add(one, "Annotation", Term=_COMPUTED, Bool="true")
    for link in links:
        type = _PRINCIPAL if link.table is None else f"mscrm.{link.table}"
        one = _add(entity, "NavigationProperty", Name=link.name,
                   Type=f"Collection({type})" if link.many else type)  # fmt: skip
        if link.partner is not None:
            one.set("Partner", link.partner)
        if link.column is not None and link.table is not None:
            _add(one, "ReferentialConstraint", Property=f"_{link.column}_value",
                 ReferencedProperty=tables[link.table].key)  # fmt: skip


def _describe_structures(schema: etree._Element) -> None:
    rights = _add(schema, "EnumType", Name="AccessRights", IsFlags="true")
    _add(rights, "Member", Name="None", Value="0")
    for right in sorted(Right, key=lambda one: one.mask):
        _add(rights, "Member", Name=f"{right}Access", Value=str(right.mask))
    for name in OPEN:
        _add(schema, "ComplexType", Name=name, OpenType="true")
    for name in dict.fromkeys([*STRUCTURES, *TO_ROWS]):
        structure = _add(schema, "ComplexType", Name=name)
        _properties(structure, "Property", STRUCTURES.get(name, ()))
        _properties(structure, "NavigationProperty", TO_ROWS.get(name, ()))


def _properties(parent: etree._Element, tag: str, named: Named) -> None:
    for name, type in named:
        _add(parent, tag, Name=name, Type=type)


def _describe_signature(schema: etree._Element, one: Signature, rows: str | None) -> None:
    found = _add(schema, "Function" if one.is_function else "Action", Name=one.name)
    if one.bound_to is not None:
        found.set("IsBound", "true")
        _add(found, "Parameter", Name="entityset" if rows else "entity",
             Type=f"Collection({rows})" if rows else one.bound_to, Nullable="false")  # fmt: skip
    for name, type in one.parameters:
        given = f"Collection({rows})" if rows and name == "Targets" else type
        _add(found, "Parameter", Name=name, Type=given)
    if one.returns is not None:
        _add(found, "ReturnType", Type=one.returns, Nullable="false")


def _describe_sets(
    schema: etree._Element, tables: Mapping[str, Table], links: Mapping[str, Sequence[_Link]]
) -> None:
    container = _add(schema, "EntityContainer", Name="System")
    for name, table in tables.items():
        one = _add(container, "EntitySet", Name=table.set_name, EntityType=f"{_SPACE}.{name}")
        for link in links[name]:
            if link.table is not None:
                target = tables[link.table].set_name
                _add(one, "NavigationPropertyBinding", Path=link.name, Target=target)
    for signature in SIGNATURES:
        if signature.bound_to is None:
            kind = "Function" if signature.is_function else "Action"
            named = {"Name": signature.name, kind: f"{_SPACE}.{signature.name}"}
            _add(container, f"{kind}Import", **named)


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, etree.QName(_EDM, tag), attrib=attributes)
