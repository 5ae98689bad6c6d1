"""What answers amount to: pure, and in one place.

Source: the types of approvals at https://learn.microsoft.com/connectors/approvals/ and
https://learn.microsoft.com/training/modules/approvals-power-automate/2-types
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

APPROVE: Final = "Approve"
REJECT: Final = "Reject"


class Kind(StrEnum):
    """The types of approvals; the value is what flows say."""

    FIRST = "Basic"
    """Approve or reject: the first to respond decides."""
    EVERYONE = "BasicAwaitAll"
    """Approve or reject: all have to approve, and one who rejects ends it."""
    ONE = "CustomResponse"
    """One's own options: the first answer is the outcome."""
    ALL = "CustomResponseAwaitAll"
    """One's own options: the outcome is all answers, in the order they came."""
    SEQUENCE = "Sequential"
    """Stages, each of the first two kinds; one that rejects ends it."""

    @property
    def has_own_options(self) -> bool:
        return self in (Kind.ONE, Kind.ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One round of questions. A kind other than `Kind.SEQUENCE` has one."""

    kind: Kind
    asked: int
    """How many are asked; a group counts as one."""


def settle(stages: Sequence[Stage], answers: Sequence[tuple[int, str]]) -> tuple[int, str | None]:
    """Return the stage that stands open, counted from 0, and the outcome; None: not yet.

    ``answers`` are stage and response, in the order they came. An answer to a stage that was
    settled before counts for nothing.
    """
    for at, stage in enumerate(stages):
        outcome = _settled(stage, [response for place, response in answers if place == at])
        if outcome is None or at + 1 == len(stages) or outcome == REJECT:
            return at, outcome
    return 0, None


def _settled(stage: Stage, given: Sequence[str]) -> str | None:
    match stage.kind:
        case Kind.FIRST | Kind.ONE:
            return given[0] if given else None
        case Kind.EVERYONE:
            if REJECT in given:
                return REJECT
            return APPROVE if len(given) >= stage.asked else None
        case Kind.ALL:
            return ", ".join(given) if len(given) >= stage.asked else None
        case Kind.SEQUENCE:
            raise ValueError("a stage of a sequence is no sequence")
        case _:
            assert_never(stage.kind)
