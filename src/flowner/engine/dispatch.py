"""Who calls `activate`, and when: the port that both drivers stand behind, and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from flowner.clock import Clock
from flowner.database import Database
from flowner.journal.wakes import Wakes
from flowner.telemetry.metrics import Metrics
from flowner.values import FlowId, RunId


@dataclass(frozen=True, slots=True)
class Drain:
    """How `Dispatcher.run` ends."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set from then on."""
    seconds: float = 10.0
    """How long calls that are out may take then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every driver works with."""

    database: Database
    wakes: Wakes
    activate: Callable[[RunId], Awaitable[None]]
    """Moves a run whose lease we hold, until it waits or is over."""
    clock: Clock
    concurrency: int = 32
    """Runs that this process moves at the same time."""
    drain: Drain = field(default_factory=Drain)
    metrics: Metrics = field(default_factory=Metrics)


class Dispatcher(Protocol):
    """Has every run of the database that is due moved, by this process or by another.

    The journal is the truth, and the wake's owner and lease are the fence: a driver decides who
    looks at a run and when, and cannot do harm by being wrong about it.
    """

    @property
    def in_hand(self) -> int:
        """How many runs this process moves right now."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether it does its work. Must be asked from the loop."""
        ...

    @property
    def claim(self) -> tuple[str, float] | None:
        """What `Journal.create` needs to make a run that is ours already, for `take_up`.

        None: a run that is made has to wait for its turn like all others.
        """
        ...

    def take_up(self, run: RunId, flow: FlowId, work: Awaitable[None]) -> None:
        """Move a run that was made with our claim. Must be called from the loop."""
        ...

    async def run(self) -> None:
        """Have runs moved until cancelled; then let those in hand come to a rest.

        A run rests when the calls that it has out are answered: it begins no others. Runs whose
        calls take longer than the time for draining are dropped as they are, and all are given
        back. Cancelled a second time it ends at once, and leases run out by themselves.
        """
        ...
