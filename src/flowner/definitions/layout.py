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
    before = {name: [one for one in block[name].run_after if one in block] for name in block}
    after: dict[str, list[str]] = {}
    for name, others in before.items():
        for one in others:
            after.setdefault(one, []).append(name)
    waits_for = {name: len(others) for name, others in before.items()}
    ready = [name for name, count in waits_for.items() if not count]
    waiting = iter(block)
    while len(depth) < len(block):
        # Where nothing is ready, what is left runs in a circle: the first of it goes first.
        name = ready.pop() if ready else next(one for one in waiting if one not in depth)
        depth[name] = 1 + max((depth[one] for one in before[name] if one in depth), default=-1)
        for one in after.get(name, ()):
            waits_for[one] -= 1
            if not waits_for[one] and one not in depth:
                ready.append(one)
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
