"""XML as .NET's document has it: what was text, CDATA or comment stays so.

White space between tags is dropped unless ``xml:space`` keeps it. Nothing outside the text is
ever read: entities are refused where they are declared, external ones where they are used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias
from xml.parsers import expat

from flowner.expressions.text import utf8

MAX_DEPTH: Final = 128
MAX_NODES: Final = 500_000
_ENCODING: Final = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"'](?P<name>[A-Za-z0-9._-]+)")
_SUBSET: Final = re.compile(r"\[(.*)\]\s*\Z", re.DOTALL)


class Unreadable(Exception):
    """The text is no XML, or XML that is not read; the reason is in words."""


@dataclass(slots=True, eq=False)
class Element:
    """What stands between two tags, or in one."""

    name: str
    """With its prefix."""
    attributes: list[tuple[str, str]]
    children: list[Node] = field(default_factory=list)
    empty: bool = False
    """Written ``<a />``, not ``<a></a>``."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text outside of tags, its entities resolved."""

    text: str


@dataclass(frozen=True, slots=True)
class Cdata:
    """Text that was written in a CDATA section, and will be again."""

    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What stands between ``<!--`` and ``-->``."""

    text: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """A processing instruction, ``<?target text?>``."""

    target: str
    text: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """The XML declaration at the head of a document."""

    version: str
    encoding: str | None
    standalone: str | None


@dataclass(frozen=True, slots=True)
class Doctype:
    """The document type; ``subset`` is what stands in its brackets, as it was written."""

    name: str
    public: str | None
    system: str | None
    subset: str


Node: TypeAlias = "Element | Text | Cdata | Comment | Instruction | Declaration | Doctype"
Document: TypeAlias = list[Node]


def read_xml(text: str) -> Document:
    """Read a document; an encoding that it declares is not heeded. Raises `Unreadable`."""
    return _Reader(text).read()


def read_xml_bytes(data: bytes) -> Document:
    """Read a document in the encoding that it declares. Raises `Unreadable`."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return read_xml(data.decode(encoding, "replace").removeprefix("\ufeff"))
    match = _ENCODING.match(data)
    name = match["name"].decode() if match else "utf-8"
    if re.match(r"utf-?16|ucs-2\Z|iso-10646-ucs-2", name, re.IGNORECASE):
        raise Unreadable("There is no Unicode byte order mark. Cannot switch to Unicode.")
    try:
        text = data.decode(name, "replace")
    except LookupError:
        at = match.start("name") + 1 if match else 1
        raise Unreadable(
            f"System does not support '{name}' encoding. Line 1, position {at}."
        ) from None
    return read_xml(text)


class _Reader:
    def __init__(self, text: str) -> None:
        self._data = utf8(text)
        self._parser = expat.ParserCreate("utf-8")
        self._found: Document = []
        self._open: list[Element] = []
        self._spaces: list[bool] = []
        self._names: list[dict[str, str]] = [{"xml": "", "": ""}]
        self._text: list[str] = []
        self._in_cdata = False
        self._nodes = 0
        self._doctype: tuple[int, Doctype] | None = None

    def read(self) -> Document:
        parser = self._parser
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype_starts
        parser.EndDoctypeDeclHandler = self._doctype_ends
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._entity
        parser.StartElementHandler = self._starts
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._text.append
        parser.StartCdataSectionHandler = self._cdata_starts
        parser.EndCdataSectionHandler = self._cdata_ends
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        try:
            parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise Unreadable(self._why(error)) from None
        return self._found

    def _add(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Unreadable(f"It has more than {MAX_NODES} nodes.")
        (self._open[-1].children if self._open else self._found).append(node)

    def _flush(self) -> None:
        if not self._text:
            return
        text = "".join(self._text)
        self._text.clear()
        if text.strip("\t\r\n ") or (self._spaces and self._spaces[-1]):
            self._add(Text(text))

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if version != "1.0":
            raise Unreadable(f"Version number '{version}' is invalid. Line 1, position 16.")
        said = {1: "yes", 0: "no"}.get(standalone)
        self._add(Declaration(version, encoding, said))

    def _doctype_starts(
        self, name: str, system: str | None, public: str | None, _has_subset: bool
    ) -> None:
        self._doctype = (self._parser.CurrentByteIndex, Doctype(name, public, system, ""))

    def _doctype_ends(self) -> None:
        if self._doctype is None:
            return
        start, found = self._doctype
        written = self._data[start : self._parser.CurrentByteIndex].decode()
        match = _SUBSET.match(written)
        self._doctype = None
        subset = re.sub(r"\r(?!\n)", "\n", match[1]) if match else ""
        self._add(Doctype(found.name, found.public, found.system, subset))

    def _entity(self, *_what: object) -> NoReturn:
        raise Unreadable("It declares or uses entities, which are not read.")

    def _starts(self, name: str, attributes: list[str]) -> None:
        self._flush()
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(f"It is nested more than {MAX_DEPTH} deep.")
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        self._know(name, pairs)
        element = Element(name, pairs)
        self._add(element)
        self._open.append(element)
        kept = bool(self._spaces) and self._spaces[-1]
        self._spaces.append(dict(pairs).get("xml:space", "preserve" if kept else "") == "preserve")

    def _know(self, name: str, pairs: list[tuple[str, str]]) -> None:
        """Refuse prefixes that no element around declares."""
        own = {key[6:]: value for key, value in pairs if key.startswith("xmlns:") or key == "xmlns"}
        known = {**self._names[-1], **own} if own else self._names[-1]
        self._names.append(known)
        for used in (name, *(key for key, _ in pairs)):
            prefix, colon, _ = used.partition(":")
            if colon and prefix != "xmlns" and prefix not in known:
                parser = self._parser
                raise Unreadable(
                    f"'{prefix}' is an undeclared prefix. Line {parser.CurrentLineNumber},"
                    f" position {parser.CurrentColumnNumber + 2}."
                )

    def _ends(self, _name: str) -> None:
        read_nothing = not self._text
        self._flush()
        element = self._open.pop()
        self._spaces.pop()
        self._names.pop()
        at = self._parser.CurrentByteIndex
        element.empty = read_nothing and not element.children and self._data[at - 2 : at] == b"/>"

    def _cdata_starts(self) -> None:
        self._flush()

    def _cdata_ends(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        self._add(Cdata(text))

    def _comment(self, text: str) -> None:
        if self._doctype is None:
            self._flush()
            self._add(Comment(text))

    def _instruction(self, target: str, text: str) -> None:
        if self._doctype is None:
            self._flush()
            self._add(Instruction(target, text))

    def _why(self, error: expat.ExpatError) -> str:
        codes = expat.errors.codes
        line, column = error.lineno, error.offset
        if error.code == codes[expat.errors.XML_ERROR_NO_ELEMENTS]:
            return "Root element is missing."
        if error.code == codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]:
            rest = self._data[self._parser.ErrorByteIndex :][:2]
            if re.match(rb"<[^!?/\s]", rest):
                return f"There are multiple root elements. Line {line}, position {column + 2}."
            return f"Data at the root level is invalid. Line {line}, position {column + 1}."
        if error.code == codes[expat.errors.XML_ERROR_SYNTAX] or (line, column) == (1, 0):
            return f"Data at the root level is invalid. Line {line}, position {column + 1}."
        said = expat.ErrorString(error.code) or "not well-formed"
        return f"{said.capitalize()}. Line {line}, position {column + 1}."
