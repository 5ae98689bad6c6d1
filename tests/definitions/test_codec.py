"""What a document says, and that it is written as it was read."""

from __future__ import annotations

import json

import pytest

from definitions.written import (
    ACTIONS,
    BUTTON,
    GUID,
    MAIL,
    OTHER_GUID,
    ROWS,
    TIMETABLE,
    api,
    bare,
    call,
    legacy,
    legacy_call,
    put,
    row_trigger,
    solution,
    template,
)
from flowner.definitions.codec import binding_pointer, read_flow, write_flow
from flowner.definitions.flow import (
    FlowKind,
    Format,
    Message,
    RowScope,
    RunAs,
    SameRow,
    Source,
    Status,
    WhenUnavailable,
)
from flowner.errors import Invalid

C, U, D = Message.CREATE, Message.UPDATE, Message.DELETE


@pytest.mark.parametrize(
    ("document", "written"),
    [
        pytest.param(solution(), Format.SOLUTION, id="a solution's workflow"),
        pytest.param(legacy(), Format.LEGACY, id="a package's definition"),
        pytest.param(bare(), Format.BARE, id="a definition alone"),
        pytest.param(
            {"definition": bare(), "kind": "Stateful"}, Format.BARE, id="a definition and its kind"
        ),
        pytest.param(
            {"definition": bare(), "parameters": {"$connections": {"value": {}}}},
            Format.BARE,
            id="a code view",
        ),
        pytest.param(template(), Format.ARM, id="a deployment template"),
        pytest.param(
            put(template(), "resources", {"flow": template()["resources"][1]}),
            Format.ARM,
            id="a template that names its resources",
        ),
        pytest.param(
            solution(actions={}, triggers={"manual": {"type": "request", "kind": "http"}}),
            Format.SOLUTION,
            id="a flow without actions, lower case types",
        ),
        pytest.param(
            put(solution(), "properties>definition>actions", ...), Format.SOLUTION, id="no actions"
        ),
        pytest.param(
            {"properties": {"definition": bare(), "connectionReferences": None}},
            Format.SOLUTION,
            id="null connections",
        ),
        pytest.param(
            solution(
                actions={
                    "A": {"type": "If", "expression": True, "else": None, "actions": None},
                    "B": {"type": "Switch", "expression": 1, "cases": None},
                    "C": {"type": "Switch", "expression": 1, "cases": {}, "default": {}},
                    "D": {"type": "Scope", "runAfter": None},
                    "E": {"type": "If", "else": {"actions": None, "x": 1}},
                    "F": {"type": "Agent", "actions": {"any": "thing"}, "tools": []},
                }
            ),
            Format.SOLUTION,
            id="empty and null branches",
        ),
    ],
)
def test_a_document_is_written_as_it_was_read(document, written):
    before = json.dumps(document)
    flow = read_flow(document, name="Late loans")
    assert flow.format is written
    assert json.dumps(write_flow(flow)) == before
    assert json.dumps(document) == before


def test_the_parts_of_a_flow():
    flow = read_flow(solution(), name="Late loans", file=f"Workflows/Lateloans-{GUID}.json")
    assert (flow.name, flow.guid) == ("Late loans", GUID.lower())
    assert list(flow.actions) == list(ACTIONS)
    assert [action.name for action in flow.walk()] == [
        *("Is it late?", "Remind", "Note/it~down", "Rest"),
        *("By shelf", "Say fiction", "Say other"),
        *("Each copy", "Try", "Wait a bit", "Count"),
        *("All at once", "Return"),
    ]
    grace = flow.parameters["Days of grace (lib_Grace)"]
    assert (grace.type, grace.default, grace.schema_name) == ("Int", 14, "lib_Grace")
    assert set(flow.parameters) > {"$connections", "$authentication"}
    assert (flow.outputs, flow.static_results) == ({}, {})


@pytest.mark.parametrize(
    ("name", "slots"),
    [
        pytest.param(
            "Is it late?",
            [
                ("actions", "actions", None, ["Remind", "Note/it~down"]),
                ("else", "else", None, ["Rest"]),
            ],
            id="a condition: yes, then no",
        ),
        pytest.param(
            "By shelf",
            [
                ("case", "Fiction", "F", ["Say fiction"]),
                ("case", "Maps", 7, []),
                ("default", "default", None, ["Say other"]),
            ],
            id="a switch: its cases, then the default",
        ),
        pytest.param("Each copy", [("actions", "actions", None, ["Try"])], id="a loop over items"),
        pytest.param("Try", [("actions", "actions", None, ["Wait a bit"])], id="a scope"),
        pytest.param("Wait a bit", [("actions", "actions", None, ["Count"])], id="a loop until"),
        pytest.param("All at once", [("actions", "actions", None, ["Return"])], id="a changeset"),
        pytest.param("Rest", [], id="not a control action"),
    ],
)
def test_the_branches_of_a_control_action(name, slots):
    action = found(read_flow(solution(), name="x"), name)
    assert [(b.slot, b.name, b.case, list(b.actions)) for b in action.branches] == slots


@pytest.mark.parametrize(
    ("action", "slots"),
    [
        pytest.param({"type": "If", "actions": {}}, ["actions", "else"], id="no else"),
        pytest.param({"type": "Switch"}, ["default"], id="no cases and no default"),
        pytest.param({"type": "until"}, ["actions"], id="no actions, lower case"),
    ],
)
def test_a_branch_that_is_not_written_is_there_and_empty(action, slots):
    flow = read_flow(solution(actions={"A": action}), name="x")
    assert [branch.slot for branch in flow.actions["A"].branches] == slots
    assert not any(branch.actions for branch in flow.actions["A"].branches)


def test_an_action_keeps_what_no_member_holds():
    flow = read_flow(solution(), name="x")
    note = found(flow, "Note/it~down")
    assert note.pointer == ("/properties/definition/actions/Is it late?/actions/Note~1it~0down")
    assert note.run_after == {"Remind": {Status.SUCCEEDED, Status.FAILED}}
    loop = flow.actions["Each copy"]
    assert loop.run_after == {"By shelf": {Status.SUCCEEDED, Status.TIMED_OUT}}
    assert loop.source["foreach"] == "@triggerBody()?['copies']"
    assert loop.source["runtimeConfiguration"] == {"concurrency": {"repetitions": 5}}
    assert flow.actions["Is it late?"].branches[1].source["colour"] == "green"


def test_a_predecessor_is_named_as_it_is_spelled():
    actions = {
        "First": {"type": "Compose", "inputs": 1},
        "Second": {"type": "compose", "runAfter": {"FIRST": ["Succeeded"]}, "inputs": 1},
    }
    flow = read_flow(solution(actions=actions), name="x")
    assert set(flow.actions["Second"].run_after) == {"First"}
    assert flow.actions["Second"].type == "Compose"
    assert write_flow(flow) == solution(actions=actions)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(
            call(MAIL, "SendEmailV2", {"emailMessage/To": "a"}),
            (MAIL, MAIL, "SendEmailV2", {"emailMessage/To": "a"}, False),
            id="by operation",
        ),
        pytest.param(
            put(call(MAIL, "Op", {}), "inputs>host", {"connectionReferenceName": MAIL}),
            (MAIL, "", "", {}, False),
            id="as the designer's peek spells it",
        ),
        pytest.param(
            legacy_call(MAIL, "/Mail"),
            (MAIL, "", "", {"method": "post", "path": "/Mail", "body": {"Subject": "due"}}, True),
            id="by path",
        ),
        pytest.param(
            legacy_call(
                MAIL, "/Mail", metadata={"flowSystemMetadata": {"swaggerOperationId": "SendEmail"}}
            ),
            (
                MAIL,
                "",
                "SendEmail",
                {"method": "post", "path": "/Mail", "body": {"Subject": "due"}},
                True,
            ),
            id="by path, with the operation noted",
        ),
        pytest.param(
            put(
                legacy_call(MAIL, "/Mail"),
                "inputs>host>connection>name",
                "@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))"
                f"['$connections']['{MAIL}']['connectionId']",
            ),
            (MAIL, "", "", {"method": "post", "path": "/Mail", "body": {"Subject": "due"}}, True),
            id="by path, from the caller's token",
        ),
        pytest.param(
            put(legacy_call(MAIL, "/M"), "inputs>host>connection", {"referenceName": MAIL}),
            (MAIL, "", "", {"method": "post", "path": "/M", "body": {"Subject": "due"}}, True),
            id="by path, with a plain key",
        ),
    ],
)
def test_which_binding_a_call_asks(action, expected):
    flow = read_flow(solution(actions={"A": action}), name="x")
    found_call = flow.actions["A"].call
    assert found_call is not None
    assert (
        found_call.binding,
        found_call.connector,
        found_call.operation,
        found_call.parameters,
        found_call.legacy,
    ) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            {"runtimeSource": "embedded", "connection": {}, "api": {"name": MAIL}},
            (MAIL, Source.EMBEDDED, False, None, None),
            id="a solution's, never bound",
        ),
        pytest.param(
            {
                "impersonation": {"source": "invoker"},
                "runtimeSource": "embedded",
                "connection": {"connectionReferenceLogicalName": "lib_rows"},
                "api": {"name": MAIL},
            },
            (MAIL, Source.EMBEDDED, True, "lib_rows", None),
            id="a solution's, impersonating",
        ),
        pytest.param(
            {"runtimeSource": "invoker", "source": "Embedded", "api": {"name": MAIL}},
            (MAIL, Source.INVOKER, False, None, None),
            id="both spellings: the solution's counts",
        ),
        pytest.param(
            {"connectionName": "shared-office365-77", "source": "Invoker", "id": api(MAIL)},
            (MAIL, Source.INVOKER, False, None, "shared-office365-77"),
            id="a package's",
        ),
        pytest.param(
            {"source": "NotSpecified", "id": api(MAIL), "connectionReferenceLogicalName": "lib_m"},
            (MAIL, Source.EMBEDDED, False, "lib_m", None),
            id="the management API's",
        ),
        pytest.param(
            {"api": {"id": "/subscriptions/{0}/providers/x/managedApis/office365"}},
            (MAIL, Source.EMBEDDED, False, None, None),
            id="a logic app's",
        ),
    ],
)
def test_what_a_binding_says(entry, expected):
    document = solution(
        actions={}, connectionReferences={"the key": entry}, triggers={"Daily": TIMETABLE}
    )
    flow = read_flow(document, name="x")
    one = flow.bindings["the key"]
    assert (one.connector, one.source, one.impersonates, one.reference, one.connection) == expected
    assert write_flow(flow) == document


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        pytest.param(BUTTON, FlowKind.INSTANT, id="a button"),
        pytest.param({"type": "Request", "kind": "PowerApp"}, FlowKind.INSTANT, id="Power Apps"),
        pytest.param(
            {"type": "Request", "kind": "PowerAppV2"}, FlowKind.INSTANT, id="Power Apps 2"
        ),
        pytest.param({"type": "Request", "kind": "Skills"}, FlowKind.INSTANT, id="an agent"),
        pytest.param({"type": "Request", "kind": "VirtualAgent"}, FlowKind.INSTANT, id="a bot"),
        pytest.param({"type": "Request", "kind": "PowerPages"}, FlowKind.INSTANT, id="a page"),
        pytest.param({"type": "Request", "kind": "Teleport"}, FlowKind.INSTANT, id="unknown kind"),
        pytest.param({"type": "Request", "kind": "Http"}, FlowKind.HTTP, id="HTTP"),
        pytest.param({"type": "Request", "kind": "http"}, FlowKind.HTTP, id="HTTP, lower case"),
        pytest.param({"type": "Request"}, FlowKind.HTTP, id="a logic app's request"),
        pytest.param(TIMETABLE, FlowKind.SCHEDULED, id="a recurrence"),
        pytest.param({"type": "SlidingWindow"}, FlowKind.SCHEDULED, id="a sliding window"),
        pytest.param(row_trigger(), FlowKind.AUTOMATED, id="a row"),
        pytest.param(
            call(MAIL, "OnNewEmailV3", {}, type="OpenApiConnectionNotification"),
            FlowKind.AUTOMATED,
            id="a mail",
        ),
        pytest.param({"type": "HttpWebhook"}, FlowKind.AUTOMATED, id="a webhook"),
    ],
)
def test_what_sets_a_flow_off(trigger, kind):
    flow = read_flow(solution(triggers={"T": trigger}), name="x")
    assert flow.trigger.flow_kind is kind
    assert flow.trigger.when_unavailable is WhenUnavailable.OWNER


def test_a_selected_row_is_instant_and_asks_its_connector():
    trigger = {
        "type": "Request",
        "kind": "ApiConnection",
        "splitOn": "@triggerBody()['rows']",
        "inputs": {
            "host": {
                "connection": {"name": f"@parameters('$connections')['{ROWS}']['connectionId']"}
            },
            "operationId": "FlowStepRun",
            "parameters": {"table": "loans"},
        },
    }
    flow = read_flow(solution(triggers={"manual": trigger}), name="x")
    assert flow.trigger.flow_kind is FlowKind.INSTANT
    assert flow.trigger.rows is None
    called = flow.trigger.call
    assert called is not None
    assert (called.binding, called.operation, called.parameters) == (
        ROWS,
        "FlowStepRun",
        {"table": "loans"},
    )


@pytest.mark.parametrize(
    ("number", "messages"),
    [
        pytest.param(1, {C}, id="1 added"),
        pytest.param(2, {D}, id="2 deleted"),
        pytest.param(3, {U}, id="3 modified"),
        pytest.param(4, {C, U}, id="4 added or modified"),
        pytest.param(5, {C, D}, id="5 added or deleted"),
        pytest.param(6, {U, D}, id="6 modified or deleted"),
        pytest.param(7, {C, U, D}, id="7 any"),
    ],
)
def test_the_message_of_a_row_trigger(number, messages):
    assert rows_of(row_trigger(message=number)).messages == messages


@pytest.mark.parametrize(
    ("number", "scope"),
    [
        pytest.param(1, RowScope.USER, id="1 user"),
        pytest.param(2, RowScope.BUSINESS_UNIT, id="2 business unit"),
        pytest.param(3, RowScope.PARENT_CHILD, id="3 parent and child business units"),
        pytest.param(4, RowScope.ORGANIZATION, id="4 organization"),
    ],
)
def test_the_scope_of_a_row_trigger(number, scope):
    assert rows_of(row_trigger(scope=number)).scope is scope


@pytest.mark.parametrize(
    ("number", "run_as"),
    [
        pytest.param(1, RunAs.MODIFYING_USER, id="1 modifying user"),
        pytest.param(2, RunAs.ROW_OWNER, id="2 row owner"),
        pytest.param(3, RunAs.FLOW_OWNER, id="3 flow owner"),
        pytest.param(..., None, id="absent"),
    ],
)
def test_the_run_as_of_a_row_trigger(number, run_as):
    assert rows_of(row_trigger(runas=number)).run_as is run_as


def test_the_filters_of_a_row_trigger():
    rows = rows_of(
        row_trigger(
            filteringattributes="lib_days, lib_state,,",
            filterexpression="lib_days gt 14",
            postponeuntil="@utcNow()",
        )
    )
    assert rows.table == "lib_loan"
    assert rows.filtering_columns == {"lib_days", "lib_state"}
    assert rows.filter_expression == "lib_days gt 14"
    assert rows.postpone_until == "@utcNow()"
    plain = rows_of(row_trigger())
    assert (plain.filtering_columns, plain.filter_expression) == (frozenset(), None)


OLD = "shared_commondataservice"


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        pytest.param(
            call(
                OLD,
                "SubscribeOnNewItems",
                {"table": "loans", "scope": "Business unit"},
                type="OpenApiConnectionWebhook",
            ),
            ("loans", {C}, RowScope.BUSINESS_UNIT),
            id="the old connector, by operation",
        ),
        pytest.param(
            legacy_call(
                OLD,
                "/datasets/x/tables/@{encodeURIComponent(encodeURIComponent('loans'))}"
                "/onupdateditemswebhook",
                type="ApiConnectionWebhook",
            ),
            ("loans", {U}, RowScope.ORGANIZATION),
            id="the old connector, by path",
        ),
        pytest.param(
            call(OLD, "GetOnDeletedItems", {"table": "loans"}),
            ("loans", {D}, RowScope.ORGANIZATION),
            id="the old connector, polling",
        ),
        pytest.param(call(MAIL, "GetOnNewItems", {"table": "loans"}), None, id="another connector"),
        pytest.param(call(OLD, "GetItem_V2", {"table": "loans"}), None, id="another operation"),
    ],
)
def test_legacy_row_triggers(trigger, expected):
    declared = {key: {"api": {"name": key}} for key in (OLD, MAIL, ROWS)}
    document = solution(triggers={"T": trigger}, connectionReferences=declared)
    rows = read_flow(document, name="x").trigger.rows
    assert (rows and (rows.table, rows.messages, rows.scope)) == expected
    assert rows is None or rows.run_as is None


@pytest.mark.parametrize("choice", list(WhenUnavailable))
def test_what_a_run_does_without_its_principal(choice):
    trigger = row_trigger() | {"metadata": {"flownerWhenUnavailable": choice.value, "kept": 1}}
    flow = read_flow(solution(triggers={"T": trigger}), name="x")
    assert flow.trigger.when_unavailable is choice
    assert write_flow(flow)["properties"]["definition"]["triggers"]["T"] == trigger


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param({}, SameRow.AT_ONCE, id="not said"),
        pytest.param({"flownerSameRow": "atOnce"}, SameRow.AT_ONCE, id="at once"),
        pytest.param({"flownerSameRow": "inOrder", "kept": 1}, SameRow.IN_ORDER, id="in order"),
    ],
)
def test_how_the_runs_of_one_row_go(metadata, expected):
    trigger = row_trigger() | {"metadata": metadata}
    flow = read_flow(solution(triggers={"T": trigger}), name="x")
    assert flow.trigger.same_row is expected
    assert write_flow(flow)["properties"]["definition"]["triggers"]["T"] == trigger


def test_an_order_that_is_none():
    trigger = row_trigger() | {"metadata": {"flownerSameRow": "shuffled"}}
    with pytest.raises(Invalid, match="`shuffled` is not how the runs of one row go"):
        read_flow(solution(triggers={"T": trigger}), name="x")


@pytest.mark.parametrize(
    ("document", "file", "guid"),
    [
        pytest.param(
            solution(), f"Workflows/{OTHER_GUID}-{GUID}.json", GUID, id="last in the file"
        ),
        pytest.param(
            legacy(), f"flows/{OTHER_GUID}/definition.json", GUID, id="its own name first"
        ),
        pytest.param(solution(), "Late.json", None, id="nobody says"),
    ],
)
def test_the_guid_of_a_flow(document, file, guid):
    flow = read_flow(document, name="x", file=file)
    assert flow.guid == (guid and guid.lower())


def test_connections_are_implied_where_none_can_be_declared():
    flow = read_flow(bare(), name="x")
    assert flow.bindings["slack_1"].connector == "shared_slack"
    assert flow.bindings["slack_1"].reference is None
    assert "connectionReferences" not in write_flow(flow)


def test_a_template_declares_its_connections():
    flow = read_flow(template(), name="x")
    one = flow.bindings["office365-1"]
    assert (one.connector, one.connection) == (MAIL, "office365-1")
    assert flow.actions["Post"].pointer == "/resources/1/properties/definition/actions/Post"


def rows_of(trigger):
    rows = read_flow(solution(triggers={"T": trigger}), name="x").trigger.rows
    assert rows is not None
    return rows


def found(flow, name):
    return next(action for action in flow.walk() if action.name == name)


@pytest.mark.parametrize(
    ("document", "key", "pointer"),
    [
        pytest.param(
            solution(), ROWS, f"/properties/connectionReferences/{ROWS}", id="in a solution"
        ),
        pytest.param(bare(), "slack_1", "/connectionReferences/slack_1", id="only implied"),
        pytest.param(
            template(),
            "office365-1",
            "/resources/1/properties/parameters/$connections/value/office365-1",
            id="in a template",
        ),
    ],
)
def test_where_a_binding_stands(document, key, pointer):
    assert binding_pointer(read_flow(document, name="x"), key) == pointer
