"""A run's state: what `folding` makes of a run's events, and snapshots keep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from flowner.definitions.flow import Status
from flowner.runs.events import Fault, RunEnded, RunStarted
from flowner.runs.variables import Variable


class Record(msgspec.Struct, kw_only=True):
    """How one instance of an action stands, as later expressions see it."""

    status: Status
    started: datetime | None = None
    ended: datetime | None = None
    code: str = ""
    error: Fault | None = None
    inputs: Any | UnsetType = UNSET
    outputs: Any | UnsetType = UNSET
    tracked: Any | UnsetType = UNSET
    branch: int = -1
    """A container's branch that ran; -1: none."""
    children: str = ""
    """See `ActionEnded.children`."""
    count: int = 0
    """A loop's iterations."""
    repeats: dict[str, list[Record | None]] | None = None
    """By a child's key its record in each iteration, where they may be named from outside."""


class Calling(msgspec.Struct, kw_only=True):
    """An action that waits for a connector's answer or for a time."""

    attempt: int = 1
    inputs: Any | UnsetType = UNSET
    call: Any | UnsetType = UNSET
    due: datetime | None = None
    until: datetime | None = None
    """The end of a Wait action, or of the pause before the next attempt."""
    pausing: bool = False
    """Between two attempts."""
    slot: datetime | None = None
    """When the attempt may go out that has not yet, for a limit of what it goes to."""
    waiting: bool = False
    """Somebody will answer later."""
    acting: Any = None
    """Who acted, of a call that waits: for the end of it."""
    reason: str = ""
    """What it waits for."""
    patience: datetime | None = None
    """When waiting ends, where `due` does not say it sooner."""
    late: str = ""
    """The code with which waiting ends then; '' for the usual one."""
    failed: int = 0
    """Attempts that failed."""
    poll: str = ""
    """Where the result of a request that was accepted is asked for."""


class Container(msgspec.Struct, kw_only=True):
    """A control action that has begun."""

    status: Status = Status.SUCCEEDED
    items: list[Any] | None = None
    size: int = 0
    width: int = 1
    next: int = 0
    """The first iteration that has not begun."""
    running: int = 0
    due: datetime | None = None
    repeats: dict[str, list[Record | None]] | None = None


class Frame(msgspec.Struct, kw_only=True):
    """One run of one block."""

    block: int
    prefixes: tuple[str, ...]
    """For each loop around it, and none, the prefix of paths in there."""
    indexes: tuple[int, ...]
    statuses: list[Status | None]
    waiting: list[int]
    """For each position: predecessors that have not ended."""
    left: int


class State(msgspec.Struct, kw_only=True):
    """All that a run needs to go on. Changed by `Folding` alone."""

    started: RunStarted | None = None
    trigger: Any = None
    agenda: list[str] = []
    """Paths of actions to start and containers to go on with; '' is the run itself."""
    records: dict[str, dict[str, Record]] = {}
    """By prefix, then key."""
    frames: dict[str, Frame] = {}
    containers: dict[str, Container] = {}
    calls: dict[str, Calling] = {}
    variables: dict[str, Variable] = {}
    """By case-folded name."""
    replied: bool = False
    ending: RunEnded | None = None
    """How the run is to end, once Terminate or a person has said so."""
    ended: RunEnded | None = None
    count: int = 0
    """Events folded."""


def frame_key(block: int, prefix: str) -> str:
    return f"{block} {prefix}"


def prefixes_of(prefix: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the prefixes of all loops on the way, '' first, and the indexes."""
    found, indexes, whole = [""], [], ""
    for piece in prefix.split("/")[:-1]:
        whole += piece + "/"
        found.append(whole)
        indexes.append(int(piece[piece.index("[") + 1 : -1]))
    return tuple(found), tuple(indexes)
