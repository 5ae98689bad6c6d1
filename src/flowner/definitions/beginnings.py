"""What new flows begin with: a trigger alone, or a template of each kind of flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flowner.definitions.codec import read_flow
from flowner.definitions.flow import Flow, FlowKind
from flowner.definitions.palette import TRIGGERS
from flowner.definitions.row_triggers import ROW_TRIGGER
from flowner.definitions.steps import name_for
from flowner.errors import NotFound
from flowner.values import Json, JsonObject

_SCHEMA: Final = (
    "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/"
    "2016-06-01/workflowdefinition.json#"
)
_APIS: Final = "/providers/Microsoft.PowerApps/apis/"
_MAIL: Final = "shared_office365"
_ROWS: Final = "shared_commondataserviceforapps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """One thing to begin with."""

    id: str
    title: str
    help: str
    trigger: str
    """The palette's id of the trigger."""
    inputs: tuple[tuple[str, ...], ...] = ()
    """What whoever starts it is asked for: each by its name and its title."""
    parameters: tuple[tuple[str, Json], ...] = ()
    """What the trigger's own parameters are set to."""
    actions: tuple[tuple[str, JsonObject], ...] = ()
    """One after another."""
    connections: tuple[tuple[str, str], ...] = ()
    """Each connector, and whose it is: ``embedded`` (the owner's), ``invoker`` (that of whoever
    runs it), or ``follows`` (the owner's, acting for whom Run as says).
    """

    @property
    def is_blank(self) -> bool:
        """Whether it is a trigger alone."""
        return not self.actions

    @property
    def kind(self) -> FlowKind:
        """What kind of flow it makes."""
        return begun(self.id, self.title).trigger.flow_kind


def begun(id: str, name: str) -> Flow:
    """Return a new flow called ``name``; `NotFound` where nothing begins so."""
    found = next((one for one in BEGINNINGS if one.id == id), None)
    if found is None:
        raise NotFound(f"no flow begins with `{id}`")
    return read_flow(_document(found), name=name)


def _document(one: Beginning) -> JsonObject:
    actions: JsonObject = {}
    before = None
    for name, source in one.actions:
        actions[name] = {**source, "runAfter": {before: ["Succeeded"]} if before else {}}
        before = name
    step = next(step for step in TRIGGERS if step.id == one.trigger)
    references: JsonObject = {
        connector: _reference(connector, source) for connector, source in _connections(one)
    }
    return {
        "properties": {
            "connectionReferences": references,
            "definition": {
                "$schema": _SCHEMA,
                "contentVersion": "1.0.0.0",
                "parameters": {"$connections": {"defaultValue": {}, "type": "Object"}},
                "triggers": {name_for(step.title): _trigger(one, dict(step.source))},
                "actions": actions,
            },
        },
        "schemaVersion": "1.0.0.0",
    }


def _reference(connector: str, source: str) -> JsonObject:
    follows: JsonObject = {"impersonation": {"source": "invoker"}}
    return {
        **(follows if source == "follows" else {}),
        "runtimeSource": "invoker" if source == "invoker" else "embedded",
        "connection": {},
        "api": {"name": connector},
    }


def _connections(one: Beginning) -> tuple[tuple[str, str], ...]:
    if one.trigger == ROW_TRIGGER and _ROWS not in dict(one.connections):
        return ((_ROWS, "embedded"), *one.connections)
    return one.connections


def _trigger(one: Beginning, source: JsonObject) -> JsonObject:
    given = source.get("inputs")
    inputs: JsonObject = dict(given) if isinstance(given, dict) else {}
    if one.inputs:
        asked: JsonObject = {
            name: {"type": "string", "title": title, "x-ms-dynamically-added": True}
            for name, title in one.inputs
        }
        inputs["schema"] = {"type": "object", "properties": asked, "required": list(asked)}
    if one.parameters:
        before = inputs.get("parameters")
        known = before if isinstance(before, dict) else {}
        inputs["parameters"] = {**known, **dict(one.parameters)}
    return {**source, "inputs": inputs} if inputs else source


def _call(connector: str, operation: str, parameters: JsonObject) -> JsonObject:
    return {
        "type": "OpenApiConnection",
        "inputs": {
            "host": {
                "connectionName": connector,
                "operationId": operation,
                "apiId": _APIS + connector,
            },
            "parameters": parameters,
        },
    }


def _mail(to: str, subject: str, text: str) -> JsonObject:
    return _call(
        _MAIL,
        "SendEmailV2",
        {"emailMessage/To": to, "emailMessage/Subject": subject, "emailMessage/Body": text},
    )


_TEMPLATES: Final = (
    Beginning(
        id="mail-as-runner",
        title="Mail in the name of whoever runs it",
        help="People you share it with press a button, and the mail comes from their own mailbox.",
        trigger="Button",
        inputs=(("text", "To"), ("text_1", "Subject"), ("text_2", "Message")),
        actions=(("Send_the_mail", _mail(
            "@{triggerBody()?['text']}", "@{triggerBody()?['text_1']}",
            "@{triggerBody()?['text_2']}")),),
        connections=((_MAIL, "invoker"),),
    ),
    Beginning(
        id="mail-if",
        title="Mail when an amount is large",
        help="A button asks for an amount; a condition decides whether somebody is told.",
        trigger="Button",
        inputs=(("text", "Amount"), ("text_1", "Tell")),
        actions=(("Is_it_large", {
            "type": "If",
            "expression": {"greater": ["@float(triggerBody()?['text'])", 1000]},
            "actions": {"Tell_them": {"runAfter": {}, **_mail(
                "@{triggerBody()?['text_1']}", "A large amount",
                "It is @{triggerBody()?['text']}.")}},
            "else": {"actions": {}},
        }),),
        connections=((_MAIL, "embedded"),),
    ),
    Beginning(
        id="app-answer",
        title="Answer a Power App",
        help="An app calls it with a name, and shows the text that comes back.",
        trigger="PowerAppV2",
        inputs=(("text", "Name"),),
        actions=(("Respond_to_the_app", {
            "type": "Response",
            "kind": "PowerApp",
            "inputs": {
                "statusCode": 200,
                "schema": {"type": "object", "properties": {
                    "greeting": {"title": "greeting", "type": "string",
                                 "x-ms-dynamically-added": True}}},
                "body": {"greeting": "Hello, @{triggerBody()?['text']}"},
            },
        }),),
    ),
    Beginning(
        id="note-as-modifier",
        title="Note a change in the name of whoever made it",
        help="A row changes; with Run as the modifying user, the note is theirs.",
        trigger=ROW_TRIGGER,
        parameters=(
            ("subscriptionRequest/message", 3),
            ("subscriptionRequest/runas", 1),
        ),
        actions=(("Add_a_note", _call(_ROWS, "CreateRecord", {
            "entityName": "",
            "item/name": "@{triggerOutputs()?['body/name']} was changed.",
        })),),
        connections=((_ROWS, "follows"),),
    ),
    Beginning(
        id="daily-summary",
        title="A summary every day",
        help="The clock strikes, and a mail goes out through a connection of yours.",
        trigger="Recurrence",
        actions=(("Send_the_summary", _mail(
            "", "The summary of @{formatDateTime(utcNow(), 'yyyy-MM-dd')}",
            "What there is to say today.")),),
        connections=((_MAIL, "embedded"),),
    ),
    Beginning(
        id="http-intake",
        title="Take in what a program sends",
        help="A program calls an address and gets its answer; the run is in your name.",
        trigger="Http",
        actions=(
            ("What_was_sent", {"type": "Compose", "inputs": "@triggerBody()"}),
            ("Answer", {
                "type": "Response",
                "kind": "Http",
                "inputs": {"statusCode": 202, "body": {"received": "@outputs('What_was_sent')"}},
            }),
        ),
    ),
)  # fmt: skip
BEGINNINGS: Final = (
    *_TEMPLATES,
    *(
        Beginning(id=f"blank-{step.id}", title=step.title, help=step.help, trigger=step.id)
        for step in TRIGGERS
    ),
)
"""The templates, then each trigger alone."""
