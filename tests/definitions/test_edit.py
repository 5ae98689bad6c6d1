"""An edit shows in the written document as that change and nothing else, and can be taken back."""

from __future__ import annotations

import pytest

from definitions.written import (
    BUTTON,
    GUID,
    MAIL,
    ROWS,
    bare,
    changes,
    legacy,
    legacy_call,
    put,
    row_trigger,
    solution,
    template,
)
from flowner.definitions import edit
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.flow import RunAs, Source, WhenUnavailable
from flowner.errors import Code, Invalid

REFERENCES = "/properties/connectionReferences"
ROWS_PARAMETERS = "/properties/definition/triggers/T/inputs/parameters"
ON_ROWS = solution(triggers={"T": row_trigger()})
WITH_LEGACY_CALL = solution(actions={"Post": legacy_call(MAIL, "/Mail")})
SPARE = solution(
    connectionReferences=solution()["properties"]["connectionReferences"]
    | {"second": {"api": {"name": MAIL}, "runtimeSource": "embedded"}},
    actions={
        "New": solution()["properties"]["definition"]["actions"]["Is it late?"]["actions"][
            "Remind"
        ],
        "Old": legacy_call(MAIL, "/Mail"),
        "Plain": put(legacy_call(MAIL, "/M"), "inputs>host>connection", {"referenceName": MAIL}),
    },
    triggers={"manual": BUTTON},
)


def edits(function, *arguments):
    return lambda flow: function(flow, *arguments)


@pytest.mark.parametrize(
    ("document", "there", "back", "expected"),
    [
        pytest.param(
            solution(),
            edits(edit.with_binding_source, ROWS, Source.INVOKER),
            edits(edit.with_binding_source, ROWS, Source.EMBEDDED),
            [(f"{REFERENCES}/{ROWS}/runtimeSource", "embedded", "invoker")],
            id="the source, in a solution",
        ),
        pytest.param(
            legacy(),
            edits(edit.with_binding_source, MAIL, Source.EMBEDDED),
            edits(edit.with_binding_source, MAIL, Source.INVOKER),
            [(f"{REFERENCES}/{MAIL}/source", "Invoker", "Embedded")],
            id="the source, in a package",
        ),
        pytest.param(
            put(solution(), f"properties>connectionReferences>{ROWS}>source", "Embedded"),
            edits(edit.with_binding_source, ROWS, Source.INVOKER),
            edits(edit.with_binding_source, ROWS, Source.EMBEDDED),
            [
                (f"{REFERENCES}/{ROWS}/runtimeSource", "embedded", "invoker"),
                (f"{REFERENCES}/{ROWS}/source", "Embedded", "Invoker"),
            ],
            id="the source, where it is spelled twice",
        ),
        pytest.param(
            solution(),
            edits(edit.with_impersonation, ROWS, True),
            edits(edit.with_impersonation, ROWS, False),
            [(f"{REFERENCES}/{ROWS}/impersonation", ..., {"source": "invoker"})],
            id="impersonation",
        ),
        pytest.param(
            solution(),
            edits(edit.with_binding_reference, ROWS, "lib_other"),
            edits(edit.with_binding_reference, ROWS, "lib_rows"),
            [
                (
                    f"{REFERENCES}/{ROWS}/connection/connectionReferenceLogicalName",
                    "lib_rows",
                    "lib_other",
                )
            ],
            id="the reference, in a solution",
        ),
        pytest.param(
            solution(),
            edits(edit.with_binding_reference, MAIL, "lib_mail"),
            edits(edit.with_binding_reference, MAIL, None),
            [
                (
                    f"{REFERENCES}/{MAIL}/connection/connectionReferenceLogicalName",
                    ...,
                    "lib_mail",
                )
            ],
            id="the first reference",
        ),
        pytest.param(
            legacy(),
            edits(edit.with_binding_reference, ROWS, "lib_rows"),
            edits(edit.with_binding_reference, ROWS, None),
            [(f"{REFERENCES}/{ROWS}/connectionReferenceLogicalName", ..., "lib_rows")],
            id="the reference, in a package",
        ),
        pytest.param(
            ON_ROWS,
            edits(edit.with_run_as, RunAs.MODIFYING_USER),
            edits(edit.with_run_as, None),
            [(f"{ROWS_PARAMETERS}/subscriptionRequest/runas", ..., 1)],
            id="Run as",
        ),
        pytest.param(
            solution(triggers={"T": row_trigger(runas=3)}),
            edits(edit.with_run_as, RunAs.ROW_OWNER),
            edits(edit.with_run_as, RunAs.FLOW_OWNER),
            [(f"{ROWS_PARAMETERS}/subscriptionRequest/runas", 3, 2)],
            id="another Run as",
        ),
        pytest.param(
            solution(triggers={"T": put(row_trigger(), "metadata>flownerWhenUnavailable", "wait")}),
            edits(edit.with_when_unavailable, WhenUnavailable.FAIL),
            edits(edit.with_when_unavailable, WhenUnavailable.WAIT),
            [
                (
                    "/properties/definition/triggers/T/metadata/flownerWhenUnavailable",
                    "wait",
                    "fail",
                )
            ],
            id="what to do without a principal",
        ),
        pytest.param(
            SPARE,
            edits(edit.with_call_binding, "New", "second"),
            edits(edit.with_call_binding, "new", MAIL),
            [
                (
                    "/properties/definition/actions/New/inputs/host/connectionName",
                    MAIL,
                    "second",
                )
            ],
            id="an action's binding",
        ),
        pytest.param(
            SPARE,
            edits(edit.with_call_binding, "Old", "second"),
            edits(edit.with_call_binding, "Old", MAIL),
            [
                (
                    "/properties/definition/actions/Old/inputs/host/connection/name",
                    f"@parameters('$connections')['{MAIL}']['connectionId']",
                    "@parameters('$connections')['second']['connectionId']",
                )
            ],
            id="a legacy action's binding",
        ),
        pytest.param(
            SPARE,
            edits(edit.with_call_binding, "Plain", "second"),
            edits(edit.with_call_binding, "Plain", MAIL),
            [
                (
                    "/properties/definition/actions/Plain/inputs/host/connection/referenceName",
                    MAIL,
                    "second",
                )
            ],
            id="the binding of an action that names it plainly",
        ),
        pytest.param(
            solution(),
            edits(edit.with_binding_copied, ROWS, "rows_1"),
            edits(edit.without_binding, "rows_1"),
            [
                (
                    f"{REFERENCES}/rows_1",
                    ...,
                    solution()["properties"]["connectionReferences"][ROWS],
                )
            ],
            id="a second key",
        ),
        pytest.param(
            template(),
            edits(edit.with_binding_reference, "office365-1", "lib_mail"),
            edits(edit.with_binding_reference, "office365-1", None),
            [
                (
                    "/resources",
                    template()["resources"],
                    put(
                        template(),
                        "resources>1>properties>parameters>$connections>value>office365-1>"
                        "connectionReferenceLogicalName",
                        "lib_mail",
                    )["resources"],
                )
            ],
            id="the reference, in a template",
        ),
    ],
)
def test_an_edit_changes_one_thing_and_can_be_taken_back(document, there, back, expected):
    flow = read_flow(document, name="Late loans", file=f"Late-{GUID}.json")
    edited = there(flow)
    assert list(changes(document, write_flow(edited))) == expected
    assert edited == there(flow)
    assert edited != flow
    assert (edited.name, edited.guid) == (flow.name, flow.guid)
    assert write_flow(flow) == document
    assert back(edited) == flow


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(edits(edit.with_binding_source, MAIL, Source.INVOKER), id="the source"),
        pytest.param(edits(edit.with_impersonation, MAIL, False), id="the impersonation"),
        pytest.param(edits(edit.with_binding_reference, ROWS, "lib_rows"), id="the reference"),
        pytest.param(edits(edit.with_call_binding, "Return", ROWS), id="the binding of a call"),
        pytest.param(edits(edit.with_run_as, None), id="Run as"),
        pytest.param(
            edits(edit.with_when_unavailable, WhenUnavailable.OWNER), id="without a principal"
        ),
    ],
)
def test_an_edit_that_changes_nothing_returns_the_flow_itself(change):
    flow = read_flow(ON_ROWS, name="x")
    assert change(flow) is flow


def test_what_an_edit_says_can_be_read_from_the_flow():
    flow = read_flow(ON_ROWS, name="x")
    assert edit.with_binding_source(flow, ROWS, Source.INVOKER).bindings[ROWS].source is (
        Source.INVOKER
    )
    assert edit.with_impersonation(flow, ROWS, True).bindings[ROWS].impersonates
    assert edit.with_binding_reference(flow, ROWS, "y").bindings[ROWS].reference == "y"
    for run_as in RunAs:
        rows = edit.with_run_as(flow, run_as).trigger.rows
        assert rows is not None
        assert rows.run_as is run_as
    for choice in WhenUnavailable:
        assert edit.with_when_unavailable(flow, choice).trigger.when_unavailable is choice
    spare = edit.with_call_binding(read_flow(SPARE, name="x"), "Old", "second")
    called = spare.actions["Old"].call
    assert called is not None
    assert called.binding == "second"


def test_one_row_action_can_follow_and_another_not():
    """The mark is the key's: two keys with the same reference, one of them marked."""
    flow = edit.with_binding_copied(read_flow(solution(), name="x"), ROWS, "follows")
    flow = edit.with_impersonation(flow, "follows", True)
    flow = edit.with_call_binding(flow, "Return", "follows")
    marks = {
        action.name: flow.bindings[action.call.binding].impersonates
        for action in flow.walk()
        if action.call and action.call.connector == ROWS
    }
    assert marks == {"Note/it~down": False, "Return": True}
    assert flow.bindings[ROWS].reference == flow.bindings["follows"].reference


def test_binding_what_was_only_implied_declares_it():
    flow = edit.with_binding_reference(read_flow(bare(), name="x"), "slack_1", "lib_chat")
    assert flow.bindings["slack_1"].reference == "lib_chat"
    assert write_flow(flow)["connectionReferences"] == {
        "slack_1": {
            "runtimeSource": "embedded",
            "connection": {"connectionReferenceLogicalName": "lib_chat"},
            "api": {"name": "shared_slack"},
        }
    }


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        pytest.param(
            edits(edit.with_binding_source, "none", Source.INVOKER),
            Code.UNKNOWN_BINDING,
            "no connection `none`",
            id="the source of no binding",
        ),
        pytest.param(
            edits(edit.with_impersonation, "none", True),
            Code.UNKNOWN_BINDING,
            "no connection `none`",
            id="the impersonation of no binding",
        ),
        pytest.param(
            edits(edit.with_run_as, RunAs.ROW_OWNER),
            Code.RUN_AS_NOT_OFFERED,
            "trigger `manual` offers no Run as",
            id="Run as of a button",
        ),
        pytest.param(
            edits(edit.with_call_binding, "Nobody", MAIL),
            Code.BAD_REQUEST,
            "no action `Nobody`",
            id="the binding of no action",
        ),
        pytest.param(
            edits(edit.with_call_binding, "Remind", "none"),
            Code.UNKNOWN_BINDING,
            "no connection `none`",
            id="an unknown binding",
        ),
        pytest.param(
            edits(edit.with_call_binding, "Remind", ROWS),
            Code.BAD_REQUEST,
            f"`Remind` needs a connection to `{MAIL}`",
            id="a binding for another connector",
        ),
        pytest.param(
            edits(edit.with_call_binding, "Rest", MAIL),
            Code.BAD_REQUEST,
            "`Rest` uses no connection",
            id="the binding of a step without one",
        ),
        pytest.param(
            edits(edit.without_binding, MAIL),
            Code.UNKNOWN_BINDING,
            "action `Remind` uses connection",
            id="taking away what is used",
        ),
        pytest.param(
            edits(edit.with_binding_copied, MAIL, ROWS),
            Code.BAD_REQUEST,
            "already",
            id="a copy onto another",
        ),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(change, code, says):
    flow = read_flow(solution(), name="x")
    with pytest.raises(Invalid) as caught:
        change(flow)
    assert caught.value.code == code
    assert says in caught.value.message


def test_a_legacy_row_trigger_offers_no_run_as():
    trigger = legacy_call(
        "shared_commondataservice", "/tables/loans/onnewitemswebhook", type="ApiConnectionWebhook"
    )
    document = solution(
        actions={},
        triggers={"T": trigger},
        connectionReferences={
            "shared_commondataservice": {"api": {"name": "shared_commondataservice"}}
        },
    )
    with pytest.raises(Invalid, match="offers no Run as"):
        edit.with_run_as(read_flow(document, name="x"), RunAs.FLOW_OWNER)
