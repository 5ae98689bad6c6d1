"""What comes to a run from outside: answers, time, a new worker, somebody who stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flowner.definitions.flow import Status
from flowner.expressions.errors import ExpressionError
from flowner.runs import calls, events, polling
from flowner.runs.changesets import answers_of
from flowner.runs.commands import Failure, Outcome, Parked, Sleep, Success, Throttled, Transient
from flowner.runs.compiled import Node
from flowner.runs.durations import later
from flowner.runs.events import (
    Accepted,
    ActionStarted,
    AttemptFailed,
    BranchTaken,
    Fault,
    RunCancelled,
    Waiting,
)
from flowner.runs.plain import plain
from flowner.runs.results import TIMED_OUT, ActionFault, Result, broken_template
from flowner.runs.state import Calling
from flowner.runs.turn import Turn
from flowner.values import Json


def answer(turn: Turn, path: str, outcome: Outcome, acting: Json) -> None:
    """Take in a connector's answer. One that nobody waits for any more changes nothing."""
    calling = turn.state.calls.get(path)
    if calling is None or calling.until is not None:
        return
    if isinstance(outcome, Parked):
        _park(turn, path, outcome, acting)
        return
    if isinstance(outcome, Throttled):
        now, until = turn.world.now, outcome.until
        turn.emit(events.Throttled(at=now, path=path, until=until, reason=outcome.reason))
        turn.command(Sleep(until=until, path=path))
        return
    outcome = _plain(outcome)
    node = turn.enter(path)
    try:
        pause = calls.next_pause(calling, outcome, turn.world.chance)
    except ActionFault as fault:
        turn.end(path, node, fault.result, acting=acting)
        return
    if pause is None:
        found = polling.accepted(node, calling, outcome)
        if found is None:
            _answered(turn, path, node, outcome, acting)
        else:
            _ask_later(turn, path, found, acting)
        return
    until = later(turn.world.now, pause)
    turn.emit(
        AttemptFailed(
            at=turn.world.now,
            path=path,
            attempt=calling.attempt,
            until=until,
            code=calls.answered(outcome).code,
            message=calls.said(outcome, node.secure),
            acting=acting,
        )
    )
    turn.command(Sleep(until=until, path=path))


def _park(turn: Turn, path: str, parked: Parked, acting: Json) -> None:
    turn.emit(
        Waiting(
            at=turn.world.now,
            path=path,
            reason=parked.reason,
            acting=acting,
            due=parked.due,
            late=parked.late,
        )
    )
    if parked.due is not None:
        turn.command(Sleep(until=parked.due, path=path))


def _ask_later(turn: Turn, path: str, found: tuple[str, timedelta], acting: Json) -> None:
    now, (poll, pause) = turn.world.now, found
    until = later(now, pause)
    due = later(now, polling.PATIENCE)
    turn.emit(Accepted(at=now, path=path, poll=poll, until=until, due=due, acting=acting))
    turn.command(Sleep(until=min(until, due), path=path))


def _plain(outcome: Success | Failure | Transient) -> Success | Failure | Transient:
    """Make what came from outside fit for the journal."""
    try:
        body, headers = plain(outcome.body), plain(dict(outcome.headers))
    except RecursionError:
        return Failure(code="BadGateway", message="the answer is nested too deep", status=502)
    if body is outcome.body and headers == outcome.headers:
        return outcome
    return replace(outcome, body=body, headers=headers if isinstance(headers, dict) else {})


def _answered(
    turn: Turn, path: str, node: Node, outcome: Success | Failure | Transient, acting: Json
) -> None:
    result = calls.answered(outcome)
    if node.type != "Changeset":
        turn.end(path, node, result, acting=acting)
        return
    prefix = path.removesuffix(node.key)
    inside = list(turn.compiled.inside(node))
    answers = answers_of(result, turn.state.calls[path].inputs, len(inside))
    turn.emit(BranchTaken(at=turn.world.now, path=path, branch=0))
    for child, found in zip(inside, answers, strict=True):
        turn.enter(prefix + child.key)
        turn.end(prefix + child.key, child, found, acting=acting)


def cancel(turn: Turn, by: str, reason: str) -> None:
    """Stop: everything open is cancelled in the step that follows."""
    if turn.state.ended is None:
        turn.emit(RunCancelled(at=turn.world.now, by=by, reason=reason))


def wake(turn: Turn) -> None:
    """Do what time has come for: pauses that are over, actions that took too long."""
    now = turn.world.now
    for path, calling in list(turn.state.calls.items()):
        ends = [when for when in (calling.due, calling.patience) if when is not None]
        if ends and min(ends) <= now:
            turn.end(path, turn.enter(path), _late(calling))
        elif calling.until is None or calling.until > now:
            continue
        elif calling.pausing:
            attempt_again(turn, path, calling.attempt + (calling.slot is None))
        else:
            turn.end(path, turn.enter(path), Result())


def _late(calling: Calling) -> Result:
    code, said = TIMED_OUT, "The action did not end within its time limit."
    if calling.late:
        code, said = calling.late, f"Nobody answered in time: {calling.reason}."
    return Result(Status.TIMED_OUT, code, error=Fault(code, said))


def attempt_again(turn: Turn, path: str, attempt: int) -> None:
    """Make one more attempt, with the inputs of the first."""
    node = turn.enter(path)
    try:
        authentication = turn.authentication(node)
    except ExpressionError as error:
        turn.end(path, node, broken_template(node.name, str(error)))
        return
    turn.emit(ActionStarted(at=turn.world.now, path=path, attempt=attempt))
    turn.invoke(path, node, authentication)


def resume(turn: Turn) -> None:
    """Ask again for every call that is out, and for every time that is waited for.

    What time has come for already is left to `wake`.
    """
    for path, calling in list(turn.state.calls.items()):
        node = turn.enter(path)
        awaited = (calling.until, calling.due, calling.patience)
        times = [when for when in awaited if when is not None]
        if any(when <= turn.world.now for when in times):
            continue
        if times:
            turn.command(Sleep(until=min(times), path=path))
        if calling.until is not None or calling.waiting:
            continue
        try:
            turn.invoke(path, node, turn.authentication(node))
        except ExpressionError as error:
            turn.end(path, node, broken_template(node.name, str(error)))
