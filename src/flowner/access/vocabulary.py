"""What the law speaks of: who asks, what they ask for, and the facts it judges by.

Flows and connections are judged here; rows have `rights` and `row_filter`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from flowner.values import AppId, ConnectionId, FlowId, PrincipalId


class FlowRole(StrEnum):
    """What a share of a flow makes its holder. The primary owner holds no share."""

    CO_OWNER = "co-owner"
    RUN_ONLY = "run-only"


class ConnectionRole(StrEnum):
    """What a share of a connection allows; each includes the one before."""

    CAN_USE = "can use"
    CAN_SHARE = "can use and share"
    CAN_EDIT = "can edit"


class FlowAction(Enum):
    """What may be done to a flow."""

    RUN = auto()
    READ = auto()
    EDIT = auto()
    TURN = auto()
    """Turn on and off."""
    SHARE = auto()
    HAND_OVER = auto()
    """Give it another primary owner."""
    DELETE = auto()
    SEE_RUNS = auto()
    """Everybody's runs. One's own are seen by whoever may run."""


class ConnectionAction(Enum):
    """What may be done with a connection."""

    USE = auto()
    SHARE = auto()
    EDIT = auto()
    """Give it another credential."""
    DELETE = auto()
    SEE = auto()
    """Know that it exists, whose it is and its account; never its secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Somebody who asks, with what they hold at this moment."""

    id: PrincipalId
    name: str
    groups: frozenset[PrincipalId] = frozenset()
    """Every group they are in, however deep; derived when asked, never stored."""
    enabled: bool = True
    administrator: bool = False

    @property
    def identities(self) -> frozenset[PrincipalId]:
        return self.groups | {self.id}


@dataclass(frozen=True, slots=True)
class FlowShare:
    """What one holder was given on a flow."""

    holder: PrincipalId
    role: FlowRole
    app: AppId | None = None
    """Set: the right comes from this app, and only from within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFacts:
    """What is known of a flow apart from its definition."""

    id: FlowId
    name: str
    owner: PrincipalId
    version: int
    on: bool = True
    shares: frozenset[FlowShare] = frozenset()


@dataclass(frozen=True, slots=True)
class ConnectionShare:
    """What one holder was given on a connection."""

    holder: PrincipalId
    role: ConnectionRole


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFacts:
    """What is known of a connection; its secret is not among it."""

    id: ConnectionId
    connector: str
    owner: PrincipalId
    account: str
    connected: bool = True
    reason: str = ""
    """Why it is broken, where that is known."""
    way: str | None = None
    """By which of its connector's ways it was made; None: the first."""
    shares: frozenset[ConnectionShare] = frozenset()
