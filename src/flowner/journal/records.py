"""The shapes that go in and out of the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flowner.values import AppId, FlowId, JsonObject, PrincipalId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord:
    """What can be searched of one call that an action made, or was refused."""

    acting: str | None
    """The principal whose name it was made in; None: it was refused before it had one."""
    actor: str | None
    """Who acted for them."""
    account: str | None
    connection: str | None
    reference: str | None
    lender: str | None
    rule: str | None
    connector: str | None
    operation: str | None
    status: str
    """How the attempt ended; ``Waiting``: the outside took it and answers later."""
    code: str
    attempt: int
    refused: bool
    planned: bool
    """Whether it acted as was decided before the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fact of one run."""

    kind: str
    path: str
    data: bytes
    at: datetime
    record: ActionRecord | None = None
    """Set where the fact is a call: it is written beside the entry, to be searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What can be searched of a run."""

    id: RunId
    flow: FlowId
    flow_version: int
    flow_name: str
    kind: str
    status: str
    initiator: PrincipalId | None
    principal: PrincipalId | None
    """None: the run was refused before it had one."""
    rule: str | None
    fallback: str | None = None
    parent: RunId | None = None
    parent_path: str | None = None
    """The action of the parent that waits for this run."""
    parent_attempt: int | None = None
    """Which attempt of that action called it; one attempt has one child."""
    app: AppId | None = None
    plan: JsonObject
    plan_hash: str
    accounts: tuple[str, ...] = ()
    started: datetime
    ended: datetime | None = None
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """What one activation adds to one run, all or nothing."""

    run: RunId
    owner: str
    """The lease's holder: whoever lost it appends nothing."""
    expected: int
    """The sequence number of the first entry; entries are numbered from 0 without gaps."""
    entries: tuple[Entry, ...]
    status: str
    finished: bool = False
    code: str | None = None
    error: str | None = None
    accounts: tuple[str, ...] = ()
    """Accounts used, to be added to the run's."""
    release_until: datetime | None = None
    """Set: give the lease back and wake at this moment. None: keep it (or the run is finished)."""
    consumed: int = 0
    """The newest inbox message that the entries answer for; 0: none."""
    posted: int = 0
    """`Loaded.posted`: if more was posted since, a released run is woken at once."""
    snapshot: bytes | None = None
    tells: tuple[tuple[RunId, bytes], ...] = ()
    """Messages for other runs. They are posted with the entries, or not at all; to a run that is
    over, not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A run as a worker takes it up."""

    header: RunHeader
    snapshot: bytes | None
    entries: tuple[bytes, ...]
    """After the snapshot, in order."""
    next_seq: int
    inbox: tuple[tuple[int, bytes], ...] = field(default=())
    posted: int = 0
    queued: bool = False
    """Whether it still waits for other runs of its flow."""

    @property
    def cancelled_in_the_queue(self) -> bool:
        """Whether it is to end before it began: nothing else is posted to a run that waits."""
        return self.queued and bool(self.inbox)
