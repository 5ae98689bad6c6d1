"""Addresses: ``accounts(guid)/contact_customer_accounts/$ref``, read part by part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from flowner.errors import Code, Invalid, NotFound

GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SEGMENT: Final = re.compile(r"(?P<name>[^()]*?)(?:\((?P<key>.*)\))?", re.DOTALL)
_KEY: Final = re.compile(
    r"\s*(?P<name>[A-Za-z_@][A-Za-z0-9_.]*)\s*=\s*"
    r"(?P<value>'(?:[^']|'')*'|[^,']+)\s*(?P<comma>,|$)"
)
_SERVICE: Final = re.compile(r"^(?:https?://[^/]+)?/?(?:[^?]*?/)?api/data/v9\.\d(?:\.\d)?/")


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of an address: a name and, in parentheses behind it, a key."""

    name: str
    key: str | None = None

    @property
    def guid(self) -> str | None:
        """The key, where it is a GUID alone."""
        return self.key.lower() if self.key is not None and GUID.fullmatch(self.key) else None

    def named_keys(self) -> dict[str, str | None]:
        """Return the key's names with their values as texts; None is null."""
        found: dict[str, str | None] = {}
        text, at = self.key or "", 0
        while at < len(text):
            match = _KEY.match(text, at)
            if match is None:
                raise Invalid(f"`({text[:60]})` is no key", code=Code.BAD_QUERY)
            value = match["value"].strip()
            if value.startswith("'"):
                found[match["name"]] = value[1:-1].replace("''", "'")
            else:
                found[match["name"]] = None if value == "null" else value
            at = match.end()
        if not found:
            raise Invalid("an empty key addresses no row", code=Code.BAD_QUERY)
        return found


def read_path(path: str) -> list[Segment]:
    """Read the path behind the service's address, still escaped."""
    segments = []
    for part in _split(path.strip("/")):
        text = unquote(part, errors="strict")
        match = _SEGMENT.fullmatch(text)
        if match is None or "\0" in text:
            raise NotFound(f"resource not found for the segment `{text[:40]}`", code=Code.NO_TABLE)
        segments.append(Segment(match["name"], match["key"]))
    return segments


def within_service(url: str) -> str:
    """Return what stands behind the service's address in a link, which may be relative."""
    match = _SERVICE.match(url)
    if match is not None:
        return url[match.end() :]
    split = urlsplit(url)
    if split.scheme:
        raise Invalid(f"`{url[:80]}` lies outside this service", code=Code.BAD_QUERY)
    return url.lstrip("/")


def read_link(link: str) -> Segment:
    """Read a link to one row: absolute, ``/accounts(guid)`` or ``accounts(guid)``."""
    segments = read_path(within_service(link.strip()).partition("?")[0])
    if len(segments) != 1 or segments[0].key is None:
        raise Invalid(
            f"`{link[:80]}` is no link to a row: write `/accounts(<guid>)`", code=Code.BAD_BODY
        )
    return segments[0]


def _split(path: str) -> list[str]:
    """Split at slashes that stand neither in quotes nor in parentheses."""
    parts, depth, quoted, at = [""], 0, False, 0
    while at < len(path):
        sign = path[at : at + 3] if path[at] == "%" else path[at]
        plain = {"%27": "'", "%28": "(", "%29": ")"}.get(sign, sign)
        quoted ^= plain == "'"
        if not quoted:
            depth += {"(": 1, ")": -1}.get(plain, 0)
        if plain == "/" and not quoted and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
        at += len(sign)
    return parts
