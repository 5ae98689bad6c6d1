"""Time, chance and fresh ids come through here, so that tests can hold them still."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flowner.values import RunId

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_RANDOM_BITS = 22


class Clock(Protocol):
    """What the house knows of the world's time and chance."""

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""
        ...

    def chance(self, minimum: int, maximum: int) -> int:
        """Draw a whole number from ``minimum`` up to, not including, ``maximum``."""
        ...

    def fresh_guid(self) -> str:
        """Return a new GUID, lower case with hyphens."""
        ...


class SystemClock:
    """The real world."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def chance(self, minimum: int, maximum: int) -> int:
        return random.randrange(minimum, maximum)  # noqa: S311 - not for secrets

    def fresh_guid(self) -> str:
        return str(uuid.uuid4())


@dataclass(slots=True)
class HeldClock:
    """A world that stands still until it is moved; for tests and simulation."""

    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    seed: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable on purpose

    def now(self) -> datetime:
        return self.moment

    def chance(self, minimum: int, maximum: int) -> int:
        return self._random.randrange(minimum, maximum)

    def fresh_guid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.moment += by


def fresh_run_id(clock: Clock) -> RunId:
    """Return a new run id: milliseconds since 2020 in the high bits, chance in the low 22."""
    return RunId(first_run_id(clock.now()) | clock.chance(0, 1 << _RANDOM_BITS))


def first_run_id(moment: datetime) -> RunId:
    """Return the least id that a run has which is made at a moment: earlier ones have less."""
    milliseconds = int((moment - _EPOCH).total_seconds() * 1000)
    return RunId(milliseconds << _RANDOM_BITS)
