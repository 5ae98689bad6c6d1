"""Recorded histories: how they are kept, and what a run is held against at every prefix.

A file is JSON lines. The first says which flow ran, by which release; each other line is one entry
of the journal, byte for byte as it was stored, with what the recorder's planner made of the journal
up to there: the state, and the commands and events of a worker that takes the run over.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from flowner.definitions.codec import read_flow
from flowner.runs.commands import Command, Finish, Invoke, Reply, Sleep, Step, World
from flowner.runs.compiled import CompiledFlow, compile_flow
from flowner.runs.events import AnyEvent, decode, encode
from flowner.runs.run import Run

FOLDER = Path(__file__).parent
HASHES = FOLDER / "hashes.txt"
CLOSELY = 60
"""After so many entries, only every `SELDOM`-th prefix is taken over: each is a whole run."""
SELDOM = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One entry, and what is expected after it."""

    event: bytes
    state: str
    """The fingerprint of `told`."""
    taken_over: dict[str, Any] | None
    """What a worker does that takes the run over here; None: it is not asked here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One run, as it was recorded."""

    name: str
    release: str
    document: dict[str, Any] = field(repr=False)
    lines: tuple[Line, ...] = field(repr=False)
    snapshot: tuple[int, bytes] | None = field(repr=False)
    """What was kept of the state, and after how many entries."""
    end: dict[str, Any] = field(repr=False)
    """`told` after the last entry, in full."""

    def compiled(self) -> CompiledFlow:
        return compile_flow(read_flow(self.document, name=self.name))

    def events(self) -> list[AnyEvent]:
        return [decode(line.event) for line in self.lines]


def recordings() -> list[Path]:
    """Return every recorded history there is, of all releases."""
    return sorted(FOLDER.glob("*/*.jsonl"))


def read(path: Path) -> Recording:
    first, *rest = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    kept = first["snapshot"]
    return Recording(
        name=first["name"],
        release=first["release"],
        document=first["flow"],
        lines=tuple(
            Line(one["event"].encode(), one["state"], one.get("taken_over")) for one in rest
        ),
        snapshot=None if kept is None else (kept["after"], base64.b64decode(kept["data"])),
        end=first["end"],
    )


def write(
    name: str,
    release: str,
    document: dict[str, Any],
    entries: list[bytes],
    snapshot: tuple[int, bytes] | None,
) -> str:
    """Return the text of a recording: what today's planner makes of these entries."""
    compiled = compile_flow(read_flow(document, name=name))
    lines, run = [], Run(compiled)
    for at, data in enumerate(entries):
        event = decode(data)
        run.fold(event)
        line: dict[str, Any] = {"event": data.decode(), "state": fingerprint(told(run))}
        if at < CLOSELY or at % SELDOM == 0:
            line["taken_over"] = taken_over(compiled, run, event)
        lines.append(line)
    first = {
        "name": name,
        "release": release,
        "snapshot": None
        if snapshot is None
        else {"after": snapshot[0], "data": base64.b64encode(snapshot[1]).decode()},
        "end": told(run),
        "flow": document,
    }
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [first, *lines])


def told(run: Run) -> dict[str, Any]:
    """Return how a run stands, in words that no release changes: what comes next depends on it."""
    state = run._folding.state
    plain: dict[str, Any] = {
        "folded": run.events_folded,
        "status": run.status.value,
        "wake": run.next_wake and run.next_wake.isoformat(),
        "replied": run.replied,
        "agenda": list(state.agenda),
        "open": {path: call.attempt for path, call in state.calls.items()},
        "waiting": sorted(path for path, call in state.calls.items() if call.waiting),
        "frames": {key: frame.left for key, frame in state.frames.items()},
        "variables": {name: one.value for name, one in sorted(state.variables.items())},
        "records": {
            f"{prefix}{key}": [record.status.value, record.code, *_outputs(record.outputs)]
            for prefix, records in state.records.items()
            for key, record in records.items()
        },
        "ended": None if run.ended is None else [run.ended.status.value, run.ended.code],
    }
    return plain


def _outputs(outputs: Any) -> list[Any]:
    return [] if outputs is msgspec.UNSET else [outputs]


def taken_over(compiled: CompiledFlow, run: Run, last: AnyEvent) -> dict[str, Any]:
    """Return what a worker does that takes the run over now; the run itself stays as it is."""
    other = Run.restore(compiled, run.snapshot())
    world = World(
        now=last.at,
        chance=lambda least, _: least,
        guid=lambda: "00000000-0000-4000-8000-000000000001",
        callback_url=lambda path: f"https://flowner.example/callbacks/{path}",
    )
    step = other.resume(world)
    return {
        "commands": [_command(one) for one in step.commands],
        "events": len(step.events),
        "written": fingerprint([encode(one).decode() for one in _facts(step)]),
        "more": step.more,
        "then": fingerprint(told(other)),
    }


def _facts(step: Step) -> Iterable[AnyEvent]:
    return step.events


def _command(command: Command) -> list[Any]:
    match command:
        case Invoke():
            return [
                "invoke", command.path, command.connector, command.operation, command.binding,
                command.attempt, command.idempotency_key, fingerprint(command.parameters),
                command.waits,
            ]  # fmt: skip
        case Sleep():
            return ["sleep", command.path, command.until.isoformat()]
        case Reply():
            return ["reply", command.path, command.status, fingerprint(command.body)]
        case Finish():
            return ["finish", command.status.value, command.code]


def fingerprint(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def hashes() -> dict[str, str]:
    """Return what each file of a release was, when it was recorded."""
    lines = HASHES.read_text().splitlines() if HASHES.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def differing_lines(recording: Recording) -> Iterator[str]:
    """Yield where today's planner makes something else of a recorded history."""
    compiled = recording.compiled()
    run = Run(compiled)
    for at, line in enumerate(recording.lines):
        event = decode(line.event)
        run.fold(event)
        if fingerprint(told(run)) != line.state:
            yield f"after entry {at} ({event.kind} {event.path}) the state is another"
        found = line.taken_over and taken_over(compiled, run, event)
        if found != line.taken_over:
            yield f"taken over after entry {at} ({event.kind} {event.path}): {found}"
    if told(run) != recording.end:
        yield f"the end is another: {told(run)}"
