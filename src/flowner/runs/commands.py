"""What the planner asks the engine to do, and what the engine tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from flowner.definitions.flow import Call, Status
from flowner.runs.events import AnyEvent, Fault
from flowner.values import Json, JsonObject


def _no_callback(path: str) -> str:
    return f"urn:flowner:callback:{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Time, chance and fresh ids for one step. What they give is recorded in the events."""

    now: datetime
    chance: Callable[[int, int], int]
    """A whole number from the first up to, not including, the second."""
    guid: Callable[[], str]
    callback_url: Callable[[str], str] = _no_callback
    """The address at which the action of this path can be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """Ask a connector, then hand its answer to `Run.answer`."""

    path: str
    action: str
    """The action's name: the plan of identities is asked with it."""
    connector: str
    """``http``, ``workflow``, or as the definition names it; '' where only the binding knows."""
    operation: str
    binding: str
    """The key in the flow's table of bindings; '' where no connection is used."""
    call: Call | None
    """As in the definition; None for Http, Workflow and the like."""
    parameters: JsonObject = field(repr=False)
    """Evaluated. It may hold secrets; they are in no event."""
    attempt: int = 1
    idempotency_key: str = ""
    """The same for every attempt: ``<run>/<path>``."""
    due: datetime | None = None
    """When the action times out; None: at the connector's own pleasure."""
    slot: datetime | None = None
    """When it was told that it may go out, if it had to wait for that."""
    configuration: JsonObject = field(default_factory=dict)
    """The action's ``runtimeConfiguration`` as written: paging, chunks."""
    waits: bool = False
    """Whether the answer may come later (webhooks, approvals): then answer `Parked` first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Call `Run.wake` at this time, or soon after."""

    until: datetime
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Answer whoever called the flow."""

    path: str
    status: int
    headers: JsonObject
    body: Json = field(repr=False)
    has_body: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The run is over; nothing of it is left to do."""

    status: Status
    code: str
    error: Fault | None


Command: TypeAlias = Invoke | Sleep | Reply | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Append the events first, then carry out the commands."""

    events: tuple[AnyEvent, ...] = ()
    commands: tuple[Command, ...] = ()
    more: bool = False
    """There is more to do right now: append, then call `Run.advance` again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """The connector answered. A status of 400 and above fails the action all the same."""

    status: int = 200
    headers: Mapping[str, Json] = field(default_factory=dict)
    body: Json = None
    has_body: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """No, and no again: refused, or rejected by the outside.

    With a ``status`` the action keeps outputs of that status; without one it has an error alone.
    """

    code: str
    message: str
    status: int | None = None
    headers: Mapping[str, Json] = field(default_factory=dict)
    body: Json = None
    has_body: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transient:
    """No answer, or not now. The action's retry policy decides what comes of it."""

    message: str
    status: int = 503
    code: str = ""
    """'' stands for the status's name."""
    retry_after_seconds: float | None = None
    headers: Mapping[str, Json] = field(default_factory=dict)
    body: Json = None
    has_body: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """The answer comes later: a callback, an approval, a sign-in that somebody was asked for."""

    reason: str = ""
    due: datetime | None = None
    """When the patience ends; None: with the action's own limit, if it has one."""
    late: str = ""
    """The code with which the action then times out; '' for the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """The call has not gone out: what it would go to takes no more before a moment."""

    until: datetime
    reason: str


Outcome: TypeAlias = Success | Failure | Transient | Parked | Throttled
