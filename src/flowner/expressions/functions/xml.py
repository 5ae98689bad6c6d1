"""XML and XPath."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from lxml import etree

from flowner.expressions.arguments import SOLE, a_string, fail, wrong_type
from flowner.expressions.catalogue import Family, function
from flowner.expressions.content_objects import content
from flowner.expressions.text import CONTENT, CONTENT_TYPE, content_bytes, is_content, is_xml, utf8
from flowner.expressions.xml_effort import MAX_EFFORT, effort
from flowner.expressions.xml_json import json_to_xml
from flowner.expressions.xml_tree import (
    Declaration,
    Doctype,
    Document,
    Element,
    Unreadable,
    read_xml,
    read_xml_bytes,
)
from flowner.expressions.xml_writing import attribute_text, write_indented, write_xml

_F = Family.XML
XML: Final = "application/xml;charset=utf-8"
_PRODUCE: Final = 'xml(\'<p><i n="1">Gala</i><i n="2">Fuji</i></p>\')'


@function("xml", _F, "xml(value)", "The XML that a text or an object stands for.",
          ("string(xml('<a><b/></a>'))", "<a><b /></a>"),
          ("string(xml(json('{\"a\":{\"@x\":1,\"b\":[\"t\",null]}}')))", '<a x="1"><b>t</b><b /></a>'),
          errors=(("xml('a')", "Data at the root level is invalid"), ("xml(null)", "a string or an object"),
                  ("xml(json('{\"a\":1,\"b\":2}'))", "multiple properties")))  # fmt: skip
def xml(value: Any) -> dict[str, str]:
    if is_content(value):
        return {CONTENT_TYPE: XML, CONTENT: str(value[CONTENT])}
    if not isinstance(value, str | dict):
        wrong_type("xml", SOLE, "a string or an object", value)
    try:
        document = read_xml(value) if isinstance(value, str) else json_to_xml(value)
    except Unreadable as error:
        fail(
            "xml",
            f"parameter is not valid. The provided value cannot be converted to XML: '{error}'.",
        )
    return content(utf8(write_xml(document)), XML)


@function("xpath", _F, "xpath(xml, path)",
          "What an XPath 1.0 expression finds: an array of nodes, or a number, text or boolean.",
          (f"xpath({_PRODUCE}, '/p/i/text()')", ["Gala", "Fuji"]), (f"xpath({_PRODUCE}, 'sum(//@n)')", 3.0),
          (f"xpath({_PRODUCE}, '//i[2]/@n')", ['n="2"']),
          errors=(("xpath('<a/>', '/a')", "to be an XML object"), (f"xpath({_PRODUCE}, '//[')", "XPath")))  # fmt: skip
def xpath(value: Any, path: Any) -> Any:
    if not is_content(value) or not is_xml(value):
        wrong_type("xpath", 0, "an XML object", value)
    asked = a_string("xpath", 1, path)
    try:
        document = read_xml_bytes(content_bytes(value))
        return _Found(document).ask(asked)
    except Unreadable as error:
        fail("xpath", f"parameter is not valid. The provided XML cannot be parsed: '{error}'.")
    except (etree.XPathError, ValueError) as error:
        _bad_path(str(error))


def _bad_path(why: str) -> NoReturn:
    fail(
        "xpath",
        "parameters are invalid: the 'xpath' parameter must be a supported, well formed XPath"
        f" expression. The details: '{why}'.",
    )


class _Found:
    """A document, and the same for lxml, which reads nothing but the text it is given."""

    def __init__(self, document: Document) -> None:
        kept = [node for node in document if not isinstance(node, Declaration | Doctype)]
        self._document = document
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, strip_cdata=False
        )  # fmt: skip
        self._root = etree.fromstring(utf8(write_xml(kept)), parser)
        elements: list[Element] = []
        for node in document:
            if isinstance(node, Element):
                _collect(node, elements)
        self._elements = dict(zip(self._root.iter("*"), elements, strict=True))

    def ask(self, path: str) -> Any:
        if effort(path, len(self._elements)) > MAX_EFFORT:
            raise ValueError("it looks at too many nodes")
        if path.strip() == "/":
            return [content(utf8(write_xml(self._document)), XML)]
        found = self._root.getroottree().xpath(path)
        if not isinstance(found, list):
            return str(found) if isinstance(found, str) else found
        return [self._node(one) for one in found]

    def _node(self, one: Any) -> Any:
        if isinstance(one, tuple):
            prefix, uri = one
            return attribute_text(f"xmlns:{prefix}" if prefix else "xmlns", uri)
        if isinstance(one, str):
            return _attribute(one) if getattr(one, "is_attribute", False) else str(one)
        element = self._elements.get(one)
        if element is None:
            return etree.tostring(one, encoding="unicode", with_tail=False)
        around = {prefix or "": uri for prefix, uri in one.nsmap.items()}
        return content(utf8(write_indented(element, around)), XML)


def _collect(element: Element, into: list[Element]) -> None:
    into.append(element)
    for child in element.children:
        if isinstance(child, Element):
            _collect(child, into)


def _attribute(one: Any) -> str:
    name = str(one.attrname)
    if name.startswith("{"):
        uri, _, local = name[1:].partition("}")
        names: Mapping[str | None, str] = one.getparent().nsmap
        prefix = next((p for p, known in names.items() if known == uri and p), "")
        name = f"{prefix}:{local}" if prefix else local
    return attribute_text(name, str(one))
