"""Actions: blocks of JSON to `Action` and `Branch`, and back.

A node's ``source`` keeps an empty object where its children stood, so that they go back to the
same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from flowner.definitions.calls import CALL_TYPES, read_call
from flowner.definitions.documents import copied_object, pointer
from flowner.definitions.flow import Action, Branch, Status
from flowner.definitions.reading import Reading
from flowner.values import Json, JsonObject

CONTROL_TYPES: Final = frozenset({"If", "Switch", "Foreach", "Until", "Scope", "Changeset"})
"""The types whose actions are read as branches."""

KNOWN_TYPES: Final = (
    CONTROL_TYPES
    | CALL_TYPES
    | {
        "AppendToArrayVariable",
        "AppendToStringVariable",
        "Compose",
        "DecrementVariable",
        "Expression",
        "Http",
        "HttpWebhook",
        "IncrementVariable",
        "InitializeVariable",
        "Join",
        "ParseJson",
        "Query",
        "Response",
        "Select",
        "SetVariable",
        "Table",
        "Terminate",
        "Wait",
        "Workflow",
    }
)
"""Every action type of Power Automate's cloud flows."""

_SPELLINGS: Final = {name.casefold(): name for name in KNOWN_TYPES}
_STATUSES: Final = {status.value.casefold(): status for status in Status if status.is_terminal}

_Item = tuple[str, JsonObject, str]


def read_actions(block: JsonObject, at: str, reading: Reading) -> dict[str, Action]:
    """Read one block of actions. The block's objects become the actions' sources."""
    siblings = {name.casefold(): name for name in block}
    return {
        name: _action(name, source, place, siblings, reading)
        for name, source, place in _objects(block, at, "action", reading)
    }


def write_actions(actions: Mapping[str, Action]) -> JsonObject:
    """Return the block as it is written in a document."""
    return {name: write_action(action) for name, action in actions.items()}


def write_action(action: Action) -> JsonObject:
    """Return one action with its branches put back."""
    written = copied_object(action.source)
    for branch in action.branches:
        if branch.slot == "actions":
            _put(written, branch)
            continue
        holder = copied_object(branch.source)
        _put(holder, branch)
        if branch.slot == "case":
            cases = written.setdefault("cases", {})
            if isinstance(cases, dict):
                cases[branch.name] = holder
        elif holder:
            written[branch.slot] = holder
    return written


def _put(holder: JsonObject, branch: Branch) -> None:
    if branch.actions:
        holder["actions"] = write_actions(branch.actions)


def _action(
    name: str, source: JsonObject, at: str, siblings: Mapping[str, str], reading: Reading
) -> Action:
    written = reading.text(source, "type", at)
    if not written:
        reading.fault(at, f"action `{name}` has no type", "add `type`")
    kind = _SPELLINGS.get((written or "").casefold(), written or "")
    branches = _BRANCHES[kind](source, at, reading) if kind in CONTROL_TYPES else ()
    return Action(
        name=name,
        type=kind,
        kind=reading.text(source, "kind", at),
        inputs=source.get("inputs"),
        run_after=_run_after(source, at, siblings, reading),
        branches=tuple(branches),
        call=read_call(source, at, reading) if kind in CALL_TYPES else None,
        pointer=at,
        source=source,
    )


def _run_after(
    source: JsonObject, at: str, siblings: Mapping[str, str], reading: Reading
) -> dict[str, frozenset[Status]]:
    place = pointer(at, "runAfter")
    found: dict[str, frozenset[Status]] = {}
    for name, statuses in reading.object(source, "runAfter", at).items():
        # Names are matched without regard to case; the engine gets the one that exists.
        known = name if name in siblings.values() else siblings.get(name.casefold(), name)
        found[known] = frozenset(_statuses(statuses, pointer(place, name), reading))
    return found


def _statuses(statuses: Json, at: str, reading: Reading) -> Iterator[Status]:
    offered = "write a list of `Succeeded`, `Failed`, `Skipped`, `TimedOut`"
    if not isinstance(statuses, list):
        reading.fault(at, "is not a list of statuses", offered)
        return
    for index, written in enumerate(statuses):
        status = _STATUSES.get(written.casefold()) if isinstance(written, str) else None
        if status is None:
            reading.fault(pointer(at, index), f"`{str(written)[:40]}` is not a status", offered)
        else:
            yield status


def _simple(source: JsonObject, at: str, reading: Reading) -> Iterator[Branch]:
    yield _inline(source, at, reading)


def _if(source: JsonObject, at: str, reading: Reading) -> Iterator[Branch]:
    yield _inline(source, at, reading)
    yield _nested("else", source, at, reading)


def _switch(source: JsonObject, at: str, reading: Reading) -> Iterator[Branch]:
    cases = reading.object(source, "cases", at)
    for name, case, place in _objects(cases, pointer(at, "cases"), "case", reading):
        if "case" not in case:
            reading.fault(place, f"case `{name}` has no value", "add `case`")
        yield Branch(
            slot="case",
            name=name,
            case=case.get("case"),
            actions=_taken(case, place, reading),
            source=case,
        )
    if cases:
        source["cases"] = {}
    yield _nested("default", source, at, reading)


_BRANCHES: Final[Mapping[str, Callable[[JsonObject, str, Reading], Iterator[Branch]]]] = {
    "If": _if,
    "Switch": _switch,
    "Foreach": _simple,
    "Until": _simple,
    "Scope": _simple,
    "Changeset": _simple,
}


def _inline(source: JsonObject, at: str, reading: Reading) -> Branch:
    actions = _taken(source, at, reading)
    return Branch(slot="actions", name="actions", case=None, actions=actions, source={})


def _nested(slot: str, source: JsonObject, at: str, reading: Reading) -> Branch:
    holder = reading.object(source, slot, at)
    actions = _taken(holder, pointer(at, slot), reading)
    if holder:
        source[slot] = {}
    return Branch(slot=slot, name=slot, case=None, actions=actions, source=holder)


def _taken(holder: JsonObject, at: str, reading: Reading) -> dict[str, Action]:
    block = reading.object(holder, "actions", at)
    if not block:
        return {}
    holder["actions"] = {}
    return read_actions(block, pointer(at, "actions"), reading)


def _objects(block: JsonObject, at: str, what: str, reading: Reading) -> Iterator[_Item]:
    for name, source in block.items():
        place = pointer(at, name)
        if isinstance(source, dict):
            yield name, source, place
        else:
            reading.fault(place, f"{what} `{name}` is not an object", "write it as `{…}`")
