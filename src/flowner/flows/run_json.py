"""Runs as programs read them: what ended, as whom, with secrets struck out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flowner.definitions.flow import Status
from flowner.journal.records import RunHeader
from flowner.runs.events import ActionEnded, ActionStarted, AnyEvent
from flowner.values import JsonObject, PrincipalId

_STRUCK = "*sanitized*"


def header_json(header: RunHeader, names: Mapping[PrincipalId, str]) -> JsonObject:
    """Return one run without its actions."""
    return {
        "run": str(header.id),
        "flow": header.flow_name,
        "flow_id": header.flow,
        "version": header.flow_version,
        "kind": header.kind,
        "status": header.status,
        "initiator": names.get(header.initiator) if header.initiator else None,
        "ran_as": names.get(header.principal) if header.principal else None,
        "ran_as_id": header.principal,
        "rule": header.rule,
        "fallback": header.fallback,
        "accounts": list(header.accounts),
        "started": header.started.isoformat(),
        "ended": header.ended.isoformat() if header.ended else None,
        "code": header.code,
        "error": header.error,
        "app": header.app,
        "parent": str(header.parent) if header.parent else None,
        "plan": header.plan_hash,
    }


def actions_of(events: list[AnyEvent], names: dict[str, str]) -> list[Any]:
    """Return the actions' ends in the order they came, with who acted; secrets struck out."""
    inputs: dict[str, object] = {}
    found: list[Any] = []
    for event in events:
        if isinstance(event, ActionStarted) and event.path not in inputs:
            inputs[event.path] = _shown(event, "inputs")
        elif isinstance(event, ActionEnded):
            acting = event.acting if isinstance(event.acting, dict) else {}
            found.append(
                {
                    "action": event.path,
                    "status": event.status.value,
                    "code": event.code,
                    "error": _error(event),
                    "ended": event.at.isoformat(),
                    "attempt": event.attempt,
                    "acting_as": names.get(acting.get("principal", "")),
                    "actor": names.get(acting.get("actor") or ""),
                    "account": acting.get("account") or None,
                    "rule": acting.get("rule"),
                    "because": acting.get("because") or acting.get("message"),
                    "as_planned": acting.get("asPlanned", True),
                    "seen": acting.get("seen"),
                    "acting": acting or None,
                    "inputs": _json(inputs.pop(event.path, None) or _shown(event, "inputs")),
                    "outputs": _json(_shown(event, "outputs")),
                }
            )
    return found


def _error(event: ActionEnded) -> str | None:
    """Return the event's own message, or the one that the outside answered a failure with."""
    if event.error is not None:
        return event.error.message
    outputs = event.outputs
    if event.status is not Status.FAILED or "outputs" in event.secure:
        return None
    body = outputs.get("body") if isinstance(outputs, dict) else None
    error = body.get("error") if isinstance(body, dict) else None
    said = error.get("message") if isinstance(error, dict) else None
    return said if isinstance(said, str) else None


def _shown(event: ActionStarted | ActionEnded, part: str) -> object:
    value = getattr(event, part)
    if value is None or type(value).__name__ == "UnsetType":
        return None
    return _STRUCK if part in event.secure else value


def _json(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))
