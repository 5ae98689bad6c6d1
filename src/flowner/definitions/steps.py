"""Edits of what a flow does, and in which order: actions added, moved, copied, removed.

`runAfter` follows every edit: what ran after an action that is removed runs after what that one ran
after; what is put between two runs between them. Names are matched without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from flowner.definitions.actions import write_action
from flowner.definitions.documents import copied, copied_object, pointer
from flowner.definitions.editing import child, edited, find, follow, with_node
from flowner.definitions.envelopes import open_envelope
from flowner.definitions.flow import Action, Flow, Status, Trigger
from flowner.definitions.renaming import renamed, renamed_block
from flowner.errors import Invalid
from flowner.values import Json, JsonObject

LONGEST_NAME: Final = 80
"""Characters in the name of an action. Source: what Power Automate's designer takes."""
_NO_NAME: Final = frozenset("<>%&\\?/#:*|\"'@{}[]") | {chr(code) for code in range(32)}
_SUCCEEDED: Final[Json] = [Status.SUCCEEDED.value]

_BlockEdit: TypeAlias = Callable[[JsonObject], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One list of actions: the flow's own, or a branch of an action."""

    container: str | None = None
    """None: the top of the flow."""
    branch: str = "actions"
    """``actions``, ``else``, ``default``, or the name of a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an action goes."""

    block: Block = Block()
    after: str | None = None
    """Behind this action of the block; None: at its begin."""
    before: str | None = None
    """Between ``after`` and this one alone, with the statuses that were between them."""
    parallel: bool = False
    """Beside what comes next, which is left as it is."""


def name_for(title: str) -> str:
    """Return what a definition calls an action that people call so. Raises `Invalid`.

    Designers show ``Send_an_email`` as ``Send an email``.
    """
    name = "_".join(title.split())
    wrong = sorted(set(name) & _NO_NAME)
    if not name or len(name) > LONGEST_NAME:
        raise Invalid(f"the name of an action has 1 to {LONGEST_NAME} characters")
    if wrong:
        raise Invalid(f"`{wrong[0]}` cannot be in the name of an action")
    return name


def free_name(flow: Flow, wanted: str) -> str:
    """Return the name, or the first of ``wanted_2``, ``wanted_3``, … that no action has."""
    taken = {action.name.casefold() for action in flow.walk()} | {flow.trigger.name.casefold()}
    return _free(wanted, taken)


def block_of(flow: Flow, name: str) -> Block:
    """Return the block that an action is in."""
    action = _action(flow, name)
    for block, actions in _blocks(flow):
        if action.name in actions:
            return block
    raise Invalid(f"the flow has no action `{name}`")


def with_action(flow: Flow, name: str, source: JsonObject, place: Place) -> Flow:
    """Add an action, given as the document writes it; its ``runAfter`` follows from the place.

    Raises `Invalid` when the name is taken, or the place is none.
    """
    name = name_for(name)
    if free_name(flow, name) != name:
        raise Invalid(f"the flow has an action `{name}` already")
    return _added(flow, name, source, place)


def without_action(flow: Flow, name: str) -> Flow:
    """Remove an action with all inside it. Formulas that name it are left, for the checks."""
    action = _action(flow, name)
    return _in_block(flow, block_of(flow, name), lambda block: _take(block, action.name))


def with_action_moved(flow: Flow, name: str, place: Place) -> Flow:
    """Take an action, with all inside it, to another place.

    Raises `Invalid` when the place is inside of the action itself.
    """
    action = _action(flow, name)
    inside = {one.name.casefold() for one in action.walk()}
    named = (place.block.container, place.after, place.before)
    if any(one is not None and one.casefold() in inside for one in named):
        raise Invalid(f"`{action.name}` cannot be put inside or beside itself")
    return _added(without_action(flow, name), action.name, write_action(action), place)


def with_action_copied(flow: Flow, name: str, place: Place) -> Flow:
    """Put a copy of an action somewhere; all in it get free names, and name one another by them."""
    action = _action(flow, name)
    taken = {one.name.casefold() for one in flow.walk()} | {flow.trigger.name.casefold()}
    names: dict[str, str] = {}
    for one in action.walk():
        names[one.name] = _free(one.name, taken)
        taken.add(names[one.name].casefold())
    free = names[action.name]
    source = renamed_block({action.name: write_action(action)}, names)[free]
    return _added(flow, free, source if isinstance(source, dict) else {}, place)


def with_action_renamed(flow: Flow, name: str, new: str) -> Flow:
    """Rename an action; whatever runs after it, and every formula that names it, follows."""
    action, new = _action(flow, name), name_for(new)
    if new == action.name:
        return flow
    if new.casefold() != action.name.casefold() and free_name(flow, new) != new:
        raise Invalid(f"the flow has an action `{new}` already")

    def change(document: JsonObject) -> None:
        definition, names = open_envelope(document).definition, {action.name: new}
        for part in ("triggers", "outputs"):
            if part in definition:
                definition[part] = renamed(definition[part], names)
        definition["actions"] = renamed_block(child(definition, "actions"), names)

    return edited(flow, change)


def with_run_after(flow: Flow, name: str, after: Mapping[str, Iterable[Status]]) -> Flow:
    """Say after which actions of its block one runs, and how each must have ended.

    Raises `Invalid` for an action that is not in the block or has no status left.
    """
    action = _action(flow, name)
    siblings = dict(_blocks(flow))[block_of(flow, name)]
    written: JsonObject = {}
    for other, statuses in after.items():
        known = _known(siblings, other)
        chosen: list[Json] = [status.value for status in Status if status in set(statuses)]
        if known is None or known == action.name:
            raise Invalid(f"`{action.name}` cannot run after `{other}`: it is not beside it")
        if not chosen:
            raise Invalid(f"choose how `{known}` must have ended for `{action.name}` to run")
        written[known] = chosen

    def change(source: JsonObject) -> None:
        source["runAfter"] = written

    return with_node(flow, action, change)


def with_member(flow: Flow, name: str, path: tuple[str, ...], value: Json) -> Flow:
    """Set a member of an action, or of the trigger, by its path; objects on the way are made."""
    node = find(flow, name)

    def change(source: JsonObject) -> None:
        for token in path[:-1]:
            source = child(source, token)
        source[path[-1]] = copied(value)

    return with_node(flow, node, change)


def without_member(flow: Flow, name: str, path: tuple[str, ...]) -> Flow:
    """Remove a member of an action, or of the trigger, and the objects that it leaves empty."""
    node = find(flow, name)
    return with_node(flow, node, lambda source: _drop(source, path))


def with_case(flow: Flow, switch: str, case: str, value: Json) -> Flow:
    """Add a case to a Switch, or change the value that one is compared with."""
    node = _of_type(flow, switch, "Switch")

    def change(source: JsonObject) -> None:
        holder = child(child(source, "cases"), case)
        holder["case"] = copied(value)
        holder.setdefault("actions", {})

    return with_node(flow, node, change)


def without_case(flow: Flow, switch: str, case: str) -> Flow:
    """Remove a case of a Switch with all inside it."""
    node = _of_type(flow, switch, "Switch")
    if case not in {branch.name for branch in node.branches if branch.slot == "case"}:
        raise Invalid(f"`{node.name}` has no case `{case}`")

    def change(source: JsonObject) -> None:
        child(source, "cases").pop(case, None)

    return with_node(flow, node, change)


def with_trigger(flow: Flow, name: str, source: JsonObject) -> Flow:
    """Put another trigger in the place of the one there is."""
    name = name_for(name)
    if name.casefold() in {action.name.casefold() for action in flow.walk()}:
        raise Invalid(f"the flow has an action `{name}` already")

    def change(document: JsonObject) -> None:
        open_envelope(document).definition["triggers"] = {name: copied_object(source)}

    return edited(flow, change)


def _added(flow: Flow, name: str, source: JsonObject, place: Place) -> Flow:
    return _in_block(flow, place.block, lambda block: _put(block, name, source, place))


def _put(block: JsonObject, name: str, source: JsonObject, place: Place) -> None:
    after, before = _known(block, place.after), _known(block, place.before)
    for wanted, known in ((place.after, after), (place.before, before)):
        if wanted is not None and known is None:
            raise Invalid(f"`{wanted}` is not in this list of actions")
    added = copied_object(source)
    added["runAfter"] = {} if after is None else {after: copied(_SUCCEEDED)}
    if before is not None:
        _between(block[before], after, (name, added))
    elif not place.parallel:
        for other in block.values():
            _hand_on(other, after, name)
    block[name] = added
    _reorder(block, name, after)


def _between(next_one: Json, after: str | None, added: tuple[str, JsonObject]) -> None:
    """Put an action on the one way from ``after`` to the next."""
    name, source = added
    if isinstance(next_one, dict):
        ways = child(next_one, "runAfter")
        if after is not None and after in ways:
            source["runAfter"] = {after: ways.pop(after)}
        ways[name] = copied(_SUCCEEDED)


def _hand_on(other: Json, after: str | None, name: str) -> None:
    """Let an action that came next, for success, come after the new one instead."""
    if not isinstance(other, dict):
        return
    ways = child(other, "runAfter")
    if after is None:
        if not ways:
            ways[name] = copied(_SUCCEEDED)
    elif ways.get(after) == _SUCCEEDED:
        del ways[after]
        ways[name] = copied(_SUCCEEDED)


def _take(block: JsonObject, name: str) -> None:
    taken = block.pop(name)
    before = taken.get("runAfter") if isinstance(taken, dict) else None
    for other in block.values():
        ways = other.get("runAfter") if isinstance(other, dict) else None
        spelled = _known(ways, name) if isinstance(ways, dict) else None
        if isinstance(ways, dict) and spelled is not None:
            del ways[spelled]
            for earlier, statuses in before.items() if isinstance(before, dict) else ():
                ways.setdefault(earlier, copied(statuses))


def _reorder(block: JsonObject, name: str, after: str | None) -> None:
    """Write the action behind the one that it runs after: documents are read by people, too."""
    added = block.pop(name)
    items = list(block.items())
    at = 0 if after is None else [key for key, _ in items].index(after) + 1
    block.clear()
    block.update([*items[:at], (name, added), *items[at:]])


def _drop(source: JsonObject, path: tuple[str, ...]) -> None:
    first, *others = path
    if not others:
        source.pop(first, None)
        return
    inner = source.get(first)
    if isinstance(inner, dict):
        _drop(inner, tuple(others))
        if not inner and first != "inputs":
            del source[first]


def _in_block(flow: Flow, block: Block, change: _BlockEdit) -> Flow:
    def change_block(document: JsonObject) -> None:
        if block.container is None:
            holder = open_envelope(document).definition
        else:
            holder = _holder(follow(document, _container(flow, block).pointer), block.branch)
        change(child(holder, "actions"))

    return edited(flow, change_block)


def _holder(source: JsonObject, branch: str) -> JsonObject:
    if branch == "actions":
        return source
    if branch in ("else", "default"):
        return child(source, branch)
    return child(child(source, "cases"), branch)


def _container(flow: Flow, block: Block) -> Action:
    container = _action(flow, block.container or "")
    if block.branch not in {branch.name for branch in container.branches}:
        raise Invalid(f"`{container.name}` has no branch `{block.branch}`")
    return container


def _blocks(flow: Flow) -> Iterator[tuple[Block, Mapping[str, Action]]]:
    yield Block(), flow.actions
    for action in flow.walk():
        for branch in action.branches:
            yield Block(container=action.name, branch=branch.name), branch.actions


def _action(flow: Flow, name: str) -> Action:
    found = find(flow, name)
    if isinstance(found, Trigger):
        raise Invalid(f"`{name}` is the trigger, which stays where it is")
    return found


def _of_type(flow: Flow, name: str, type: str) -> Action:
    action = _action(flow, name)
    if action.type != type:
        raise Invalid(f"`{name}` is no {type}", pointer=pointer(action.pointer, "type"))
    return action


def _known(block: Iterable[str], name: str | None) -> str | None:
    wanted = None if name is None else name.casefold()
    return next((one for one in block if one.casefold() == wanted), None)


def _free(wanted: str, taken: set[str]) -> str:
    number, name = 1, wanted
    while name.casefold() in taken:
        number += 1
        tail = f"_{number}"
        name = wanted[: LONGEST_NAME - len(tail)] + tail
    return name
