"""A run: what has happened so far, and what comes next.

Pure: no clock, no chance, no I/O. The engine appends a step's events to the journal and then
carries out its commands; folding the same events gives the same run, at any later time and place.

    run = Run.begin(compiled, started)        or  Run.restore(compiled, snapshot), then fold
    step = run.advance(world)                 append step.events, carry out step.commands
    step = run.answer(path, outcome, world)   … and so on, until `Finish`
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from flowner.definitions.flow import Status
from flowner.errors import Invalid
from flowner.runs import answering
from flowner.runs.commands import Outcome, Step, World
from flowner.runs.compiled import CompiledFlow
from flowner.runs.events import AnyEvent, RunEnded, RunStarted
from flowner.runs.folding import Folding
from flowner.runs.state import State
from flowner.runs.turn import Turn
from flowner.values import Json

STEP_EVENTS: Final = 1_000
"""About how many events one step has at most; `Step.more` says that there is more to do."""
_FORMAT: Final = 1

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[int, State])


class Run:
    """One run in memory. Not safe for two tasks at once."""

    def __init__(self, compiled: CompiledFlow, state: State | None = None) -> None:
        self._folding = Folding(compiled, state or State())

    @classmethod
    def begin(cls, compiled: CompiledFlow, started: RunStarted) -> Run:
        """Return a run that has begun. ``started`` is the first event of its journal."""
        run = cls(compiled)
        run.fold(started)
        return run

    @classmethod
    def replay(cls, compiled: CompiledFlow, events: Iterable[AnyEvent]) -> Run:
        """Return the run that these events, from the first on, are the journal of."""
        run = cls(compiled)
        for event in events:
            run.fold(event)
        return run

    @classmethod
    def restore(cls, compiled: CompiledFlow, snapshot: bytes) -> Run:
        """Return the run as it was when the snapshot was taken; fold the later events.

        Raises `Invalid` for a snapshot of a form that is not known: then `replay` instead.
        """
        try:
            format, state = _DECODER.decode(snapshot)
        except msgspec.MsgspecError as error:
            raise Invalid(f"is not a snapshot of a run: {error}") from None
        if format != _FORMAT:
            raise Invalid(f"is a snapshot of form {format}; this version reads {_FORMAT}")
        return cls(compiled, state)

    def snapshot(self) -> bytes:
        """Return the state as bytes. A cache of the journal, and never more than that."""
        for variable in self._state.variables.values():
            # Whether a value was read is no part of the state: a copy too many does no harm.
            variable.lent = True
        return _ENCODER.encode((_FORMAT, self._state))

    @property
    def _state(self) -> State:
        return self._folding.state

    @property
    def events_folded(self) -> int:
        """How many events the run has; the sequence number of the next, counted from 0."""
        return self._state.count

    @property
    def started(self) -> RunStarted:
        """The first event. Raises `Invalid` before there is one."""
        if self._state.started is None:
            raise Invalid("the run has not begun")
        return self._state.started

    @property
    def ended(self) -> RunEnded | None:
        """The last event; None while the run goes on."""
        return self._state.ended

    @property
    def status(self) -> Status:
        """Waiting means: nothing to do before a time or somebody's answer."""
        state = self._state
        if state.ended is not None:
            return state.ended.status
        idle = state.calls and not state.agenda
        waits = all(call.waiting or call.until is not None for call in state.calls.values())
        return Status.WAITING if idle and waits else Status.RUNNING

    @property
    def next_wake(self) -> datetime | None:
        """The earliest time at which `wake` has something to do; None: no time is waited for."""
        times = [
            when
            for call in self._state.calls.values()
            for when in (call.until, call.due, call.patience)
            if when is not None
        ]
        return min(times, default=None)

    @property
    def replied(self) -> bool:
        """Whether a Response action has answered the caller."""
        return self._state.replied

    def open_calls(self) -> tuple[str, ...]:
        """Return the paths of calls that are out, oldest first; not of those that wait."""
        calls = self._state.calls.items()
        return tuple(path for path, call in calls if call.until is None and not call.waiting)

    def waiting(self, path: str) -> tuple[Json, Json]:
        """Return what an open call was asked, and who acted in it; None where nobody is known."""
        calling = self._state.calls.get(path)
        if calling is None:
            return None, None
        inputs: Json = calling.inputs if isinstance(calling.inputs, dict) else {}
        acting: Json = calling.acting
        return inputs, acting

    def variable(self, name: str) -> Json:
        """Return a variable's value. Raises `KeyError`."""
        variable = self._state.variables[name.casefold()]
        variable.lent = True
        return variable.value  # type: ignore[no-any-return]

    def fold(self, event: AnyEvent) -> None:
        """Take in an event that is in the journal already."""
        self._folding.fold(event)

    def advance(self, world: World, *, limit: int = STEP_EVENTS) -> Step:
        """Do everything that can be done now."""
        return Turn(self._folding, world).step(limit)

    def answer(
        self,
        path: str,
        outcome: Outcome,
        world: World,
        *,
        acting: Json = None,
        limit: int = STEP_EVENTS,
    ) -> Step:
        """Take in a connector's answer, and go on.

        ``acting`` says who acted (`flowner.identity.record.acting_record`) and goes into the
        event. An answer that nobody waits for, or no longer, gives an empty step.
        """
        turn = Turn(self._folding, world)
        answering.answer(turn, path, outcome, acting)
        return turn.step(limit)

    def wake(self, world: World, *, limit: int = STEP_EVENTS) -> Step:
        """Do what time has come for, and go on. Harmless when it is too early."""
        turn = Turn(self._folding, world)
        answering.wake(turn)
        return turn.step(limit)

    def retry(self, path: str, world: World) -> Step:
        """Ask again for a parked call, with the same key: what it waited for is there now."""
        calling = self._state.calls.get(path)
        turn = Turn(self._folding, world)
        if calling is not None and calling.waiting:
            answering.attempt_again(turn, path, calling.attempt)
        return turn.step(STEP_EVENTS)

    def resume(self, world: World) -> Step:
        """Go on with a run that somebody else left: asks again for all calls that are out.

        What became of those is unknown; whether one may be made twice, the operation says.
        """
        turn = Turn(self._folding, world)
        answering.resume(turn)
        answering.wake(turn)
        return turn.step(STEP_EVENTS)

    def cancel(self, world: World, *, by: str = "", reason: str = "") -> Step:
        """Stop the run. Nothing happens if it is over."""
        turn = Turn(self._folding, world)
        answering.cancel(turn, by, reason)
        return turn.step(STEP_EVENTS)
