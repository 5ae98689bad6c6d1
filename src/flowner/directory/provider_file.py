"""The file in which an operator describes OpenID providers: TOML, one `[[provider]]` for each."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from flowner.directory.providers import Provider
from flowner.errors import Invalid
from flowner.values import Secret

_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
_TEXTS: Final = (
    "title", "person_claim", "application_claim", "client_id", "client_secret", "match",
    "groups_claim",
)  # fmt: skip
_LISTS: Final = ("audience", "scopes")
_SWITCHES: Final = ("provision", "end_session")
_KNOWN: Final = frozenset({"name", "issuer", *_SWITCHES, *_TEXTS, *_LISTS})


def read_provider_file(text: str) -> tuple[Provider, ...]:
    """Return the providers that a file describes; `Invalid` says what is wrong, and in which."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"the file of providers is no TOML: {error}") from None
    rows = found.pop("provider", [])
    if found or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid("the file of providers holds `[[provider]]` tables, and nothing else")
    providers = tuple(_provider(row, at) for at, row in enumerate(rows, 1))
    for what in ("name", "issuer"):
        values = [getattr(provider, what) for provider in providers]
        if len(set(values)) < len(values):
            raise Invalid(f"two providers have the same `{what}`")
    return providers


def _provider(row: Mapping[str, Any], at: int) -> Provider:
    for key, value in row.items():
        if key not in _KNOWN:
            raise Invalid(f"provider {at} has `{key}`, which is not known: {sorted(_KNOWN)}")
        if not _fits(key, value):
            raise Invalid(f"`{key}` of provider {at} is not of the right kind, or empty")
    name, issuer = row.get("name", ""), row.get("issuer", "")
    if not _NAME.fullmatch(name):
        raise Invalid(f"`name` of provider {at} is missing: use letters, digits and hyphens")
    if not _is_safe(issuer):
        raise Invalid(f"`issuer` of provider {at} is no https address, nor one of this machine")
    secret = row.get("client_secret")
    return Provider(
        name=name,
        title=row.get("title", name),
        issuer=issuer,
        audience=tuple(row.get("audience", ())),
        person_claim=row.get("person_claim"),
        application_claim=row.get("application_claim"),
        client_id=row.get("client_id"),
        client_secret=None if secret is None else Secret(secret),
        scopes=tuple(row.get("scopes", ("openid", "profile", "email"))),
        match=row.get("match"),
        provision=row.get("provision", False),
        groups_claim=row.get("groups_claim"),
        end_session=row.get("end_session", True),
    )


def _fits(key: str, value: object) -> bool:
    if key in _SWITCHES:
        return isinstance(value, bool)
    if key in _LISTS:
        return isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    return isinstance(value, str) and value != ""


def _is_safe(issuer: str) -> bool:
    """Say whether what an issuer publishes can be believed: over TLS, or from this machine."""
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    if not host or parts.query or parts.fragment:
        return False
    if parts.scheme == "https" or host == "localhost":
        return parts.scheme in ("http", "https")
    try:
        return parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
