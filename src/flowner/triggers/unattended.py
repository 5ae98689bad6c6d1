"""Starting what an event sets off, where nobody waits for the answer.

Whatever stands in the way is recorded among the flow's runs, and is nobody else's trouble: a start
that fails takes back nothing but itself, so that one event never holds up the others.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from flowner.database import Transaction
from flowner.database.savepoints import apart
from flowner.errors import Code, FlownerError, Invalid, Refused, Unavailable
from flowner.triggers.occasions import Occasion
from flowner.triggers.start import Starter

_LOG = structlog.get_logger(__name__)
OUR_FAULT = Refused(
    "the flow could not be started, for a reason that is not its own: the server's log says it",
    code=Code.INTERNAL,
)


async def attempt(
    starter: Starter,
    occasion: Occasion,
    within: Transaction,
    *,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Start the runs of one event in the transaction that took it, or record why not.

    ``wanted`` says whether the flow listens for what came; it may raise `Invalid`. Raises
    `Unavailable` and nothing else: then the event is to be kept, and tried again.
    """
    try:
        async with apart(within):
            await _start(starter, occasion, within, wanted)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - nobody else can carry on, and the others must
        _LOG.exception("a flow could not be started", flow=occasion.flow)
        await record(starter, occasion, OUR_FAULT, within)


async def record(
    starter: Starter, occasion: Occasion, error: FlownerError, within: Transaction
) -> None:
    """Record a refusal, if that can be done at all; `Unavailable` as `attempt`."""
    try:
        async with apart(within):
            await starter.refuse(occasion, error, within=within)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - as above
        _LOG.exception("a refusal could not be recorded", flow=occasion.flow, code=error.code.value)


async def _start(
    starter: Starter, occasion: Occasion, within: Transaction, wanted: Callable[[], bool]
) -> None:
    try:
        if not wanted():
            return
    except Invalid as error:
        _LOG.warning("event refused", flow=occasion.flow, code=error.code.value)
        await starter.refuse(occasion, error, within=within)
        return
    try:
        await starter.start_each(occasion, within=within)
    except Unavailable:
        raise
    except FlownerError as error:
        _LOG.info("event refused", flow=occasion.flow, code=error.code.value)
