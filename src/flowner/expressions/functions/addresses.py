"""Addresses (URIs) and their parts."""

from __future__ import annotations

import base64
import re
from typing import Any, Final
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from flowner.expressions.arguments import a_string, fail
from flowner.expressions.catalogue import Family, function
from flowner.expressions.text import CONTENT, CONTENT_TYPE, to_text

_F = Family.ADDRESSES
_PORTS: Final = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ldap": 389, "smtp": 25}


def _parts(name: str, value: Any) -> SplitResult:
    text = a_string(name, 0, value)
    try:
        found = urlsplit(text.strip())
        absolute = bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", found.scheme)) and " " not in text
        found.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        absolute = False
    if not absolute or not (found.netloc or found.path):
        fail(name, f"expects an absolute URI; the provided value is '{text}'.")
    return found


@function("uriHost", _F, "uriHost(uri)", "The host.",
          ("uriHost('https://www.localhost.com:8080')", "www.localhost.com"))  # fmt: skip
def uri_host(value: Any) -> str:
    return _parts("uriHost", value).hostname or ""


@function("uriPath", _F, "uriPath(uri)", "The path.",
          ("uriPath('https://www.contoso.com/catalog?date=1')", "/catalog"))  # fmt: skip
def uri_path(value: Any) -> str:
    return _path(_parts("uriPath", value))


@function("uriPathAndQuery", _F, "uriPathAndQuery(uri)", "The path and the query.",
          ("uriPathAndQuery('https://www.contoso.com/a?b=1')", "/a?b=1"))  # fmt: skip
def uri_path_and_query(value: Any) -> str:
    found = _parts("uriPathAndQuery", value)
    return _path(found) + _query(found)


@function("uriPort", _F, "uriPort(uri)", "The port, or the scheme's own.",
          ("uriPort('https://www.localhost:8080')", 8080))  # fmt: skip
def uri_port(value: Any) -> int:
    found = _parts("uriPort", value)
    return found.port if found.port is not None else _PORTS.get(found.scheme.lower(), -1)


@function("uriQuery", _F, "uriQuery(uri)", "The query, with its question mark.",
          ("uriQuery('https://www.contoso.com/a?b=1')", "?b=1"))  # fmt: skip
def uri_query(value: Any) -> str:
    return _query(_parts("uriQuery", value))


@function("uriScheme", _F, "uriScheme(uri)", "The scheme.",
          ("uriScheme('https://www.contoso.com')", "https"))  # fmt: skip
def uri_scheme(value: Any) -> str:
    return _parts("uriScheme", value).scheme.lower()


def _path(found: SplitResult) -> str:
    return quote(found.path, safe="/%:@!$&'()*+,;=~-._") or "/"


def _query(found: SplitResult) -> str:
    return "?" + quote(found.query, safe="/%:@!$&'()*+,;=~-._?") if found.query else ""


def _encoded(value: Any) -> str:
    return quote(to_text(value).encode("utf-8", "replace"), safe="-_.~")


@function("uriComponent", _F, "uriComponent(value)", "Escaped for use in an address.",
          ("uriComponent('https://contoso.com')", "https%3A%2F%2Fcontoso.com"))  # fmt: skip
def uri_component(value: Any) -> str:
    return _encoded(value)


@function("encodeUriComponent", _F, "encodeUriComponent(value)", "As `uriComponent`.",
          ("encodeUriComponent('a b')", "a%20b"))  # fmt: skip
def encode_uri_component(value: Any) -> str:
    return _encoded(value)


@function("uriComponentToString", _F, "uriComponentToString(text)", "Without escapes.",
          ("uriComponentToString('a%20b')", "a b"))  # fmt: skip
def uri_component_to_string(value: Any) -> str:
    return _decoded("uriComponentToString", value).decode("utf-8", "replace")


@function("decodeUriComponent", _F, "decodeUriComponent(text)", "Without escapes.",
          ("decodeUriComponent('a%20b')", "a b"))  # fmt: skip
def decode_uri_component(value: Any) -> str:
    return _decoded("decodeUriComponent", value).decode("utf-8", "replace")


@function("uriComponentToBinary", _F, "uriComponentToBinary(text)", "Without escapes, as bytes.")
def uri_component_to_binary(value: Any) -> dict[str, str]:
    data = _decoded("uriComponentToBinary", value)
    return {CONTENT_TYPE: "application/octet-stream", CONTENT: base64.b64encode(data).decode()}


def _decoded(name: str, value: Any) -> bytes:
    return unquote_to_bytes(a_string(name, 0, value).encode("utf-8", "replace"))
