"""Whether what one version of a flow did means the same in another."""

from __future__ import annotations

from collections.abc import Iterable

from flowner.runs import paths
from flowner.runs.compiled import CompiledFlow, Node
from flowner.runs.events import ActionEnded, AnyEvent, IterationStarted, LoopStarted


def differing(earlier: CompiledFlow, now: CompiledFlow, events: Iterable[AnyEvent]) -> str | None:
    """Return the JSON pointer of the first action that the events speak of and that differs.

    None where all that the events of ``earlier`` speak of stands in ``now`` as it did: the action
    as it is written, where it is, what is hidden of it; of a container that ended, or went round,
    all that is inside. The pointer is into ``earlier`` where ``now`` has no such action.
    """
    looked_at: set[tuple[str, bool]] = set()
    for event in events:
        key = paths.split(event.path)[1]
        whole = _is_whole(event)
        if (key, whole) in looked_at:
            continue
        looked_at.add((key, whole))
        before, after = earlier.by_key[key], now.by_key.get(key)
        if after is None:
            return before.action.pointer
        if not _alike(earlier, now, before, after, whole=whole):
            return after.action.pointer
    return None


def _is_whole(event: AnyEvent) -> bool:
    """Whether all that is inside of the action counts, too."""
    match event:
        case ActionEnded():
            return True
        case LoopStarted(done=done):
            return bool(done)
        case IterationStarted(index=index):
            return index > 0
        case _:
            return False


def _alike(
    earlier: CompiledFlow, now: CompiledFlow, before: Node, after: Node, *, whole: bool
) -> bool:
    if before.secure != after.secure or _place(earlier, before) != _place(now, after):
        return False
    if whole:
        return before.action == after.action
    return before.action.source == after.action.source


def _place(compiled: CompiledFlow, node: Node) -> tuple[str, int]:
    """Return the container around an action, and in which of its branches it stands."""
    owner = compiled.owner(node)
    return ("", 0) if owner is None else (owner.key, owner.branches.index(node.block))
