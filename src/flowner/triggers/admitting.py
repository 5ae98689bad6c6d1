"""How many runs of a flow there may be at a time, and of one row: its trigger says so.

Source: language.md, sections 4.3 and 9; ``runtimeConfiguration.concurrency`` of the trigger, with
``runs`` (25 when nothing is said) and ``maximumWaitingRuns`` (10 more than ``runs``), or the option
``SingleInstance``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from flowner.database import Transaction
from flowner.definitions.flow import SameRow, Status, Trigger
from flowner.errors import Code, Refused
from flowner.journal.lining import join_line
from flowner.journal.queueing import Admission, Limits, admit
from flowner.journal.records import Entry, RunHeader
from flowner.journal.store import Journal
from flowner.values import FlowId, Json, JsonObject

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


def item_of(trigger: Trigger, outputs: JsonObject) -> str | None:
    """Return the row whose runs go in the order of its changes; None: they go at once."""
    body = outputs.get("body")
    item = body.get("ItemInternalId") if isinstance(body, dict) else None
    in_order = trigger.rows is not None and trigger.same_row is SameRow.IN_ORDER
    return item if in_order and isinstance(item, str) else None


def _whole(written: Json, default: int, most: int) -> int:
    if isinstance(written, bool) or not isinstance(written, int):
        return min(default, most)
    return min(max(written, 1), most)


@dataclass(frozen=True, slots=True)
class Order:
    """What a run that is made waits for."""

    limits: Limits | None
    """Others of its flow."""
    item: str | None
    """Those of this row that were set off before."""


def order_of(trigger: Trigger, outputs: JsonObject) -> Order | None:
    """Return what a run of the trigger waits for; None: nothing."""
    order = Order(limits_of(trigger), item_of(trigger, outputs))
    return None if order.limits is None and order.item is None else order


async def make_in_order(
    journal: Journal, header: RunHeader, entry: Entry, order: Order, within: Transaction
) -> None:
    """Make a run that may have to wait for others; `Refused` when too many of its flow do."""
    waits, queued, behind = False, False, False
    if order.limits is not None:
        waits = await _has_to_wait(within, header.flow, order.limits)
    if order.item is not None:
        behind = await join_line(within, header.id, header.flow, order.item)
    if waits or behind:
        header = replace(header, status=Status.WAITING.value)
        queued = order.limits is not None
    await journal.create(header, [entry], queued=queued, within=within)


async def _has_to_wait(transaction: Transaction, flow: FlowId, limits: Limits) -> bool:
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
