"""The journal's vocabulary: what has happened in a run.

Everything that a run depends on is in its events: evaluated inputs, answers, times, what chance
drew. Folding them again gives the same state, without evaluating anything.

Stored journals stay readable: fields are only ever added, with a default; no tag is reused.
Inputs and outputs stand here as they were, also where the author asked for them to be secret
(`secure`): whoever shows an event goes through `flowner.runs.records`, which strikes them out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec
from msgspec import UNSET, UnsetType

from flowner.definitions.flow import Status
from flowner.errors import Invalid
from flowner.runs.plain import plain

# This module is a codec: JSON values are `Any` to msgspec, which cannot follow a recursive alias.


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """One fact. ``path`` is '' where the whole run is meant."""

    at: datetime
    """Aware, UTC."""
    path: str = ""

    @property
    def kind(self) -> str:
        """The tag under which the event is stored."""
        return str(type(self).__struct_config__.tag)


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """``{"code", "message"}`` of a record."""

    code: str
    message: str = ""


class RunStarted(Event, frozen=True, kw_only=True, tag="run-started"):
    """The first event of every journal."""

    run: int
    flow: str
    """The flow's id."""
    version: int = 0
    trigger: Any
    """The trigger's record as ``trigger()`` gives it, less its name and times where unknown."""
    plan: Any = None
    """`flowner.identity.record.plan_record`: in whose name. Carried, never read here."""
    parameters: dict[str, Any] = {}
    """By the names of the flow's parameters; what is absent takes its default."""
    settings: dict[str, Any] = {}
    """What ``appsetting()`` answers."""
    workflow: Any = None
    """What ``workflow()`` answers."""
    tracking_id: str = ""
    """``clientTrackingId`` of every record; '' stands for the run's id."""
    answers: bool = True
    """Whether somebody waits for a Response action."""
    trace: str = ""
    """The W3C `traceparent` under which the run is traced; '' where it is not."""
    format: int = 1


class ActionStarted(Event, frozen=True, kw_only=True, tag="action-started"):
    """An action went out to a connector, or waits for a time. One for every attempt."""

    attempt: int = 1
    inputs: Any | UnsetType = UNSET
    """Evaluated, less ``authentication``. Only with the first attempt."""
    call: Any | UnsetType = UNSET
    """What is asked of the connector, where `inputs` do not say it. Only with the first attempt."""
    due: datetime | None = None
    """When the action times out."""
    until: datetime | None = None
    """A Wait action's end; no connector is asked."""
    secure: tuple[str, ...] = ()


class AttemptFailed(Event, frozen=True, kw_only=True, tag="attempt-failed"):
    """An attempt failed in a way that may pass; the next one starts at ``until``."""

    attempt: int
    until: datetime
    code: str
    message: str = ""
    acting: Any = None


class Waiting(Event, frozen=True, kw_only=True, tag="waiting"):
    """The call waits for somebody; the answer comes later, through an inbox."""

    reason: str = ""
    acting: Any = None
    due: datetime | None = None
    """When the patience for whom it waits for ends; the action's own limit may be sooner."""
    late: str = ""
    """The code with which it then times out; '' for the usual one."""


class Throttled(Event, frozen=True, kw_only=True, tag="throttled"):
    """The call did not go out: it may at ``until``, as the same attempt."""

    until: datetime
    reason: str = ""


class Accepted(Event, frozen=True, kw_only=True, tag="accepted"):
    """The outside took the request and named an address to ask for its result: 202."""

    poll: str
    until: datetime
    """When it is asked."""
    due: datetime | None = None
    """When the patience for the result ends; only with the first."""
    acting: Any = None


class BranchTaken(Event, frozen=True, kw_only=True, tag="branch-taken"):
    """If, Switch, Scope or Changeset began with the branch of this position."""

    branch: int
    inputs: Any | UnsetType = UNSET
    secure: tuple[str, ...] = ()


class LoopStarted(Event, frozen=True, kw_only=True, tag="loop-started"):
    """Foreach began. Its iterations follow from it without events of their own."""

    items: list[Any]
    width: int = 1
    """How many iterations run at a time."""


class IterationStarted(Event, frozen=True, kw_only=True, tag="iteration-started"):
    """Until began its iteration ``index``, counted from 0."""

    index: int
    due: datetime | None = None
    """With the first: when the loop's patience ends."""


class ActionEnded(Event, frozen=True, kw_only=True, tag="action-ended"):
    """An action came to its end. ``at`` is when."""

    status: Status
    started: datetime | None = None
    inputs: Any | UnsetType = UNSET
    """Evaluated. Absent for calls, whose `ActionStarted` has them."""
    outputs: Any | UnsetType = UNSET
    code: str = ""
    error: Fault | None = None
    acting: Any = None
    """Who acted: `flowner.identity.record.acting_record`."""
    attempt: int = 1
    tracked: Any | UnsetType = UNSET
    """Its tracked properties, evaluated."""
    children: str = ""
    """Set where a container's own failure failed what is inside: the message of all of them."""
    secure: tuple[str, ...] = ()
    """``inputs``, ``outputs``: what readers must not see."""


class RunCancelled(Event, frozen=True, kw_only=True, tag="run-cancelled"):
    """Somebody stopped the run."""

    by: str = ""
    reason: str = ""


class RunEnded(Event, frozen=True, kw_only=True, tag="run-ended"):
    """The last event of every journal."""

    status: Status
    code: str = ""
    error: Fault | None = None
    outputs: Any | UnsetType = UNSET


AnyEvent = (
    RunStarted
    | ActionStarted
    | AttemptFailed
    | Accepted
    | Throttled
    | Waiting
    | BranchTaken
    | LoopStarted
    | IterationStarted
    | ActionEnded
    | RunCancelled
    | RunEnded
)

MAX_BYTES: Final = 128 * 1024 * 1024
"""The largest event that is read or written."""


class _Codec:
    encoder: ClassVar = msgspec.json.Encoder()
    decoder: ClassVar = msgspec.json.Decoder(AnyEvent)


def encode(event: AnyEvent) -> bytes:
    """Return the event as JSON; `decode` is the inverse."""
    try:
        data: bytes = _Codec.encoder.encode(event)
    except UnicodeEncodeError:
        data = _Codec.encoder.encode(_plain(event))
    if len(data) > MAX_BYTES:
        raise Invalid(
            f"`{event.path or event.kind}` makes {len(data)} bytes of history; at most {MAX_BYTES}"
        )
    return data


def _plain(event: AnyEvent) -> AnyEvent:
    """Replace what no UTF-8 can hold; the planner has seen to it in all that it made itself."""
    fields = msgspec.structs.asdict(event)
    return msgspec.structs.replace(
        event,
        **{
            name: plain(value)
            for name, value in fields.items()
            if isinstance(value, str | dict | list)
        },
    )


def decode(data: bytes) -> AnyEvent:
    """Read a stored event. Fields that this version does not know are ignored."""
    try:
        event: AnyEvent = _Codec.decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise Invalid(f"is not an event of a run: {error}") from None
    return event
