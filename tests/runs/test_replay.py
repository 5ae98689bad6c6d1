"""Random flows, run with random answers: folded again they are the same runs, and they all end."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowner.runs import paths
from flowner.runs.commands import (
    Failure,
    Finish,
    Invoke,
    Outcome,
    Parked,
    Step,
    Success,
    Transient,
    World,
)
from flowner.runs.compiled import CompiledFlow
from flowner.runs.events import (
    ActionEnded,
    AnyEvent,
    BranchTaken,
    RunEnded,
    decode,
    encode,
)
from flowner.runs.records import run_record
from flowner.runs.run import Run
from worlds.flows import NOW, begun, call, compiled, first_event

STATUSES = ("Succeeded", "Failed", "Skipped", "TimedOut")
OUTCOMES: tuple[Outcome, ...] = (
    Success(body={"n": 1}),
    Success(status=404, body="no"),
    Success(status=503),
    Failure(code="ConnectionAuthorizationFailed", message="not lent"),
    Failure(code="x", message="rejected", status=403),
    Transient(message="busy", retry_after_seconds=1),
    Parked(reason="approval"),
)
LEAVES: tuple[dict[str, Any], ...] = (
    {"type": "Compose", "inputs": {"a": 1, "b": "@{utcNow()}", "c": "@guid()", "d": "@rand(1,9)"}},
    {"type": "Compose", "inputs": "@div(1, 0)"},
    {"type": "Compose", "inputs": "@variables('n')"},
    {"type": "AppendToArrayVariable", "inputs": {"name": "list", "value": "@variables('n')"}},
    {"type": "IncrementVariable", "inputs": {"name": "n", "value": 1}},
    {"type": "SetVariable", "inputs": {"name": "list", "value": "@variables('list')"}},
    {"type": "SetVariable", "inputs": {"name": "n", "value": "text"}},
    {"type": "Wait", "inputs": {"interval": {"count": 5, "unit": "Second"}}},
    {"type": "Response", "inputs": {"statusCode": 200, "body": "@variables('list')"}},
    {"type": "Terminate", "inputs": {"runStatus": "Cancelled"}},
    {"type": "Nonsense", "inputs": {}},
    call(),
    call(inputs={"retryPolicy": {"type": "fixed", "count": 1, "interval": "PT5S"}}),
    call(limit={"timeout": "PT3S"}),
)
CONDITIONS = ("@equals(1, 1)", "@equals(1, 2)", "@greater(variables('n'), 2)", "@div(1, 0)", 1)


class Growing:
    """Makes a random block of actions."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self._draw = draw
        self._count = 0

    def block(self, depth: int) -> dict[str, Any]:
        size = self._draw(st.integers(0 if depth else 1, 4 - depth))
        names: list[str] = []
        actions: dict[str, Any] = {}
        for _ in range(size):
            self._count += 1
            name = f"A{self._count}"
            action = self._action(depth)
            before = self._draw(st.lists(st.sampled_from(names), unique=True)) if names else []
            action["runAfter"] = {
                name: self._draw(st.lists(st.sampled_from(STATUSES), unique=True, min_size=1))
                for name in before
            }
            names.append(name)
            actions[name] = action
        return actions

    def _action(self, depth: int) -> dict[str, Any]:
        kind = self._draw(st.integers(0, 11)) if depth < 3 else 0
        inside = {"actions": self.block(depth + 1)} if kind >= 7 else {}
        match kind:
            case 7:
                other = {"else": {"actions": self.block(depth + 1)}}
                condition = self._draw(st.sampled_from(CONDITIONS))
                return {"type": "If", "expression": condition, **inside, **other}
            case 8:
                value = self._draw(st.sampled_from(["@1", "a", "b", "@null"]))
                case = {"case": "a", **inside}
                default = {"actions": self.block(depth + 1)}
                cases = {"cases": {"C": case}, "default": default}
                return {"type": "Switch", "expression": value, **cases}
            case 9:
                items = self._draw(st.sampled_from(["@range(0, 3)", [1, 2], "@null", []]))
                width = {"concurrency": {"repetitions": self._draw(st.integers(1, 3))}}
                return {
                    "type": "Foreach",
                    "foreach": items,
                    "runtimeConfiguration": width,
                    **inside,
                }
            case 10:
                limit = {"count": self._draw(st.integers(1, 3)), "timeout": "PT1M"}
                condition = self._draw(st.sampled_from(CONDITIONS))
                return {"type": "Until", "expression": condition, "limit": limit, **inside}
            case 11:
                return {"type": "Scope", **inside}
            case _:
                return dict(self._draw(st.sampled_from(LEAVES)))


@st.composite
def flows(draw: Callable[[Any], Any]) -> CompiledFlow:
    declared = [{"name": "n", "type": "integer", "value": 0}, {"name": "list", "type": "array"}]
    actions = Growing(draw).block(0)
    for action in actions.values():
        action["runAfter"] = {"Init": ["Succeeded"], **action["runAfter"]}
    init = {"type": "InitializeVariable", "inputs": {"variables": declared}}
    return compiled({"Init": init, **actions})


class Watched:
    """Drives a run, and looks at every step from all sides."""

    def __init__(self, flow: CompiledFlow, seed: int) -> None:
        self.flow = flow
        self.chance = random.Random(seed)
        self.now = NOW
        self.run = begun(flow)
        self.events: list[AnyEvent] = [first_event(flow)]
        self.calls: list[Invoke] = []
        self.parked: list[str] = []
        self.finished: Finish | None = None

    def world(self) -> World:
        """The same moment always has the same chance."""
        return World(now=self.now, chance=lambda low, _: low, guid=lambda: f"guid {self.now}")

    def drive(self) -> None:
        self.take(self.run.advance(self.world(), limit=5), Run.advance)
        while self.run.ended is None:
            self.move()

    def move(self) -> None:
        if self.run._folding.state.agenda:
            self.take(self.run.advance(self.world(), limit=5), Run.advance)
        elif self.calls:
            called = self.calls.pop(self.chance.randrange(len(self.calls)))
            outcome = self.chance.choice(OUTCOMES)
            if isinstance(outcome, Parked):
                self.parked.append(called.path)
            self.take(self.run.answer(called.path, outcome, self.world()), Run.advance)
        elif self.parked:
            outcome = Success(body="late")
            self.take(self.run.answer(self.parked.pop(), outcome, self.world()), Run.advance)
        else:
            assert self.run.next_wake is not None
            self.now = max(self.now, self.run.next_wake)
            self.take(self.run.wake(self.world()), Run.wake)

    def take(self, step: Step, going_on: Callable[[Run, World], Step]) -> None:
        before = list(self.events)
        for place in range(1, len(step.events)):
            self.check_prefix([*before, *step.events[:place]], step, place, going_on)
        self.events.extend(step.events)
        for command in step.commands:
            if isinstance(command, Invoke):
                self.calls.append(command)
            elif isinstance(command, Finish):
                self.finished = command
        self.check_whole()

    def check_prefix(
        self,
        prefix: list[AnyEvent],
        step: Step,
        place: int,
        going_on: Callable[[Run, World], Step],
    ) -> None:
        """A worker that has these events alone goes on as the live one did."""
        run = Run.replay(self.flow, [decode(encode(event)) for event in prefix])
        rest: list[AnyEvent] = []
        while len(rest) < len(step.events) - place:
            more = going_on(run, self.world())
            assert more.events
            rest.extend(more.events)
        assert tuple(rest)[: len(step.events) - place] == step.events[place:]

    def check_whole(self) -> None:
        """The events, read back and folded, are this run; so is its snapshot."""
        again = Run.replay(self.flow, [decode(encode(event)) for event in self.events])
        assert again.snapshot() == self.run.snapshot()
        restored = Run.restore(self.flow, self.run.snapshot())
        assert restored.snapshot() == self.run.snapshot()
        assert again.resume(self.world()).commands == restored.resume(self.world()).commands
        out = {call.path for call in self.calls}
        assert {path for path in self.run.open_calls() if path not in self.parked} <= out


@settings(max_examples=150, deadline=None)
@given(flows(), st.integers(0, 10**6))
def test_folded_again_a_run_is_the_same_at_every_prefix(flow: CompiledFlow, seed: int) -> None:
    watched = Watched(flow, seed)
    watched.drive()
    assert watched.finished is not None
    ends = [event for event in watched.events if isinstance(event, RunEnded)]
    assert ends == watched.events[-1:]
    assert not watched.run.resume(watched.world()).commands


@settings(max_examples=150, deadline=None)
@given(flows(), st.integers(0, 10**6))
def test_nothing_starts_before_what_it_waits_for(flow: CompiledFlow, seed: int) -> None:
    watched = Watched(flow, seed)
    watched.drive()
    ended: set[str] = set()
    begun_paths: set[str] = set()
    for event in watched.events:
        if not event.path:
            continue
        prefix, key = paths.split(event.path)
        node = flow.by_key[key]
        block = flow.blocks[node.block]
        if event.path not in begun_paths:
            begun_paths.add(event.path)
            for position in block.before[node.position]:
                before = prefix + flow.nodes[block.nodes[position]].key
                assert before in ended or _ending(watched.events)
        if isinstance(event, ActionEnded):
            assert event.path not in ended, "an action ends once"
            ended.add(event.path)
        owner = flow.owner(node)
        if owner is not None and not isinstance(event, BranchTaken):
            inside = prefix[: prefix.rindex("[")] if "[" in prefix else ""
            above = inside if owner.type in ("Foreach", "Until") else prefix + owner.key
            assert above in begun_paths
            assert above not in ended


def _ending(events: list[AnyEvent]) -> bool:
    return any(event.kind == "run-cancelled" for event in events)


@settings(max_examples=60, deadline=None)
@given(flows(), st.integers(0, 10**6))
def test_every_action_has_a_place_in_the_record(flow: CompiledFlow, seed: int) -> None:
    watched = Watched(flow, seed)
    watched.drive()
    record = run_record(flow, watched.events)
    assert watched.run.ended is not None
    assert record.status is watched.run.ended.status
    for found in record.actions.values():
        assert found.status.is_terminal, found
    for node in flow.nodes:
        if not node.loops:
            assert record.of(node.name), node.name


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8])
def test_cancelled_at_any_moment_a_run_ends(cut: int) -> None:
    inside = {
        "B": call(),
        "W": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Day"}}},
    }
    loop = {"type": "Foreach", "foreach": [1, 2], "actions": inside}
    flow = compiled({"A": call(), "L": {**loop, "runAfter": {"A": ["Succeeded"]}}})
    watched = Watched(flow, cut)
    watched.take(watched.run.advance(watched.world()), Run.advance)
    for _ in range(cut):
        if watched.run.ended is None:
            watched.move()
    if watched.run.ended is None:
        watched.take(watched.run.cancel(watched.world(), by="ada"), Run.advance)
    assert watched.run.ended is not None
    assert watched.run.cancel(watched.world()) == Step()
