"""How a flow is drawn: which cards stand in which row of their block, and what leads where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowner.definitions.flow import Action, Status


@dataclass(frozen=True, slots=True)
class Edge:
    """One line from a card to one that runs after it."""

    source: str | None
    """None: from where the block begins."""
    target: str
    statuses: frozenset[Status]
    """How the first must have ended; empty where there is no first."""

    @property
    def is_usual(self) -> bool:
        """Whether the second runs after success alone, as most do."""
        return self.statuses in (frozenset(), frozenset({Status.SUCCEEDED}))


def ranks(block: Mapping[str, Action]) -> tuple[tuple[str, ...], ...]:
    """Return the rows of a block: every card is one row below the lowest that it runs after.

    Within a row cards stand as they are written. Actions that run after what is not in the block,
    or after one another in a circle, stand as if they did not.
    """
    depth: dict[str, int] = {}
    waiting = dict(block)
    while waiting:
        ready = [
            name
            for name, action in waiting.items()
            if not any(other in waiting for other in action.run_after)
        ] or [next(iter(waiting))]
        for name in ready:
            before = waiting.pop(name).run_after
            depth[name] = 1 + max((depth[one] for one in before if one in depth), default=-1)
    rows: dict[int, list[str]] = {}
    for name in block:
        rows.setdefault(depth[name], []).append(name)
    return tuple(tuple(rows[row]) for row in sorted(rows))


def edges(block: Mapping[str, Action]) -> tuple[Edge, ...]:
    """Return the lines of a block, in the order of the cards that they lead to."""
    found = []
    for name, action in block.items():
        before = {one: how for one, how in action.run_after.items() if one in block}
        found += [Edge(one, name, how) for one, how in before.items()]
        if not before:
            found.append(Edge(None, name, frozenset()))
    return tuple(found)


def ends(block: Mapping[str, Action]) -> tuple[str, ...]:
    """Return the cards of a block that nothing runs after, as they are written."""
    followed = {one for action in block.values() for one in action.run_after}
    return tuple(name for name in block if name not in followed)
