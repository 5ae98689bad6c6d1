"""What a trigger decides before a run begins."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.errors import Invalid
from flowner.runs.compiled import CompiledFlow
from flowner.runs.trigger import conditions_hold, split, tracking_id, trigger_record
from worlds.flows import NOW, compiled, world


def flow(**members: Any) -> CompiledFlow:
    parameters = {"least": {"type": "Int", "defaultValue": 3}}
    trigger = {"type": "Request", "kind": "Http", "inputs": {"method": "POST"}, **members}
    return compiled({}, trigger=trigger, parameters=parameters)


def body(value: Any) -> dict[str, Any]:
    return {"headers": {"X": "y"}, "body": value}


@pytest.mark.parametrize(
    ("expression", "outputs", "expected"),
    [
        pytest.param(None, [body([1, 2])], [body([1, 2])], id="without splitOn, one run"),
        pytest.param(
            "@triggerBody()",
            [body([1, {"a": 2}])],
            [body(1), body({"a": 2})],
            id="one for each item",
        ),
        pytest.param(
            "@triggerOutputs()?['body/value']", [body({"value": []})], [], id="none for none"
        ),
    ],
)
def test_split(expression: str | None, outputs: Any, expected: Any) -> None:
    members = {} if expression is None else {"splitOn": expression}
    assert split(flow(**members), outputs[0], world()) == expected


@pytest.mark.parametrize("expression", ["@triggerBody()", "@div(1, 0)", "@div("])
def test_split_on_what_is_no_array(expression: str) -> None:
    with pytest.raises(Invalid, match="splitOn"):
        split(flow(splitOn=expression), body({"a": 1}), world())


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], True, id="no conditions"),
        pytest.param(["@equals(triggerBody()['n'], 5)"], True, id="one that holds"),
        pytest.param(["@equals(triggerBody()['n'], 6)"], False, id="one that does not"),
        pytest.param(
            ["@greater(triggerBody()['n'], parameters('least'))", "@equals(1, 2)"], False, id="all"
        ),
    ],
)
def test_conditions(conditions: list[str], expected: bool) -> None:
    asked = flow(conditions=[{"expression": text} for text in conditions])
    assert conditions_hold(asked, body({"n": 5}), world()) is expected


def test_conditions_see_the_parameters_that_are_given() -> None:
    asked = flow(conditions=[{"expression": "@equals(parameters('least'), 9)"}])
    assert conditions_hold(asked, body(1), world(), parameters={"least": 9})


@pytest.mark.parametrize("expression", ["@add(1, 1)", "@div(1, 0)", None])
def test_a_condition_that_is_none(expression: str | None) -> None:
    asked = flow(conditions=[{"expression": expression}])
    with pytest.raises(Invalid, match="the trigger's condition 1") as caught:
        conditions_hold(asked, body(1), world())
    assert caught.value.pointer == "/conditions/0/expression"


@pytest.mark.parametrize(
    ("written", "expected"),
    [(None, ""), ("@triggerBody()", "order 7"), ("@guid()", world().guid()), ("@null", "")],
)
def test_tracking_id(written: str | None, expected: str) -> None:
    correlation = {} if written is None else {"correlation": {"clientTrackingId": written}}
    assert tracking_id(flow(**correlation), body("order 7"), world()) == expected


def test_the_record_of_a_firing() -> None:
    assert trigger_record(flow().flow.trigger, body(1), NOW, run="7") == {
        "name": "manual",
        "inputs": {"method": "POST"},
        "outputs": body(1),
        "startTime": "2026-03-01T12:00:00.0000000Z",
        "endTime": "2026-03-01T12:00:00.0000000Z",
        "trackingId": "7",
        "clientTrackingId": "7",
        "originHistoryName": "7",
        "status": "Succeeded",
    }
