"""Runs in memory: the same planner, with answers from the caller and time that does not wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from flowner.definitions.codec import read_flow
from flowner.definitions.flow import Flow, Status
from flowner.errors import Invalid
from flowner.runs.commands import (
    Command,
    Failure,
    Invoke,
    Outcome,
    Reply,
    Step,
    Success,
    World,
)
from flowner.runs.compiled import CompiledFlow, compile_flow
from flowner.runs.events import AnyEvent, RunStarted
from flowner.runs.records import RunRecord, run_record
from flowner.runs.requests import request_outputs
from flowner.runs.run import Run
from flowner.runs.trigger import tracking_id, trigger_record
from flowner.values import Json, JsonObject

MAX_EVENTS: Final = 1_000_000
"""Events after which a simulated run is stopped."""
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

Answer: TypeAlias = "Callable[[Invoke], Outcome]"


class ModelWorld:
    """A world for simulations: time moves when nothing else does; chance repeats itself."""

    def __init__(self, now: datetime = _EPOCH, seed: int = 1) -> None:
        self.now = now
        self._drawn = seed

    def __call__(self) -> World:
        """Return the world of this moment."""
        return World(now=self.now, chance=self._chance, guid=self._guid)

    def _next(self) -> int:
        # Source: Knuth, MMIX; good enough to make numbers differ.
        self._drawn = (self._drawn * 6364136223846793005 + 1442695040888963407) % 2**64
        return self._drawn >> 16

    def _chance(self, minimum: int, maximum: int) -> int:
        return minimum + self._next() % max(maximum - minimum, 1)

    def _guid(self) -> str:
        return str(uuid5(NAMESPACE_URL, str(self._next())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What a simulated run left behind."""

    record: RunRecord
    run: Run = field(repr=False)
    events: tuple[AnyEvent, ...] = field(repr=False)
    reply: Reply | None
    calls: tuple[Invoke, ...] = field(repr=False)
    """Every call that was made, retries included, in order."""


def mocked(mocks: Mapping[str, Json]) -> Answer:
    """Return answers by action name: one mock for all repetitions, or a list with one for each.

    A mock is ``{"status", "outputs": {"statusCode", "headers", "body"}, "error"?}``. An action
    without one succeeds with an empty body. No mock is tried again.
    """
    used: dict[str, int] = {}

    def answer(call: Invoke) -> Outcome:
        mock = mocks.get(call.action)
        if isinstance(mock, list):
            place = used.get(call.action, 0)
            used[call.action] = place + 1
            mock = mock[min(place, len(mock) - 1)] if mock else None
        return _outcome(mock if isinstance(mock, dict) else {})

    return answer


def _outcome(mock: JsonObject) -> Outcome:
    outputs, error = mock.get("outputs"), mock.get("error")
    found = outputs if isinstance(outputs, dict) else {}
    failed = str(mock.get("status", "Succeeded")) != Status.SUCCEEDED
    code, headers = found.get("statusCode", 400 if failed else 200), found.get("headers")
    told = error if isinstance(error, dict) else {}
    if failed:
        return Failure(
            code=str(told.get("code", "")),
            message=str(told.get("message", "")),
            status=code if isinstance(code, int) else 400,
            headers=headers if isinstance(headers, dict) else {},
            body=found.get("body"),
            has_body="body" in found,
        )
    return Success(
        status=code if isinstance(code, int) else 200,
        headers=headers if isinstance(headers, dict) else {},
        body=found.get("body"),
        has_body="body" in found,
    )


def simulate(
    flow: Flow | CompiledFlow,
    *,
    trigger: JsonObject | None = None,
    answers: Answer | Mapping[str, Json] | None = None,
    world: ModelWorld | None = None,
    parameters: Mapping[str, Json] | None = None,
    settings: Mapping[str, Json] | None = None,
) -> Simulated:
    """Run a flow to its end in memory. Pauses pass at once; nothing is asked but ``answers``.

    ``trigger`` are the trigger's outputs. A call that is answered with `Parked` and has no
    deadline leaves the run waiting; its record says so.
    """
    compiled = flow if isinstance(flow, CompiledFlow) else compile_flow(flow)
    model = world or ModelWorld()
    asked = answers if callable(answers) else mocked(answers or {})
    started = start(
        compiled, trigger or {}, model, parameters=parameters or {}, settings=settings or {}
    )
    return _Driver(compiled, model, asked).drive(started)


def start(
    compiled: CompiledFlow,
    outputs: JsonObject,
    model: ModelWorld,
    *,
    parameters: Mapping[str, Json],
    settings: Mapping[str, Json],
) -> RunStarted:
    """Return the first event of a simulated run."""
    world, flow = model(), compiled.flow
    tracked = tracking_id(compiled, outputs, world, parameters=parameters)
    return RunStarted(
        at=world.now,
        run=1,
        flow=flow.guid or "",
        trigger=trigger_record(flow.trigger, outputs, world.now, run="1", tracking_id=tracked),
        parameters=dict(parameters),
        settings=dict(settings),
        workflow=_workflow(flow),
        tracking_id=tracked,
    )


def run_case(case: JsonObject) -> Simulated:
    """Simulate a case: definition, trigger (outputs or an HTTP request), mocks, parameters.

    Raises `Invalid` for a definition or a trigger that is none.
    """
    kind, definition = case.get("kind"), case.get("definition")
    flow = read_flow({"definition": definition, "kind": kind}, name=str(case.get("id", "case")))
    return simulate(
        flow,
        trigger=_firing(flow, _object(case, "trigger")),
        answers=_object(case, "mocks"),
        parameters=_object(case, "parameters"),
        settings=_object(case, "appsettings"),
    )


def _object(case: JsonObject, name: str) -> JsonObject:
    found = case.get(name)
    return found if isinstance(found, dict) else {}


def _firing(flow: Flow, trigger: JsonObject) -> JsonObject:
    if "request" not in trigger:
        return _object(trigger, "outputs")
    request = _object(trigger, "request")
    headers = {name: str(value) for name, value in _object(request, "headers").items()}
    body = str(request.get("body", "")).encode()
    target = str(request.get("path", ""))
    return request_outputs(flow.trigger.inputs, target=target, headers=headers, body=body)


def _workflow(flow: Flow) -> JsonObject:
    name = flow.guid or flow.name
    return {
        "id": f"/workflows/{name}",
        "name": name,
        "type": "Microsoft.Logic/workflows",
        "location": "local",
        "tags": {"flowDisplayName": flow.name, "environmentName": "simulation"},
        "run": {"id": f"/workflows/{name}/runs/1", "name": "1", "type": "workflows/runs"},
    }


class _Driver:
    def __init__(self, compiled: CompiledFlow, model: ModelWorld, answer: Answer) -> None:
        self._compiled, self._model, self._answer = compiled, model, answer
        self._events: list[AnyEvent] = []
        self._waiting: list[Invoke] = []
        self._calls: list[Invoke] = []
        self._reply: Reply | None = None

    def drive(self, started: RunStarted) -> Simulated:
        run = Run.begin(self._compiled, started)
        self._events.append(started)
        self._take(run.advance(self._model()))
        while run.ended is None and self._move(run):
            if len(self._events) > MAX_EVENTS:
                raise Invalid(f"the run makes more than {MAX_EVENTS} events")
        return Simulated(
            record=run_record(self._compiled, self._events),
            run=run,
            events=tuple(self._events),
            reply=self._reply,
            calls=tuple(self._calls),
        )

    def _move(self, run: Run) -> bool:
        """Do the next thing; say whether there was one."""
        if self._more:
            self._take(run.advance(self._model()))
        elif self._waiting:
            call = self._waiting.pop(0)
            self._calls.append(call)
            self._take(run.answer(call.path, self._answer(call), self._model()))
        elif run.next_wake is not None:
            self._model.now = max(self._model.now, run.next_wake)
            self._take(run.wake(self._model()))
        else:
            return False
        return True

    def _take(self, step: Step) -> None:
        self._more = step.more
        self._events.extend(step.events)
        for command in step.commands:
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, Invoke):
            self._waiting.append(command)
        elif isinstance(command, Reply):
            self._reply = command
