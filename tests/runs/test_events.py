"""The journal's vocabulary: old journals stay readable, and what cannot follow is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowner.definitions.flow import Status
from flowner.errors import Invalid
from flowner.runs.events import ActionEnded, ActionStarted, RunEnded, decode, encode
from flowner.runs.plain import plain
from flowner.runs.run import Run
from worlds.flows import NOW, begun, call, compiled, compose, first_event, world

AT = '"at": "2026-03-01T12:00:00Z"'

# INVARIANT: these lines were written by the first version; every later one has to read them.
FIRST = [
    f'{{"kind": "run-started", {AT}, "run": 7, "flow": "f", "trigger": {{"name": "t"}}}}',
    f'{{"kind": "action-started", {AT}, "path": "A", "inputs": {{"x": 1.0}}}}',
    (
        f'{{"kind": "attempt-failed", {AT}, "path": "A", "attempt": 1, "code": "429",'
        ' "until": "2026-03-01T12:00:05Z"}'
    ),
    f'{{"kind": "action-started", {AT}, "path": "A", "attempt": 2}}',
    f'{{"kind": "waiting", {AT}, "path": "A", "reason": "approval"}}',
    (
        f'{{"kind": "action-ended", {AT}, "path": "A", "status": "Succeeded", "code": "OK",'
        ' "outputs": {"statusCode": 200, "body": null}}'
    ),
    f'{{"kind": "branch-taken", {AT}, "path": "S", "branch": 0}}',
    (
        f'{{"kind": "action-ended", {AT}, "path": "B", "status": "Failed", "code": "BadRequest",'
        ' "error": {"code": "InvalidTemplate", "message": "m"}}'
    ),
    f'{{"kind": "action-ended", {AT}, "path": "S", "status": "Failed", "code": "ActionFailed"}}',
    f'{{"kind": "loop-started", {AT}, "path": "L", "items": [1], "width": 2}}',
    f'{{"kind": "action-ended", {AT}, "path": "L[0]/C", "status": "Succeeded"}}',
    f'{{"kind": "action-ended", {AT}, "path": "L", "status": "Succeeded"}}',
    f'{{"kind": "iteration-started", {AT}, "path": "U", "index": 0}}',
    f'{{"kind": "run-cancelled", {AT}, "by": "ada"}}',
    f'{{"kind": "action-ended", {AT}, "path": "U[0]/D", "status": "Cancelled"}}',
    f'{{"kind": "action-ended", {AT}, "path": "U", "status": "Cancelled"}}',
    f'{{"kind": "run-ended", {AT}, "status": "Cancelled", "code": "RunCancelled"}}',
]


def test_the_first_journals_are_still_read() -> None:
    flow = compiled(
        {
            "A": call(),
            "S": {"type": "Scope", "actions": {"B": compose("@div(1,0)")}},
            "L": {"type": "Foreach", "foreach": [1], "actions": {"C": compose(1)}},
            "U": {"type": "Until", "expression": "@true", "actions": {"D": call()}},
        }
    )
    events = [decode(line.encode()) for line in FIRST]
    assert [event.kind for event in events] == [json.loads(line)["kind"] for line in FIRST]
    run = Run.replay(flow, events)
    assert run.ended == events[-1]
    assert [decode(encode(event)) for event in events] == events


def test_fields_of_later_versions_are_ignored() -> None:
    line = FIRST[3][:-1] + ', "mood": "good"}'
    assert decode(line.encode()) == ActionStarted(at=NOW, path="A", attempt=2)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1]", b'{"kind": "nonsense"}', b'{"kind": "run-ended"}', b"\xff"]
)
def test_what_is_no_event(data: bytes) -> None:
    with pytest.raises(Invalid, match="is not an event of a run"):
        decode(data)


def test_null_and_absent_are_different() -> None:
    ended = ActionEnded(at=NOW, path="A", status=Status.SUCCEEDED, outputs=None)
    absent = ActionEnded(at=NOW, path="A", status=Status.SUCCEEDED)
    assert decode(encode(ended)) == ended
    assert decode(encode(absent)) == absent
    assert encode(ended) != encode(absent)


def test_half_a_pair_in_a_trigger_is_replaced_when_it_is_written() -> None:
    flow = compiled({})
    started = first_event(flow, {"body": {"a\ud800": ["\udc00", "\ud83d\ude00"]}})
    written: Any = decode(encode(started))
    assert written.trigger["outputs"]["body"] == {"a\ufffd": ["\ufffd", "😀"]}


def test_plain_leaves_alone_what_is_plain() -> None:
    value = {"a": [1, 2.5, "ä", None, True, {"b": {}}]}
    assert plain(value) is value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("inf"), "Infinity"),
        ([float("-inf")], ["-Infinity"]),
        (2**70, float(2**70)),
        ({"a": 10**400}, {"a": "Infinity"}),
    ],
)
def test_plain_replaces(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_events_that_cannot_follow_are_refused() -> None:
    flow = compiled({"A": compose(1)})
    run = begun(flow)
    ended = ActionEnded(at=NOW, path="A", status=Status.SUCCEEDED)
    for wrong in (
        first_event(flow),
        ActionEnded(at=NOW, path="B", status=Status.SUCCEEDED),
        ActionEnded(at=NOW, path="L[0]/A", status=Status.SUCCEEDED),
    ):
        with pytest.raises(Invalid):
            run.fold(wrong)
    run.fold(ended)
    with pytest.raises(Invalid, match=r"has ended|is running"):
        run.fold(ended)
    run.fold(RunEnded(at=NOW, status=Status.SUCCEEDED))
    with pytest.raises(Invalid, match="cannot stand at place 3"):
        run.fold(RunEnded(at=NOW, status=Status.SUCCEEDED))
    with pytest.raises(Invalid):
        Run.replay(flow, [ended])


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x92\x63\x80"])
def test_what_is_no_snapshot(data: bytes) -> None:
    with pytest.raises(Invalid, match="snapshot"):
        Run.restore(compiled({}), data)


def test_a_step_is_bounded_and_says_that_there_is_more() -> None:
    flow = compiled({f"A{place}": compose(place) for place in range(10)})
    run = begun(flow)
    step = run.advance(world(), limit=4)
    assert (len(step.events), step.more) == (4, True)
    step = run.advance(world())
    assert (len(step.events), step.more) == (7, False)
