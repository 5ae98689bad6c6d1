"""Events to state.

Nothing is evaluated here and nothing is decided that is not in the events: the same events give
the same state, at every prefix. Folding an event costs the same however long the run already is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from msgspec import UNSET

from flowner.definitions.flow import Status
from flowner.errors import Invalid
from flowner.runs import paths
from flowner.runs.compiled import Block, CompiledFlow, Node
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
from flowner.runs.state import (
    Calling,
    Container,
    Frame,
    Record,
    State,
    frame_key,
    prefixes_of,
)
from flowner.runs.status import block_status, worse
from flowner.runs.variables import change

_Rare: TypeAlias = (
    RunStarted | AttemptFailed | Accepted | Throttled | Waiting | RunCancelled | RunEnded
)
CANCELLED: Final = "RunCancelled"


def _taken(acting: Any) -> Any:
    """Return who acted in a call that was taken; what it sent is told with the taking alone."""
    if not isinstance(acting, dict):
        return acting
    return {name: value for name, value in acting.items() if name != "sent"}


class Folding:
    """Folds events into a state, for one flow."""

    def __init__(self, compiled: CompiledFlow, state: State) -> None:
        self.compiled = compiled
        self.state = state
        self._waiting = tuple([len(before) for before in block.before] for block in compiled.blocks)

    def fold(self, event: AnyEvent) -> None:
        """Take one event in. Raises `Invalid` for an event that cannot follow the others."""
        state = self.state
        if (state.started is None) is not isinstance(event, RunStarted) or state.ended is not None:
            raise Invalid(f"the event `{event.kind}` cannot stand at place {state.count}")
        # The most frequent first.
        if isinstance(event, ActionEnded):
            self._ended(event)
        elif isinstance(event, ActionStarted):
            self._started(event)
        elif isinstance(event, BranchTaken):
            self._branch_taken(event)
        elif isinstance(event, IterationStarted):
            self._iteration_started(event)
        elif isinstance(event, LoopStarted):
            self._loop_started(event)
        else:
            self._rare(event)
        state.count += 1

    def _rare(self, event: _Rare) -> None:
        state = self.state
        match event:
            case RunStarted():
                state.started, state.trigger = event, event.trigger
                self._open(self.compiled.blocks[0], "")
            case AttemptFailed():
                calling = state.calls[event.path]
                calling.pausing, calling.waiting, calling.until = True, False, event.until
                calling.failed, calling.slot = calling.failed + 1, None
            case Throttled():
                calling = state.calls[event.path]
                calling.pausing, calling.waiting, calling.until = True, False, event.until
                calling.slot = event.until
            case Accepted():
                calling = state.calls[event.path]
                calling.pausing, calling.waiting, calling.until = True, False, event.until
                calling.poll, calling.due = event.poll, calling.due or event.due
                calling.slot = None
            case Waiting():
                calling = state.calls[event.path]
                calling.waiting, calling.acting = True, _taken(event.acting)
                calling.reason, calling.late = event.reason, event.late
                calling.patience = event.due
            case RunCancelled():
                self._end_with(
                    RunEnded(
                        at=event.at,
                        status=Status.CANCELLED,
                        code=CANCELLED,
                        error=Fault(CANCELLED, event.reason) if event.reason else None,
                    )
                )
            case RunEnded():
                state.ended = event
                state.agenda.clear()

    def locate(self, path: str) -> tuple[str, Node]:
        """Return a path's prefix and node. Raises `Invalid` for what the flow does not have."""
        prefix, key = paths.split(path)
        node = self.compiled.by_key.get(key)
        if node is None:
            raise Invalid(f"the flow has no action at `{path}`")
        return prefix, node

    def frame(self, node: Node, prefix: str) -> Frame:
        """Return the open frame the action is in."""
        found = self.state.frames.get(frame_key(node.block, prefix))
        if found is None:
            raise Invalid(f"nothing is running around `{prefix}{node.key}`")
        return found

    def _take(self, path: str) -> None:
        agenda = self.state.agenda
        if agenda and agenda[0] == path:
            del agenda[0]
        elif path in agenda:
            agenda.remove(path)

    def _record(self, prefix: str, node: Node, record: Record) -> None:
        self.state.records.setdefault(prefix, {})[node.key] = record

    def _started(self, event: ActionStarted) -> None:
        prefix, node = self.locate(event.path)
        calls = self.state.calls
        if event.attempt > 1 or event.path in calls:
            calling = calls[event.path]
            calling.attempt, calling.pausing, calling.until = event.attempt, False, None
            calling.waiting, calling.acting, calling.patience = False, None, None
            calling.reason = calling.late = ""
            return
        self._take(event.path)
        calls[event.path] = Calling(
            inputs=event.inputs, call=event.call, due=event.due, until=event.until
        )
        self._record(prefix, node, Record(status=Status.RUNNING, started=event.at))

    def _branch_taken(self, event: BranchTaken) -> None:
        prefix, node = self.locate(event.path)
        self._take(event.path)
        # A Changeset was a call until its requests were answered.
        self.state.calls.pop(event.path, None)
        self.state.containers[event.path] = Container()
        self._record(
            prefix,
            node,
            Record(
                status=Status.RUNNING, started=event.at, branch=event.branch, inputs=event.inputs
            ),
        )
        self._open(self.compiled.blocks[node.branches[event.branch]], prefix)

    def _loop_started(self, event: LoopStarted) -> None:
        prefix, node = self.locate(event.path)
        self._take(event.path)
        container = Container(
            items=event.items,
            size=len(event.items),
            width=event.width,
            repeats={} if node.keeps_repetitions else None,
        )
        self.state.containers[event.path] = container
        self._record(prefix, node, Record(status=Status.RUNNING, started=event.at, branch=0))
        if not self.compiled.blocks[node.branches[0]].nodes:
            container.next = container.size
        self._next_iterations(node, event.path, container)

    def _next_iterations(self, node: Node, path: str, container: Container) -> None:
        block = self.compiled.blocks[node.branches[0]]
        while container.running < container.width and container.next < container.size:
            index = container.next
            container.next += 1
            container.running += 1
            self._open(block, paths.iteration(path, index))
        if not container.running:
            self.state.agenda.append(path)

    def _iteration_started(self, event: IterationStarted) -> None:
        prefix, node = self.locate(event.path)
        self._take(event.path)
        containers = self.state.containers
        if event.index == 0:
            containers[event.path] = Container(due=event.due)
            self._record(prefix, node, Record(status=Status.RUNNING, started=event.at, branch=0))
        else:
            self._drop(paths.iteration(event.path, event.index - 1))
        container = containers[event.path]
        container.next, container.running = event.index + 1, 1
        self._open(self.compiled.blocks[node.branches[0]], paths.iteration(event.path, event.index))

    def _open(self, block: Block, prefix: str) -> None:
        prefixes, indexes = prefixes_of(prefix)
        frame = Frame(
            block=block.index,
            prefixes=prefixes,
            indexes=indexes,
            statuses=[None] * len(block.nodes),
            waiting=self._waiting[block.index].copy(),
            left=len(block.nodes),
        )
        self.state.frames[frame_key(block.index, prefix)] = frame
        if not block.nodes:
            self._frame_done(block, prefix, frame)
            return
        nodes, agenda = self.compiled.nodes, self.state.agenda
        for position in block.roots:
            agenda.append(prefix + nodes[block.nodes[position]].key)

    def _ended(self, event: ActionEnded) -> None:
        path, state = event.path, self.state
        prefix, node = self.locate(path)
        frame = self.frame(node, prefix)
        if frame.statuses[node.position] is not None:
            raise Invalid(f"`{path}` has ended already")
        self._take(path)
        calling = state.calls.pop(path, None)
        container = state.containers.pop(path, None)
        self._record(prefix, node, self._closed(event, node, prefix, calling, container))
        self._effects(event, node)
        frame.statuses[node.position] = event.status
        frame.left -= 1
        if state.ending is not None:
            return
        self._release(node, prefix, frame)
        if not frame.left:
            self._frame_done(self.compiled.blocks[node.block], prefix, frame)

    def _release(self, node: Node, prefix: str, frame: Frame) -> None:
        block = self.compiled.blocks[node.block]
        for position in block.after[node.position]:
            frame.waiting[position] -= 1
            if not frame.waiting[position]:
                following = self.compiled.nodes[block.nodes[position]]
                self.state.agenda.append(prefix + following.key)

    def _closed(
        self,
        event: ActionEnded,
        node: Node,
        prefix: str,
        calling: Calling | None,
        container: Container | None,
    ) -> Record:
        record = self.state.records.get(prefix, {}).get(node.key)
        if record is None:
            record = Record(status=event.status, started=event.started)
        record.status, record.ended, record.code = event.status, event.at, event.code
        record.error, record.tracked, record.children = event.error, event.tracked, event.children
        if node.keeps_outputs:
            record.outputs = event.outputs
            if calling is not None:
                record.inputs = calling.inputs
        if event.inputs is not UNSET and (node.keeps_outputs or node.branches):
            record.inputs = event.inputs
        if container is not None:
            record.count, record.repeats = container.next, container.repeats
        return record

    def _effects(self, event: ActionEnded, node: Node) -> None:
        """Take in what an action does to the run around it."""
        if event.status is not Status.SUCCEEDED:
            return
        state = self.state
        change(state.variables, node.type, event)
        if node.type == "Response":
            state.replied = True
        elif node.type == "Terminate" and isinstance(event.inputs, dict):
            fault = event.inputs.get("runError")
            found = fault if isinstance(fault, dict) else {}
            status = Status(event.inputs["runStatus"])
            code, message = str(found.get("code") or ""), str(found.get("message") or "")
            self._end_with(
                RunEnded(
                    at=event.at,
                    status=status,
                    code=code or ("Terminated" if status is not Status.SUCCEEDED else ""),
                    error=Fault(code, message) if code or message else None,
                )
            )

    def _end_with(self, ending: RunEnded) -> None:
        self.state.ending = ending
        self.state.agenda.clear()
        self.state.agenda.append("")

    def _frame_done(self, block: Block, prefix: str, frame: Frame) -> None:
        state = self.state
        status = block_status(block.leaves, block.before, frame.statuses)
        del state.frames[frame_key(block.index, prefix)]
        if block.owner < 0:
            state.containers[""] = Container(status=status)
            state.agenda.append("")
            return
        owner = self.compiled.nodes[block.owner]
        if owner.type == "Foreach":
            self._iteration_done(owner, prefix, frame, status)
            return
        path = self._owner_path(owner, prefix)
        state.containers[path].status = status
        state.agenda.append(path)

    @staticmethod
    def _owner_path(owner: Node, prefix: str) -> str:
        """Return the container's path, given the prefix inside of it."""
        return (
            prefix[: prefix.rindex("[")]
            if owner.type in ("Foreach", "Until")
            else (prefix + owner.key)
        )

    def _iteration_done(self, loop: Node, prefix: str, frame: Frame, status: Status) -> None:
        path = self._owner_path(loop, prefix)
        container = self.state.containers[path]
        container.status = worse(container.status, status)
        if container.repeats is not None:
            for key, record in self.state.records.get(prefix, {}).items():
                kept = container.repeats.setdefault(key, [None] * container.size)
                kept[frame.indexes[-1]] = record
        self._drop(prefix)
        container.running -= 1
        self._next_iterations(loop, path, container)

    def _drop(self, prefix: str) -> None:
        """Forget an iteration; of Until loops inside of it, their last iteration too."""
        waiting = [prefix]
        while waiting:
            found = waiting.pop()
            records = self.state.records.pop(found, {})
            waiting.extend(self._inner(found, records.items()))

    def _inner(self, prefix: str, records: Iterable[tuple[str, Record]]) -> Iterable[str]:
        for key, record in records:
            if record.count and self.compiled.by_key[key].type == "Until":
                yield paths.iteration(prefix + key, record.count - 1)
