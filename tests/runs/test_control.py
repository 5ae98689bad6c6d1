"""Control actions: branches, loops, results, and what their insides may see."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.definitions.flow import Status
from flowner.runs.commands import Success
from flowner.runs.records import RunRecord
from flowner.runs.simulation import Simulated, simulate
from worlds.flows import (
    FAILED,
    SKIPPED,
    SUCCEEDED,
    TIMED_OUT,
    after,
    begun,
    call,
    compiled,
    compose,
    invokes,
    world,
)


def run(actions: dict[str, Any], **given: Any) -> RunRecord:
    return done(actions, **given).record


def done(actions: dict[str, Any], **given: Any) -> Simulated:
    return simulate(compiled(actions), **given)


def foreach(items: Any, actions: dict[str, Any], *before: str, width: int = 1) -> dict[str, Any]:
    return {
        "type": "Foreach",
        "foreach": items,
        "actions": actions,
        "runAfter": after(*before),
        "runtimeConfiguration": {"concurrency": {"repetitions": width}},
    }


def until(condition: Any, actions: dict[str, Any], **limit: Any) -> dict[str, Any]:
    return {"type": "Until", "expression": condition, "actions": actions, "limit": limit}


def scope(actions: dict[str, Any], *before: str) -> dict[str, Any]:
    return {"type": "Scope", "actions": actions, "runAfter": after(*before)}


N = {
    "type": "InitializeVariable",
    "inputs": {"variables": [{"name": "n", "type": "integer", "value": 0}]},
}
UP = {"type": "IncrementVariable", "inputs": {"name": "n", "value": 1}}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("@equals(1, 1)", True, id="an expression"),
        pytest.param({"equals": [1, "@add(0, 1)"]}, True, id="an object"),
        pytest.param({"EQUALS": ["a", "b"]}, False, id="in any case"),
        pytest.param({"not": {"equals": [1, 2]}}, True, id="not, without a list"),
        pytest.param({"not": [{"equals": [1, 1]}]}, False, id="not, with one"),
        pytest.param({"and": [{"equals": [1, 1]}, {"less": [2, 1]}]}, False, id="and"),
        pytest.param({"or": [{"equals": [1, 2]}, {"less": [1, 2]}]}, True, id="or"),
        pytest.param(
            {"or": [True, {"equals": ["@div(1, 0)", 1]}]}, True, id="or stops at the first true"
        ),
        pytest.param(
            {"and": [False, {"equals": ["@div(1, 0)", 1]}]}, False, id="and at the first false"
        ),
        pytest.param({"startsWith": ["@concat('a', 'b')", "a"]}, True, id="any function"),
        pytest.param({"equals": [1, 1], "less": [2, 1]}, False, id="two members mean and"),
        pytest.param(True, True, id="a literal"),
    ],
)
def test_if(expression: Any, expected: bool) -> None:
    action = {
        "type": "If",
        "expression": expression,
        "actions": {"Yes": compose(1)},
        "else": {"actions": {"No": compose(0)}},
    }
    record = run({"It": action})
    assert record.actions["It"].inputs == {"expressionResult": expected}
    taken, left = ("Yes", "No") if expected else ("No", "Yes")
    assert record.actions[taken].status is SUCCEEDED
    assert record.actions[left].status is SKIPPED
    error = record.actions[left].error
    assert error is not None
    assert error.code == "ActionBranchingConditionNotSatisfied"


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("@div(1, 0)", id="one that fails"),
        pytest.param("@add(1, 1)", id="a number"),
        pytest.param({"and": ["text"]}, id="text in and"),
        pytest.param({}, id="an empty object"),
        pytest.param({"no-such": [1]}, id="no function"),
        pytest.param(None, id="none at all"),
    ],
)
def test_a_condition_that_is_none_fails_with_its_insides_skipped(expression: Any) -> None:
    record = run({"It": {"type": "If", "expression": expression, "actions": {"Yes": compose(1)}}})
    found, inside = record.actions["It"], record.actions["Yes"]
    assert (found.status, found.code) == (FAILED, "BadRequest")
    assert found.error is not None
    assert found.error.message.startswith(
        "Unable to process template language expressions for action 'It'"
    )
    assert (inside.status, inside.code) == (SKIPPED, "ActionSkipped")
    assert inside.error is not None
    assert inside.error.code == "ActionDependencyFailed"


@pytest.mark.parametrize(
    ("value", "taken"),
    [("a", "A"), ("b", "B"), ("c", "D"), ("@concat('a', '')", "A"), ("A", "D")],
)
def test_switch(value: Any, taken: str) -> None:
    action = {
        "type": "Switch",
        "expression": value,
        "cases": {
            "One": {"case": "a", "actions": {"A": compose(1)}},
            "Two": {"case": "b", "actions": {"B": compose(1)}},
        },
        "default": {"actions": {"D": compose(1)}},
    }
    record = run({"It": action})
    ran = [name for name in "ABD" if record.actions[name].status is SUCCEEDED]
    assert ran == [taken]


def test_a_skipped_container_skips_all_that_is_in_it() -> None:
    inner = scope({"Deep": compose(1)})
    record = run({"Bad": compose("@div(1,0)"), "S": scope({"In": inner}, "Bad")})
    for name, above in (("In", "S"), ("Deep", "In")):
        error = record.actions[name].error
        assert error is not None
        assert error.message == (
            f"The execution of template action '{name}' is skipped: dependant action '{above}' "
            "completed with status 'Skipped' and code 'ActionSkipped'."
        )


@pytest.mark.parametrize("width", [1, 2, 50])
def test_foreach_goes_through_all_items_whatever_fails(width: int) -> None:
    inside = {"D": compose("@div(10, items('L'))"), "K": compose("@item()", "D")}
    record = run({"L": foreach([1, 0, 2], inside, width=width)})
    assert record.actions["L"].status is FAILED
    assert record.actions["L"].repetitions == 3
    assert [found.status for found in record.of("D")] == [SUCCEEDED, FAILED, SUCCEEDED]
    assert [found.status for found in record.of("K")] == [SUCCEEDED, SKIPPED, SUCCEEDED]
    assert [found.path for found in record.of("D")] == ["L[0]/D", "L[1]/D", "L[2]/D"]


@pytest.mark.parametrize(
    ("items", "status"),
    [
        pytest.param([], SUCCEEDED, id="no items"),
        pytest.param("@createArray(1)", SUCCEEDED, id="one"),
        pytest.param(None, FAILED, id="null"),
        pytest.param("text", FAILED, id="text"),
        pytest.param("@div(1, 0)", FAILED, id="an error"),
    ],
)
def test_foreach_items(items: Any, status: Status) -> None:
    assert run({"L": foreach(items, {"A": compose(1)})}).actions["L"].status is status


def test_foreach_names_what_it_was_given_instead_of_an_array() -> None:
    error = run({"L": foreach("@null", {})}).actions["L"].error
    assert error is not None
    assert error.code == "ExpressionEvaluationFailed"
    assert error.message == (
        "The execution of template action 'L' failed: the result of the evaluation of 'foreach' "
        "expression '@null' is of type 'Null'. The result must be a valid array."
    )


def test_an_empty_loop_is_no_work() -> None:
    record = run({"L": foreach("@range(0, 9)", {}), "U": until("@equals(1, 1)", {})})
    assert record.status is SUCCEEDED


def test_foreach_goes_out_as_wide_as_it_is_allowed_to() -> None:
    flow = compiled({"L": foreach("@range(0, 5)", {"C": call()}, width=2)})
    going = begun(flow)
    assert [c.path for c in invokes(going.advance(world()).commands)] == ["L[0]/C", "L[1]/C"]
    step = going.answer("L[1]/C", Success(), world())
    assert [c.path for c in invokes(step.commands)] == ["L[2]/C"]
    assert [c.idempotency_key for c in invokes(step.commands)] == ["1/L[2]/C"]


def test_inside_a_loop_its_own_iteration_is_seen() -> None:
    inner = foreach(
        "@item()",
        {"Both": compose(["@items('Outer')", "@items('Inner')", "@item()", "@outputs('First')"])},
        "First",
    )
    outer = foreach([[1, 2], [3]], {"First": compose("@first(item())"), "Inner": inner}, width=2)
    record = run({"Outer": outer})
    assert [found.outputs for found in record.of("Both")] == [
        [[1, 2], 1, 1, 1],
        [[1, 2], 2, 2, 1],
        [[3], 3, 3, 3],
    ]


def test_outside_of_a_foreach_outputs_are_an_array_of_them() -> None:
    record = run(
        {"L": foreach([3, 4], {"A": compose("@item()")}), "End": compose("@outputs('A')", "L")}
    )
    assert record.actions["End"].outputs == [3, 4]


def test_result_of_a_foreach_has_an_entry_for_each_child() -> None:
    inside = {"D": compose("@div(10, items('L'))"), "K": compose(1, "D")}
    probe = compose("@result('L')", "L", on="Failed")
    (first, second) = run({"L": foreach([1, 0], inside), "P": probe}).actions["P"].outputs  # type: ignore[misc,union-attr]
    assert (first["name"], first["status"], first["repetitionCount"]) == ("D", "Failed", 2)
    assert [entry["status"] for entry in first["outputs"]] == ["Succeeded", "Failed"]
    assert first["outputs"][0]["outputs"] == 10
    assert [entry["status"] for entry in second["outputs"]] == ["Succeeded", "Skipped"]


def test_outside_of_an_until_its_last_iteration_is_seen() -> None:
    loop = until("@equals(variables('n'), 3)", {"Up": UP, "A": compose("@variables('n')", "Up")})
    actions = {
        "N": N,
        "U": {**loop, "runAfter": after("N")},
        "End": compose(["@outputs('A')", "@length(result('U'))"], "U"),
    }
    record = run(actions)
    assert record.actions["End"].outputs == [3, 2]
    assert record.actions["U"].repetitions == 3


def test_untils_condition_sees_the_iteration_that_has_just_ended() -> None:
    loop = until("@and(equals(outputs('A'), 2), equals(iterationIndexes('U'), 1))", {})
    loop["actions"] = {"Up": UP, "A": compose("@variables('n')", "Up")}
    record = run({"N": N, "U": {**loop, "runAfter": after("N")}})
    assert record.actions["U"].repetitions == 2


@pytest.mark.parametrize(
    ("limit", "options", "status", "count"),
    [
        pytest.param({"count": 3}, "", SUCCEEDED, 3, id="its count"),
        pytest.param({}, "", SUCCEEDED, 60, id="sixty, if it does not say"),
        pytest.param({"count": 3}, "FailWhenLimitsReached", FAILED, 3, id="failing then"),
        pytest.param({"count": 0}, "", SUCCEEDED, 1, id="once at least"),
    ],
)
def test_until_ends_at(limit: Any, options: str, status: Status, count: int) -> None:
    loop = {**until("@equals(1, 2)", {"A": compose(1)}, **limit), "operationOptions": options}
    found = run({"U": loop}).actions["U"]
    assert (found.status, found.repetitions) == (status, count)


def test_until_times_out() -> None:
    pause = {"type": "Wait", "inputs": {"interval": {"count": 4, "unit": "Second"}}}
    loop = until("@equals(1, 2)", {"W": pause}, count=100, timeout="PT10S")
    found = run({"U": loop}).actions["U"]
    assert (found.status, found.code, found.repetitions) == (TIMED_OUT, "ActionTimedOut", 3)


def test_untils_broken_condition_fails_it() -> None:
    found = run({"U": until("@div(1, 0)", {"A": compose(1)})}).actions["U"]
    assert found.status is FAILED
    assert found.error is not None
    assert found.error.code == "InvalidTemplate"


def test_until_takes_the_status_of_its_last_iteration() -> None:
    failing = {"Up": UP, "D": compose("@div(1, sub(2, variables('n')))", "Up")}
    for count, status in ((1, SUCCEEDED), (2, FAILED), (3, SUCCEEDED)):
        loop = until(f"@equals(variables('n'), {count})", failing)
        record = run({"N": N, "U": {**loop, "runAfter": after("N")}})
        assert record.actions["U"].status is status


def test_what_has_not_run_cannot_be_named() -> None:
    record = run({"A": compose("@outputs('B')"), "B": call()}, answers={"B": {}})
    error = record.actions["A"].error
    assert error is not None
    assert "the template action 'B' is not defined at current scope" in error.message


def test_names_are_found_in_any_case() -> None:
    actions = {"Up_Case": compose(1), "B": compose("@outputs('up_case')", "Up_Case")}
    assert run(actions).actions["B"].outputs == 1


def test_a_record_has_the_shape_that_actions_gives() -> None:
    record = run({"A": compose(1), "B": compose("@actions('A')", "A")}).actions["B"].outputs
    assert isinstance(record, dict)
    assert set(record) == {
        "name",
        "inputs",
        "outputs",
        "startTime",
        "endTime",
        "trackingId",
        "clientTrackingId",
        "code",
        "status",
    }
    assert record["startTime"] == "2026-01-01T00:00:00.0000000Z"


def test_flow_outputs() -> None:
    outputs = {"sum": {"type": "Int", "value": "@add(outputs('A'), 1)"}}
    good = simulate(compiled({"A": compose(1)}, outputs=outputs))
    assert good.record.outputs == {"sum": 2}
    bad = simulate(compiled({"A": compose("x")}, outputs=outputs))
    assert (bad.record.status, bad.record.code) == (FAILED, "OutputParameterEvaluationFailed")


def test_a_long_loop_costs_the_same_at_its_end() -> None:
    inside = {"A": compose("@item()"), "B": compose("@outputs('A')", "A")}
    made = done({"L": foreach("@range(0, 5000)", inside)})
    assert made.record.actions["L"].repetitions == 5_000
    assert len(made.events) == 10_000 + 4
    # Nothing of the iterations stays once they are over.
    assert len(made.run.snapshot()) < 1_000


def test_a_long_nest_of_untils_and_loops_does_not_recurse() -> None:
    inside: dict[str, Any] = {"A": compose("@variables('n')"), "Up": {**UP, "runAfter": after("A")}}
    for depth in range(8):
        inside = {f"L{depth}": foreach("@range(0, 3)", inside, width=1 + depth % 3)}
    made = done({"N": N, **{name: {**one, "runAfter": after("N")} for name, one in inside.items()}})
    assert made.run.variable("n") == 3**8
