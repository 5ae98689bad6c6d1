"""Going on where another run failed: what is taken over, what is run again, at every failure."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowner.definitions.flow import Status
from flowner.errors import Refused
from flowner.runs.commands import Failure, Invoke, Success
from flowner.runs.compiled import CompiledFlow
from flowner.runs.events import ActionEnded, AnyEvent, LoopStarted, RunStarted, decode, encode
from flowner.runs.likeness import differing
from flowner.runs.records import run_record
from flowner.runs.run import Run
from flowner.runs.taking import BAD, Taking, chosen, proved, take_over
from runs.test_replay import Watched, flows
from worlds.flows import after, call, compiled, compose, first_event, world

LATER = timedelta(days=3)
OK, NO = Success(body={"n": 1}), Failure(code="x", message="rejected", status=400)


def ran(flow: CompiledFlow, fails: set[str], *, cancel_at: str = "") -> list[AnyEvent]:
    """Run a flow whose calls at these paths fail; cancelled when the call at ``cancel_at`` is."""
    first = first_event(flow)
    run, events, calls = Run.begin(flow, first), [first], list[Invoke]()
    step = run.advance(world())
    while True:
        events += step.events
        calls += [one for one in step.commands if isinstance(one, Invoke)]
        if not calls or run.ended:
            return events
        one = calls.pop(0)
        if one.path == cancel_at:
            step = run.cancel(world())
        else:
            step = run.answer(one.path, NO if one.path in fails else OK, world())


def first_of(flow: CompiledFlow, taking: Taking, run: int = 99) -> RunStarted:
    return msgspec.structs.replace(
        first_event(flow), run=run, goes_on_at=taking.goes_on_at, taken_over=len(taking.events)
    )


def gone_on(
    flow: CompiledFlow, events: list[AnyEvent], at: str, fails: frozenset[str] = frozenset()
) -> tuple[list[str], list[AnyEvent]]:
    """Go on with a run at an action; answers the calls made, and the new run's whole journal."""
    taking = take_over(flow, events, chosen(flow, events, at), later=LATER)
    first = first_of(flow, taking)
    proved(flow, first, taking.events)
    journal = [decode(encode(event)) for event in (first, *taking.events)]
    run = Run.replay(flow, journal)
    assert not run.open_calls()
    made, calls = [], list[Invoke]()
    step = run.resume(world())
    while True:
        journal += step.events
        calls += [one for one in step.commands if isinstance(one, Invoke)]
        if not calls:
            return made, journal
        one = calls.pop(0)
        made.append(one.path)
        step = run.answer(one.path, NO if one.path in fails else OK, world())


def loop(*, width: int = 1, **actions: Any) -> dict[str, Any]:
    """Return a Foreach over five items."""
    return {
        "type": "Foreach",
        "foreach": [1, 2, 3, 4, 5],
        "actions": actions,
        "runtimeConfiguration": {"concurrency": {"repetitions": width}},
    }


SECURE = {"secureData": {"properties": ["outputs"]}}
CHAIN = {"A": call(), "B": call("A"), "C": call("B")}
BESIDE = {"A": call(), "B": call("A"), "Left": call("A"), "C": call("B", "Left")}
HANDLED = {
    "A": call(),
    "B": call("A"),
    "Mend": {**call(), "runAfter": after("B", on="Failed")},
    "C": {**call(), "runAfter": {"B": ["Skipped", "Failed", "Succeeded"]}},
}
NESTED = {
    "A": call(),
    "S": {
        "type": "Scope",
        "runAfter": after("A"),
        "actions": {
            "D": {
                "type": "If",
                "expression": "@equals(1, 1)",
                "actions": {"E": call(), "F": call("E"), "G": call("F")},
            },
            "H": call("D"),
        },
    },
    "Z": call("S"),
}
UNTIL = {
    "N": {
        "type": "InitializeVariable",
        "inputs": {"variables": [{"name": "n", "type": "integer", "value": 0}]},
    },
    "U": {
        "type": "Until",
        "expression": "@greater(variables('n'), 2)",
        "limit": {"count": 10, "timeout": "PT1H"},
        "runAfter": after("N"),
        "actions": {
            "X": call(),
            "Count": {
                "type": "IncrementVariable",
                "inputs": {"name": "n", "value": 1},
                "runAfter": {"X": ["Succeeded", "Failed"]},
            },
            "Y": call("X"),
        },
    },
}
INNER = loop(width=1, X=call(), Y=call("X"))


@pytest.mark.parametrize(
    ("actions", "fails", "at", "calls"),
    [
        pytest.param(CHAIN, {"B"}, "B", ["B", "C"], id="the failed one and what follows"),
        pytest.param(CHAIN, {"C"}, "b", ["B", "C"], id="one that succeeded, by its name"),
        pytest.param(BESIDE, {"B"}, "B", ["B", "C"], id="what ran beside is taken over"),
        pytest.param(BESIDE, {"B", "Left"}, "B", ["B"], id="what failed beside stays failed"),
        pytest.param(HANDLED, {"B"}, "B", ["B", "C"], id="who mended it is not needed now"),
        pytest.param(HANDLED, {"B", "Mend"}, "Mend", ["Mend"], id="who was to mend it, alone"),
        pytest.param(NESTED, {"F"}, "F", ["F", "G", "H", "Z"], id="in the branch that was taken"),
        pytest.param(NESTED, {"F"}, "D", ["E", "F", "G", "H", "Z"], id="a container is run whole"),
        pytest.param(
            {"L": loop(X=call(), Y=call("X")), "Z": call("L")},
            {"L[1]/Y", "L[3]/Y"},
            "Y",
            ["L[1]/X", "L[1]/Y", "L[3]/X", "L[3]/Y", "Z"],
            id="iterations that failed, in their turn",
        ),
        pytest.param(
            {"L": loop(width=3, X=call(), Y=call("X")), "Z": call("L")},
            {"L[0]/Y", "L[3]/X"},
            "L[3]/X",
            ["L[3]/X", "L[3]/Y"],
            id="one iteration, the other stays failed",
        ),
        pytest.param(
            {"L": loop(X=call()), "Z": call("L")},
            {"L[1]/X"},
            "L",
            [*(f"L[{index}]/X" for index in range(5)), "Z"],
            id="a loop is run whole",
        ),
        pytest.param(
            {"L": {**loop(M=INNER), "foreach": [1, 2]}, "Z": call("L")},
            {"L[1]/M[4]/Y"},
            "Y",
            [*(f"L[1]/M[{i}]/{name}" for i in range(5) for name in "XY"), "Z"],
            id="of loops in loops, the outermost",
        ),
        pytest.param(UNTIL, {"U[2]/Y"}, "Y", ["U[2]/Y"], id="an until goes on in its iteration"),
    ],
)
def test_what_is_run_again(actions: Any, fails: set[str], at: str, calls: list[str]) -> None:
    flow = compiled(actions)
    events = ran(flow, fails)
    made, journal = gone_on(flow, events, at)
    assert sorted(made) == sorted(calls)
    stays = fails - set(calls) - ({"B"} if at == "Mend" else set())
    assert run_record(flow, journal).status is (Status.FAILED if stays else Status.SUCCEEDED)


def test_sequential_iterations_stay_sequential() -> None:
    flow = compiled({"L": loop(X=call(), Y=call("X"))})
    events = ran(flow, {"L[1]/Y", "L[3]/Y"})
    made, _ = gone_on(flow, events, "Y")
    assert made == ["L[1]/X", "L[1]/Y", "L[3]/X", "L[3]/Y"]


def test_what_was_cancelled_with_the_run_is_run_again() -> None:
    flow = compiled({"L": loop(width=2, X=call(), Y=call("X")), "Z": call("L")})
    events = ran(flow, set(), cancel_at="L[2]/X")
    made, journal = gone_on(flow, events, "L[2]/X")
    assert not {"L[0]/X", "L[0]/Y", "L[1]/X", "L[1]/Y"} & set(made)
    assert run_record(flow, journal).status is Status.SUCCEEDED


def test_who_ended_the_run_ends_it_again() -> None:
    stop = {"type": "Terminate", "inputs": {"runStatus": "Failed"}, "runAfter": after("A")}
    flow = compiled({"A": call(), "Stop": stop, "B": call()})
    events = ran(flow, set())
    made, journal = gone_on(flow, events, "Stop")
    assert made == ["B"], "it was out when the run ended"
    assert run_record(flow, journal).status is Status.FAILED


def test_variables_are_counted_once() -> None:
    flow = compiled(
        {
            "N": {
                "type": "InitializeVariable",
                "inputs": {
                    "variables": [
                        {"name": "n", "type": "integer", "value": 0},
                        {"name": "all", "type": "array"},
                    ]
                },
            },
            "L": {
                **loop(
                    Count={"type": "IncrementVariable", "inputs": {"name": "n", "value": 1}},
                    Keep={
                        "type": "AppendToArrayVariable",
                        "inputs": {"name": "all", "value": "@item()"},
                        "runAfter": after("Count"),
                    },
                    X=call("Keep"),
                ),
                "runAfter": after("N"),
            },
            "Say": compose("@createArray(variables('n'), variables('all'))", "L"),
        }
    )
    _, journal = gone_on(flow, ran(flow, {"L[1]/X"}), "X")
    (said,) = run_record(flow, journal).of("Say")
    assert said.outputs == [5, [1, 3, 4, 5, 2]]


def test_an_until_has_the_time_left_that_it_had() -> None:
    flow = compiled(UNTIL)
    events = ran(flow, {"U[2]/Y"})
    taking = take_over(flow, events, chosen(flow, events, "Y"), later=LATER)
    dues = {e.due for e in taking.events if e.kind == "iteration-started"} - {None}
    assert dues == {world(3600).now + LATER}


def test_an_answer_that_was_given_stays_given() -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 200}, "runAfter": after("A")}
    flow = compiled({"A": call(), "R": answer, "B": call("R")})
    taking = take_over(flow, ran(flow, {"B"}), ["B"], later=LATER)
    run = Run.replay(flow, [first_of(flow, taking), *taking.events])
    assert run.replied
    step = run.resume(world())
    assert [type(one) for one in step.commands] == [Invoke]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("Nobody", "has no action `Nobody`"),
        ("C", "did not run"),
        ("L[0]/X", "has no action"),
        ("N", "choose an earlier action"),
    ],
)
def test_what_cannot_be_begun_at(at: str, said: str) -> None:
    one = {"name": "n", "type": "integer", "value": 0}
    flow = compiled(
        {
            **CHAIN,
            "N": {"type": "InitializeVariable", "inputs": {"variables": [one]}},
            "Count": {
                "type": "IncrementVariable",
                "inputs": {"name": "n", "value": 1},
                "runAfter": after("A"),
            },
        }
    )
    events = ran(flow, {"B"})
    with pytest.raises(Refused, match=said):
        gone_on(flow, events, at)


def test_what_was_taken_over_once_is_taken_over_again() -> None:
    flow = compiled({"L": loop(X=call(), Y=call("X")), "B": call("L"), "C": call("B")})
    first = ran(flow, {"L[1]/Y", "L[2]/X"})
    _, second = gone_on(flow, first, "L[1]/Y", frozenset({"L[1]/Y"}))
    made, third = gone_on(flow, second, "L[1]/Y")
    assert made == ["L[1]/X", "L[1]/Y"]
    made, fourth = gone_on(flow, third, "X", frozenset({"C"}))
    assert made == ["L[2]/X", "L[2]/Y", "B", "C"]
    made, fifth = gone_on(flow, fourth, "C")
    assert made == ["C"]
    origins = {event.path: event.taken_over_from for event in fifth}
    assert origins["L[0]/Y"] == first[0].run  # type: ignore[union-attr]
    assert origins["B"] == 99
    assert [e.done for e in fifth if isinstance(e, LoopStarted)] == [(0, 1, 3, 4)]


@settings(max_examples=200, deadline=None)
@given(flows(), st.integers(0, 10**6), st.data())
def test_whatever_failed_a_run_can_go_on_there(
    flow: CompiledFlow, seed: int, data: st.DataObject
) -> None:
    watched = Watched(flow, seed)
    watched.drive()
    bad = [
        event.path
        for event in watched.events
        if isinstance(event, ActionEnded) and event.status in BAD
    ]
    if not bad:
        return
    at = data.draw(st.sampled_from(bad))
    taking = take_over(flow, watched.events, [at], later=LATER)
    first = first_of(flow, taking)
    try:
        proved(flow, first, taking.events)
    except Refused:
        assert "Init" in {event.path for event in watched.events} - set(taking.taken)
        return
    again = Watched(flow, seed + 1)
    again.now = watched.now
    again.events = [first, *taking.events]
    again.run = Run.replay(flow, again.events)
    again.check_whole()
    again.take(again.run.advance(again.world(), limit=5), Run.advance)
    while again.run.ended is None:
        again.move()
    ends = Counter(event.path for event in again.events if isinstance(event, ActionEnded))
    assert set(ends.values()) <= {1}
    own = {event.path for event in again.events if not event.taken_over_from}
    assert not own & set(taking.taken)
    assert at not in taking.taken
    assert at in own or "/" in at or flow.owner(flow.by_key[at]) is not None
    record = run_record(flow, again.events)
    assert all(found.status.is_terminal for found in record.actions.values())


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"C": call("B", inputs={"x": 1})}, None),
        ({"A": call(inputs={"x": 1})}, "A"),
        ({"New": call(), "B": call("A", "New")}, None),
        ({"New": call(), "A": call("New")}, "A"),
        ({"A": None, "B": call()}, "A"),
        (
            {"A": {**call(), "runtimeConfiguration": {"secureData": {"properties": ["outputs"]}}}},
            "A",
        ),
    ],
)
def test_another_version_says_what_differs(change: dict[str, Any], pointer: str | None) -> None:
    flow = compiled(CHAIN)
    other = compiled({name: one for name, one in (CHAIN | change).items() if one is not None})
    taking = take_over(flow, ran(flow, {"B"}), ["B"], later=LATER)
    found = differing(flow, other, taking.events)
    assert (found or "").rpartition("/")[2] == (pointer or "")
