"""The answers: who a run runs as, who an action acts as, or the one reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from flowner.errors import Code
from flowner.values import AppId, ConnectionId, FlowId, PrincipalId, RunId


class RunRule(StrEnum):
    """Why the run runs as this principal. The value is what people, programs and records see."""

    INSTANT_INVOKER = "instant.invoker"
    AUTOMATED_OWNER = "automated.owner"
    AUTOMATED_MODIFYING_USER = "automated.modifying-user"
    AUTOMATED_ROW_OWNER = "automated.row-owner"
    SCHEDULED_OWNER = "scheduled.owner"
    HTTP_OWNER = "http.owner"
    CHILD_PARENT = "child.parent"
    RESUBMIT_ORIGINAL = "resubmit.original"


class ActRule(StrEnum):
    """Why the action acts as this identity."""

    NONE = "action.none"
    CONNECTION = "action.connection"
    IMPERSONATED = "action.impersonated"
    INVOKER = "action.invoker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The one reason why there is no identity, and whom to ask."""

    code: Code
    message: str
    ask: PrincipalId | None = None
    """Who can mend it."""
    binding: str | None = None
    """Set when this person's sign-in for this binding is what is missing."""
    awaits: PrincipalId | None = None
    """Set when the trigger says to wait for somebody who cannot be had now, and may be later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """In whose name the run executes."""

    principal: PrincipalId
    rule: RunRule
    fallback: str | None = None
    """Set when Run as named somebody who cannot be had, and the owner stands in; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """In whose name one action executes."""

    principal: PrincipalId
    """The principal acted for."""
    actor: PrincipalId | None = None
    """Who acts for them, where that is somebody else (rows: the intersection of both rights)."""
    account: str = ""
    """What the outside sees; '' where no credential is opened."""
    connection: ConnectionId | None = None
    reference: str | None = None
    binding: str | None = None
    lent_by: PrincipalId | None = None
    rule: ActRule
    because: str
    """One sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """In whose name a run and each of its actions will execute, decided before it starts."""

    flow: FlowId
    version: int
    initiator: PrincipalId | None
    running: Running
    actions: Mapping[str, Acting | Refusal]
    """By action name, in document order."""
    app: AppId | None = None
    parent: RunId | None = None
    resubmits: RunId | None = None

    @property
    def asks(self) -> tuple[str, ...]:
        """The bindings for which the running principal has yet to sign in, in document order."""
        return tuple(
            dict.fromkeys(
                verdict.binding
                for verdict in self.actions.values()
                if isinstance(verdict, Refusal) and verdict.binding is not None
            )
        )

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that the run may use, each once."""
        found = (v.account for v in self.actions.values() if isinstance(v, Acting) and v.account)
        return tuple(dict.fromkeys(found))
