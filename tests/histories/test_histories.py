"""Journals of earlier releases, replayed for ever: a new process takes over what an old one left.

Whoever changes what a planner makes of a journal that is there breaks runs in flight: these tests
fail. `histories/record.py` records new ones; those that are there are never written again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flowner.definitions.actions import KNOWN_TYPES
from flowner.errors import Invalid
from flowner.runs.events import AnyEvent, decode, encode
from flowner.runs.run import Run
from flowner.runs.state import Calling, Container, Frame, Record, State
from flowner.runs.variables import Variable
from histories.replaying import (
    Recording,
    differing_lines,
    digest_of,
    hashes,
    name_of,
    read,
    recordings,
    taken_over,
    told,
)

PATHS = recordings()
NOT_ASKED = frozenset(
    {"OpenApiConnectionNotification", "ApiConnectionNotification", "ApiConnectionWebhook"}
)
"""Spellings of a call that no connector of ours has; the planner knows no difference."""


@pytest.fixture(params=PATHS, ids=name_of)
def recording(request: pytest.FixtureRequest) -> Recording:
    path: Path = request.param
    return read(path)


def test_every_prefix_means_what_it_meant(recording: Recording) -> None:
    assert list(differing_lines(recording)) == []


def test_an_event_is_written_again_as_it_was_written(recording: Recording) -> None:
    for line in recording.lines:
        assert json.loads(encode(decode(line.event))) == json.loads(line.event)


def test_what_an_earlier_release_kept_of_the_state_is_taken_up(recording: Recording) -> None:
    if recording.snapshot is None:
        return
    after, data = recording.snapshot
    compiled, events = recording.compiled(), recording.events()
    assert 0 < after < len(events)
    run, whole = Run.restore(compiled, data), Run.replay(compiled, events[:after])
    assert told(run) == told(whole)
    last = events[after - 1]
    assert taken_over(compiled, run, last) == taken_over(compiled, whole, last)
    for event in events[after:]:
        run.fold(event)
    assert told(run) == recording.end


def test_what_a_later_release_adds_is_not_in_the_way(recording: Recording) -> None:
    """Its events and snapshots have members that this one does not know."""
    compiled = recording.compiled()
    run = Run(compiled)
    for line in recording.lines:
        run.fold(decode(json.dumps(_with_more(json.loads(line.event))).encode()))
        if run.events_folded == len(recording.lines) // 2:
            run = Run.restore(compiled, _later_snapshot(run))
    assert told(run) == recording.end


def test_a_release_goes_on_with_what_the_other_has_begun(recording: Recording) -> None:
    """Two releases side by side: each takes the run over from what the other wrote last."""
    compiled = recording.compiled()
    run = Run(compiled)
    for at, line in enumerate(recording.lines):
        run.fold(decode(line.event))
        if at % 7 == 3:
            run = Run.restore(compiled, run.snapshot() if at % 2 else _later_snapshot(run))
    assert told(run) == recording.end


def test_a_run_in_a_form_that_is_not_known_is_left_to_who_knows_it(recording: Recording) -> None:
    first = json.loads(recording.lines[0].event) | {"format": 99}
    with pytest.raises(Invalid, match="form 99"):
        Run(recording.compiled()).fold(decode(json.dumps(first).encode()))


def test_the_recorded_histories_are_as_they_were_recorded() -> None:
    known = hashes()
    assert {name_of(path): digest_of(path) for path in PATHS} == known
    assert PATHS


def test_every_kind_of_event_and_of_action_is_recorded() -> None:
    kinds, types, taken = set[str](), set[str](), False
    for path in PATHS:
        one = read(path)
        compiled = one.compiled()
        for event in one.events():
            kinds.add(event.kind)
            taken = taken or bool(event.taken_over_from)
            key = event.path.rpartition("/")[2]
            if key:
                types.add(compiled.by_key[key].type)
    assert kinds == {one.__struct_config__.tag for one in AnyEvent.__args__}
    assert types >= KNOWN_TYPES - NOT_ASKED
    assert taken
    assert any(read(path).snapshot for path in PATHS)


def _with_more(event: dict[str, Any]) -> dict[str, Any]:
    more = event | {"mood": {"of": ["a later release"]}}
    if isinstance(event.get("error"), dict):
        more["error"] = event["error"] | {"hint": "try"}
    return more


_LATER = {
    kind: msgspec.defstruct(
        f"Later{kind.__name__}", [("mood", str, "")], bases=(kind,), kw_only=True
    )
    for kind in (State, Record, Calling, Container, Frame, Variable)
}
"""The structures of a release that has added a member to each."""


def _later(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _later(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_later(one) for one in value]
    kind = _LATER.get(type(value))
    if kind is None:
        return value
    fields = {name: _later(getattr(value, name)) for name in value.__struct_fields__}
    return kind(**fields, mood="good")


def _later_snapshot(run: Run) -> bytes:
    run.snapshot()
    return msgspec.msgpack.encode((1, _later(run._folding.state)))
