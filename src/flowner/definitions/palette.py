"""What a designer offers: the built-in actions and the triggers, each with its form.

A step's ``source`` is what a document says of a fresh one; its ``fields`` are what a person fills
in, each at a path of the source. What connectors offer is told by the connectors themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flowner.definitions.flow import Action, Trigger
from flowner.definitions.forms import Field, Group, Kind, Step
from flowner.definitions.row_triggers import ROW_TRIGGER
from flowner.values import JsonObject

_VALUE: Final = Field(path=("inputs", "value"), title="Value", kind=Kind.VALUE)
_NAME: Final = Field(path=("inputs", "name"), title="Name")
_FROM: Final = Field(path=("inputs", "from"), title="From", kind=Kind.LIST)
_TYPES: Final = ("string", "integer", "float", "boolean", "array", "object")
_UNITS: Final = ("Second", "Minute", "Hour", "Day", "Week", "Month")
_ROWS: Final = ("inputs", "parameters")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _changing(title: str, type: str, help: str) -> Step:
    source: JsonObject = {"type": type, "inputs": {"name": "", "value": ""}}
    return Step(
        id=type, title=title, group=Group.VARIABLE, help=help, source=source, fields=(_NAME, _VALUE)
    )


def _request(kind: str, id: str, title: str, help: str) -> Step:
    schema: JsonObject = {"type": "object", "properties": {}, "required": []}
    asks = Field(
        path=("inputs", "schema"), title="Inputs", kind=Kind.INPUTS, required=False,
        help="what whoever starts the flow is asked for",
    )  # fmt: skip
    return Step(
        id=id,
        title=title,
        group=Group.TRIGGER,
        help=help,
        source={"type": "Request", "kind": kind, "inputs": {"schema": schema}},
        fields=(asks,),
    )


ACTIONS: Final = (
    Step(
        id="If", title="Condition", group=Group.CONTROL,
        help="one of two branches, by a condition",
        source={"type": "If", "expression": {"equals": ["", ""]}, "actions": {},
                "else": {"actions": {}}},
        fields=(Field(path=("expression",), title="Condition", kind=Kind.CONDITION),),
    ),
    Step(
        id="Switch", title="Switch", group=Group.CONTROL,
        help="one of several branches, by a value",
        source={"type": "Switch", "expression": "", "cases": {}, "default": {"actions": {}}},
        fields=(Field(path=("expression",), title="On", kind=Kind.VALUE),),
    ),
    Step(
        id="Foreach", title="Apply to each", group=Group.CONTROL,
        help="the same actions for every item of an array",
        source={"type": "Foreach", "foreach": "", "actions": {}},
        fields=(Field(path=("foreach",), title="Select an output from previous steps",
                      kind=Kind.LIST),),
    ),
    Step(
        id="Until", title="Do until", group=Group.CONTROL,
        help="the same actions until a condition holds",
        source={"type": "Until", "expression": "@equals(1, 1)", "actions": {},
                "limit": {"count": 60, "timeout": "PT1H"}},
        fields=(
            Field(path=("expression",), title="Loop until", kind=Kind.CONDITION),
            Field(path=("limit", "count"), title="Count", kind=Kind.NUMBER, required=False),
            Field(path=("limit", "timeout"), title="Timeout", required=False,
                  help="an ISO 8601 duration, such as `PT1H`"),
        ),
    ),
    Step(
        id="Scope", title="Scope", group=Group.CONTROL,
        help="actions that succeed or fail together",
        source={"type": "Scope", "actions": {}},
    ),
    Step(
        id="Terminate", title="Terminate", group=Group.CONTROL,
        help="ends the run at once",
        source={"type": "Terminate", "inputs": {"runStatus": "Succeeded"}},
        fields=(
            Field(path=("inputs", "runStatus"), title="Status", kind=Kind.CHOICE,
                  choices=("Succeeded", "Failed", "Cancelled")),
            Field(path=("inputs", "runError", "code"), title="Code", required=False),
            Field(path=("inputs", "runError", "message"), title="Message", required=False),
        ),
    ),
    Step(
        id="Compose", title="Compose", group=Group.DATA,
        help="a value, made of others",
        source={"type": "Compose", "inputs": ""},
        fields=(Field(path=("inputs",), title="Inputs", kind=Kind.VALUE),),
    ),
    Step(
        id="ParseJson", title="Parse JSON", group=Group.DATA,
        help="a text or object, checked against a schema",
        source={"type": "ParseJson", "inputs": {"content": "", "schema": {}}},
        fields=(
            Field(path=("inputs", "content"), title="Content", kind=Kind.VALUE),
            Field(path=("inputs", "schema"), title="Schema", kind=Kind.SCHEMA),
        ),
    ),
    Step(
        id="Select", title="Select", group=Group.DATA,
        help="another object for every item of an array",
        source={"type": "Select", "inputs": {"from": "", "select": {}}},
        fields=(_FROM, Field(path=("inputs", "select"), title="Map", kind=Kind.VALUE)),
    ),
    Step(
        id="Query", title="Filter array", group=Group.DATA,
        help="the items for which a condition holds",
        source={"type": "Query", "inputs": {"from": "", "where": "@equals(item(), '')"}},
        fields=(_FROM, Field(path=("inputs", "where"), title="Filter query", kind=Kind.CONDITION)),
    ),
    Step(
        id="Join", title="Join", group=Group.DATA,
        help="one text of all items",
        source={"type": "Join", "inputs": {"from": "", "joinWith": ", "}},
        fields=(_FROM, Field(path=("inputs", "joinWith"), title="Join with")),
    ),
    Step(
        id="CsvTable", title="Create CSV table", group=Group.DATA,
        help="items as comma-separated lines",
        source={"type": "Table", "inputs": {"from": "", "format": "CSV"}},
        fields=(_FROM,),
    ),
    Step(
        id="HtmlTable", title="Create HTML table", group=Group.DATA,
        help="items as a table of a page or a mail",
        source={"type": "Table", "inputs": {"from": "", "format": "HTML"}},
        fields=(_FROM,),
    ),
    Step(
        id="InitializeVariable", title="Initialize variable", group=Group.VARIABLE,
        help="a value that other actions change",
        source={"type": "InitializeVariable",
                "inputs": {"variables": [{"name": "", "type": "string"}]}},
        fields=(
            Field(path=("inputs", "variables", "0", "name"), title="Name"),
            Field(path=("inputs", "variables", "0", "type"), title="Type", kind=Kind.CHOICE,
                  choices=_TYPES),
            Field(path=("inputs", "variables", "0", "value"), title="Value", kind=Kind.VALUE,
                  required=False),
        ),
    ),
    _changing("Set variable", "SetVariable", "another value for a variable"),
    _changing("Increment variable", "IncrementVariable", "a number, made larger"),
    _changing("Decrement variable", "DecrementVariable", "a number, made smaller"),
    _changing("Append to array variable", "AppendToArrayVariable", "one more item"),
    _changing("Append to string variable", "AppendToStringVariable", "more text"),
    Step(
        id="Delay", title="Delay", group=Group.TIME,
        help="waits for a while",
        source={"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Minute"}}},
        fields=(
            Field(path=("inputs", "interval", "count"), title="Count", kind=Kind.VALUE),
            Field(path=("inputs", "interval", "unit"), title="Unit", kind=Kind.CHOICE,
                  choices=_UNITS),
        ),
    ),
    Step(
        id="DelayUntil", title="Delay until", group=Group.TIME,
        help="waits for a moment",
        source={"type": "Wait", "inputs": {"until": {"timestamp": ""}}},
        fields=(Field(path=("inputs", "until", "timestamp"), title="Timestamp",
                      help="such as `2026-12-24T18:00:00Z`"),),
    ),
    Step(
        id="Http", title="HTTP", group=Group.HTTP,
        help="asks an address of the web",
        source={"type": "Http", "inputs": {"method": "GET", "uri": ""}},
        fields=(
            Field(path=("inputs", "method"), title="Method", kind=Kind.CHOICE, choices=_METHODS),
            Field(path=("inputs", "uri"), title="URI"),
            Field(path=("inputs", "headers"), title="Headers", kind=Kind.JSON, required=False),
            Field(path=("inputs", "queries"), title="Queries", kind=Kind.JSON, required=False),
            Field(path=("inputs", "body"), title="Body", kind=Kind.VALUE, required=False),
        ),
    ),
    Step(
        id="Response", title="Response", group=Group.HTTP,
        help="answers whoever started the flow",
        source={"type": "Response", "kind": "Http", "inputs": {"statusCode": 200}},
        fields=(
            Field(path=("inputs", "statusCode"), title="Status code", kind=Kind.VALUE),
            Field(path=("inputs", "headers"), title="Headers", kind=Kind.JSON, required=False),
            Field(path=("inputs", "body"), title="Body", kind=Kind.VALUE, required=False),
        ),
    ),
    Step(
        id="Respond", title="Respond to a Power App or flow", group=Group.FLOWS,
        help="gives outputs to the app or the flow that called",
        source={"type": "Response", "kind": "PowerApp", "inputs": {
            "statusCode": 200, "schema": {"type": "object", "properties": {}}, "body": {}}},
        fields=(
            Field(path=("inputs", "body"), title="Outputs", kind=Kind.JSON),
            Field(path=("inputs", "schema"), title="Schema", kind=Kind.SCHEMA, required=False),
        ),
    ),
    Step(
        id="Workflow", title="Run a Child Flow", group=Group.FLOWS,
        help="runs another flow, in the name of this one's run",
        source={"type": "Workflow", "inputs": {"host": {"workflowReferenceName": ""}, "body": {}}},
        fields=(
            Field(path=("inputs", "host", "workflowReferenceName"), title="Child flow"),
            Field(path=("inputs", "body"), title="Inputs", kind=Kind.JSON, required=False),
        ),
    ),
)  # fmt: skip
"""The built-in actions, as they are offered."""

TRIGGERS: Final = (
    _request("Button", "Button", "Manually trigger a flow",
             "somebody presses a button; the run is in their name"),
    _request("PowerAppV2", "PowerAppV2", "When Power Apps calls a flow (V2)",
             "an app calls; the run is in the name of whoever uses the app"),
    Step(
        id="Recurrence", title="Recurrence", group=Group.TRIGGER,
        help="the clock strikes; the run is in the name of the flow's owner",
        source={"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}},
        fields=(
            Field(path=("recurrence", "interval"), title="Interval", kind=Kind.NUMBER),
            Field(path=("recurrence", "frequency"), title="Frequency", kind=Kind.CHOICE,
                  choices=_UNITS),
            Field(path=("recurrence", "timeZone"), title="Time zone", required=False,
                  help="such as `W. Europe Standard Time`"),
            Field(path=("recurrence", "startTime"), title="Start time", required=False,
                  help="such as `2026-12-24T18:00:00`"),
            Field(path=("recurrence", "schedule"), title="At", kind=Kind.JSON, required=False,
                  help="`hours`, `minutes`, `weekDays`"),
        ),
    ),
    Step(
        id="Http", title="When an HTTP request is received", group=Group.TRIGGER,
        help="a program calls an address; the run is in the name of the flow's owner",
        source={"type": "Request", "kind": "Http", "inputs": {
            "triggerAuthenticationType": "Tenant", "schema": {}}},
        fields=(
            Field(path=("inputs", "triggerAuthenticationType"), title="Who can trigger the flow?",
                  kind=Kind.CHOICE, choices=("All", "Tenant", "User")),
            Field(path=("inputs", "triggerAllowedUsers"), title="Allowed users", required=False,
                  help="for `User`: names or ids, with `;` between them"),
            Field(path=("inputs", "method"), title="Method", kind=Kind.CHOICE, required=False,
                  choices=_METHODS),
            Field(path=("inputs", "schema"), title="Request body JSON schema", kind=Kind.SCHEMA,
                  required=False),
        ),
    ),
    Step(
        id=ROW_TRIGGER, title="When a row is added, modified or deleted", group=Group.TRIGGER,
        help="a row changes; Run as says in whose name the run is",
        source={"type": "OpenApiConnectionWebhook", "inputs": {
            "host": {
                "connectionName": "shared_commondataserviceforapps",
                "operationId": ROW_TRIGGER,
                "apiId": "/providers/Microsoft.PowerApps/apis/shared_commondataserviceforapps",
            },
            "parameters": {
                "subscriptionRequest/message": 4,
                "subscriptionRequest/entityname": "account",
                "subscriptionRequest/scope": 4,
            },
        }},
        fields=(
            Field(path=(*_ROWS, "subscriptionRequest/message"), title="Change type",
                  kind=Kind.CODE, choices=("1", "2", "3", "4", "5", "6", "7"),
                  labels=("Added", "Deleted", "Modified", "Added or Modified", "Added or Deleted",
                          "Modified or Deleted", "Added or Modified or Deleted")),
            Field(path=(*_ROWS, "subscriptionRequest/entityname"), title="Table name"),
            Field(path=(*_ROWS, "subscriptionRequest/scope"), title="Scope", kind=Kind.CODE,
                  choices=("1", "2", "3", "4"),
                  labels=("User", "Business unit", "Parent: Child business unit", "Organization")),
            Field(path=(*_ROWS, "subscriptionRequest/filteringattributes"), title="Select columns",
                  required=False, help="only when one of these is changed: `name,revenue`"),
            Field(path=(*_ROWS, "subscriptionRequest/filterexpression"), title="Filter rows",
                  required=False, help="an OData condition: `revenue gt 1000`"),
        ),
    ),
)  # fmt: skip
"""The triggers, as they are offered."""

_BY_TYPE: Final[Mapping[str, Step]] = {str(step.source["type"]): step for step in reversed(ACTIONS)}


def step_of(node: Action | Trigger) -> Step | None:
    """Return the built-in step that an action, or the trigger, is; None for a connector's."""
    if node.call is not None:
        rows = isinstance(node, Trigger) and node.call.operation == ROW_TRIGGER
        return TRIGGERS[-1] if rows else None
    if isinstance(node, Trigger):
        kind = (node.kind or "Http").casefold()
        return next(
            (one for one in TRIGGERS if one.source["type"] == node.type
             and str(one.source.get("kind", kind)).casefold() == kind),
            None,
        )  # fmt: skip
    return next(
        (one for one in ACTIONS if one.source["type"] == node.type and _is_like(one, node)),
        _BY_TYPE.get(node.type),
    )


def _is_like(step: Step, action: Action) -> bool:
    """Tell apart the steps of one type: tables by format, delays and responses by what they say."""
    inputs = action.inputs if isinstance(action.inputs, dict) else {}
    match step.id:
        case "CsvTable" | "HtmlTable":
            return str(inputs.get("format")).casefold() == step.id[:-5].casefold()
        case "Delay" | "DelayUntil":
            return ("until" in inputs) == (step.id == "DelayUntil")
        case "Response" | "Respond":
            return ((action.kind or "Http").casefold() == "http") == (step.id == "Response")
    return True
