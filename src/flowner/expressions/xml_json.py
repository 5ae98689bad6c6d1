"""XML to JSON and back, by Newtonsoft's rules.

Source: https://www.newtonsoft.com/json/help/html/ConvertingJSONandXML.htm
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

from flowner.expressions.numbers import float_text
from flowner.expressions.xml_tree import (
    MAX_DEPTH,
    Cdata,
    Comment,
    Declaration,
    Doctype,
    Document,
    Element,
    Instruction,
    Node,
    Text,
    Unreadable,
)

_ARRAYS: Final = "http://james.newtonking.com/projects/json"
_CODED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NAME_CHAR: Final = re.compile(r"[\w.\-·:]")
_NAME_START: Final = re.compile(r"[^\W\d]|:")


def xml_to_json(document: Document) -> Any:
    """Return a document as JSON: attributes ``@x``, text ``#text``, repeated elements as arrays."""
    return _grouped(document)


def _grouped(nodes: list[Node]) -> dict[str, Any]:
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(_called(node), []).append(node)
    found: dict[str, Any] = {}
    for name, group in groups.items():
        values = [_value(one) for one in group if not isinstance(one, Comment)]
        if len(group) > 1 or _is_array(group[0]):
            found[name] = values
        elif values:  # a comment that is alone leaves no trace; several leave an empty array
            found[name] = values[0]
    return found


def _called(node: Node) -> str:
    match node:
        case Element(name=name):
            return _decoded(name)
        case Text():
            return "#text"
        case Cdata():
            return "#cdata-section"
        case Comment():
            return "#comment"
        case Instruction(target=target):
            return f"?{target}"
        case Declaration():
            return "?xml"
        case Doctype():
            return "!DOCTYPE"


def _value(node: Node) -> Any:
    match node:
        case Element():
            return _element_value(node)
        case Text(text=text) | Cdata(text=text) | Comment(text=text) | Instruction(text=text):
            return text
        case Declaration(version=version, encoding=encoding, standalone=standalone):
            parts = {"@version": version, "@encoding": encoding, "@standalone": standalone}
        case Doctype(name=name, public=public, system=system, subset=subset):
            parts = {
                "@name": name, "@public": public, "@system": system, "@internalSubset": subset,
            }  # fmt: skip
    return {key: value for key, value in parts.items() if value}


def _element_value(node: Element) -> Any:
    attributes = {f"@{_decoded(name)}": value for name, value in node.attributes}
    for name, value in node.attributes:
        if value == _ARRAYS and name.startswith("xmlns:"):
            attributes.pop(f"@{name}")
        elif name == "json:Array":
            attributes.pop("@json:Array")
    if not attributes:
        if not node.children:
            return None if node.empty else ""
        if len(node.children) == 1 and isinstance(node.children[0], Text):
            return node.children[0].text
    return {**attributes, **_grouped(node.children)}


def _is_array(node: Node) -> bool:
    return isinstance(node, Element) and ("json:Array", "true") in node.attributes


def _decoded(name: str) -> str:
    return _CODED.sub(lambda match: chr(int(match[1], 16)), name)


def json_to_xml(value: dict[str, Any]) -> Document:
    """Return an object with one member as a document. Raises `Unreadable`."""
    found: Document = []
    rooted = False
    for name, inner in value.items():
        if name.startswith("@"):
            raise Unreadable(
                f"JSON root object has property '{name}' that will be converted to an attribute. A"
                f" root object cannot have any attribute properties. Path '{_path(name)}'."
            )
        if rooted:
            raise Unreadable(
                "JSON root object has multiple properties. The root object must have a single"
                " property in order to create a valid XML document. Consider specifying a"
                f" DeserializeRootElementName. Path '{_path(name)}'."
            )
        _append(found, name, inner, ({"": ""}, 0))
        rooted = any(isinstance(node, Element) for node in found)
    if sum(isinstance(node, Element) for node in found) > 1:
        raise Unreadable("This document already has a 'DocumentElement' node.")
    return found


def _path(name: str) -> str:
    return name if re.fullmatch(r"[\w@#?!$:-]+", name) else f"['{name}']"


_Around = tuple[dict[str, str], int]
"""The namespaces by prefix, and how deep we are."""


def _append(into: list[Node], name: str, value: Any, around: _Around) -> None:
    values = value if isinstance(value, list) else [value]
    into.extend(_node(name, one, around) for one in values)


def _node(name: str, value: Any, around: _Around) -> Node:
    if name in ("#text", "#whitespace", "#significant-whitespace"):
        return Text(_text(value))
    if name == "#cdata-section":
        text = _text(value)
        if "]]>" in text:
            raise Unreadable("Cannot have ']]>' inside an XML CDATA block.")
        return Cdata(text)
    if name == "?xml" and isinstance(value, dict):
        said = {key: _text(one) for key, one in value.items()}
        return Declaration(
            said.get("@version", "1.0"), said.get("@encoding"), said.get("@standalone")
        )
    if name.startswith("?"):
        return Instruction(name[1:], _text(value))
    if name == "!DOCTYPE" and isinstance(value, dict):
        said = {key: _text(one) for key, one in value.items()}
        outside = said.get("@public"), said.get("@system")
        return Doctype(said.get("@name", ""), *outside, said.get("@internalSubset", ""))
    return _element(name, value, around)


def _element(name: str, value: Any, around: _Around) -> Element:
    if not name:
        raise Unreadable("XmlNodeConverter cannot convert JSON with an empty property name to XML.")
    names, depth = around
    if depth > MAX_DEPTH:
        raise Unreadable(f"It is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, list):  # an array in an array: an element of the same name holds it
        nested: list[Node] = []
        _append(nested, name, value, (names, depth + 1))
        return Element(_known(_encoded(name), names), [], nested, empty=not nested)
    if not isinstance(value, dict):
        text = None if value is None else _text(value)
        children: list[Node] = [Text(text)] if text else []
        return Element(_known(_encoded(name), names), [], children, empty=text is None)
    attributes = [(key[1:], _text(one)) for key, one in value.items() if key[:1] == "@"]
    names = {**names, **{k[6:]: v for k, v in attributes if k == "xmlns" or k.startswith("xmlns:")}}
    made = Element(_known(_encoded(name), names), [])
    made.attributes = [(_known(_encoded(key), names), text) for key, text in attributes]
    for key, one in value.items():
        if key[:1] != "@":
            _append(made.children, key, one, (names, depth + 1))
    made.empty = not made.children
    return made


def _known(name: str, names: dict[str, str]) -> str:
    """Leave out a prefix that nothing around declares."""
    prefix, colon, local = name.partition(":")
    return name if not colon or prefix in names or prefix in ("xmlns", "xml") else local


def _encoded(name: str) -> str:
    parts: list[str] = []
    for index, one in enumerate(name):
        fits = _NAME_START.match(one) if index == 0 else _NAME_CHAR.match(one)
        if fits and not (one == "_" and _CODED.match(name, index)):
            parts.append(one)
        else:
            parts.append(f"_x{ord(one):04X}_")
    return "".join(parts)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return (
            float_text(value).replace("Infinity", "INF") if math.isinf(value) else float_text(value)
        )
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    kind = "StartArray" if isinstance(value, list) else "StartObject"
    raise Unreadable(f"Cannot get an XML string value from token type '{kind}'.")
