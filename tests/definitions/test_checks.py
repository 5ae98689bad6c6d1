"""What the checker says of flows that can be read, and of flows that somebody put together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from definitions.written import BUTTON, MAIL, TIMETABLE, call, legacy_call, put, solution
from flowner.definitions.checks import problems
from flowner.definitions.codec import read_flow
from flowner.definitions.problems import InvalidDefinition, Severity
from flowner.errors import Code

ACTIONS = "/properties/definition/actions"
TRIGGER = "/properties/definition/triggers/T"


def test_nothing_is_wrong_with_a_good_flow():
    assert problems(read_flow(solution(), name="x")) == ()


@pytest.mark.parametrize(
    ("parts", "code", "pointer"),
    [
        pytest.param(
            {"actions": {"A": {"type": "Telepathy"}}},
            Code.UNKNOWN_TYPE,
            f"{ACTIONS}/A/type",
            id="an unknown action type",
        ),
        pytest.param(
            {"triggers": {"T": {"type": "ServiceProvider"}}},
            Code.UNKNOWN_TYPE,
            f"{TRIGGER}/type",
            id="an unknown trigger type",
        ),
        pytest.param(
            {"triggers": {"T": {"type": "Request", "kind": "Telepathy"}}},
            Code.UNKNOWN_TYPE,
            f"{TRIGGER}/kind",
            id="an unknown kind of request",
        ),
        pytest.param(
            {
                "actions": {
                    "A": put(
                        legacy_call(MAIL, "/Mail"),
                        "inputs>host>connection>name",
                        "@parameters('$connections')[concat('m', rand(1,3))]['connectionId']",
                    )
                }
            },
            Code.UNKNOWN_BINDING,
            f"{ACTIONS}/A/inputs/host/connection/name",
            id="an expression chooses the connection",
        ),
    ],
)
def test_what_can_be_kept_but_not_turned_on(parts, code, pointer):
    (problem,) = problems(read_flow(solution(**({"actions": {}} | parts)), name="x"), file="f")
    assert (problem.severity, problem.code, problem.pointer) == (Severity.ERROR, code, pointer)
    assert problem.is_error
    assert problem.located().startswith(f"f#{pointer}: ")
    assert problem.mend


def test_a_binding_taken_away_behind_the_codecs_back_is_fatal():
    flow = replace(read_flow(solution(), name="x"), bindings={})
    found = problems(flow)
    assert {problem.code for problem in found} == {Code.UNKNOWN_BINDING}
    assert {problem.severity for problem in found} == {Severity.FATAL}
    assert len(found) == 3


def test_fatal_problems_come_first():
    flow = read_flow(
        solution(
            actions={"Odd": {"type": "Telepathy"}, "Mail": call(MAIL, "Send", {})},
            triggers={"T": TIMETABLE},
        ),
        name="x",
    )
    severities = [problem.severity for problem in problems(replace(flow, bindings={}))]
    assert severities == [Severity.FATAL, Severity.ERROR]


def test_of_two_circles_in_a_scope_the_first_is_shown():
    actions = {
        name: {"type": "Compose", "inputs": 1, "runAfter": {before: ["Succeeded"]}}
        for name, before in {"A": "B", "B": "A", "C": "D", "D": "C"}.items()
    }
    nested = {"Loop": {"type": "Scope", "actions": actions}}
    with pytest.raises(InvalidDefinition, match="in a circle: `A` → `B` → `A`"):
        read_flow(solution(actions=nested), name="x")


def test_a_long_chain_is_no_circle():
    actions = {"A0": {"type": "Compose", "inputs": 0}}
    for number in range(1, 1500):
        actions[f"A{number}"] = {
            "type": "Compose",
            "inputs": number,
            "runAfter": {f"A{number - 1}": ["Succeeded"]},
        }
    assert problems(read_flow(solution(actions=actions, triggers={"T": BUTTON}), name="x")) == ()
