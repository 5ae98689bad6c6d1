"""What Temporal keeps of a run: that somebody has to look at it, and when.

This module runs in Temporal's sandbox, where nothing of the house is: it knows no clock, no
database and no run, only a number. No run depends on what Temporal remembers of it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

WORKFLOW, ACTIVITY, SIGNAL = "flowner-run", "activate", "wake"
ROUNDS = 100
"""Looks at one run, after which its workflow begins anew with an empty history."""
_LONGEST = timedelta(days=1)
"""After which a run is looked at anyway: it may have ended without Temporal."""
_NO_LIMIT = timedelta(days=3650)
"""Heartbeats say whether a worker lives, however long the calls of a run may take."""
_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))


@workflow.defn(name=WORKFLOW)
class RunWorkflow:
    """Looks after one run until it is over."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.signal(name=SIGNAL)
    def wake(self) -> None:
        """Have the run looked at now."""
        self._woken = True

    @workflow.run
    async def look_after(self, run: int, lease_seconds: float) -> None:
        """Have a worker move the run whenever it is due or something came for it."""
        for _ in range(ROUNDS):
            self._woken = False
            left: float | None = await workflow.execute_activity(
                ACTIVITY,
                run,
                start_to_close_timeout=_NO_LIMIT,
                heartbeat_timeout=timedelta(seconds=lease_seconds),
                retry_policy=_RETRY,
            )
            if left is None:
                return
            with suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda: self._woken, timeout=min(timedelta(seconds=left), _LONGEST)
                )
        workflow.continue_as_new(args=[run, lease_seconds])
