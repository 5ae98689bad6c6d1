"""Which actions have run when an action runs, as far as the definition decides it.

Source: what `runs.viewing` finds, and what Power Automate's editor refuses: a formula may name
what is on the `runAfter` path of its action, or of a container around it, and what is inside that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from flowner.definitions.flow import Action, Flow

LOOPS: Final = frozenset({"Foreach", "Until"})
_CHOICES: Final = frozenset({"If", "Switch"})


class Standing(Enum):
    """How an action stands to one that looks at it."""

    BEFORE = auto()
    """It has ended, however it ended; so have its containers."""
    SELF = auto()
    AROUND = auto()
    """The other is inside of it: it has begun, and not ended."""
    INSIDE = auto()
    """It is inside of the other, which has not begun."""
    LATER = auto()
    """It begins when the other has ended."""
    ELSEWHERE = auto()
    """It is in another branch of the same If or Switch: only one of the two runs."""
    UNORDERED = auto()
    """It runs at the same time, sooner or later."""
    TOO_DEEP = auto()
    """It has ended, in a loop in an Apply to each that the other is outside of: no one outcome."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One container on the way to an action, or the action itself at the end."""

    action: Action
    branch: int
    """Of the container before; 0 at the top."""
    block: Mapping[str, Action]


Way = tuple[Step, ...]


class Precedence:
    """Answers for one flow; built in one walk, block orders are worked out when asked."""

    def __init__(self, flow: Flow) -> None:
        self._ways: dict[str, Way] = {}
        self._befores: dict[int, frozenset[str]] = {}
        self._learn(flow.actions, 0, ())

    def _learn(self, block: Mapping[str, Action], branch: int, above: Way) -> None:
        for action in block.values():
            way = (*above, Step(action, branch, block))
            self._ways[action.name.casefold()] = way
            for place, inner in enumerate(action.branches):
                self._learn(inner.actions, place, way)

    def named(self, name: str) -> Action | None:
        """Return the action of this name, in whatever case."""
        way = self._ways.get(name.casefold())
        return None if way is None else way[-1].action

    def names(self) -> list[str]:
        """Return the names of all actions, as written."""
        return [way[-1].action.name for way in self._ways.values()]

    def loops(self, action: Action) -> list[Action]:
        """Return the loops around an action, outermost first."""
        return [step.action for step in self._way(action)[:-1] if step.action.type in LOOPS]

    def standing(self, other: Action, seen_from: Action | None, *, ended: bool) -> Standing:
        """Say how ``other`` stands to what looks at it.

        ``seen_from`` is None outside of all actions: where the flow begins, or where it ends.
        ``ended``: it looks when it has ended itself, so what is inside of it has ended too.
        """
        if seen_from is None:
            return self._in_reach(other, 0) if ended else Standing.LATER
        there, here = self._way(other), self._way(seen_from)
        shared = _shared(there, here)
        if shared == len(here):
            if not ended:
                return Standing.SELF if shared == len(there) else Standing.INSIDE
            return Standing.BEFORE if shared == len(there) else self._in_reach(other, shared)
        if shared == len(there):
            return Standing.AROUND
        one, two = there[shared], here[shared]
        if one.branch != two.branch:
            return Standing.ELSEWHERE
        if one.action.name in self._before(two):
            return self._in_reach(other, shared)
        return Standing.LATER if two.action.name in self._before(one) else Standing.UNORDERED

    def choice(self, other: Action, seen_from: Action | None) -> Action | None:
        """Return the If or Switch that decides whether ``other``, which is before, runs at all.

        None also where it runs in a loop of its own: then it has a list of outcomes.
        """
        there, here = self._way(other), () if seen_from is None else self._way(seen_from)
        around = [step.action for step in there[_shared(there, here) : -1]]
        if any(action.type == "Foreach" for action in around):
            return None
        return next((action for action in around if action.type in _CHOICES), None)

    def _in_reach(self, other: Action, shared: int) -> Standing:
        """Tell what has one outcome, or one list of outcomes, from what is nested deeper."""
        kinds = [
            step.action.type for step in self._way(other)[shared:-1] if step.action.type in LOOPS
        ]
        return Standing.TOO_DEEP if "Foreach" in kinds[:-1] else Standing.BEFORE

    def _before(self, step: Step) -> frozenset[str]:
        """Return the names of the block that an action runs after, through others too."""
        known = self._befores.get(id(step.action))
        if known is None:
            found: set[str] = set()
            waiting = list(step.action.run_after)
            while waiting:
                name = waiting.pop()
                if name in step.block and name not in found:
                    found.add(name)
                    further = self._befores.get(id(step.block[name]))
                    if further is None:
                        waiting.extend(step.block[name].run_after)
                    else:
                        found |= further
            known = self._befores[id(step.action)] = frozenset(found)
        return known

    def _way(self, action: Action) -> Way:
        return self._ways[action.name.casefold()]


def _shared(there: Way, here: Way) -> int:
    # INVARIANT: ways are equal up to where they part, so this count is that place.
    return sum(1 for one, two in zip(there, here, strict=False) if one.action is two.action)
