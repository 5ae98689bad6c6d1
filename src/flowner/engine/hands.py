"""The runs that one process moves at this moment, and for which flows it has room."""

from __future__ import annotations

from collections import Counter

from flowner.journal.claiming import Places
from flowner.values import FlowId, RunId

_AT_MOST = 4
"""So many times the room, with the runs that are made in this process and taken up at once."""
_SPARE = 4
"""One place in so many is spare: beyond the room, for flows that have nothing in hand."""


class Hands:
    """Counts runs by flow."""

    def __init__(self, room: int) -> None:
        self._room, self._spare = room, max(1, room // _SPARE)
        self._flows: dict[RunId, FlowId] = {}
        self._in_hand: Counter[FlowId] = Counter()
        self._in_spare: set[RunId] = set()
        self.behind = False
        """Whether runs of this process may wait among those that are due."""

    def takes_what_is_made(self) -> bool:
        """Whether a run made in this process may be taken up at once: none waits longer."""
        if len(self._flows) >= _AT_MOST * self._room:
            self.behind = True
        return not self.behind

    @property
    def places(self) -> Places:
        """What may be claimed now."""
        beyond = min(len(self._in_spare), max(0, len(self._flows) - self._room))
        return Places(
            room=max(0, self._room - len(self._flows)),
            spare=self._spare - beyond,
            in_hand=dict(self._in_hand),
        )

    def take(self, run: RunId, flow: FlowId, *, in_spare: bool = False) -> None:
        """Count a run in."""
        self.let_go(run)
        self._flows[run] = flow
        self._in_hand[flow] += 1
        if in_spare:
            self._in_spare.add(run)

    def let_go(self, run: RunId) -> None:
        """Count a run out, if it is in."""
        flow = self._flows.pop(run, None)
        if flow is None:
            return
        self._in_spare.discard(run)
        self._in_hand[flow] -= 1
        if not self._in_hand[flow]:
            del self._in_hand[flow]
