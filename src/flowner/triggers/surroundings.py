"""What a run is told, and what is told of it, when it begins."""

from __future__ import annotations

import json

from flowner.access.vocabulary import FlowFacts
from flowner.database import Database
from flowner.definitions.flow import Flow
from flowner.identity.verdict import Plan
from flowner.rows.variables import read_variables
from flowner.telemetry.tracing import Attributes, about_run
from flowner.values import Json, JsonObject, RunId

_TEXT_TYPES = frozenset({100000000, 100000004, 100000005})


async def parameters_of(database: Database, flow: Flow) -> dict[str, Json]:
    """Return the values, by parameter, of the environment variables that a flow names."""
    wanted = {p.name: p.schema_name for p in flow.parameters.values() if p.schema_name}
    if not wanted:
        return {}
    async with database.connection() as connection:
        values = await read_variables(connection, wanted.values())
    return {
        name: _typed(*values[schema.lower()])
        for name, schema in wanted.items()
        if values.get(schema.lower(), (0, None))[1] is not None
    }


def workflow_of(facts: FlowFacts, run: RunId) -> JsonObject:
    """Return what ``workflow()`` answers in a run."""
    path = f"/workflows/{facts.id}"
    return {
        "id": path,
        "name": facts.id,
        "type": "Microsoft.Logic/workflows",
        "location": "local",
        "tags": {
            "flowDisplayName": facts.name,
            "environmentName": "default",
            "logicAppName": facts.id,
            "state": "Enabled" if facts.on else "Disabled",
        },
        "run": {
            "id": f"{path}/runs/{run}",
            "name": str(run),
            "type": "Microsoft.Logic/workflows/runs",
        },
    }


def _typed(kind: int, value: str | None) -> Json:
    if value is None or kind in _TEXT_TYPES:
        return value
    try:
        read: Json = json.loads(value)
    except ValueError:
        return {"yes": True, "no": False}.get(value.lower(), value)
    return read


def traced(made: Plan, run: RunId) -> Attributes:
    """Return what the span says that a run begins with."""
    running = made.running
    return about_run(run, made.flow, made.initiator, running.principal, running.rule.value)


def outputs_of(flow: Flow, outputs: JsonObject, made: Plan) -> JsonObject:
    """Add whom a row trigger's run runs as, where Dataverse's trigger says it too."""
    body = outputs.get("body")
    if flow.trigger.rows is None or not isinstance(body, dict):
        return outputs
    return outputs | {"body": body | {"RunAsSystemUserId": made.running.principal}}
