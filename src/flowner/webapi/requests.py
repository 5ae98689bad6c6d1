"""Requests and answers of the Web API, whatever carries them: HTTP, or a part of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import parse_qsl

from flowner.definitions.documents import own, parse
from flowner.errors import Code, Invalid
from flowner.values import Json, JsonObject

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
MOST_IN_URL = 32 * 1024
MOST_IN_BATCH_URL = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``path`` and ``query`` are as they were sent, still escaped."""

    method: str
    service: str
    """The absolute address of the service, with a slash at its end."""
    path: str
    """Behind the service's address."""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return a header; the text ``null``, which some clients send, is none."""
        value = self.headers.get(name, "").strip()
        return None if value in ("", "null") else value

    def options(self) -> dict[str, str]:
        """Return the query's parameters. `Invalid` for one that is given twice."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True, errors="strict"):
            if name in found:
                raise Invalid(f"`{name[:40]}` is given twice", code=Code.BAD_QUERY)
            found[name] = value
        if any("\0" in text for pair in found.items() for text in pair):
            raise Invalid("the query has a zero character", code=Code.BAD_QUERY)
        return found

    def json(self) -> JsonObject:
        """Return the body, which has to be a JSON object."""
        try:
            found = own(parse(self.body))
        except Invalid as error:
            raise Invalid(
                f"the body {error.message}", code=Code.BAD_BODY, position=error.position
            ) from None
        if not isinstance(found, dict):
            raise Invalid("the body is not a JSON object", code=Code.BAD_BODY)
        if b"\\u0000" in self.body and "\0" in repr_of(found):
            raise Invalid("a text has a zero character", code=Code.BAD_BODY)
        return found

    @property
    def prefers(self) -> Preferences:
        return Preferences.read(self.headers.get("prefer", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a client prefers."""

    representation: bool = False
    page_size: int | None = None
    annotations: tuple[str, ...] = ()
    """Patterns of the names of annotations; ``*`` is all."""
    tracks: bool = False
    """Follow the changes of a list."""
    continues: bool = False
    """Go on with a batch after an error."""
    applied: str = ""
    """What the answer says that it has done."""

    @classmethod
    def read(cls, header: str) -> Preferences:
        """Read a ``Prefer`` header; what is not known is passed over, as RFC 7240 asks."""
        given = dict(_preference(part) for part in _parts(header))
        size = given.get("odata.maxpagesize", given.get("maxpagesize", ""))
        annotations = given.get(
            "odata.include-annotations", given.get("include-annotations", "")
        ).split(",")
        known = ("return", "odata.maxpagesize", "odata.include-annotations", "odata.track-changes")
        return cls(
            representation=given.get("return") == "representation",
            page_size=int(size) if size.isascii() and size.isdigit() and int(size) > 0 else None,
            annotations=tuple(one.strip() for one in annotations if one.strip()),
            tracks="odata.track-changes" in given,
            continues="odata.continue-on-error" in given,
            applied=", ".join(_said(name, given[name]) for name in known if name in given),
        )

    def wants(self, annotation: str) -> bool:
        """Say whether an annotation is asked for; a later pattern may take it back with ``-``."""
        wanted = False
        for pattern in self.annotations:
            if fnmatchcase(annotation, pattern.removeprefix("-")):
                wanted = not pattern.startswith("-")
        return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer."""

    status: int = 200
    content: Json | bytes = None
    """Bytes are sent as they are; anything else is JSON. None with 204: nothing."""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json; odata.metadata=minimal"


def repr_of(value: Json) -> str:
    """Return every text of a JSON value in one."""
    if isinstance(value, dict):
        return "".join(f"{name}{repr_of(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "".join(repr_of(one) for one in value)
    return value if isinstance(value, str) else ""


def _said(name: str, value: str) -> str:
    if not value:
        return name
    return f'{name}="{value}"' if "annotations" in name else f"{name}={value}"


def _preference(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _parts(header: str) -> list[str]:
    """Split at commas and semicolons outside quotes."""
    parts, quoted = [""], False
    for sign in header:
        quoted ^= sign == '"'
        if sign in ",;" and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part.strip()]
