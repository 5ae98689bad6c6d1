"""What is refused at reading, and that the error says where."""

from __future__ import annotations

import pytest

from definitions.written import (
    BUTTON,
    MAIL,
    ROWS,
    after,
    bare,
    call,
    legacy,
    legacy_call,
    put,
    row_trigger,
    solution,
    template,
)
from flowner.definitions.codec import read_flow
from flowner.definitions.problems import InvalidDefinition
from flowner.errors import Code, Invalid

DEFINITION = "/properties/definition"
ACTIONS = f"{DEFINITION}/actions"
TRIGGER = f"{DEFINITION}/triggers/T"
SUBSCRIPTION = f"{TRIGGER}/inputs/parameters/subscriptionRequest~1"
BINDING = f"/properties/connectionReferences/{MAIL}"
COMPOSE = {"type": "Compose", "inputs": 1}


def with_trigger(trigger, **more):
    return solution(actions={}, triggers={"T": trigger}, **more)


def with_actions(**actions):
    return solution(actions=actions)


def with_binding(**members):
    return solution(actions={}, connectionReferences={MAIL: members})


def compose(*predecessors):
    return COMPOSE | {"runAfter": {name: ["Succeeded"] for name in predecessors}}


@pytest.mark.parametrize(
    ("document", "code", "pointer", "says"),
    [
        # the whole
        pytest.param({}, "InvalidWorkflowDefinition", "", "is not a flow", id="an empty object"),
        pytest.param([], "InvalidWorkflowDefinition", "", "not a JSON object", id="a list"),
        pytest.param(
            {"properties": {"definition": "x"}},
            "InvalidWorkflowDefinition",
            DEFINITION,
            "`definition` is not an object",
            id="a definition that is a text",
        ),
        pytest.param(
            solution(connectionReferences=[]),
            "InvalidWorkflowDefinition",
            "/properties/connectionReferences",
            "not an object",
            id="connections that are a list",
        ),
        pytest.param(
            put(template(), "resources", []),
            "InvalidWorkflowDefinition",
            "/resources",
            "holds 0 resources",
            id="a template without a workflow",
        ),
        pytest.param(
            put(template(), "resources", template()["resources"] * 2),
            "InvalidWorkflowDefinition",
            "/resources",
            "holds 2 resources",
            id="a template with two workflows",
        ),
        pytest.param(
            put(solution(), "properties>definition>actions", []),
            "InvalidWorkflowDefinition",
            ACTIONS,
            "not an object",
            id="actions that are a list",
        ),
        pytest.param(
            put(solution(), "properties>definition>parameters>p", 5),
            "InvalidWorkflowDefinition",
            f"{DEFINITION}/parameters/p",
            "parameter `p` is not an object",
            id="a parameter that is a number",
        ),
        pytest.param(
            put(solution(), "properties>definition>outputs", []),
            "InvalidWorkflowDefinition",
            f"{DEFINITION}/outputs",
            "not an object",
            id="outputs that are a list",
        ),
        # triggers
        pytest.param(
            solution(triggers={"a": BUTTON, "b": BUTTON}),
            "InvalidWorkflowDefinition",
            f"{DEFINITION}/triggers",
            "has 2 triggers",
            id="two triggers",
        ),
        pytest.param(
            solution(triggers={}),
            "InvalidWorkflowDefinition",
            f"{DEFINITION}/triggers",
            "has 0 triggers",
            id="no trigger",
        ),
        pytest.param(
            put(bare(), "triggers", ...),
            "InvalidWorkflowDefinition",
            "/triggers",
            "has 0 triggers",
            id="no triggers member",
        ),
        pytest.param(
            with_trigger("button"),
            "InvalidWorkflowDefinition",
            TRIGGER,
            "trigger `T` is not an object",
            id="a trigger that is a text",
        ),
        pytest.param(
            with_trigger({"kind": "Http"}),
            "InvalidWorkflowDefinition",
            TRIGGER,
            "has no type",
            id="a trigger without a type",
        ),
        pytest.param(
            with_trigger({"type": 3}),
            "InvalidWorkflowDefinition",
            f"{TRIGGER}/type",
            "not a text",
            id="a trigger whose type is a number",
        ),
        pytest.param(
            with_trigger(BUTTON | {"metadata": {"flownerWhenUnavailable": "shrug"}}),
            "InvalidWorkflowDefinition",
            f"{TRIGGER}/metadata/flownerWhenUnavailable",
            "`shrug`",
            id="an unknown way without a principal",
        ),
        pytest.param(
            with_trigger(BUTTON | {"metadata": {"flownerSameRow": "inOrder"}}),
            "InvalidWorkflowDefinition",
            f"{TRIGGER}/metadata/flownerSameRow",
            "not set off by rows",
            id="an order of rows without rows",
        ),
        pytest.param(
            with_trigger({"type": "OpenApiConnectionWebhook", "inputs": {}}),
            "InvalidWorkflowDefinition",
            f"{TRIGGER}/inputs",
            "names no connection",
            id="a connector trigger without a host",
        ),
        # row triggers
        *(
            pytest.param(
                with_trigger(row_trigger(runas=value)),
                "InvalidRunAs",
                f"{SUBSCRIPTION}runas",
                "is not a Run as",
                id=f"Run as {value!r}",
            )
            for value in (0, 4, -1, "1", 1.0, True, None, [1], {}, "@parameters('who')", 10**30)
        ),
        *(
            pytest.param(
                with_trigger(row_trigger(message=value)),
                "InvalidWorkflowDefinition",
                f"{SUBSCRIPTION}message",
                "message",
                id=f"message {value!r}",
            )
            for value in (0, 8, "4", True, None, ...)
        ),
        *(
            pytest.param(
                with_trigger(row_trigger(scope=value)),
                "InvalidWorkflowDefinition",
                f"{SUBSCRIPTION}scope",
                "scope",
                id=f"scope {value!r}",
            )
            for value in (0, 5, "4", ...)
        ),
        *(
            pytest.param(
                with_trigger(row_trigger(entityname=value)),
                "InvalidWorkflowDefinition",
                f"{SUBSCRIPTION}entityname",
                "",
                id=f"table {value!r}",
            )
            for value in (7, "", ...)
        ),
        pytest.param(
            with_trigger(row_trigger(filteringattributes=["a"])),
            "InvalidWorkflowDefinition",
            f"{SUBSCRIPTION}filteringattributes",
            "not a text",
            id="columns that are a list",
        ),
        # bindings
        pytest.param(
            with_actions(A=call("shared_sql", "Execute", {})),
            "UnknownConnectionReferenceKey",
            f"{ACTIONS}/A/inputs/host/connectionName",
            "action `A` uses connection `shared_sql`",
            id="an action's binding is unknown",
        ),
        pytest.param(
            with_actions(A=legacy_call("shared_sql", "/query")),
            "UnknownConnectionReferenceKey",
            f"{ACTIONS}/A/inputs/host/connection/name",
            "uses connection `shared_sql`",
            id="a legacy action's binding is unknown",
        ),
        pytest.param(
            with_trigger(row_trigger(), connectionReferences={}),
            "UnknownConnectionReferenceKey",
            f"{TRIGGER}/inputs/host/connectionName",
            f"trigger `T` uses connection `{ROWS}`",
            id="the trigger's binding is unknown",
        ),
        pytest.param(
            with_actions(A=call(f"@{{'{MAIL}'}}", "Send", {})),
            "UnknownConnectionReferenceKey",
            f"{ACTIONS}/A/inputs/host/connectionName",
            "does not declare",
            id="a binding chosen by an expression",
        ),
        pytest.param(
            put(with_actions(A=call(MAIL, "Op", {})), "properties>connectionReferences", ...),
            "UnknownConnectionReferenceKey",
            f"{ACTIONS}/A/inputs/host/connectionName",
            "does not declare",
            id="no connections are declared at all",
        ),
        pytest.param(
            with_binding(runtimeSource="somebody", api={"name": MAIL}),
            "InvalidWorkflowDefinition",
            f"{BINDING}/runtimeSource",
            "`somebody`",
            id="an unknown source",
        ),
        pytest.param(
            with_binding(source=1, id="/apis/shared_x"),
            "InvalidWorkflowDefinition",
            f"{BINDING}/source",
            "`1`",
            id="a package's source that is a number",
        ),
        pytest.param(
            with_binding(impersonation={"source": "boss"}, api={"name": MAIL}),
            "InvalidWorkflowDefinition",
            f"{BINDING}/impersonation/source",
            "`boss`",
            id="an unknown impersonation",
        ),
        pytest.param(
            with_binding(runtimeSource="embedded"),
            "InvalidWorkflowDefinition",
            BINDING,
            "names no connector",
            id="a binding without a connector",
        ),
        pytest.param(
            solution(actions={}, connectionReferences={MAIL: "x"}),
            "InvalidWorkflowDefinition",
            BINDING,
            "not an object",
            id="a binding that is a text",
        ),
        # actions
        pytest.param(
            with_actions(A=[]),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A",
            "action `A` is not an object",
            id="an action that is a list",
        ),
        pytest.param(
            with_actions(A={"inputs": 1}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A",
            "has no type",
            id="an action without a type",
        ),
        pytest.param(
            with_actions(A={"type": "ApiConnection", "inputs": "@body('x')"}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A/inputs",
            "names no connection",
            id="a call whose inputs are an expression",
        ),
        pytest.param(
            with_actions(A={"type": "Switch", "cases": {"one": {"actions": {}}}}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A/cases/one",
            "has no value",
            id="a case without a value",
        ),
        pytest.param(
            with_actions(A={"type": "If", "else": []}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A/else",
            "not an object",
            id="an else that is a list",
        ),
        pytest.param(
            with_actions(A={"type": "Scope", "actions": {"B": {"type": "If", "actions": 3}}}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A/actions/B/actions",
            "not an object",
            id="nested actions that are a number",
        ),
        # order
        pytest.param(
            with_actions(A=compose("Nobody")),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A/runAfter/Nobody",
            "action `A` waits for `Nobody`, which does not exist in this scope",
            id="waits for nobody",
        ),
        pytest.param(
            with_actions(
                A=COMPOSE,
                S={"type": "Scope", "runAfter": after("A"), "actions": {"B": compose("A")}},
            ),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/S/actions/B/runAfter/A",
            "does not exist in this scope",
            id="waits for an action outside",
        ),
        pytest.param(
            with_actions(A=compose("A")),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A/runAfter",
            "`A` → `A`",
            id="waits for itself",
        ),
        pytest.param(
            with_actions(Z=COMPOSE, A=compose("C", "Z"), B=compose("A"), C=compose("B")),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/A/runAfter",
            "`A` → `C` → `B` → `A`",
            id="a circle of three",
        ),
        pytest.param(
            with_actions(A=COMPOSE, B=COMPOSE | {"runAfter": {"A": ["Bored"]}}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/B/runAfter/A/0",
            "`Bored` is not a status",
            id="an unknown status",
        ),
        pytest.param(
            with_actions(A=COMPOSE, B=COMPOSE | {"runAfter": {"A": "Succeeded"}}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/B/runAfter/A",
            "not a list of statuses",
            id="statuses that are a text",
        ),
        pytest.param(
            with_actions(A=COMPOSE, B=COMPOSE | {"runAfter": ["A"]}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/B/runAfter",
            "not an object",
            id="runAfter that is a list",
        ),
        # names
        pytest.param(
            with_actions(A=COMPOSE, S={"type": "Scope", "actions": {"a": COMPOSE}}),
            "InvalidWorkflowDefinition",
            f"{ACTIONS}/S/actions/a",
            f"the name of another one, at `{ACTIONS}/A`",
            id="two actions of one name, in two scopes",
        ),
        # legacy
        pytest.param(
            put(legacy(), f"properties>connectionReferences>{ROWS}", ...),
            "UnknownConnectionReferenceKey",
            f"{ACTIONS}/Is it late?/actions/Note~1it~0down/inputs/host/connectionName",
            "does not declare",
            id="a package's binding is unknown",
        ),
    ],
)
def test_a_bad_document_is_refused(document, code, pointer, says):
    with pytest.raises(Invalid) as caught:
        read_flow(document, name="x", file="Workflows/Late.json")
    error = caught.value
    assert (error.code, error.pointer, error.file) == (code, pointer, "Workflows/Late.json")
    assert says in error.message
    assert isinstance(error.code, Code)


def test_all_problems_are_reported_together():
    document = solution(
        actions={"A": {"type": 1}, "B": 2, "C": {"type": "Compose", "runAfter": {"A": [3]}}},
        triggers={"T": row_trigger(runas=4, scope=9)},
    )
    with pytest.raises(InvalidDefinition) as caught:
        read_flow(document, name="x", file="f.json")
    assert {problem.pointer for problem in caught.value.problems} == {
        f"{SUBSCRIPTION}scope",
        f"{SUBSCRIPTION}runas",
        f"{ACTIONS}/A/type",
        f"{ACTIONS}/A",
        f"{ACTIONS}/B",
        f"{ACTIONS}/C/runAfter/A/0",
    }
    assert {problem.file for problem in caught.value.problems} == {"f.json"}
    assert "(and 5 more)" in caught.value.message


def test_a_document_that_is_too_deep_is_refused():
    deep = {}
    for _ in range(200):
        deep = {"deeper": deep}
    with pytest.raises(Invalid, match="nested deeper than 128 levels") as caught:
        read_flow(put(bare(), "actions>Post>inputs>body", deep), name="x", file="f.json")
    assert caught.value.pointer.startswith("/actions/Post/inputs/body/deeper/deeper")


def test_a_flow_of_very_many_actions_is_refused():
    actions = {f"A{number}": COMPOSE for number in range(2_001)}
    with pytest.raises(Invalid, match="2001 actions; at most 2000"):
        read_flow(solution(actions=actions), name="x")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="not a number"),
        pytest.param(float("inf"), id="infinite"),
        pytest.param((1,), id="a tuple"),
        pytest.param("a\0b", id="a character that no database holds"),
        pytest.param("\ud83d", id="half a character"),
        pytest.param({1: 2}, id="a number as a name"),
    ],
)
def test_what_is_not_json_is_refused(value):
    document = bare()
    document["actions"]["Post"]["inputs"]["body"] = value
    with pytest.raises(Invalid) as caught:
        read_flow(document, name="x")
    assert caught.value.code is Code.INVALID_JSON
    assert caught.value.pointer == "/actions/Post/inputs/body"
