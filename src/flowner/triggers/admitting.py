"""How many runs of a flow there may be at a time: its trigger says so, and others wait.

Source: language.md, sections 4.3 and 9; ``runtimeConfiguration.concurrency`` of the trigger, with
``runs`` (25 when nothing is said) and ``maximumWaitingRuns`` (10 more than ``runs``), or the option
``SingleInstance``.
"""

from __future__ import annotations

from typing import Final

from flowner.database import Transaction
from flowner.definitions.flow import Trigger
from flowner.errors import Code, Refused
from flowner.journal.queueing import Admission, Limits, admit
from flowner.values import FlowId, Json

_MOST_RUNS: Final = 100
_MOST_WAITING: Final = 200
_RUNS: Final = 25
_MORE_WAITING: Final = 10


def limits_of(trigger: Trigger) -> Limits | None:
    """Return the trigger's limits; None: as many runs as come."""
    options = trigger.source.get("operationOptions")
    if isinstance(options, str) and "singleinstance" in options.lower().replace(" ", "").split(","):
        return Limits(runs=1, waiting=_MORE_WAITING)
    configured = trigger.source.get("runtimeConfiguration")
    written = configured.get("concurrency") if isinstance(configured, dict) else None
    if not isinstance(written, dict):
        return None
    runs = _whole(written.get("runs"), _RUNS, _MOST_RUNS)
    waiting = _whole(written.get("maximumWaitingRuns"), runs + _MORE_WAITING, _MOST_WAITING)
    return Limits(runs=runs, waiting=waiting)


def _whole(written: Json, default: int, most: int) -> int:
    if isinstance(written, bool) or not isinstance(written, int):
        return min(default, most)
    return min(max(written, 1), most)


async def has_to_wait(transaction: Transaction, flow: FlowId, limits: Limits) -> bool:
    """Say whether a run that is made in this transaction has to wait.

    Raises `Refused` when as many wait as may.
    """
    match await admit(transaction, flow, limits):
        case Admission.NOW:
            return False
        case Admission.LATER:
            return True
        case Admission.FULL:
            raise Refused(
                f"{limits.runs} runs of the flow are under way and {limits.waiting} wait: no more"
                " may, says its trigger",
                code=Code.TOO_MANY_RUNS,
            )
