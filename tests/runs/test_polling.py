"""Requests that are accepted now and done later: 202, an address, and patience."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flowner.definitions.flow import Status
from flowner.runs.commands import Invoke, Sleep, Success, Transient
from flowner.runs.events import AnyEvent, decode, encode
from flowner.runs.run import Run
from flowner.runs.simulation import simulate
from worlds.flows import NOW, after, begun, compiled, first_event, invokes, world

JOBS = "https://api.example/jobs"
DONE = Success(status=200, body={"made": 1})


def accepted(location: str | None = "/jobs/7", after_seconds: str | None = "30") -> Success:
    headers = {"Location": location, "retry-after": after_seconds}
    return Success(status=202, headers={n: v for n, v in headers.items() if v is not None},
                   has_body=False)  # fmt: skip


def job(**members: Any) -> dict[str, Any]:
    inputs = {
        "method": "POST", "uri": JOBS, "body": {"a": 1},
        "headers": {"X-Key": "k", "Content-Type": "application/json"},
        "authentication": {"type": "Raw", "value": "secret"},
        **members.pop("inputs", {}),
    }  # fmt: skip
    return {"type": "Http", "inputs": inputs, "runAfter": after(), **members}


def started(**members: Any) -> tuple[Run, Invoke]:
    run = begun(compiled({"A": job(**members)}))
    (call,) = invokes(run.advance(world()).commands)
    return run, call


def test_the_result_is_asked_for_where_the_answer_says() -> None:
    run, first = started()
    assert first.parameters["method"] == "POST"
    step = run.answer("A", accepted(), world(1))
    assert step.commands == (Sleep(until=NOW + timedelta(seconds=31), path="A"),)
    assert run.status is Status.WAITING
    assert run.wake(world(30)).commands == ()
    (asked,) = invokes(run.wake(world(31)).commands)
    assert asked.parameters == {
        "method": "GET", "uri": f"{JOBS}/7", "headers": {"X-Key": "k"},
        "authentication": {"type": "Raw", "value": "secret"},
    }  # fmt: skip
    assert asked.idempotency_key == first.idempotency_key
    run.answer("A", accepted("/jobs/7/more", None), world(32))
    (again,) = invokes(run.wake(world(52)).commands)
    assert again.parameters["uri"] == f"{JOBS}/7/more"
    run.answer("A", DONE, world(53))
    assert run.ended is not None
    assert run.ended.status is Status.SUCCEEDED


def test_another_origin_is_told_no_secret() -> None:
    run, _ = started()
    run.answer("A", accepted("https://elsewhere.example/r"), world(1))
    (asked,) = invokes(run.wake(world(31)).commands)
    assert asked.parameters == {
        "method": "GET", "uri": "https://elsewhere.example/r", "headers": {}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        pytest.param({"operationOptions": "DisableAsyncPattern"}, accepted(), id="not wanted"),
        pytest.param({}, accepted(location=None), id="no address"),
        pytest.param({}, Success(status=201, headers={"Location": "/x"}), id="another status"),
    ],
)
def test_an_answer_that_is_the_result(members: dict[str, Any], answer: Success) -> None:
    run, _ = started(**members)
    run.answer("A", answer, world(1))
    assert run.ended is not None


def test_a_result_that_fails_is_tried_again_by_the_retry_policy() -> None:
    policy = {"retryPolicy": {"type": "fixed", "count": 1, "interval": "PT5S"}}
    run, _ = started(inputs=policy)
    now = 1.0
    for _ in range(3):
        run.answer("A", accepted(after_seconds="10"), world(now))
        now += 10
        run.wake(world(now))
    run.answer("A", Transient(message="busy"), world(now))
    assert run.ended is None
    (asked,) = invokes(run.wake(world(now + 5)).commands)
    assert asked.parameters["uri"] == f"{JOBS}/7"
    run.answer("A", Transient(message="busy"), world(now + 6))
    assert run.ended is not None
    assert run.ended.status is Status.FAILED


def test_patience_ends_after_a_day_or_at_the_actions_limit() -> None:
    run, _ = started()
    run.answer("A", accepted(after_seconds="999999"), world(0))
    assert run.next_wake == NOW + timedelta(days=1)
    run.wake(world(86_400))
    assert run.ended is not None
    short, _ = started(limit={"timeout": "PT1M"})
    short.answer("A", accepted(), world(1))
    short.answer("A", accepted(), world(31))
    short.wake(world(60))
    assert short.ended is not None


def test_folded_again_it_asks_the_same() -> None:
    flow = compiled({"A": job()})
    run, events = begun(flow), [first_event(flow)]
    events += run.advance(world()).events
    events += run.answer("A", accepted(), world(1)).events
    read: list[AnyEvent] = [decode(encode(event)) for event in events]
    other = Run.replay(flow, read)
    snapped = Run.restore(flow, run.snapshot())
    asked = [invokes(one.wake(world(31)).commands)[0] for one in (run, other, snapped)]
    assert asked[0] == asked[1] == asked[2]


def test_a_simulation_does_not_wait() -> None:
    answers = iter([accepted(), accepted(), DONE])
    done = simulate(compiled({"A": job()}), answers=lambda _: next(answers))
    assert done.record.status is Status.SUCCEEDED
    assert done.record.of("A")[0].outputs["body"] == {"made": 1}
    forever = simulate(compiled({"A": job()}), answers=lambda _: accepted())
    assert forever.record.of("A")[0].status is Status.TIMED_OUT
