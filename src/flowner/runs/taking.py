"""What a run may take over from another of its flow, so that it goes on where that one failed.

An action that is run again takes with it all that follows from it: what runs after it, and after
each container around it. All else that ended by itself is taken over as it ended: also what ran
beside it, and what failed there. Of a Foreach an iteration is taken over whole, or begun again;
where loops are inside of one another, an iteration of the outermost. An Until goes on in its
iteration. A Changeset, a Terminate and what was cancelled with the run are always run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from flowner.definitions.flow import Status
from flowner.errors import Code, FlownerError, Refused
from flowner.runs import paths
from flowner.runs.compiled import CompiledFlow, Node
from flowner.runs.events import (
    ActionEnded,
    AnyEvent,
    IterationStarted,
    LoopStarted,
    RunCancelled,
    RunEnded,
    RunStarted,
)
from flowner.runs.run import Run

BAD: Final = (Status.FAILED, Status.TIMED_OUT, Status.CANCELLED)
"""How an action ended that a run is continued for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What a run takes over, and what it runs again."""

    events: tuple[AnyEvent, ...]
    """Marked with where they come from, in an order in which they can be folded."""
    goes_on_at: tuple[str, ...]
    """The paths of what was chosen."""
    taken: tuple[str, ...]
    """The paths of actions that are taken over, in the order they ended; not of skipped ones."""
    again: tuple[str, ...]
    """The paths of actions that ran in the earlier run and are not taken over."""
    settled: frozenset[str]
    """The names of actions that act no more: they are taken over, or are inside of what is."""


def chosen(compiled: CompiledFlow, events: Iterable[AnyEvent], at: str) -> tuple[str, ...]:
    """Return the paths that are meant by a path, or by a name: in loops, wherever it failed.

    Raises `Refused` where there is no such action, or where it has not run.
    """
    ended = {event.path: event for event in events if isinstance(event, ActionEnded)}
    if at in ended and ended[at].status is not Status.SKIPPED:
        return (at,)
    node = compiled.by_name.get(at.casefold())
    if node is None:
        known = paths.split(at)[1] in compiled.by_key
        raise _refused(
            f"`{at[:100]}` did not run in that run: choose an action that did"
            if known
            else f"the flow has no action `{at[:100]}`"
        )
    found = [
        path
        for path, end in ended.items()
        if _key(path) == node.key and (end.status in BAD if node.loops else _ran(end))
    ]
    if not found:
        where = "failed in no iteration of" if node.loops else "did not run in"
        raise _refused(f"`{at[:100]}` {where} that run: choose an action that did")
    home = _home(compiled, node, found[-1])  # of an Until's iterations, the last one counts
    return tuple(path for path in found if _home(compiled, node, path) == home)


def take_over(
    compiled: CompiledFlow, events: Sequence[AnyEvent], at: Sequence[str], *, later: timedelta
) -> Taking:
    """Return what can be taken over from a run that has ended, when these paths are run again.

    ``compiled`` is the version that ran. What loops have left of their time begins ``later``.
    Costs a few walks over the events.
    """
    work = _Taking(compiled, events, at)
    kept = tuple(work.kept(later))
    ends = [event for event in kept if isinstance(event, ActionEnded)]
    here = {event.path for event in ends} | work.reopened
    return Taking(
        events=kept,
        goes_on_at=tuple(at),
        taken=tuple(event.path for event in ends if event.status is not Status.SKIPPED),
        again=tuple(path for path, end in work.ended.items() if path not in here and _ran(end)),
        settled=frozenset(_settled(compiled, {event.path for event in ends})),
    )


def proved(compiled: CompiledFlow, started: AnyEvent, events: Iterable[AnyEvent]) -> None:
    """Fold what is taken over, as every worker will. Raises `Refused` where it cannot go on so."""
    run = Run.replay(compiled, [started])
    for event in events:
        try:
            run.fold(event)
        except (FlownerError, LookupError, TypeError) as error:
            raise _refused(
                f"what `{event.path}` did then cannot be taken over without what is run again:"
                " choose an earlier action"
            ) from error


class _Taking:
    """Sorts a run's events into those that are taken over and those that are not."""

    def __init__(
        self, compiled: CompiledFlow, events: Sequence[AnyEvent], at: Sequence[str]
    ) -> None:
        self._compiled, self._events = compiled, events
        self.ended = {event.path: event for event in events if isinstance(event, ActionEnded)}
        self._again: set[str] = set()
        """Paths of actions and prefixes of iterations: neither they nor what is inside is taken."""
        self._last: dict[str, int] = {}
        """Of an Until that goes on, by path: the iteration in which it does."""
        self.reopened: set[str] = set()
        """Paths of containers whose end is not taken over, but their beginning."""
        self._done: dict[str, frozenset[int]] = {}
        """Of a Foreach that goes on, by path: the iterations that are taken over."""
        for path in at:
            self._run_again(path)
        for path, end in self.ended.items():
            if self._is_unfinished(path, end):
                self._run_again(path)
            elif end.status is Status.CANCELLED:
                self._reopen(path)
        self._settle_loops()

    def kept(self, later: timedelta) -> Iterator[AnyEvent]:
        """Yield what is taken over, marked."""
        run = 0
        for event in self._events:
            if isinstance(event, RunStarted):
                run = event.run
            if isinstance(event, RunStarted | RunCancelled | RunEnded) or self._is_again(event):
                continue
            yield self._marked(event, run, later)

    def _marked(self, event: AnyEvent, run: int, later: timedelta) -> AnyEvent:
        origin = event.taken_over_from or run
        if isinstance(event, LoopStarted):
            goes_on = self._done.get(event.path)
            # INVARIANT: a loop that is taken over whole keeps the order in which it was done.
            done = event.done if goes_on is None else tuple(sorted(goes_on))
            return msgspec.structs.replace(event, taken_over_from=origin, done=done)
        if isinstance(event, IterationStarted) and event.due and event.path in self.reopened:
            return msgspec.structs.replace(event, taken_over_from=origin, due=event.due + later)
        return msgspec.structs.replace(event, taken_over_from=origin)

    def _is_unfinished(self, path: str, end: ActionEnded) -> bool:
        """Whether an action has no result of its own: it ended with the run, or ended the run."""
        node = self._node(path)
        if node.type == "Terminate":
            return end.status is Status.SUCCEEDED
        return end.status is Status.CANCELLED and (not node.branches or node.type == "Changeset")

    def _run_again(self, path: str) -> None:
        """Mark an action, and what follows from it."""
        for container, prefix in reversed(list(self._around(path))):
            if container.type == "Foreach":  # the outermost: what is inside goes with it
                self._again.add(prefix)
                self._reopen(_path_of(container, prefix))
                return
            if container.type == "Changeset":
                path = _path_of(container, prefix)
                break
        self._again.add(path)
        self._after(path)
        self._reopen_around(path)

    def _reopen(self, path: str) -> None:
        """Let a container go on: its end is not taken over, nor what came of it."""
        if path not in self.reopened:
            self.reopened.add(path)
            self._after(path)
            self._reopen_around(path)

    def _reopen_around(self, path: str) -> None:
        for container, prefix in self._around(path):
            outer = _path_of(container, prefix)
            if container.type == "Until":
                self._last[outer] = min(_index(prefix), self._last.get(outer, _index(prefix)))
            self._reopen(outer)

    def _after(self, path: str) -> None:
        """Mark what runs after an action in its block."""
        prefix, node = paths.split(path)[0], self._node(path)
        block = self._compiled.blocks[node.block]
        waiting, seen = list(block.after[node.position]), set[int]()
        while waiting:
            position = waiting.pop()
            if position not in seen:
                seen.add(position)
                waiting.extend(block.after[position])
                following = self._compiled.nodes[block.nodes[position]]
                self._again.add(prefix + following.key)

    def _settle_loops(self) -> None:
        """Find the iterations of each Foreach that goes on which ended as a whole."""
        loops = {p for p in self.reopened if self._node(p).type == "Foreach"}
        ends: dict[str, Counter[int]] = {path: Counter() for path in loops}
        for path in self.ended:
            prefix = paths.split(path)[0]
            loop = prefix[: prefix.rindex("[")] if prefix else ""
            if loop in ends and self._is_in_loop(path) and not self._is_again(self.ended[path]):
                ends[loop][_index(prefix)] += 1
        for path, counted in ends.items():
            size = len(self._compiled.blocks[self._node(path).branches[0]].nodes)
            self._done[path] = frozenset(i for i, count in counted.items() if count == size)

    def _is_in_loop(self, path: str) -> bool:
        owner = self._compiled.owner(self._node(path))
        return owner is not None and owner.type == "Foreach"

    def _is_again(self, event: AnyEvent) -> bool:
        path = event.path
        if isinstance(event, ActionEnded) and path in self.reopened:
            return True
        if isinstance(event, IterationStarted) and event.index > self._last.get(path, event.index):
            return True
        return path in self._again or any(
            self._is_left(container, prefix) for container, prefix in self._around(path)
        )

    def _is_left(self, container: Node, prefix: str) -> bool:
        """Whether what is inside of a container, in the iteration of this prefix, is not taken."""
        path = _path_of(container, prefix)
        if path in self._again:
            return True
        if container.type == "Until":
            return _index(prefix) > self._last.get(path, _index(prefix))
        if container.type != "Foreach":
            return False
        done = self._done.get(path)
        return prefix in self._again or (done is not None and _index(prefix) not in done)

    def _around(self, path: str) -> Iterator[tuple[Node, str]]:
        """Yield the containers around an action, innermost first, with the prefix in there."""
        prefix, node = paths.split(path)[0], self._node(path)
        owner = self._compiled.owner(node)
        while owner is not None:
            yield owner, prefix
            if owner.type in ("Foreach", "Until"):
                prefix = paths.split(prefix[: prefix.rindex("[")])[0]
            owner = self._compiled.owner(owner)

    def _node(self, path: str) -> Node:
        return self._compiled.by_key[_key(path)]


def _settled(compiled: CompiledFlow, ends: set[str]) -> set[str]:
    found: set[str] = set()
    for node in compiled.nodes:  # containers come before what is inside
        owner = compiled.owner(node)
        inside = owner is not None and owner.name in found
        if inside or (not node.loops and node.key in ends):
            found.add(node.name)
    return found


def _home(compiled: CompiledFlow, node: Node, path: str) -> str:
    """Return the path of the outermost Foreach around an instance; of none, its prefix."""
    types = [compiled.nodes[index].type for index in node.loops]
    if "Foreach" not in types:
        return paths.split(path)[0]
    pieces = path.split("/")[: types.index("Foreach") + 1]
    return "/".join(pieces).rpartition("[")[0]


def _key(path: str) -> str:
    return paths.split(path)[1]


def _path_of(container: Node, prefix: str) -> str:
    """Return a container's path, given the prefix inside of it."""
    if container.type in ("Foreach", "Until"):
        return prefix[: prefix.rindex("[")]
    return prefix + container.key


def _index(prefix: str) -> int:
    return int(prefix[prefix.rindex("[") + 1 : -2])


def _ran(end: ActionEnded) -> bool:
    return end.status is not Status.SKIPPED


def _refused(message: str) -> Refused:
    return Refused(message, code=Code.RESUBMIT_REFUSED)
