"""Small flow documents of our own, one for each format and each kind of trigger."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

GUID = "5B3F0C1E-7A52-4D11-9C60-2A3E45D0F781"
OTHER_GUID = "90AB12CD-34EF-4056-8B7A-1C2D3E4F5A6B"
SCHEMA = (
    "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/"
    "workflowdefinition.json#"
)
ROWS = "shared_commondataserviceforapps"
MAIL = "shared_office365"


def api(connector: str) -> str:
    return f"/providers/Microsoft.PowerApps/apis/{connector}"


def call(key: str, operation: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "OpenApiConnection",
        "inputs": {
            "host": {
                "connectionName": key,
                "operationId": operation,
                "apiId": api(more.pop("connector", key)),
            },
            "parameters": parameters,
            "authentication": "@parameters('$authentication')",
        },
        **more,
    }


def legacy_call(key: str, path: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "ApiConnection",
        "inputs": {
            "host": {
                "connection": {"name": f"@parameters('$connections')['{key}']['connectionId']"}
            },
            "method": "post",
            "path": path,
            "body": {"Subject": "due"},
        },
        **more,
    }


def after(name: str, *statuses: str) -> dict[str, list[str]]:
    return {name: list(statuses or ("Succeeded",))}


def row_trigger(**parameters: Any) -> dict[str, Any]:
    flat = {"entityname": "lib_loan", "message": 4, "scope": 4} | parameters
    return {
        "metadata": {"operationMetadataId": "0d5f"},
        "type": "OpenApiConnectionWebhook",
        "inputs": {
            "host": {
                "connectionName": ROWS,
                "operationId": "SubscribeWebhookTrigger",
                "apiId": api(ROWS),
            },
            "parameters": {
                f"subscriptionRequest/{name}": value
                for name, value in flat.items()
                if value is not Ellipsis
            },
        },
    }


BUTTON = {"type": "Request", "kind": "Button", "inputs": {"schema": {"type": "object"}}}
TIMETABLE = {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}

ACTIONS: dict[str, Any] = {
    "Is it late?": {
        "actions": {
            "Remind": {
                **call(MAIL, "SendEmailV2", {"emailMessage/To": "@triggerBody()?['mail']"}),
                "runAfter": {},
            },
            "Note/it~down": {
                "runAfter": after("Remind", "Succeeded", "Failed"),
                **call(ROWS, "UpdateRecord", {"entityName": "lib_loans", "item/lib_late": True}),
            },
        },
        "runAfter": {},
        "else": {"actions": {"Rest": {"type": "Compose", "inputs": "fine"}}, "colour": "green"},
        "expression": {"greater": ["@triggerBody()?['days']", 14]},
        "type": "If",
    },
    "By shelf": {
        "runAfter": after("Is it late?"),
        "cases": {
            "Fiction": {"case": "F", "actions": {"Say fiction": {"type": "Compose", "inputs": 1}}},
            "Maps": {"actions": {}, "case": 7, "note": "seldom"},
        },
        "default": {"actions": {"Say other": {"type": "Compose", "inputs": 2.0}}},
        "expression": "@triggerBody()?['shelf']",
        "type": "Switch",
    },
    "Each copy": {
        "foreach": "@triggerBody()?['copies']",
        "actions": {
            "Try": {
                "type": "Scope",
                "actions": {
                    "Wait a bit": {
                        "type": "Until",
                        "expression": "@equals(1, 1)",
                        "limit": {"count": 3},
                        "actions": {"Count": {"type": "Compose", "inputs": None}},
                    }
                },
            }
        },
        "runAfter": after("By shelf", "SUCCEEDED", "timedout"),
        "type": "Foreach",
        "runtimeConfiguration": {"concurrency": {"repetitions": 5}},
    },
    "All at once": {
        "type": "Changeset",
        "actions": {"Return": call(ROWS, "CreateRecord", {"entityName": "lib_returns"})},
    },
}


def definition(**more: Any) -> dict[str, Any]:
    return {
        "metadata": {"creator": "library"},
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": {
            "$connections": {"defaultValue": {}, "type": "Object"},
            "$authentication": {"defaultValue": {}, "type": "SecureObject"},
            "Days of grace (lib_Grace)": {
                "defaultValue": 14,
                "type": "Int",
                "metadata": {"schemaName": "lib_Grace"},
            },
        },
        "triggers": {"manual": BUTTON},
        "actions": ACTIONS,
        "outputs": {},
    } | more


def references() -> dict[str, Any]:
    return {
        ROWS: {
            "runtimeSource": "embedded",
            "connection": {"connectionReferenceLogicalName": "lib_rows"},
            "api": {"name": ROWS},
        },
        MAIL: {
            "api": {"name": MAIL, "logicalName": "mail"},
            "impersonation": {},
            "connection": {},
            "runtimeSource": "invoker",
            "colour": "red",
        },
    }


def solution(**more: Any) -> dict[str, Any]:
    """Return a solution's document; ``triggers=…`` and the like replace parts of the definition."""
    declared = more.pop("connectionReferences", references())
    return copy(
        {
            "properties": {
                "connectionReferences": declared,
                "definition": definition(**more),
                "templateName": "",
            },
            "schemaVersion": "1.0.0.0",
        }
    )


def legacy(**more: Any) -> dict[str, Any]:
    return copy(
        {
            "name": GUID,
            "id": f"/providers/Microsoft.Flow/flows/{GUID}",
            "type": "Microsoft.Flow/flows",
            "properties": {
                "apiId": api("shared_logicflows"),
                "displayName": "Late loans",
                "definition": definition(**more),
                "connectionReferences": {
                    ROWS: {
                        "connectionName": "shared-commondataser-1f0a",
                        "source": "Embedded",
                        "id": api(ROWS),
                        "tier": "NotSpecified",
                    },
                    MAIL: {"source": "Invoker", "id": api(MAIL), "tier": "Premium"},
                },
                "flowFailureAlertSubscribed": False,
            },
        }
    )


def bare() -> dict[str, Any]:
    return copy(
        {
            "$schema": SCHEMA,
            "triggers": {"Daily": TIMETABLE},
            "actions": {"Post": legacy_call("slack_1", "/chat.postMessage")},
        }
    )


def template() -> dict[str, Any]:
    declared = {
        "office365-1": {
            "connectionId": "[parameters('mail')]",
            "connectionName": "office365-1",
            "id": "[concat(subscription().id, '/providers/Microsoft.Web/locations/north/"
            "managedApis/office365')]",
        }
    }
    return copy(
        {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/"
            "deploymentTemplate.json#",
            "parameters": {"mail": {"type": "String"}},
            "resources": [
                {"type": "Microsoft.Web/connections", "name": "mail"},
                {
                    "type": "Microsoft.Logic/workflows",
                    "name": "[parameters('name')]",
                    "properties": {
                        "state": "Enabled",
                        "definition": {
                            "$schema": SCHEMA,
                            "triggers": {"Daily": TIMETABLE},
                            "actions": {"Post": legacy_call("office365-1", "/v2/Mail")},
                        },
                        "parameters": {"$connections": {"value": declared}},
                    },
                },
            ],
        }
    )


def copy(document: Any) -> Any:
    return json.loads(json.dumps(document))


def put(document: Any, place: str, value: Any) -> Any:
    """Return a copy with one place set (`...` deletes it). Places are written with ``>``."""
    changed = copy(document)
    *way, last = place.split(">")
    holder = changed
    for token in way:
        holder = holder[int(token)] if isinstance(holder, list) else holder[token]
    if value is Ellipsis:
        del holder[last]
    else:
        holder[last] = value
    return changed


def changes(before: Any, after: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the pointer, the old and the new value of everything that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            place = f"{at}/{key}"
            yield from changes(before.get(key, ...), after.get(key, ...), place)
    elif json.dumps(before, default=repr) != json.dumps(after, default=repr):
        yield at, before, after


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def workflow_xml(name: str, file: str, *, guid: str = GUID, category: int = 5) -> str:
    return (
        f'<Workflow WorkflowId="{{{guid.lower()}}}" Name="{name}">'
        f"<JsonFileName>/{file}</JsonFileName><Category>{category}</Category>"
        "<StateCode>1</StateCode><RunAs>1</RunAs></Workflow>"
    )


def customizations(*workflows: str) -> str:
    return (
        f"<ImportExportXml><Workflows>{''.join(workflows)}</Workflows>"
        '<connectionreferences><connectionreference connectionreferencelogicalname="lib_rows">'
        "<connectionreferencedisplayname>Library rows</connectionreferencedisplayname>"
        f"<connectorid>{api(ROWS)}</connectorid></connectionreference></connectionreferences>"
        '<EnvironmentVariables><Definition IntroducedVersion="1.0">'
        "<SchemaName>lib_Shelf</SchemaName><Type>100000000</Type>"
        "<DefaultValue>Fiction</DefaultValue></Definition></EnvironmentVariables>"
        "</ImportExportXml>"
    )


SOLUTION_XML = (
    '\ufeff<?xml version="1.0" encoding="utf-8"?><ImportExportXml><SolutionManifest>'
    "<UniqueName>Library</UniqueName><Version>1.2.0.3</Version><Managed>1</Managed>"
    "<Publisher><UniqueName>city</UniqueName></Publisher></SolutionManifest></ImportExportXml>"
)
VARIABLE_XML = (
    '<environmentvariabledefinition schemaname="lib_Grace"><displayname default="Days of grace"/>'
    "<defaultvalue>14</defaultvalue><type>100000001</type></environmentvariabledefinition>"
)
VARIABLE_VALUE = '{"environmentvariablevalues": {"environmentvariablevalue": {"value": "21"}}}'


def solution_files() -> dict[str, bytes | str]:
    """Return a solution with one cloud flow, one desktop flow and one business rule."""
    file = f"Workflows/Lateloans-{GUID}.json"
    return {
        "[Content_Types].xml": "<Types/>",
        "solution.xml": SOLUTION_XML,
        "customizations.xml": customizations(
            workflow_xml("Late loans", file),
            workflow_xml("On my desk", "Workflows/Desk.json", guid=OTHER_GUID, category=6),
            workflow_xml("A rule", "Workflows/Rule.xaml", guid=OTHER_GUID, category=2),
        ),
        file: json.dumps(solution()),
        "Workflows/Desk.json": "{}",
        "Workflows/Rule.xaml": "<x/>",
        "environmentvariabledefinitions/lib_Grace/environmentvariabledefinition.xml": VARIABLE_XML,
        "environmentvariabledefinitions/lib_Grace/environmentvariablevalues.json": VARIABLE_VALUE,
    }


def folder_files() -> dict[str, bytes]:
    """Return the same solution as source control keeps it."""
    file = f"src/Workflows/Lateloans-{GUID}.json"
    return {
        "src/Other/Solution.xml": SOLUTION_XML.encode(),
        "src/Other/Customizations.xml": customizations().encode(),
        file: json.dumps(solution()).encode("utf-8-sig"),
        f"{file}.data.xml": workflow_xml("Late loans", file[4:]).encode("utf-16"),
        "src/Workflows/Desk.json": b"{}",
        "src/Workflows/Desk.json.data.xml": workflow_xml(
            "On my desk", "Workflows/Desk.json", guid=OTHER_GUID, category=6
        ).encode(),
        "readme.md": b"# Library",
    }


def legacy_files() -> dict[str, bytes | str]:
    return {
        "manifest.json": '{"schema": "1.0", "details": {}, "resources": {}}',
        "Microsoft.Flow/flows/manifest.json": "{}",
        f"Microsoft.Flow/flows/{OTHER_GUID}/definition.json": json.dumps(legacy()),
        f"Microsoft.Flow/flows/{OTHER_GUID}/apisMap.json": "{}",
        f"Microsoft.Flow/flows/{OTHER_GUID}/connectionsMap.json": "{}",
    }
