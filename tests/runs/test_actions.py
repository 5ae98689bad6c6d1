"""Each action that needs nobody else: what it gives, and how it fails."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from flowner.definitions.flow import Status
from flowner.runs.records import ActionRecord
from flowner.runs.simulation import simulate
from worlds.flows import FAILED, SUCCEEDED, after, compiled, compose

PEOPLE = [{"name": "Ada", "age": 36}, {"name": "Bo, Jr.", "age": None}]


def run_one(action: dict[str, Any], *, before: dict[str, Any] | None = None) -> ActionRecord:
    """Run one action named It, after others."""
    actions = dict(before or {})
    last = list(actions)[-1:]
    done = simulate(compiled({**actions, "It": {**action, "runAfter": after(*last)}}))
    return done.record.actions["It"]


def variable(type: str, value: Any = UNSET, *, name: str = "v") -> dict[str, Any]:
    declared = {"name": name, "type": type}
    if value is not UNSET:
        declared["value"] = value
    return {"Init": {"type": "InitializeVariable", "inputs": {"variables": [declared]}}}


def put(value: Any, name: str = "v") -> dict[str, Any]:
    return of("SetVariable", {"name": name, "value": value})


def of(type: str, inputs: Any, **members: Any) -> dict[str, Any]:
    return {"type": type, "inputs": inputs, **members}


BODY = [
    pytest.param(
        of("ParseJson", {"content": '{"a": [1, 2.0]}', "schema": {}}),
        {"a": [1, 2.0]},
        id="parse JSON of text",
    ),
    pytest.param(
        of("ParseJson", {"content": {"a": 1}, "schema": {"type": "object"}}),
        {"a": 1},
        id="parse JSON of an object",
    ),
    pytest.param(
        of("Select", {"from": [1, 2], "select": {"n": "@item()", "text": "no. @{item()}"}}),
        [{"n": 1, "text": "no. 1"}, {"n": 2, "text": "no. 2"}],
        id="select, as a map",
    ),
    pytest.param(
        of("Select", {"from": [1, 2], "select": "@mul(item(), 2)"}), [2, 4], id="select, as a value"
    ),
    pytest.param(of("Select", {"from": [], "select": "@item()"}), [], id="select of nothing"),
    pytest.param(
        of("Query", {"from": [1, 2, 3], "where": "@greater(item(), 1)"}), [2, 3], id="filter array"
    ),
    pytest.param(
        of("Join", {"from": ["a", 1, None, True], "joinWith": ";"}), "a;1;;True", id="join"
    ),
    pytest.param(
        of("Table", {"from": PEOPLE, "format": "CSV"}),
        'name,age\r\nAda,36\r\n"Bo, Jr.",\r\n',
        id="CSV table",
    ),
    pytest.param(
        of("Table", {"from": [{"a": "<b>"}], "format": "HTML"}),
        "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>",
        id="HTML table, escaped",
    ),
    pytest.param(
        of(
            "Table",
            {
                "from": PEOPLE,
                "format": "csv",
                "columns": [{"header": "Who", "value": "@toUpper(item()['name'])"}],
            },
        ),
        'Who\r\nADA\r\n"BO, JR."\r\n',
        id="a table's own columns",
    ),
    pytest.param(
        of("Table", {"from": [{"a": 1}, {"b": 2}], "format": "CSV"}),
        "a,b\r\n1,\r\n,2\r\n",
        id="columns are all names that are met",
    ),
    pytest.param(
        of(
            "Expression",
            {"text": "hello world", "searchText": "WORLD"},
            kind="IndexOf",
        ),
        6,
        id="index of",
    ),
    pytest.param(
        of("Expression", {"text": "hello", "startPosition": 1, "length": 3}, kind="Substring"),
        "ell",
        id="substring",
    ),
    pytest.param(
        of("Expression", {"text": "hello", "startPosition": 3}, kind="Substring"),
        "lo",
        id="substring to the end",
    ),
]

TIMES = [
    pytest.param(
        of(
            "Expression",
            {"baseTime": "2026-01-31T08:00:00Z", "interval": 1, "timeUnit": "Month"},
            kind="AddToTime",
        ),
        "2026-02-28T08:00:00.0000000Z",
        id="add to time",
    ),
    pytest.param(
        of(
            "Expression",
            {"baseTime": "2026-01-31T08:00:00Z", "interval": 1, "timeUnit": "Hour"},
            kind="SubtractFromTime",
        ),
        "2026-01-31T07:00:00.0000000Z",
        id="subtract from time",
    ),
    pytest.param(
        of("Expression", {"interval": 2, "timeUnit": "Day"}, kind="GetFutureTime"),
        "2026-01-03T00:00:00.0000000Z",
        id="future time",
    ),
    pytest.param(
        of("Expression", {"interval": 2, "timeUnit": "Day"}, kind="GetPastTime"),
        "2025-12-30T00:00:00.0000000Z",
        id="past time",
    ),
    pytest.param(
        of("Expression", {}, kind="CurrentTime"), "2026-01-01T00:00:00.0000000Z", id="current time"
    ),
    pytest.param(
        of(
            "Expression",
            {
                "baseTime": "2026-01-31T08:00:00Z",
                "sourceTimeZone": "UTC",
                "destinationTimeZone": "W. Europe Standard Time",
                "formatString": "HH:mm",
            },
            kind="ConvertTimeZone",
        ),
        "09:00",
        id="convert time zone",
    ),
    pytest.param(
        of("Expression", {"number": 1234.5, "format": "0.00"}, kind="FormatNumber"),
        "1234.50",
        id="format number",
    ),
]


@pytest.mark.parametrize(("action", "body"), [*BODY, *TIMES])
def test_body(action: dict[str, Any], body: Any) -> None:
    found = run_one(action)
    assert (found.status, found.code, found.error) == (SUCCEEDED, "OK", None)
    assert found.outputs == {"body": body}


def test_compose_gives_its_inputs_without_a_body() -> None:
    found = run_one(compose({"a": "@{add(1, 2)}", "b": "@add(1, 2)"}))
    assert found.inputs == found.outputs == {"a": "3", "b": 3}
    assert found.code == "OK"


def test_what_json_cannot_say_is_said_otherwise() -> None:
    before = {"A": compose(["@decimal('1.10')", "@float('NaN')", "@substring('😀', 0, 1)"])}
    assert run_one(compose("@outputs('A')"), before=before).outputs == [1.1, "NaN", "\ufffd"]


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        pytest.param(
            compose("@div(1, 0)"),
            "InvalidTemplate",
            "Unable to process template language expressions in action 'It' inputs at line '0' and"
            " column '0': 'Attempt to divide",
            id="an expression without a value",
        ),
        pytest.param(
            compose("@div(1,"), "InvalidTemplate", "Unable to process template", id="a broken one"
        ),
        pytest.param(
            of("Select", {"from": None, "select": 1}),
            "BadRequest",
            "The 'from' property value in the 'select' action inputs is of type 'Null'. The value"
            " must be an array.",
            id="select of null",
        ),
        pytest.param(
            of("Query", {"from": "text", "where": True}),
            "BadRequest",
            "The 'from' property value in the 'query' action inputs is of type 'String'.",
            id="filter of text",
        ),
        pytest.param(
            of("Query", {"from": [1], "where": "@item()"}),
            "BadRequest",
            "The 'where' property value in the 'query' action inputs is of type 'Integer'.",
            id="filter by a number",
        ),
        pytest.param(
            of("Table", {"from": [1], "format": "CSV"}),
            "BadRequest",
            "The 'from' property value in the 'table' action inputs must be an array of objects",
            id="table of numbers",
        ),
        pytest.param(
            of("Table", {"from": [], "format": "PDF"}), "BadRequest", "`pdf`", id="a strange format"
        ),
        pytest.param(
            of("ParseJson", {"content": None, "schema": {}}),
            "InvalidTemplate",
            "The 'content' property",
            id="parse JSON of null",
        ),
        pytest.param(
            of("ParseJson", {"content": 1, "schema": {"type": "object", "$ref": "http://x/y"}}),
            "InvalidJsonSchema",
            "the schema cannot be used",
            id="a schema that would have to be fetched",
        ),
        pytest.param(
            of("Expression", {}, kind="Guess"), "ActionTypeNotSupported", "`Guess`", id="a kind"
        ),
        pytest.param(of("Nonsense", {}), "ActionTypeNotSupported", "`Nonsense`", id="a type"),
        pytest.param(of("Wait", {}), "InvalidWait", "`interval`", id="a wait for nothing"),
        pytest.param(
            of("Wait", {"until": {"timestamp": "soon"}}), "InvalidWait", "`soon`", id="until soon"
        ),
        pytest.param(
            of("Response", {"statusCode": 99}),
            "InvalidResponseStatusCode",
            "status code '99'",
            id="a status code",
        ),
        pytest.param(
            of("Terminate", {"runStatus": "Skipped"}), "BadRequest", "'Skipped'", id="an ending"
        ),
    ],
)
def test_failure(action: dict[str, Any], error: str, message: str) -> None:
    found = run_one(action)
    assert (found.status, found.code) == (FAILED, "BadRequest")
    assert found.error is not None
    assert found.error.code == error
    assert message in found.error.message


def test_a_failed_expression_has_neither_inputs_nor_outputs() -> None:
    found = run_one(compose("@div(1, 0)"))
    assert (found.inputs, found.outputs) == (UNSET, UNSET)


@pytest.mark.parametrize(
    ("before", "action", "value"),
    [
        pytest.param(variable("String"), None, None, id="text starts as null"),
        pytest.param(variable("array"), None, [], id="an array starts empty"),
        pytest.param(variable("ARRAY", None), None, [], id="so it does with null"),
        pytest.param(variable("Integer", 1), None, 1, id="a value of its own"),
        pytest.param(variable("Float", 1), None, 1, id="a whole number fits a float"),
        pytest.param(
            variable("String", "a"), of("SetVariable", {"name": "V", "value": "b"}), "b", id="set"
        ),
        pytest.param(
            variable("String", "a"),
            put(None),
            None,
            id="null",
        ),
        pytest.param(
            variable("Array", [1]),
            of("AppendToArrayVariable", {"name": "v", "value": [2]}),
            [1, [2]],
            id="append an array as one item",
        ),
        pytest.param(
            variable("Array"),
            of("AppendToArrayVariable", {"name": "v", "value": None}),
            [None],
            id="append null",
        ),
        pytest.param(
            variable("String"),
            of("AppendToStringVariable", {"name": "v", "value": {"a": 1}}),
            '{"a":1}',
            id="append an object's text",
        ),
        pytest.param(
            variable("Integer", 5), of("IncrementVariable", {"name": "v", "value": 2}), 7, id="up"
        ),
        pytest.param(
            variable("Float", 0.5),
            of("DecrementVariable", {"name": "v", "value": 2}),
            -1.5,
            id="down",
        ),
    ],
)
def test_variable(before: dict[str, Any], action: dict[str, Any] | None, value: Any) -> None:
    actions = dict(before)
    if action is not None:
        actions["Change"] = {**action, "runAfter": after("Init")}
    done = simulate(compiled(actions))
    assert done.record.status is SUCCEEDED
    assert done.run.variable("v") == value
    assert {found.code for found in done.record.actions.values()} == {""}


@pytest.mark.parametrize(
    ("before", "action", "message"),
    [
        pytest.param(
            variable("Integer", 1),
            put("x"),
            "only supports values of types 'Integer'",
            id="text into a number",
        ),
        pytest.param(
            variable("Boolean", True),
            put(1),
            "'Boolean'",
            id="1",
        ),
        pytest.param(
            variable("Integer", 1),
            put(1.5),
            "'Float'",
            id="1.5",
        ),
        pytest.param(
            variable("Float", 1.0),
            put("x"),
            "'Float, Integer'",
            id="text into a float",
        ),
        pytest.param(
            variable("String"),
            of("IncrementVariable", {"name": "v", "value": 1}),
            "'String'",
            id="up",
        ),
        pytest.param(
            variable("Integer", 2**63 - 1),
            of("IncrementVariable", {"name": "v", "value": 1}),
            "64-bit",
            id="too large",
        ),
        pytest.param(
            variable("String"),
            of("AppendToArrayVariable", {"name": "v", "value": 1}),
            "'Array'",
            id="append to text",
        ),
        pytest.param(
            variable("String"),
            of("SetVariable", {"name": "w", "value": 1}),
            "'w' must be initialized",
            id="an unknown one",
        ),
        pytest.param(
            {},
            of("InitializeVariable", {"variables": [{"name": "v", "type": "Date"}]}),
            "'String', 'Integer'",
            id="an unknown type",
        ),
        pytest.param(
            {},
            of("InitializeVariable", {"variables": [{"name": "v", "type": "array", "value": "x"}]}),
            "'Array'",
            id="a first value of another type",
        ),
    ],
)
def test_variable_refused(before: dict[str, Any], action: dict[str, Any], message: str) -> None:
    found = run_one(action, before=before)
    assert found.status is FAILED
    assert found.error is not None
    assert message in found.error.message


def test_a_variable_does_not_change_what_was_read_from_it() -> None:
    actions = {
        **variable("Array", [1]),
        "Before": compose("@variables('v')", "Init"),
        "More": {
            **of("AppendToArrayVariable", {"name": "v", "value": 2}),
            "runAfter": after("Before"),
        },
        "After": compose("@variables('v')", "More"),
    }
    record = simulate(compiled(actions)).record
    assert record.actions["Before"].outputs == [1]
    assert record.actions["After"].outputs == [1, 2]


@pytest.mark.parametrize(
    ("inputs", "status", "body", "headers"),
    [
        pytest.param(
            {"statusCode": 201, "body": "ok"},
            201,
            "ok",
            {"Content-Type": "text/plain; charset=utf-8"},
            id="text",
        ),
        pytest.param(
            {"statusCode": "404", "body": {"a": 1}},
            404,
            {"a": 1},
            {"Content-Type": "application/json; charset=utf-8"},
            id="JSON, and a status as text",
        ),
        pytest.param({"headers": {"X": "y"}}, 200, None, {"X": "y"}, id="no body"),
        pytest.param(
            {"body": "<a/>", "headers": {"content-type": "text/xml"}},
            200,
            "<a/>",
            {"content-type": "text/xml"},
            id="the author's content type",
        ),
    ],
)
def test_response(inputs: Any, status: int, body: Any, headers: Any) -> None:
    reply = simulate(compiled({"R": of("Response", inputs)})).reply
    assert reply is not None
    assert (reply.status, reply.body, reply.headers) == (status, body, headers)
    assert reply.has_body is ("body" in inputs)


def test_there_is_one_answer() -> None:
    second = {**of("Response", {"body": 2}), "runAfter": after("One")}
    done = simulate(compiled({"One": of("Response", {"body": 1}), "Two": second}))
    assert done.reply is not None
    assert done.reply.body == 1
    assert done.record.actions["Two"].code == "ActionResponseAlreadyDefined"


def test_static_results_stand_in_for_the_action() -> None:
    chosen = {"staticResult": {"name": "It0", "staticResultOptions": "Enabled"}}
    results = {
        "It0": {"status": "Failed", "code": "NotFound", "outputs": {"statusCode": 404, "body": "x"}}
    }
    it = {**of("Http", {"method": "GET", "uri": "http://x"}), "runtimeConfiguration": chosen}
    done = simulate(compiled({"It": it}, staticResults=results))
    assert done.calls == ()
    found = done.record.actions["It"]
    assert (found.status, found.code) == (FAILED, "NotFound")
    assert found.outputs == {"statusCode": 404, "body": "x"}


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_terminate(status: Status) -> None:
    stop = of("Terminate", {"runStatus": status.value, "runError": {"code": "E", "message": "m"}})
    later = {"B": compose(1), "S": {"type": "Scope", "actions": {"C": compose(2)}}}
    for action in later.values():
        action["runAfter"] = after("Stop")
    record = simulate(compiled({"Stop": stop, **later})).record
    assert record.status is status
    assert record.error is not None
    assert record.error.message == "m"
    assert record.actions["Stop"].status is SUCCEEDED
    for name in ("B", "S", "C"):
        found = record.actions[name]
        assert (found.status, found.code) == (Status.SKIPPED, "Terminated")
