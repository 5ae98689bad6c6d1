"""When an action starts, waits or is skipped, and what a skipped one says."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.runs.commands import Failure, Outcome, Parked, Success
from flowner.runs.run import Run
from flowner.runs.simulation import simulate
from worlds.flows import after, begun, call, compiled, compose, invokes, world

ANSWERS: dict[str, Outcome] = {
    "Succeeded": Success(),
    "Failed": Failure(code="BadRequest", message="no", status=400),
    "Waiting": Parked(),
}


def stand(run: Run, path: str, status: str) -> None:
    """Bring a call to this status; its time limit is a minute."""
    if status in ANSWERS:
        run.answer(path, ANSWERS[status], world(1))


def started(statuses: dict[str, str], run_after: dict[str, list[str]]) -> str:
    """Say what becomes of an action whose predecessors stand like this."""
    actions: dict[str, Any] = {"Bad": compose("@div(1, 0)")}
    for name, status in statuses.items():
        limit = {"limit": {"timeout": "PT1M"}} if status == "TimedOut" else {}
        actions[name] = call(**limit)
        if status == "Skipped":
            actions[name]["runAfter"] = after("Bad")
    actions["It"] = {**call(), "runAfter": run_after}
    run = begun(compiled(actions))
    first = run.advance(world())
    calls = {command.path for command in invokes(first.commands)}
    for name, status in statuses.items():
        stand(run, name, status)
    if "TimedOut" in statuses.values():
        run.wake(world(61))
    asked = {command.path for command in invokes(run.resume(world(62)).commands)} | calls
    if "It" in asked:
        return "starts"
    return "waits" if run.ended is None and not _recorded(run, "It") else "is skipped"


def _recorded(run: Run, path: str) -> bool:
    return path in run._folding.state.records.get("", {})


@pytest.mark.parametrize(
    ("run_after", "statuses", "expected"),
    [
        pytest.param({}, {}, "starts", id="nothing before it"),
        pytest.param({"A": ["Succeeded"]}, {"A": "Running"}, "waits", id="one that runs"),
        pytest.param({"A": ["Succeeded"]}, {"A": "Waiting"}, "waits", id="one that waits"),
        pytest.param({"A": ["Succeeded"]}, {"A": "Succeeded"}, "starts", id="success, accepted"),
        pytest.param({"A": ["SUCCEEDED"]}, {"A": "Succeeded"}, "starts", id="in any case"),
        pytest.param({"A": ["Succeeded"]}, {"A": "Failed"}, "is skipped", id="failure, not"),
        pytest.param({"A": ["Failed"]}, {"A": "Failed"}, "starts", id="failure, accepted"),
        pytest.param({"A": ["Failed"]}, {"A": "Succeeded"}, "is skipped", id="success, not"),
        pytest.param({"A": ["TimedOut"]}, {"A": "TimedOut"}, "starts", id="time-out, accepted"),
        pytest.param({"A": ["Failed"]}, {"A": "TimedOut"}, "is skipped", id="time-out, not"),
        pytest.param({"A": ["Skipped"]}, {"A": "Skipped"}, "starts", id="skip, accepted"),
        pytest.param({"A": ["Succeeded"]}, {"A": "Skipped"}, "is skipped", id="skips spread"),
        pytest.param({"A": []}, {"A": "Succeeded"}, "is skipped", id="an empty list"),
        pytest.param(
            {"A": ["Succeeded"], "B": ["Succeeded"]},
            {"A": "Failed", "B": "Running"},
            "waits",
            id="waiting beats skipping",
        ),
        pytest.param(
            {"A": ["Succeeded"], "B": ["Succeeded"]},
            {"A": "Failed", "B": "Succeeded"},
            "is skipped",
            id="all have to be satisfied",
        ),
        pytest.param(
            {"A": ["Succeeded"], "B": ["Failed", "TimedOut"]},
            {"A": "Succeeded", "B": "Failed"},
            "starts",
            id="each by its own list",
        ),
    ],
)
def test_readiness(
    run_after: dict[str, list[str]], statuses: dict[str, str], expected: str
) -> None:
    assert started(statuses, run_after) == expected


def test_a_skipped_action_says_which_condition_failed() -> None:
    flow = compiled({"A": compose("@div(1,0)"), "B": compose(1, "A")})
    found = simulate(flow).record.actions["B"]
    assert (found.status, found.code, found.started) == ("Skipped", "ActionSkipped", None)
    assert found.error is not None
    assert found.error.code == "ActionConditionFailed"
    assert found.error.message == (
        "The execution of template action 'B' is skipped: the 'runAfter' condition for action 'A' "
        "is not satisfied. Expected status values 'Succeeded' and actual value 'Failed'."
    )


def test_parallel_branches_go_out_together() -> None:
    run = begun(compiled({"A": call(), "B": call(), "C": call("A", "B")}))
    step = run.advance(world())
    assert [command.path for command in invokes(step.commands)] == ["A", "B"]
    assert invokes(run.answer("B", Success(), world()).commands) == []
    assert [c.path for c in invokes(run.answer("A", Success(), world()).commands)] == ["C"]
