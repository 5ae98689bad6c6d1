"""The world's time, shifted: it goes on by itself, and jumps when it is told to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flowner.clock import SystemClock


@dataclass(slots=True)
class ShiftedClock(SystemClock):
    """A clock that is wrong by ``by``, as seen from the database's."""

    by: timedelta = timedelta()

    def now(self) -> datetime:
        return SystemClock.now(self) + self.by

    def jump(self, by: timedelta) -> None:
        """Set it forward, or back."""
        self.by += by
