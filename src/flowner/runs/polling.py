"""Requests that are accepted now and done later: where, when and how to ask for the result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urljoin, urlsplit

from flowner.runs.commands import Failure, Success, Transient
from flowner.runs.compiled import Node
from flowner.runs.state import Calling
from flowner.values import Json, JsonObject

PAUSE: Final = timedelta(seconds=20)
PATIENCE: Final = timedelta(days=1)
"""How long the result of an accepted request is asked for."""


def request(calling: Calling) -> JsonObject:
    """Ask for the result of an accepted request. Another origin is not told the headers."""
    inputs: JsonObject = calling.inputs if isinstance(calling.inputs, dict) else {}
    given = inputs.get("headers")
    headers = given if isinstance(given, dict) and _same_origin(calling.poll, inputs) else {}
    kept = {name: v for name, v in headers.items() if not name.lower().startswith("content-")}
    return {"method": "GET", "uri": calling.poll, "headers": kept}


def may_be_told(calling: Calling) -> bool:
    """Say whether the action's credentials may go where the call goes."""
    inputs: JsonObject = calling.inputs if isinstance(calling.inputs, dict) else {}
    return not calling.poll or _same_origin(calling.poll, inputs)


def _same_origin(address: str, inputs: JsonObject) -> bool:
    return urlsplit(address)[:2] == urlsplit(str(inputs.get("uri") or ""))[:2]


def accepted(
    node: Node, calling: Calling, outcome: Success | Failure | Transient
) -> tuple[str, timedelta] | None:
    """Return where, and after what pause, to ask for the result of a request that was accepted.

    None: the answer is the result. Only Http actions are asked again, unless their author chose
    ``DisableAsyncPattern``. Source: language.md, section 4.3; the pause without ``Retry-After`` and
    the patience of a day are those of
    https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-configuration
    """
    if not isinstance(outcome, Success) or outcome.status != 202 or node.type != "Http":
        return None
    if "disableasyncpattern" in node.options:
        return None
    location = next((v for n, v in outcome.headers.items() if n.casefold() == "location"), None)
    if not isinstance(location, str) or not location:
        return None
    inputs: JsonObject = calling.inputs if isinstance(calling.inputs, dict) else {}
    seconds = retry_after(outcome.headers)
    pause = timedelta(seconds=min(seconds, 86_400.0)) if seconds is not None else PAUSE
    try:
        address = urljoin(calling.poll or str(inputs.get("uri") or ""), location)
    except ValueError:
        return None
    return address, pause


def retry_after(headers: Mapping[str, Json]) -> float | None:
    """Return the seconds of a ``Retry-After`` header; a date there is not read."""
    for name, value in headers.items():
        if name.casefold() == "retry-after" and str(value).strip().isdigit():
            return float(str(value).strip()[:9])
    return None
