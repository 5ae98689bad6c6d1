"""Whether a failed attempt is made again, and when.

Source: https://learn.microsoft.com/azure/logic-apps/logic-apps-exception-handling#retry-policies
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, assert_never

from flowner.errors import Invalid
from flowner.runs.durations import duration
from flowner.values import Json, JsonObject

RETRIED: Final = frozenset({408, 429, 500, 501, 502, 503, 504, 505, 507, 508, 510, 511})
"""The statuses that may pass: request timeout, too many requests, the server's own failures."""
MOST: Final = 90
"""Attempts after the first."""
_SHORTEST: Final = timedelta(seconds=5)
_LONGEST: Final = timedelta(days=1)


class RetryKind(StrEnum):
    """Whether tries are spaced evenly, ever wider, or not made at all."""

    NONE = "none"
    FIXED = "fixed"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often an action is tried again after its first attempt, and how long it waits."""

    kind: RetryKind
    count: int
    interval: timedelta
    minimum: timedelta
    maximum: timedelta


DEFAULT: Final = RetryPolicy(
    kind=RetryKind.EXPONENTIAL,
    count=4,
    interval=timedelta(seconds=7.5),
    minimum=timedelta(seconds=5),
    maximum=timedelta(seconds=45),
)


def read_policy(written: Json) -> RetryPolicy:
    """Read an evaluated ``retryPolicy``; what is absent takes the default.

    Raises `Invalid` for a kind or a number that is none.
    """
    if written is None:
        return DEFAULT
    if not isinstance(written, dict):
        raise Invalid('the retry policy is not an object; write `{"type": "fixed", …}`')
    kind = str(written.get("type", "default")).casefold()
    if kind == "default":
        return DEFAULT
    if kind not in tuple(RetryKind):
        raise Invalid(f"`{kind[:40]}` is not a retry policy; write `none`, `fixed`, `exponential`")
    interval = _length(written, "interval", DEFAULT.interval)
    return RetryPolicy(
        kind=RetryKind(kind),
        count=_count(written),
        interval=interval,
        minimum=_length(written, "minimumInterval", _SHORTEST),
        maximum=_length(written, "maximumInterval", _LONGEST),
    )


def _count(written: JsonObject) -> int:
    count = written.get("count", DEFAULT.count)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST:
        raise Invalid(f"`{count}` is not a count of retries; write 1 to {MOST}")
    return count


def _length(written: JsonObject, name: str, default: timedelta) -> timedelta:
    found = written.get(name)
    return default if found is None else min(duration(str(found)), _LONGEST)


def pause(
    policy: RetryPolicy,
    attempt: int,
    retry_after: timedelta | None,
    chance: Callable[[int, int], int],
) -> timedelta | None:
    """Return how long to wait after the failed attempt (counted from 1); None: give up.

    What the outside asked for is waited at least, up to a day.
    """
    if policy.kind is RetryKind.NONE or attempt > policy.count:
        return None
    asked = min(retry_after or timedelta(), _LONGEST)
    match policy.kind:
        case RetryKind.FIXED:
            return max(policy.interval, asked)
        case RetryKind.EXPONENTIAL:
            return max(_jittered(policy, attempt, chance), asked)
        case _:
            assert_never(policy.kind)


def _jittered(policy: RetryPolicy, attempt: int, chance: Callable[[int, int], int]) -> timedelta:
    """Draw from [2^(n-2) intervals, 2^(n-1) intervals], held between minimum and maximum."""
    base = policy.interval.total_seconds()
    most, least = policy.maximum.total_seconds(), policy.minimum.total_seconds()
    high = max(min(base * 2.0 ** (attempt - 1), most), least)
    low = min(max(base * 2.0 ** (attempt - 2), least), high)
    return timedelta(milliseconds=chance(int(low * 1000), int(high * 1000) + 1))
