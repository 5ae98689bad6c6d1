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
_STEP = timedelta(seconds=1)


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


@dataclass(slots=True)
class Watch:
    """Notices when a clock is set back."""

    clock: Clock
    began: bool = False
    _shown: datetime | None = None

    def begin(self, shown: datetime | None) -> None:
        """Begin to watch; ``shown`` is what the clock is known to have shown before."""
        self.began, self._shown = True, shown

    def set_back(self) -> datetime | None:
        """Look at the clock; answers what it showed before if it was set back since.

        It is answered until it is heeded. None: it went on; a step of less than a second is none.
        """
        now = self.clock.now()
        if self._shown is not None and self._shown - now >= _STEP:
            return self._shown
        self._shown = now
        return None

    def heed(self) -> None:
        """Go on from what the clock shows now."""
        self._shown = self.clock.now()


def fresh_run_id(clock: Clock) -> RunId:
    """Return a new run id: milliseconds since 2020 in the high bits, chance in the low 22."""
    return RunId(first_run_id(clock.now()) | clock.chance(0, 1 << _RANDOM_BITS))


def first_run_id(moment: datetime) -> RunId:
    """Return the least id that a run has which is made at a moment: earlier ones have less."""
    milliseconds = int((moment - _EPOCH).total_seconds() * 1000)
    return RunId(milliseconds << _RANDOM_BITS)
