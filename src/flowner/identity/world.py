"""The facts an answer is made from. Whoever asks brings them; nothing is looked up here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from flowner.access.vocabulary import ConnectionFacts, Who
from flowner.values import ConnectionId, FlowId, PrincipalId


class PrincipalKind(StrEnum):
    """What somebody of the directory is."""

    USER = "user"
    SERVICE_ACCOUNT = "service account"
    """A user marked non-interactive."""
    APPLICATION = "application"
    GROUP = "group"
    TEAM = "team"
    SYSTEM = "system"

    @property
    def acts(self) -> bool:
        """Whether it may be a running principal. Groups and teams only hold rights."""
        return self in (self.USER, self.SERVICE_ACCOUNT, self.APPLICATION)

    @property
    def can_be_asked(self) -> bool:
        """Whether there is a person to sign in."""
        return self is PrincipalKind.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One of the directory, with what the law needs to know of it."""

    who: Who
    kind: PrincipalKind = PrincipalKind.USER
    mail: str = ""
    may_act_for_others: bool = False
    """Holds ``prvActOnBehalfOfAnotherUser``."""

    @property
    def id(self) -> PrincipalId:
        return self.who.id

    @property
    def name(self) -> str:
        return self.who.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A connection reference: an environment-wide pointer to one connection."""

    name: str
    """The logical name."""
    connector: str
    connection: ConnectionId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lend:
    """The leave to let one flow act through one connection for other people."""

    connection: ConnectionId
    flow: FlowId
    by: PrincipalId
    """Who gave it: the connection's owner, or somebody it is shared with."""
    version: int
    """The flow's version that it was given for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything one flow's answer may depend on. Keys that are absent do not exist."""

    principals: Mapping[PrincipalId, Principal]
    references: Mapping[str, Reference] = field(default_factory=dict)
    """By logical name, lower case."""
    connections: Mapping[ConnectionId, ConnectionFacts] = field(default_factory=dict)
    choices: Mapping[tuple[PrincipalId, str], ConnectionId] = field(default_factory=dict)
    """What a person chose for a binding key of this flow, or of the app it is run from."""
    lends: frozenset[Lend] = frozenset()

    def name_of(self, id: PrincipalId | None) -> str:
        """Return a name for people to read."""
        if id is None:
            return "the system"
        principal = self.principals.get(id)
        return principal.name if principal else f"somebody unknown ({id})"
