"""Flow documents, written as an export writes them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from flowner.definitions.packages import Package, read_package

APIS = "/providers/Microsoft.PowerApps/apis/"
MAIL, ROWS, PEOPLE = (
    "shared_office365",
    "shared_commondataserviceforapps",
    "shared_office365users",
)
BUTTON = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}}


def reference(api: str, logical: str, *, source: str = "embedded", follows: bool = False) -> dict:
    return {
        **({"impersonation": {"source": "invoker"}} if follows else {}),
        "runtimeSource": source,
        "connection": {"connectionReferenceLogicalName": logical},
        "api": {"name": api},
    }


def call(key: str, api: str, operation: str, parameters: dict, after: str | None = None) -> dict:
    return {
        "runAfter": {after: ["Succeeded"]} if after else {},
        "type": "OpenApiConnection",
        "inputs": {
            "host": {"connectionName": key, "operationId": operation, "apiId": APIS + api},
            "parameters": parameters,
        },
    }


def row_trigger(table: str, *, run_as: int | None = None, **more: Any) -> dict:
    parameters = {
        "subscriptionRequest/message": 3,
        "subscriptionRequest/entityname": table,
        "subscriptionRequest/scope": 4,
        **{f"subscriptionRequest/{name}": value for name, value in more.items()},
    }
    if run_as is not None:
        parameters["subscriptionRequest/runas"] = run_as
    trigger = call("rows", ROWS, "SubscribeWebhookTrigger", parameters)
    del trigger["runAfter"]
    return {"When_a_row_changes": trigger | {"type": "OpenApiConnectionWebhook"}}


def package(trigger: dict, actions: dict, references: dict, *, guid: str | None = None) -> Package:
    guid = guid or str(uuid.uuid4())
    document = {
        "properties": {
            "connectionReferences": references,
            "definition": {
                "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/"
                "2016-06-01/workflowdefinition.json#",
                "contentVersion": "1.0.0.0",
                "parameters": {"$connections": {"defaultValue": {}, "type": "Object"}},
                "triggers": trigger,
                "actions": actions,
            },
        },
        "schemaVersion": "1.0.0.0",
    }
    return read_package(json.dumps(document).encode(), file=f"Flow-{guid.upper()}.json")
