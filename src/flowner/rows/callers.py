"""In whose name rows are read and written. Nothing reaches a row without one."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.values import PrincipalId


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal acted for and, where somebody else acts for them, the actor.

    With an actor the rights are what both have; ``createdby`` is the former, and
    ``createdonbehalfby`` the latter.
    """

    acting_for: PrincipalId
    actor: PrincipalId | None = None
