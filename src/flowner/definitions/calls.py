"""Connector calls: which binding an action or trigger asks, for which operation.

Two generations of spelling are read. ``OpenApiConnection…`` names a key, an operation id and
parameters; ``ApiConnection…`` hides the key in a template and names a method and a path.
"""

from __future__ import annotations

import re
from typing import Final

from flowner.definitions.bindings import connector_name
from flowner.definitions.documents import pointer
from flowner.definitions.flow import Call
from flowner.definitions.reading import Reading, text_at
from flowner.values import JsonObject

CALL_TYPES: Final = frozenset(
    {
        "OpenApiConnection",
        "OpenApiConnectionWebhook",
        "OpenApiConnectionNotification",
        "ApiConnection",
        "ApiConnectionWebhook",
        "ApiConnectionNotification",
    }
)
"""The types of action and trigger that ask a connector."""

KEY_IN_TEMPLATE: Final = re.compile(
    r"\$connections'\s*[\])]\s*\??(?:\[\s*'(?P<key>(?:[^']|'')+)'\s*\]|\.(?P<bare>[\w-]+))"
    r"\s*\??(?:\[\s*'connectionId'\s*\]|\.connectionId)\s*\}?\s*$",
    re.IGNORECASE,
)
"""``@parameters('$connections')['KEY']['connectionId']`` and its relatives."""

_LEGACY_MEMBERS: Final = ("method", "path", "queries", "headers", "body")


def read_call(source: JsonObject, at: str, reading: Reading) -> Call | None:
    """Read the call of an action or trigger whose type asks a connector."""
    inputs, inputs_at = source.get("inputs"), pointer(at, "inputs")
    host = inputs.get("host") if isinstance(inputs, dict) else None
    member_names = binding_member(source)
    if not isinstance(inputs, dict) or not isinstance(host, dict) or member_names is None:
        reading.fault(
            inputs_at,
            "asks a connector, but names no connection",
            "add `host` with a connection and an operation",
        )
        return None
    if member_names[0] == "connection":
        return _legacy(source, inputs, host, (inputs_at, reading))
    return Call(
        binding=text_at(host, *member_names) or "",
        connector=connector_name(text_at(host, "apiId") or ""),
        operation=text_at(host, "operationId") or "",
        parameters=reading.object(inputs, "parameters", inputs_at),
        legacy=False,
    )


def binding_member(source: JsonObject) -> tuple[str, ...] | None:
    """Return the names that lead from a call's host to what names its binding."""
    spellings: tuple[tuple[str, ...], ...] = (
        ("connectionName",),
        ("connectionReferenceName",),
        ("connection", "referenceName"),
        ("connection", "name"),
    )
    return next((names for names in spellings if text_at(source, "inputs", "host", *names)), None)


def _legacy(
    source: JsonObject, inputs: JsonObject, host: JsonObject, place: tuple[str, Reading]
) -> Call:
    at, reading = place
    operation = text_at(inputs, "operationId")
    # A hybrid trigger (row or file selected) has the old host and the new parameters.
    parameters: JsonObject = (
        {name: inputs[name] for name in _LEGACY_MEMBERS if name in inputs}
        if operation is None
        else reading.object(inputs, "parameters", at)
    )
    return Call(
        binding=_key(host),
        connector="",
        operation=operation
        or text_at(source, "metadata", "flowSystemMetadata", "swaggerOperationId")
        or "",
        parameters=parameters,
        legacy=True,
    )


def _key(host: JsonObject) -> str:
    """Return the key, or '' where an expression chooses it."""
    plain = text_at(host, "connection", "referenceName")
    if plain is not None:
        return plain
    template = text_at(host, "connection", "name") or ""
    match = KEY_IN_TEMPLATE.search(template)
    if match:
        return match["bare"] or match["key"].replace("''", "'")
    return "" if template.startswith(("@", "[")) else template
