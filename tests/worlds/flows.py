"""Small flows and worlds for tests of the planner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flowner.definitions.codec import read_flow
from flowner.definitions.flow import Status
from flowner.runs.commands import Invoke, World
from flowner.runs.compiled import CompiledFlow, compile_flow
from flowner.runs.events import RunStarted
from flowner.runs.run import Run
from flowner.runs.simulation import ModelWorld, start

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def compiled(actions: dict[str, Any], **members: Any) -> CompiledFlow:
    """Return a flow with a button and these actions; members of the definition besides."""
    trigger = members.pop("trigger", {"type": "Request", "kind": "Button", "inputs": {}})
    definition = {"triggers": {"manual": trigger}, "actions": actions, **members}
    return compile_flow(read_flow({"definition": definition}, name="a flow"))


def after(*names: str, on: str = "Succeeded") -> dict[str, list[str]]:
    return {name: [on] for name in names}


def compose(value: Any, *before: str, on: str = "Succeeded") -> dict[str, Any]:
    return {"type": "Compose", "inputs": value, "runAfter": after(*before, on=on)}


def call(*before: str, **members: Any) -> dict[str, Any]:
    """Return a connector action; ``inputs`` are added to its own."""
    inputs = members.pop("inputs", {})
    host = {"connectionName": "mail", "operationId": "Send", "apiId": "/apis/shared_mail"}
    return {
        "type": "OpenApiConnection",
        "inputs": {"host": host, "parameters": {"to": "a@b.example"}, **inputs},
        "runAfter": after(*before),
        **members,
    }


def world(seconds: float = 0) -> World:
    """Return the world so many seconds after `NOW`; chance always draws the least."""
    return World(
        now=NOW + timedelta(seconds=seconds),
        chance=lambda least, _: least,
        guid=lambda: "00000000-0000-4000-8000-000000000001",
    )


def begun(flow: CompiledFlow, outputs: dict[str, Any] | None = None, **given: Any) -> Run:
    """Return a run of the flow that has begun and done nothing yet."""
    return Run.begin(flow, first_event(flow, outputs, **given))


def first_event(
    flow: CompiledFlow, outputs: dict[str, Any] | None = None, **given: Any
) -> RunStarted:
    model = ModelWorld(now=NOW)
    return start(
        flow,
        outputs or {},
        model,
        parameters=given.get("parameters", {}),
        settings=given.get("settings", {}),
    )


def invokes(commands: tuple[Any, ...]) -> list[Invoke]:
    return [command for command in commands if isinstance(command, Invoke)]


SUCCEEDED, FAILED, SKIPPED, TIMED_OUT, CANCELLED = (
    Status.SUCCEEDED,
    Status.FAILED,
    Status.SKIPPED,
    Status.TIMED_OUT,
    Status.CANCELLED,
)
