"""Readiness of an action and status of a block: two small tables that everything rests on.

A block's status is read off its leaves, so that a failure somebody handled is no failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto

from flowner.definitions.flow import Status


class Readiness(Enum):
    WAIT = auto()
    START = auto()
    SKIP = auto()


def readiness(
    run_after: Mapping[str, frozenset[Status]], statuses: Mapping[str, Status]
) -> Readiness:
    """Say whether an action may start, given how its predecessors stand.

    A name missing from ``statuses`` has not ended. Waiting beats skipping: an action is skipped
    only when nothing it waits for is still to come. An empty ``run_after`` means: start at once.
    """
    ended = [statuses.get(name) for name in run_after]
    if any(status is None or not status.is_terminal for status in ended):
        return Readiness.WAIT
    if all(statuses[name] in accepted for name, accepted in run_after.items()):
        return Readiness.START
    return Readiness.SKIP


def block_status(
    leaves: Sequence[int], before: Sequence[Sequence[int]], statuses: Sequence[Status | None]
) -> Status:
    """Return the status of a block all of whose actions have ended.

    ``leaves`` are the positions that no sibling runs after, ``before`` each position's
    predecessors. A skipped leaf stands for its predecessors; one without any drops out. What was
    cancelled does not count.
    """
    found: set[Status] = set()
    seen: set[int] = set()
    open_ends = list(leaves)
    while open_ends:
        position = open_ends.pop()
        if position in seen:
            continue
        seen.add(position)
        status = statuses[position]
        if status is Status.SKIPPED:
            open_ends.extend(before[position])
        elif status is not None:
            found.add(status)
    if Status.FAILED in found:
        return Status.FAILED
    return Status.TIMED_OUT if Status.TIMED_OUT in found else Status.SUCCEEDED


_SEVERITY = (Status.SUCCEEDED, Status.TIMED_OUT, Status.FAILED)


def worse(one: Status, other: Status) -> Status:
    """Return the worse of two block statuses: Failed, TimedOut, Succeeded, in that order."""
    return max(one, other, key=_SEVERITY.index)
