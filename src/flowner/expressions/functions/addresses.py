"""Addresses (URIs) and their parts."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

from flowner.expressions.arguments import a_string, fail, not_valid
from flowner.expressions.catalogue import Errors, Family, function
from flowner.expressions.content_objects import content, unescape
from flowner.expressions.text import to_text, utf8

_F = Family.ADDRESSES
_PORTS: Final = {
    "http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ldap": 389, "mailto": 25,
    "gopher": 70, "nntp": 119, "telnet": 23, "news": 119,
}  # fmt: skip
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_UNESCAPED: Final = re.compile(r"[\s\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})")


def _refused(name: str) -> Errors:
    return ((f"{name}('/a?b=1')", "well-formed absolute URI"), (f"{name}(5)", "are not valid"))


def _parts(name: str, value: Any) -> SplitResult:
    if not isinstance(value, str):
        not_valid(name)
    try:
        found = urlsplit(value.strip())
        good = bool(_SCHEME.fullmatch(found.scheme)) and not _UNESCAPED.search(value.strip())
        found.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        good = False
    if not good or not (found.netloc or found.path):
        fail(
            name,
            "expects its parameter to be a well-formed absolute URI. The provided value was"
            f" '{value[:2_000]}'.",
        )
    return found


@function("uriHost", _F, "uriHost(uri)", "The host.",
          ("uriHost('https://www.localhost.com:8080')", "www.localhost.com"), errors=_refused("uriHost"))  # fmt: skip
def uri_host(value: Any) -> str:
    found = _parts("uriHost", value)
    if found.scheme.lower() == "mailto":
        return found.path.rpartition("@")[2]
    host = found.hostname or ""
    return f"[{host}]" if ":" in host else host


@function("uriPath", _F, "uriPath(uri)", "The path.",
          ("uriPath('https://www.contoso.com/catalog?date=1')", "/catalog"),
          ("uriPath('https://contoso.com')", "/"), errors=_refused("uriPath"))  # fmt: skip
def uri_path(value: Any) -> str:
    return _path(_parts("uriPath", value))


@function("uriPathAndQuery", _F, "uriPathAndQuery(uri)", "The path and the query.",
          ("uriPathAndQuery('https://www.contoso.com/a?b=1')", "/a?b=1"),
          errors=_refused("uriPathAndQuery"))  # fmt: skip
def uri_path_and_query(value: Any) -> str:
    found = _parts("uriPathAndQuery", value)
    return _path(found) + _query(found)


@function("uriPort", _F, "uriPort(uri)", "The port, or the scheme's own.",
          ("uriPort('https://www.localhost:8080')", 8080), ("uriPort('https://contoso.com')", 443),
          errors=_refused("uriPort"))  # fmt: skip
def uri_port(value: Any) -> int:
    found = _parts("uriPort", value)
    return found.port if found.port is not None else _PORTS.get(found.scheme.lower(), -1)


@function("uriQuery", _F, "uriQuery(uri)", "The query, with its question mark.",
          ("uriQuery('https://www.contoso.com/a?b=1')", "?b=1"), ("uriQuery('https://contoso.com')", ""),
          errors=_refused("uriQuery"))  # fmt: skip
def uri_query(value: Any) -> str:
    return _query(_parts("uriQuery", value))


@function("uriScheme", _F, "uriScheme(uri)", "The scheme.",
          ("uriScheme('https://www.contoso.com')", "https"), errors=_refused("uriScheme"))  # fmt: skip
def uri_scheme(value: Any) -> str:
    return _parts("uriScheme", value).scheme.lower()


def _path(found: SplitResult) -> str:
    return quote(utf8(found.path), safe="/%:@!$&'()*+,;=~-._") or "/"


def _query(found: SplitResult) -> str:
    return "?" + quote(utf8(found.query), safe="/%:@!$&'()*+,;=~-._?") if found.query else ""


def _encoded(value: Any) -> str:
    return quote(utf8(to_text(value)), safe="-_.~")


@function("uriComponent", _F, "uriComponent(value)", "Escaped for use in an address.",
          ("uriComponent('https://contoso.com')", "https%3A%2F%2Fcontoso.com"),
          errors=(("uriComponent()", "one parameter"),))  # fmt: skip
def uri_component(value: Any) -> str:
    return _encoded(value)


@function("encodeUriComponent", _F, "encodeUriComponent(value, more…)",
          "As `uriComponent`; of the texts of several values, one after another.",
          ("encodeUriComponent('a b')", "a%20b"), ("encodeUriComponent('a', '.', 'b c')", "a.b%20c"),
          errors=(("encodeUriComponent()", "one parameter"),))  # fmt: skip
def encode_uri_component(value: Any, *more: Any) -> str:
    return "".join(_encoded(one) for one in (value, *more))


@function("uriComponentToString", _F, "uriComponentToString(text)",
          "Without escapes; a plus sign is a space.",
          ("uriComponentToString('a%20b')", "a b"), errors=(("uriComponentToString(1)", "of type string"),))  # fmt: skip
def uri_component_to_string(value: Any) -> str:
    return _decoded("uriComponentToString", value).decode("utf-8", "replace")


@function("decodeUriComponent", _F, "decodeUriComponent(text)", "As `uriComponentToString`.",
          ("decodeUriComponent('a%20b')", "a b"), errors=(("decodeUriComponent(1)", "of type string"),))  # fmt: skip
def decode_uri_component(value: Any) -> str:
    return _decoded("decodeUriComponent", value).decode("utf-8", "replace")


@function("uriComponentToBinary", _F, "uriComponentToBinary(text)", "Without escapes, as bytes.",
          ("uriComponentToBinary('a%20b')", {"$content-type": "application/octet-stream", "$content": "YSBi"}),
          errors=(("uriComponentToBinary(null)", "of type string"),))  # fmt: skip
def uri_component_to_binary(value: Any) -> dict[str, str]:
    return content(_decoded("uriComponentToBinary", value))


def _decoded(name: str, value: Any) -> bytes:
    return unescape(a_string(name, 0, value))
