"""XML trees to text, compact as .NET's document writes itself, or indented as its writer does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, assert_never

from flowner.expressions.xml_tree import (
    Cdata,
    Comment,
    Declaration,
    Doctype,
    Element,
    Instruction,
    Node,
    Text,
)

_IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_IN_ATTRIBUTE: Final = _IN_TEXT | str.maketrans(
    {'"': "&quot;", "\r": "&#xD;", "\n": "&#xA;", "\t": "&#x9;"}
)


def write_xml(nodes: Iterable[Node]) -> str:
    """Return nodes as text on as few lines as they allow."""
    written: list[str] = []
    for node in nodes:
        _write(node, written)
    return "".join(written)


def write_indented(element: Element, around: Mapping[str, str]) -> str:
    """Return an element as text, its children on lines of their own where there is no text.

    ``around`` holds the namespaces by prefix that are in scope where the element stands; those it
    uses are declared where they are used.
    """
    written: list[str] = []
    _indented(element, written, 0, (dict(around), {}), False)
    return "".join(written).lstrip("\n")


def attribute_text(name: str, value: str) -> str:
    return f'{name}="{value.translate(_IN_ATTRIBUTE)}"'


def _write(node: Node, written: list[str]) -> None:
    if not isinstance(node, Element):
        written.append(_leaf(node))
        return
    written.append("<" + " ".join([node.name, *(attribute_text(*a) for a in node.attributes)]))
    if node.empty:
        written.append(" />")
        return
    written.append(">")
    for child in node.children:
        _write(child, written)
    written.append(f"</{node.name}>")


def _leaf(node: Text | Cdata | Comment | Instruction | Declaration | Doctype) -> str:
    match node:
        case Text(text=text):
            return text.translate(_IN_TEXT)
        case Cdata(text=text):
            return f"<![CDATA[{text}]]>"
        case Comment(text=text):
            return f"<!--{text}-->"
        case Instruction(target=target, text=text):
            return f"<?{target} {text}?>" if text else f"<?{target}?>"
        case Declaration():
            return _declaration(node)
        case Doctype():
            return _doctype(node)
        case _:
            assert_never(node)


def _declaration(node: Declaration) -> str:
    parts = [f'version="{node.version}"']
    if node.encoding:
        parts.append(f'encoding="{node.encoding}"')
    if node.standalone:
        parts.append(f'standalone="{node.standalone}"')
    return f"<?xml {' '.join(parts)}?>"


def _doctype(node: Doctype) -> str:
    outside = ""
    if node.public is not None:
        outside = f' PUBLIC "{node.public}" "{node.system or ""}"'
    elif node.system is not None:
        outside = f' SYSTEM "{node.system}"'
    return f"<!DOCTYPE {node.name}{outside}[{node.subset}]>"


def _indented(
    node: Node,
    written: list[str],
    level: int,
    scope: tuple[Mapping[str, str], Mapping[str, str]],
    mixed: bool,
) -> None:
    line = "" if mixed else "\n" + "  " * level
    if not isinstance(node, Element):
        text = isinstance(node, Text | Cdata)
        written.append(_leaf(node) if text else line + _leaf(node))
        return
    attributes, inner = _declared(node, scope)
    written.append(line + "<" + " ".join([node.name, *(attribute_text(*a) for a in attributes)]))
    if node.empty:
        written.append(" />")
        return
    written.append(">")
    for child in node.children:
        mixed = mixed or isinstance(child, Text | Cdata)
        _indented(child, written, level + 1, inner, mixed)
    closing = "\n" + "  " * level if node.children and not mixed else ""
    written.append(f"{closing}</{node.name}>")


def _declared(
    node: Element, scope: tuple[Mapping[str, str], Mapping[str, str]]
) -> tuple[list[tuple[str, str]], tuple[Mapping[str, str], Mapping[str, str]]]:
    """Return the attributes with the namespaces that must be declared, and the scope inside.

    A scope is what is known around, and what of it has been written.
    """
    around, out = scope
    own = {
        name.removeprefix("xmlns").removeprefix(":"): value
        for name, value in node.attributes
        if name == "xmlns" or name.startswith("xmlns:")
    }
    around = {**around, **own}
    used = [node.name, *(name for name, _ in node.attributes if ":" in name)]
    prefixes = dict.fromkeys(name.rpartition(":")[0] for name in used)
    missing = {p: around[p] for p in prefixes if p in around and out.get(p, "") != around[p]}
    wanted = {**missing, **own}
    plain = [a for a in node.attributes if a[0] != "xmlns" and not a[0].startswith("xmlns:")]
    names = [(f"xmlns:{p}" if p else "xmlns", uri) for p, uri in wanted.items()]
    return [*plain, *names], (around, {**out, **wanted})
