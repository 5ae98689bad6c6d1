"""What an expression of one action sees of its run.

From inside a loop, an action of the same loop is the one of the same iteration. From outside, an
Until shows its last iteration, a Foreach all of them at once: outputs become an array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from msgspec import UNSET

from flowner.definitions.flow import Status
from flowner.expressions.scope import Missing
from flowner.runs import paths
from flowner.runs.commands import World
from flowner.runs.compiled import CompiledFlow, Node
from flowner.runs.durations import instant
from flowner.runs.skipping import inherited, terminated
from flowner.runs.state import Frame, Record, State
from flowner.runs.status import worse
from flowner.values import Json, JsonObject

HIDDEN_CODE: Final = "NotSpecified"
"""The code of success where there is nothing to say; records leave it out."""


class Seen:
    """One instance of an action, or all of a Foreach's at once."""

    __slots__ = ("node", "path", "record", "repeats")

    def __init__(
        self, node: Node, path: str, record: Record, repeats: list[Record | None] | None = None
    ) -> None:
        self.node, self.path, self.record, self.repeats = node, path, record, repeats


class RunScope:
    """The scope of one action at a time: `enter` says which. It is of no use between steps."""

    def __init__(self, compiled: CompiledFlow, state: State, world: World) -> None:
        self._compiled = compiled
        self._state = state
        self._items: list[Json] = []
        self.world = world
        self._frame: Frame | None = None
        self._loops: tuple[int, ...] = ()
        self._here: tuple[Node, str] | None = None
        self.ending: Record | None = None
        """How the action is about to end, while its tracked properties are evaluated."""

    def enter(self, node: Node, frame: Frame) -> None:
        """See the run as this action does."""
        self._frame, self._loops = frame, node.loops
        self._here = (node, frame.prefixes[-1] + node.key)

    def leave(self) -> None:
        """See the run as a whole, as the flow's outputs do."""
        self._frame, self._loops, self._here = None, (), None

    @contextmanager
    def at_item(self, item: Json) -> Iterator[None]:
        """Let ``item()`` be this value."""
        self._items.append(item)
        try:
            yield
        finally:
            self._items.pop()

    def parameter(self, name: str) -> Json:
        compiled, started = self._compiled, self._state.started
        given: Mapping[str, Any] = {} if started is None else started.parameters
        known = compiled.names.get(name.casefold(), name)
        if known in given:
            return given[known]  # type: ignore[no-any-return]
        if known in compiled.flow.parameters:
            return compiled.flow.parameters[known].default
        for other, value in given.items():
            if other.casefold() == name.casefold():
                return value  # type: ignore[no-any-return]
        raise Missing(name)

    def variable(self, name: str) -> Json:
        variable = self._state.variables.get(name.casefold())
        if variable is None:
            raise Missing(name)
        variable.lent = True
        return variable.value  # type: ignore[no-any-return]

    def action(self, name: str) -> Json:
        node = self._compiled.by_name.get(name.casefold())
        if self.ending is not None and self._here is not None and node is self._here[0]:
            return view(node.name, self._here[1], self.ending, self._run())
        seen = None if node is None else self._see(node)
        if seen is None:
            raise Missing(name)
        return self._shown(seen)

    def outputs(self, name: str) -> Json:
        node = self._compiled.by_name.get(name.casefold())
        if self.ending is None and node is not None:
            seen = self._see(node)
            if seen is not None and seen.repeats is None:
                # What most expressions ask for; the rest of the record need not be made.
                return None if seen.record.outputs is UNSET else seen.record.outputs
        record = self.action(name)
        return record.get("outputs") if isinstance(record, dict) else None

    def trigger(self) -> Json:
        return self._state.trigger  # type: ignore[no-any-return]

    def item(self) -> Json:
        if self._items:
            return self._items[-1]
        for depth in range(len(self._loops) - 1, -1, -1):
            node = self._compiled.nodes[self._loops[depth]]
            if node.type == "Foreach":
                return self._item(depth, node)
        raise Missing("item")

    def items(self, loop: str) -> Json:
        depth, node = self._enclosing(loop)
        if node.type != "Foreach":
            raise Missing(loop)
        return self._item(depth, node)

    def iteration_index(self, loop: str) -> int:
        node = self._compiled.by_name.get(loop.casefold())
        if node is not None and node.index not in self._loops and self._frame is not None:
            # Until's own condition looks at the loop from outside.
            container = self._state.containers.get(self._frame.prefixes[-1] + node.key)
            if container is not None and node.type == "Until":
                return container.next - 1
        depth, _ = self._enclosing(loop)
        return self._frame.indexes[depth] if self._frame is not None else 0

    def _enclosing(self, loop: str) -> tuple[int, Node]:
        for depth, index in enumerate(self._loops):
            node = self._compiled.nodes[index]
            if node.name.casefold() == loop.casefold():
                return depth, node
        raise Missing(loop)

    def _item(self, depth: int, node: Node) -> Json:
        frame = self._frame
        if frame is None:
            raise Missing(node.name)
        container = self._state.containers[frame.prefixes[depth] + node.key]
        if container.items is None:
            raise Missing(node.name)
        return container.items[frame.indexes[depth]]  # type: ignore[no-any-return]

    def result(self, scope: str) -> Json:
        node = self._compiled.by_name.get(scope.casefold())
        if node is None or not node.branches:
            raise Missing(scope)
        seen = (self._see(child) for child in self._compiled.inside(node))
        shown = [self._entry(found) for found in seen if found is not None]
        if node.type == "Until":
            above = self._see(node)
            for entry in shown:
                entry["repetitionCount"] = 0 if above is None else above.record.count
        return shown  # type: ignore[return-value]

    def workflow(self) -> Json:
        started = self._state.started
        return None if started is None else started.workflow

    def callback_url(self) -> str:
        if self._here is None:
            raise Missing("listCallbackUrl")
        return self.world.callback_url(self._here[1])

    def setting(self, name: str) -> Json:
        started = self._state.started
        found: Mapping[str, Any] = {} if started is None else started.settings
        for known, value in found.items():
            if known.casefold() == name.casefold():
                return value  # type: ignore[no-any-return]
        raise Missing(name)

    def now(self) -> datetime:
        return self.world.now

    def fresh_guid(self) -> str:
        return self.world.guid()

    def chance(self, minimum: int, maximum: int) -> int:
        return self.world.chance(minimum, maximum)

    def _records(self, prefix: str) -> Mapping[str, Record]:
        return self._state.records.get(prefix, {})

    def _run(self) -> tuple[str, str]:
        started = self._state.started
        run = "" if started is None else str(started.run)
        return run, (started.tracking_id if started is not None else "") or run

    def _see(self, node: Node) -> Seen | None:
        """Find the instance of an action that is meant from here; None: it has not run."""
        prefix = ""
        for depth, index in enumerate(node.loops):
            loop = self._compiled.nodes[index]
            if self._frame is not None and self._loops[depth : depth + 1] == (index,):
                prefix = self._frame.prefixes[depth + 1]
                continue
            record = self._stands(loop, prefix)
            if record is None:
                return None
            if loop.type == "Foreach":
                return self._repeated(node, loop, prefix, record)
            container = self._state.containers.get(prefix + loop.key)
            count = record.count if container is None else container.next
            if not count:
                return self._never_begun(node, loop, prefix, record)
            prefix = paths.iteration(prefix + loop.key, count - 1)
        record = self._stands(node, prefix)
        return None if record is None else Seen(node, prefix + node.key, record)

    def _never_begun(self, node: Node, loop: Node, prefix: str, above: Record) -> Seen | None:
        """Find what is inside of a loop without iterations, however deep."""
        record = self._stands(node, prefix) or inherited(node.name, loop.name, above, 0)
        return None if record is None else Seen(node, prefix + node.key, record)

    def _repeated(self, node: Node, loop: Node, prefix: str, above: Record) -> Seen | None:
        path = prefix + node.key
        if above.branch < 0:
            record = inherited(node.name, loop.name, above, 0)
            return None if record is None else Seen(node, path, record)
        if above.repeats is None or node.loops[-1] != loop.index:
            return None
        found = above.repeats.get(node.key, [None] * above.count)
        status = Status.SKIPPED if found else Status.SUCCEEDED
        for record in found:
            if record is not None and record.status is not Status.SKIPPED:
                status = (
                    record.status
                    if status is Status.SKIPPED
                    else worse(status, record.status)
                    if record.status is not Status.CANCELLED
                    else status
                )
        return Seen(node, path, Record(status=status, code=above.code), found)

    def _stands(self, node: Node, prefix: str) -> Record | None:
        """Return the record at this place, its own or what its container's makes of it."""
        record = self._records(prefix).get(node.key)
        if record is not None:
            return record
        owner = self._compiled.owner(node)
        # An iteration's own children have nobody to inherit from; those of a loop that never
        # began stand without an index, next to the loop.
        outside = owner is not None and prefix.count("/") == len(owner.loops)
        if owner is not None and outside:
            above = self._stands(owner, prefix)
            branch = owner.branches.index(node.block)
            found = above and inherited(node.name, owner.name, above, branch)
            if found is not None:
                return found
        return terminated() if self._state.ending is not None else None

    def _shown(self, seen: Seen) -> Json:
        if seen.repeats is None:
            return view(seen.node.name, seen.path, seen.record, self._run())
        shown = view(seen.node.name, seen.path, seen.record, self._run())
        shown["outputs"] = [
            None if record is None or record.outputs is UNSET else record.outputs
            for record in seen.repeats
        ]
        shown["repetitionCount"] = len(seen.repeats)
        return shown

    def _entry(self, seen: Seen) -> JsonObject:
        """Return an entry of ``result()``."""
        shown = view(seen.node.name, seen.path, seen.record, self._run())
        if seen.repeats is not None:
            blank = Record(status=Status.SKIPPED)
            shown["outputs"] = [
                view(seen.node.name, f"{seen.path}[{index}]", record or blank, self._run())
                for index, record in enumerate(seen.repeats)
            ]
            shown["repetitionCount"] = len(seen.repeats)
        return shown


def view(name: str, path: str, record: Record, run: tuple[str, str]) -> JsonObject:
    """Return a record in the shape of ``actions('X')``.

    ``run`` is the run's id and its ``clientTrackingId``.
    """
    shown: JsonObject = {"name": name}
    if record.inputs is not UNSET:
        shown["inputs"] = record.inputs
    if record.outputs is not UNSET:
        shown["outputs"] = record.outputs
    if record.started is not None:
        shown["startTime"] = instant(record.started)
    if record.ended is not None:
        shown["endTime"] = instant(record.ended)
        shown["startTime"] = instant(record.started or record.ended)
    shown["trackingId"] = str(uuid5(NAMESPACE_URL, f"{run[0]}/{path}"))
    shown["clientTrackingId"] = run[1]
    if record.code and record.code != HIDDEN_CODE:
        shown["code"] = record.code
    shown["status"] = record.status.value
    if record.error is not None:
        shown["error"] = {"code": record.error.code, "message": record.error.message}
    if record.tracked is not UNSET:
        shown["trackedProperties"] = record.tracked
    if record.count:
        shown["repetitionCount"] = record.count
    return shown
