"""What sets a flow off, and how it is kept while a run waits for its principal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import orjson

from flowner.errors import Code, Refused
from flowner.identity.cause import CalledByParent, Cause, Resubmitted, RowChanged, initiator_of
from flowner.identity.verdict import Plan, Refusal
from flowner.journal.holding import Held
from flowner.runs.taking import Taking
from flowner.values import FlowId, JsonObject, PrincipalId, RunId

PATIENCE: Final = timedelta(days=30)
"""How long a run waits for a principal who cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What a run takes over from an earlier one, instead of beginning at the trigger."""

    run: RunId
    version: int
    """The version that it goes on with."""
    taking: Taking


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What set the flow off, and what came with it."""

    flow: FlowId
    cause: Cause
    outputs: JsonObject = field(default_factory=dict)
    """The trigger's outputs: ``headers`` and ``body``."""
    answers: bool = False
    """Whether somebody waits for a Response action."""
    parent_path: str | None = None
    """The action of the parent run that waits for this one."""
    parent_attempt: int | None = None
    """Which attempt of that action calls it."""
    run: RunId | None = None
    """An id chosen before, by who wants to hear of the run; None: a fresh one."""
    held_until: datetime | None = None
    """How long it waits for its principal, if it has waited already."""
    takes_over: TakenOver | None = None


def people_of(cause: Cause) -> frozenset[PrincipalId]:
    """Return whom the answer to *in whose name* depends on, besides the flow's own people."""
    found = [initiator_of(cause)]
    match cause:
        case RowChanged(row_owner=owner):
            found.append(owner)
        case CalledByParent(principal=principal, owner=owner):
            found += [principal, owner]
        case Resubmitted(principal=principal):
            found.append(principal)
        case _:
            pass
    return frozenset(person for person in found if person is not None)


class ToBeHeld(Refused):
    """The run cannot begin now; its trigger says to wait for its principal."""

    def __init__(self, refusal: Refusal, awaits: PrincipalId) -> None:
        super().__init__(refusal.message, code=refusal.code)
        self.awaits = awaits


def refused(refusal: Refusal) -> Refused:
    """Return the error of a run that has no principal."""
    if refusal.awaits is not None:
        return ToBeHeld(refusal, refusal.awaits)
    return Refused(refusal.message, code=refusal.code)


def write_occasion(occasion: Occasion) -> bytes:
    """Return what set a run off, as it is kept; of a row's change alone."""
    cause = occasion.cause
    if not isinstance(cause, RowChanged):
        raise TypeError("only a run that a row set off waits for its principal")
    kept = {
        "flow": occasion.flow,
        "by": cause.by,
        "owner": cause.row_owner,
        "outputs": occasion.outputs,
    }
    return orjson.dumps(kept, default=str)


def read_occasion(run: RunId, held: Held) -> Occasion:
    """Return what set a run off, with the id that it has."""
    kept = orjson.loads(held.occasion)
    by, owner = kept["by"], kept["owner"]
    return Occasion(
        flow=FlowId(kept["flow"]),
        cause=RowChanged(
            by=None if by is None else PrincipalId(by),
            row_owner=None if owner is None else PrincipalId(owner),
        ),
        outputs=kept["outputs"],
        run=run,
        held_until=held.until,
    )


def unsigned(made: Plan, name: str, flow: str) -> Refused:
    """Return the error of a start for whom connections are missing that they have to provide."""
    asked = [one for one in made.actions.values() if isinstance(one, Refusal) and one.binding]
    over = next((one for one in asked if one.code is Code.INVALID_CONNECTION), None)
    message = (
        f"{name} has yet to sign in to {', '.join(f'`{key}`' for key in made.asks)} for the flow"
        f" `{flow}`: these connections are provided by each run-only user, once"
    )
    return Refused(
        message if over is None else over.message, code=Code.INVOKER_CONNECTION_OVERRIDE_FAILED
    )
