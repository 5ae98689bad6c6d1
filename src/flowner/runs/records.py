"""The record of a run, as people see it: every action instance, skipped ones included.

Made from the events alone. What the author asked to be secret is struck out here: nobody shows an
event's inputs or outputs without coming through this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from flowner.definitions.flow import Status
from flowner.runs import paths
from flowner.runs.compiled import CompiledFlow, Node
from flowner.runs.events import (
    Accepted,
    ActionEnded,
    ActionStarted,
    AnyEvent,
    AttemptFailed,
    BranchTaken,
    Fault,
    IterationStarted,
    LoopStarted,
    RunCancelled,
    RunEnded,
    RunStarted,
    Throttled,
    Waiting,
)
from flowner.runs.results import HIDDEN
from flowner.runs.skipping import inherited, terminated
from flowner.runs.state import Record
from flowner.values import Json

STRUCK_OUT = "*** hidden: the author secured it ***"
"""What stands in place of secured inputs and outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt that failed before the last, or a wait for a limit before it went out."""

    attempt: int
    """Counted from 1; 0: a wait, whose code is ``Throttled``."""
    at: datetime
    code: str
    message: str
    next_at: datetime
    acting: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """One instance of one action."""

    path: str
    name: str
    type: str
    indexes: tuple[tuple[str, int], ...]
    """The loops around it with the iteration it was in, outermost first."""
    status: Status
    code: str
    """'' where records leave it out."""
    error: Fault | None
    started: datetime | None
    ended: datetime | None
    inputs: Json | UnsetType = field(repr=False)
    outputs: Json | UnsetType = field(repr=False)
    tracked: Json | UnsetType
    acting: Json
    attempts: tuple[AttemptRecord, ...]
    waiting_for: str | None
    """Why the answer comes later; '' if nobody said. None: it does not."""
    until: datetime | None
    """When its pause, or the pause before its next attempt, is over."""
    repetitions: int | None
    """A loop's iterations."""
    secured: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A whole run."""

    run: int
    flow: str
    version: int
    status: Status
    code: str
    error: Fault | None
    started: datetime | None
    ended: datetime | None
    cancelled_by: str | None
    cancelled_because: str
    """What whoever cancelled it gave as the reason; '' where they gave none."""
    tracking_id: str
    trigger: Json = field(repr=False)
    outputs: Json | UnsetType = field(repr=False)
    actions: Mapping[str, ActionRecord] = field(repr=False)
    """By path: what has begun in the order it began, then what was skipped with its container."""

    def of(self, name: str) -> tuple[ActionRecord, ...]:
        """Return all instances of an action, in order of their iterations."""
        found = (record for record in self.actions.values() if record.name == name)
        return tuple(sorted(found, key=lambda record: [index for _, index in record.indexes]))


@dataclass(slots=True)
class _Entry:
    """A record in the making."""

    node: Node
    record: Record
    acting: Json = None
    attempts: list[AttemptRecord] = field(default_factory=list)
    waiting_for: str | None = None
    until: datetime | None = None


class History:
    """Takes a run's events in, one by one, and gives its record at any time."""

    def __init__(self, compiled: CompiledFlow) -> None:
        self._compiled = compiled
        self._started: RunStarted | None = None
        self._cancelled: RunCancelled | None = None
        self._ended: RunEnded | None = None
        self._entries: dict[str, _Entry] = {}

    def add(self, event: AnyEvent) -> None:
        """Take in the next event."""
        match event:
            case ActionEnded():
                self._action_ended(event)
            case ActionStarted():
                self._action_started(event)
            case BranchTaken():
                entry = self._entry(event.path, event.at)
                entry.record.branch, entry.record.inputs = event.branch, event.inputs
            case LoopStarted():
                record = self._entry(event.path, event.at).record
                record.branch, record.count = 0, len(event.items)
            case IterationStarted():
                record = self._entry(event.path, event.at).record
                record.branch, record.count = 0, event.index + 1
            case AttemptFailed():
                self._attempt_failed(event)
            case Accepted():
                entry = self._entry(event.path, event.at)
                entry.until, entry.acting = event.until, event.acting
            case Throttled():
                self._throttled(event)
            case Waiting():
                entry = self._entry(event.path, event.at)
                entry.waiting_for, entry.acting = event.reason, event.acting
            case _:
                self._whole(event)

    def _whole(self, event: RunStarted | RunCancelled | RunEnded) -> None:
        match event:
            case RunStarted():
                self._started = event
            case RunCancelled():
                self._cancelled = event
            case RunEnded():
                self._ended = event

    def _entry(self, path: str, at: datetime) -> _Entry:
        found = self._entries.get(path)
        if found is None:
            node = self._compiled.by_key[paths.split(path)[1]]
            found = _Entry(node, Record(status=Status.RUNNING, started=at))
            self._entries[path] = found
        return found

    def _action_started(self, event: ActionStarted) -> None:
        entry = self._entry(event.path, event.at)
        entry.until, entry.waiting_for = event.until, None
        if event.inputs is not UNSET:
            entry.record.inputs = event.inputs

    def _attempt_failed(self, event: AttemptFailed) -> None:
        entry = self._entry(event.path, event.at)
        entry.until = event.until
        entry.attempts.append(
            AttemptRecord(
                attempt=event.attempt,
                at=event.at,
                code=event.code,
                message=event.message,
                next_at=event.until,
                acting=event.acting,
            )
        )

    def _throttled(self, event: Throttled) -> None:
        entry, until = self._entry(event.path, event.at), f"{event.until:%Y-%m-%d %H:%M:%S} UTC"
        entry.until, entry.waiting_for = event.until, f"{event.reason}, until {until}"
        entry.attempts.append(
            AttemptRecord(
                attempt=0,
                at=event.at,
                code="Throttled",
                message=f"waited for {event.reason} until {until}",
                next_at=event.until,
                acting=None,
            )
        )

    def _action_ended(self, event: ActionEnded) -> None:
        entry = self._entry(event.path, event.at)
        record = entry.record
        record.status, record.code, record.error = event.status, event.code, event.error
        record.started, record.ended = event.started, event.at
        record.outputs, record.tracked, record.children = (
            event.outputs,
            event.tracked,
            event.children,
        )
        if event.inputs is not UNSET:
            record.inputs = event.inputs
        entry.until, entry.waiting_for = None, None
        entry.acting = event.acting if event.acting is not None else entry.acting

    def record(self) -> RunRecord:
        """Return the record as it is now. Costs a walk over all instances."""
        started, ended, cancelled = self._started, self._ended, self._cancelled
        error = None if ended is None else ended.error
        return RunRecord(
            run=0 if started is None else started.run,
            flow="" if started is None else started.flow,
            version=0 if started is None else started.version,
            status=Status.RUNNING if ended is None else ended.status,
            code="" if ended is None else ended.code.replace(HIDDEN, ""),
            error=error,
            started=None if started is None else started.at,
            ended=None if ended is None else ended.at,
            cancelled_by=None if cancelled is None else cancelled.by,
            cancelled_because="" if cancelled is None else cancelled.reason,
            tracking_id="" if started is None else started.tracking_id or str(started.run),
            trigger=None if started is None else self._trigger(started.trigger),
            outputs=UNSET if ended is None else ended.outputs,
            actions=dict(self._all()),
        )

    def _trigger(self, record: Json) -> Json:
        hidden = dict.fromkeys(self._compiled.trigger_secure, STRUCK_OUT)
        if not isinstance(record, dict):
            return record
        return {name: hidden.get(name, value) for name, value in record.items()}

    def _all(self) -> Iterator[tuple[str, ActionRecord]]:
        for path, entry in self._entries.items():
            yield path, _shown(path, entry)
        waiting = [(0, "")]
        while waiting:
            block, prefix = waiting.pop()
            for index in self._compiled.blocks[block].nodes:
                node = self._compiled.nodes[index]
                found = self._entries.get(prefix + node.key) or self._missing(node, prefix)
                if found is None:
                    continue
                if prefix + node.key not in self._entries:
                    yield prefix + node.key, _shown(prefix + node.key, found)
                waiting.extend(_inside(node, prefix, found))

    def _missing(self, node: Node, prefix: str) -> _Entry | None:
        """Return how an action stands that no event speaks of; None: it has not come to that."""
        owner = self._compiled.owner(node)
        record = None
        if owner is not None and prefix.count("/") == len(owner.loops):
            above = self._entries.get(prefix + owner.key) or self._missing(owner, prefix)
            if above is not None:
                branch = owner.branches.index(node.block)
                record = inherited(node.name, owner.name, above.record, branch)
        if record is None and self._ended is not None:
            record = terminated()
        return None if record is None else _Entry(node, record)


def _inside(node: Node, prefix: str, entry: _Entry) -> Iterable[tuple[int, str]]:
    """Yield the blocks inside an instance, as often as they were begun."""
    loop = node.type in ("Foreach", "Until")
    if not loop or entry.record.branch < 0:
        return [(block, prefix) for block in node.branches]
    path = prefix + node.key
    return [(node.branches[0], paths.iteration(path, index)) for index in range(entry.record.count)]


def _shown(path: str, entry: _Entry) -> ActionRecord:
    record, node = entry.record, entry.node
    return ActionRecord(
        path=path,
        name=node.name,
        type=node.type,
        indexes=tuple((name, index) for name, index in paths.parts(path) if index is not None),
        status=record.status,
        code=record.code.replace(HIDDEN, ""),
        error=record.error,
        started=record.started,
        ended=record.ended,
        inputs=_struck("inputs", record.inputs, node.secure),
        outputs=_struck("outputs", record.outputs, node.secure),
        tracked=record.tracked,
        acting=entry.acting,
        attempts=tuple(entry.attempts),
        waiting_for=entry.waiting_for,
        until=entry.until,
        repetitions=record.count if record.branch >= 0 and _loops(node) else None,
        secured=node.secure,
    )


def _loops(node: Node) -> bool:
    return node.type in ("Foreach", "Until")


def _struck(name: str, value: Any | UnsetType, secure: tuple[str, ...]) -> Json | UnsetType:
    return STRUCK_OUT if name in secure and value is not UNSET else value


def run_record(compiled: CompiledFlow, events: Iterable[AnyEvent]) -> RunRecord:
    """Return the record that these events, from the first on, make."""
    history = History(compiled)
    for event in events:
        history.add(event)
    return history.record()
