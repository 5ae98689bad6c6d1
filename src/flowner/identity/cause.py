"""What set a run off, as far as it matters to *in whose name*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from flowner.values import AppId, PrincipalId, RunId


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody pressed a button, from a form, a selected row, an agent or an app."""

    by: PrincipalId
    app: AppId | None = None


@dataclass(frozen=True, slots=True)
class RowChanged:
    """A row was created, changed or deleted."""

    by: PrincipalId | None
    """Who made the change; under impersonation the impersonated user. None: the system itself."""
    row_owner: PrincipalId | None
    """The row's owner as it stood when the event was written. None: the row has no owner."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Another connector's event."""

    by: PrincipalId | None = None


@dataclass(frozen=True, slots=True)
class ClockStruck:
    """A recurrence was due."""


@dataclass(frozen=True, slots=True)
class Called:
    """The flow's HTTP address was called. ``by`` is None for whoever held the signed URL."""

    by: PrincipalId | None = None


@dataclass(frozen=True, slots=True)
class CalledByParent:
    """Another flow's run calls this one as its child."""

    run: RunId
    principal: PrincipalId
    """The parent run's running principal."""
    initiator: PrincipalId | None
    owner: PrincipalId
    """The parent flow's primary owner, who must be let run the child: they chose to call it."""


@dataclass(frozen=True, slots=True)
class Resubmitted:
    """A person runs an earlier run's trigger again."""

    by: PrincipalId
    run: RunId
    principal: PrincipalId
    """The original run's running principal."""
    app: AppId | None = None


Cause: TypeAlias = (
    "Pressed | RowChanged | Happened | ClockStruck | Called | CalledByParent | Resubmitted"
)


def initiator_of(cause: Cause) -> PrincipalId | None:
    """Return who set the run off; None for the clock, the system and nameless callers."""
    match cause:
        case ClockStruck():
            return None
        case CalledByParent(initiator=initiator):
            return initiator
        case _:
            return cause.by
