"""Whether an action may start, and the status of a block: two rules that everything rests on.

A block's status is read off its leaves, so that a failure somebody handled is no failure.
"""

from __future__ import annotations

from collections.abc import Sequence

from flowner.definitions.flow import Status


def unsatisfied(
    before: Sequence[int],
    accepted: Sequence[frozenset[Status]],
    statuses: Sequence[Status | None],
) -> int | None:
    """Return the place in ``before`` of the first predecessor that ended otherwise than accepted.

    All have ended. None: the action may start. Every predecessor has to be as its list says;
    nobody can list Cancelled.
    """
    for place, position in enumerate(before):
        if statuses[position] not in accepted[place]:
            return place
    return None


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
