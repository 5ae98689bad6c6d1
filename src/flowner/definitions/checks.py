"""What is wrong with a flow, from its definition alone.

*In whose name* is `identity.save`'s. `problems` answers for flows however they came to be;
``codec`` refuses a document for the fatal ones. Those are all of its structure: reading parses no
formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from flowner.definitions import actions as action_words
from flowner.definitions import triggers as trigger_words
from flowner.definitions.calls import binding_member
from flowner.definitions.documents import pointer
from flowner.definitions.flow import Action, Call, Flow, Trigger
from flowner.definitions.formulas import formula_problems
from flowner.definitions.problems import Problem, Severity
from flowner.errors import Code

MAX_ACTIONS = 2_000
"""Actions in one flow; Power Automate allows 500."""


def problems(flow: Flow, *, file: str | None = None) -> tuple[Problem, ...]:
    """Find what is wrong, formulas included: fatal problems first, then errors, then warnings.

    Parses every formula of the flow: some 3 ms for a usual one.
    """
    return _ranked((*_structure(flow), *formula_problems(flow)), file)


def structure_problems(flow: Flow, *, file: str | None = None) -> tuple[Problem, ...]:
    """Find what is wrong with the structure, in the same order; formulas are not looked into."""
    return _ranked(_structure(flow), file)


def _structure(flow: Flow) -> Iterator[Problem]:
    for check in (_size, _names, _order, _calls, _types):
        yield from check(flow)


def _ranked(found: Iterable[Problem], file: str | None) -> tuple[Problem, ...]:
    ranks = list(Severity)
    placed = [replace(problem, file=file) for problem in found]
    return tuple(sorted(placed, key=lambda problem: ranks.index(problem.severity)))


def _fatal(at: str, message: str, advice: str, *, code: Code = Code.INVALID_DEFINITION) -> Problem:
    return Problem(severity=Severity.FATAL, code=code, pointer=at, message=message, mend=advice)


def _size(flow: Flow) -> Iterator[Problem]:
    count = sum(1 for _ in flow.walk())
    if count > MAX_ACTIONS:
        yield _fatal(
            "", f"the flow has {count} actions; at most {MAX_ACTIONS}", "split it into child flows"
        )


def _names(flow: Flow) -> Iterator[Problem]:
    seen: dict[str, Action] = {}
    for action in flow.walk():
        first = seen.setdefault(action.name.casefold(), action)
        if first is not action:
            yield _fatal(
                action.pointer,
                f"action `{action.name}` has the name of another one, at `{first.pointer}`",
                "give each action of the flow its own name",
            )


def _order(flow: Flow) -> Iterator[Problem]:
    for block in _blocks(flow.actions):
        for action in block.values():
            for name in action.run_after:
                if name not in block:
                    yield _fatal(
                        pointer(action.pointer, "runAfter", name),
                        f"action `{action.name}` waits for `{name}`, which does not exist in this "
                        "scope",
                        "name an action of the same block",
                    )
        yield from _circles(block)


def _circles(block: Mapping[str, Action]) -> Iterator[Problem]:
    """Report the actions that no order can start: Kahn's algorithm, what is left over."""
    waiting = {
        name: {before for before in action.run_after if before in block}
        for name, action in block.items()
    }
    followers: dict[str, list[str]] = {name: [] for name in block}
    for name, befores in waiting.items():
        for before in befores:
            followers[before].append(name)
    free = [name for name, befores in waiting.items() if not befores]
    while free:
        done = free.pop()
        for name in followers[done]:
            waiting[name].discard(done)
            if not waiting[name]:
                free.append(name)
        del waiting[done]
    if waiting:
        circle = _one_circle(waiting)
        yield _fatal(
            pointer(block[circle[0]].pointer, "runAfter"),
            "actions wait for one another in a circle: "
            + " → ".join(f"`{name}`" for name in (*circle, circle[0])),
            "remove one of these `runAfter` entries",
        )


def _one_circle(waiting: Mapping[str, set[str]]) -> list[str]:
    """Walk back from the first action left until a name comes again. Each waits for the next."""
    path: list[str] = []
    name = next(iter(waiting))
    while name not in path:
        path.append(name)
        name = min(waiting[name])
    return path[path.index(name) :]


def _blocks(actions: Mapping[str, Action]) -> Iterator[Mapping[str, Action]]:
    yield actions
    for action in actions.values():
        for branch in action.branches:
            yield from _blocks(branch.actions)


def _called(flow: Flow) -> Iterator[tuple[str, Action | Trigger, Call]]:
    if flow.trigger.call:
        yield f"trigger `{flow.trigger.name}`", flow.trigger, flow.trigger.call
    for action in flow.walk():
        if action.call:
            yield f"action `{action.name}`", action, action.call


def _calls(flow: Flow) -> Iterator[Problem]:
    for who, node, call in _called(flow):
        at = pointer(node.pointer, "inputs", "host", *(binding_member(node.source) or ()))
        if call.binding in flow.bindings:
            continue
        if not call.binding:
            yield Problem(
                severity=Severity.ERROR,
                code=Code.UNKNOWN_BINDING,
                pointer=at,
                message=f"{who} lets an expression choose its connection",
                mend="name one of the flow's connections",
            )
            continue
        yield _fatal(
            at,
            f"{who} uses connection `{call.binding}`, which the flow does not declare",
            f"declare it, or use one of those that are: {_listed(flow.bindings)}",
            code=Code.UNKNOWN_BINDING,
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in list(names)[:5]) or "none"


def _types(flow: Flow) -> Iterator[Problem]:
    trigger = flow.trigger
    if trigger.type not in trigger_words.KNOWN_TYPES:
        yield _unknown(pointer(trigger.pointer, "type"), f"trigger type `{trigger.type}`")
    elif trigger.type == "Request":
        kind = trigger.kind or ""
        if kind.casefold() not in trigger_words.KNOWN_KINDS:
            yield _unknown(pointer(trigger.pointer, "kind"), f"kind of request `{kind}`")
    for action in flow.walk():
        if action.type not in action_words.KNOWN_TYPES:
            yield _unknown(pointer(action.pointer, "type"), f"action type `{action.type}`")


def _unknown(at: str, what: str) -> Problem:
    return Problem(
        severity=Severity.ERROR,
        code=Code.UNKNOWN_TYPE,
        pointer=at,
        message=f"{what} is not carried out here",
        mend="replace it; a flow with it can be kept, not turned on",
    )
