"""Connection references: one entry of the document to a `Binding`, and the names of connectors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from flowner.definitions.documents import pointer
from flowner.definitions.flow import Binding, Call, Source
from flowner.definitions.reading import Reading, member, text_at
from flowner.values import Json, JsonObject

_API: Final = re.compile(r"/apis/([^/'\"\])]+)", re.IGNORECASE)
_MANAGED_API: Final = re.compile(r"/managedApis/([\w.-]+)", re.IGNORECASE)
ADDRESS: Final = re.compile(r"[\w.%+-]+(?:#EXT#)?@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
"""A mail address or user principal name inside another text."""
_LONGEST_NAME: Final = 500
_COUNTER: Final = re.compile(r"(?:[_-]\d+)?(?:_#workflowname#)?$")

_SOURCES: Final[Mapping[str, Source]] = {
    "embedded": Source.EMBEDDED,
    "notspecified": Source.EMBEDDED,
    "invoker": Source.INVOKER,
}


def read_bindings(entries: JsonObject, at: str, reading: Reading) -> dict[str, Binding]:
    """Read every entry of a ``connectionReferences`` object."""
    found: dict[str, Binding] = {}
    for key, entry in entries.items():
        place = pointer(at, key)
        if isinstance(entry, dict):
            found[key] = _binding(key, entry, place, reading)
        else:
            reading.fault(place, f"connection `{key}` is not an object", "write it as `{…}`")
    return found


def implied_bindings(calls: Iterable[Call]) -> dict[str, Binding]:
    """Make the unbound bindings that a document without any declaration implies.

    Logic Apps definitions name connections that are supplied when they are deployed. An implied
    binding has an empty ``document`` and is never written out.
    """
    found: dict[str, Binding] = {}
    for call in calls:
        if call.binding and call.binding not in found:
            found[call.binding] = Binding(
                key=call.binding,
                connector=call.connector or _prefixed(_COUNTER.sub("", call.binding)),
                source=Source.EMBEDDED,
                impersonates=False,
                reference=None,
                connection=None,
                document={},
            )
    return found


def connector_name(text: str) -> str:
    """Return ``shared_office365`` for any of the ways in which a connector is named.

    ``/providers/Microsoft.PowerApps/apis/shared_office365``, a subscription's
    ``…/managedApis/office365`` (also inside a template expression), or the bare name.
    """
    managed = _MANAGED_API.search(text)
    if managed:
        return _prefixed(managed[1])
    api = _API.search(text)
    return api[1] if api else text.rstrip("/").rpartition("/")[2]


def account_in(text: str, connector: str) -> str | None:
    """Return the address that a connection's name or title contains, if it does.

    Connections are named after their connector: ``shared-office365-ada@example.com`` is Ada's.
    """
    prefix = connector.replace("_", "-") + "-"
    found = ADDRESS.search(text.removeprefix(prefix)[:_LONGEST_NAME])
    return found[0] if found else None


def _binding(key: str, entry: JsonObject, at: str, reading: Reading) -> Binding:
    connector = _connector(key, entry, at, reading)
    return Binding(
        key=key,
        connector=connector,
        source=_source(entry, at, reading),
        impersonates=_impersonates(entry, at, reading),
        reference=text_at(entry, "connection", "connectionReferenceLogicalName")
        or text_at(entry, "connectionReferenceLogicalName"),
        connection=text_at(entry, "connectionName")
        or text_at(entry, "connection", "name")
        or text_at(entry, "connection", "id")
        or None,
        account=_account(entry, connector),
        document=entry,
    )


def _account(entry: JsonObject, connector: str) -> str | None:
    named = (
        text_at(entry, "connectionName"),
        text_at(entry, "connection", "name"),
        text_at(entry, "connection", "displayName"),
        text_at(entry, "displayName"),
    )
    found = (account_in(text, connector) for text in named if text and text[0] not in "@[")
    return next((account for account in found if account), None)


def _connector(key: str, entry: JsonObject, at: str, reading: Reading) -> str:
    for names in (("api", "name"), ("api", "id"), ("id",)):
        text = text_at(entry, *names)
        if text:
            return connector_name(text)
    reading.fault(
        at,
        f"connection `{key}` names no connector",
        'add `"api": {"name": "shared_…"}`',
    )
    return ""


def _source(entry: JsonObject, at: str, reading: Reading) -> Source:
    for name in ("runtimeSource", "source"):
        written = entry.get(name)
        if written is None:
            continue
        source = _SOURCES.get(written.casefold()) if isinstance(written, str) else None
        if source is None:
            reading.fault(
                pointer(at, name),
                f"`{_shown(written)}` is not whose connection is used",
                f"set `{name}` to `embedded` (use this connection) or `invoker` (provided by "
                "run-only user)",
            )
            return Source.EMBEDDED
        return source
    return Source.EMBEDDED


def _impersonates(entry: JsonObject, at: str, reading: Reading) -> bool:
    written = member(entry, "impersonation", "source")
    if entry.get("impersonation") is None or written is None:
        return False
    source = _SOURCES.get(written.casefold()) if isinstance(written, str) else None
    if source is None:
        reading.fault(
            pointer(at, "impersonation", "source"),
            f"`{_shown(written)}` is not whom row actions follow",
            "set it to `invoker`, or leave `impersonation` out",
        )
    return source is Source.INVOKER


def _prefixed(name: str) -> str:
    return name if name.startswith("shared_") else f"shared_{name}"


def _shown(value: Json) -> str:
    return str(value)[:40]
