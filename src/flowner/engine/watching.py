"""One call as metrics, traces and logs tell of it: who, which, how long, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final, TypeAlias

import structlog
from structlog.contextvars import bound_contextvars

from flowner.errors import Code
from flowner.runs.commands import Failure, Invoke, Outcome, Parked, Success, Throttled, Transient
from flowner.telemetry.telemetry import Telemetry
from flowner.values import JsonObject

_LOG = structlog.get_logger(__name__)
_CODES: Final = frozenset(code.value for code in Code)
Ended: TypeAlias = "Callable[[Outcome, JsonObject], None]"
"""Takes what came of the call, and the record of who acted."""


@contextmanager
def watched(telemetry: Telemetry, command: Invoke, operation: str) -> Iterator[Ended]:
    """Watch a call; the block says how it ended. One that is dropped counts as `Cancelled`.

    ``operation`` is the id of an operation of this server. Inputs, outputs and messages go nowhere.
    """
    begun, status = perf_counter(), "Cancelled"
    about = {
        "flowner.operation": operation,
        "flowner.action.path": command.path,
        "flowner.attempt": command.attempt,
    }
    with (
        bound_contextvars(path=command.path),
        telemetry.tracing.span("action", about) as say,
    ):

        def ended(outcome: Outcome, acting: JsonObject) -> None:
            nonlocal status
            status = status_of(outcome, acting)
            say({"flowner.status": status, **_who(acting)})
            if status not in ("Succeeded", "Waiting", "Throttled"):
                code = getattr(outcome, "code", "")
                known = code if code in _CODES else None  # others are the outside's own words
                _LOG.info(
                    "call failed",
                    operation=operation,
                    status=status,
                    code=known,
                    attempt=command.attempt,
                )

        try:
            yield ended
        finally:
            telemetry.metrics.action(operation, status, perf_counter() - begun)


def status_of(outcome: Outcome, acting: JsonObject) -> str:
    """Return the word for what came of a call: one of seven."""
    if "refused" in acting:
        return "Refused"
    match outcome:
        case Success():
            return "Succeeded" if outcome.status < 400 else "Failed"
        case Failure():
            return "Failed"
        case Transient():
            return "NotNow"
        case Parked():
            return "Waiting"
        case Throttled():
            return "Throttled"


def _who(acting: JsonObject) -> JsonObject:
    return {
        "flowner.acting.principal.id": acting.get("principal"),
        "flowner.acting.actor.id": acting.get("actor"),
        "flowner.connection.id": acting.get("connection"),
        "flowner.acting.rule": acting.get("rule"),
        "flowner.code": acting.get("refused"),
    }
