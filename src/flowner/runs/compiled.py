"""A flow, made ready to run: templates compiled, blocks numbered, who names whom worked out.

Compiling costs about as much as reading the flow. A `CompiledFlow` is immutable: keep one per
published version, and share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from flowner.definitions.flow import Action, Flow, Status
from flowner.runs import paths
from flowner.runs.conditions import Condition, compile_condition
from flowner.runs.securing import marked, secured
from flowner.runs.templates import Template, about_itself, compile_template, namings
from flowner.values import Json, JsonObject

LOOPS: Final = frozenset({"Foreach", "Until"})
ROOT: Final = -1
"""The owner of the outermost block; the loop around what is in no loop."""

_SPLIT_INPUTS: Final = {
    "Select": ("from", "select"),
    "Query": ("from", "where"),
    "Table": ("from", "format"),
    "ParseJson": ("content", "schema"),
}
"""Inputs that are evaluated one by one, because some of them see an item of the others."""
_WHOLE_INPUTS_LESS: Final = ("host", "authentication")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """One action. Numbers are indexes into the flow's ``nodes`` and ``blocks``."""

    index: int
    action: Action
    name: str
    type: str
    key: str
    """Its name as paths spell it."""
    block: int
    position: int
    """Its place in the block."""
    branches: tuple[int, ...]
    """The blocks inside it, in the order of the action's branches."""
    loops: tuple[int, ...]
    """The Foreach and Until around it, outermost first."""
    templates: Mapping[str, Template]
    condition: Condition | None
    keeps_outputs: bool
    """Something may name it: its outputs stay in the state."""
    keeps_repetitions: bool
    """A Foreach whose iterations may be named from outside of it."""
    secure: tuple[str, ...]
    static: JsonObject | None
    """The outcome that the author put in place of the action."""
    options: frozenset[str]
    """Its ``operationOptions``, case-folded."""
    width: int
    """Of a Foreach: how many iterations at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """One list of actions that succeed or fail together."""

    index: int
    owner: int
    """The node it is inside of, or `ROOT`."""
    nodes: tuple[int, ...]
    before: tuple[tuple[int, ...], ...]
    """For each position the positions it runs after."""
    accepted: tuple[tuple[frozenset[Status], ...], ...]
    """For each position the statuses accepted of those, in the same order."""
    after: tuple[tuple[int, ...], ...]
    roots: tuple[int, ...]
    leaves: tuple[int, ...]
    loops: tuple[int, ...]
    """The Foreach and Until around it, outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledFlow:
    """What a `Run` needs to know of its flow."""

    flow: Flow
    nodes: tuple[Node, ...] = field(repr=False)
    blocks: tuple[Block, ...] = field(repr=False)
    """The first is the flow's own."""
    by_key: Mapping[str, Node] = field(repr=False)
    by_name: Mapping[str, Node] = field(repr=False)
    """Names case-folded."""
    outputs: Template
    trigger_secure: tuple[str, ...]
    """``inputs``, ``outputs``: what readers must not see of the trigger."""
    names: Mapping[str, str]
    """The flow's parameters: case-folded name to name."""

    def inside(self, node: Node) -> Iterator[Node]:
        """Yield what is directly inside a container, in document order."""
        for block in node.branches:
            for index in self.blocks[block].nodes:
                yield self.nodes[index]

    def owner(self, node: Node) -> Node | None:
        """Return the container the action is directly inside of."""
        index = self.blocks[node.block].owner
        return None if index == ROOT else self.nodes[index]


def compile_flow(flow: Flow) -> CompiledFlow:
    """Make a flow ready to run. A template that cannot be understood fails its action, later."""
    work = _Compiling(flow)
    work.block(flow.actions, _Place(owner=ROOT, parent="", loops=()))
    nodes = tuple(work.nodes[index] for index in range(len(work.nodes)))
    return CompiledFlow(
        flow=flow,
        nodes=nodes,
        blocks=tuple(work.blocks[index] for index in range(len(work.blocks))),
        by_key={node.key: node for node in nodes},
        by_name={node.name.casefold(): node for node in nodes},
        outputs=compile_template(_output_values(flow.outputs)),
        trigger_secure=tuple(sorted(marked(flow.trigger.source))),
        names={name.casefold(): name for name in flow.parameters},
    )


def _output_values(outputs: JsonObject) -> JsonObject:
    return {
        name: found.get("value") if isinstance(found, dict) else found
        for name, found in outputs.items()
    }


class _Named:
    """Which actions a flow names, and from where."""

    def __init__(self, flow: Flow) -> None:
        self.anything = False
        self.names: set[str] = set()
        self.results: set[str] = set()
        self.outward: set[str] = set()
        """Loops that are looked into from outside."""
        self._around: dict[str, tuple[str, ...]] = {}
        self._learn(flow.actions.values(), ())
        self._flow(flow)

    def _learn(self, actions: Iterable[Action], loops: tuple[str, ...]) -> None:
        for action in actions:
            name = action.name.casefold()
            self._around[name] = loops
            inner = (*loops, name) if action.type == "Foreach" else loops
            for branch in action.branches:
                self._learn(branch.actions.values(), inner)

    def _flow(self, flow: Flow) -> None:
        self._note(flow.outputs, ())
        self._note(flow.trigger.source, ())
        for action in flow.walk():
            loops = self._around[action.name.casefold()]
            self._note(action.source, loops)

    def _note(self, value: Json, loops: tuple[str, ...]) -> None:
        for naming in namings(value):
            if naming.name is None:
                self.anything = True
                continue
            self.names.add(naming.name)
            if naming.result:
                self.results.add(naming.name)
                self.outward.add(naming.name)
            self.outward.update(set(self._around.get(naming.name, ())) - set(loops))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a block or an action is."""

    owner: int
    parent: str
    """The owner's name, case-folded; '' at the top."""
    loops: tuple[int, ...]


class _Compiling:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.named = _Named(flow)
        self.secured = secured(flow)
        self.nodes: dict[int, Node] = {}
        self.blocks: dict[int, Block] = {}
        self._counted = [0, 0]

    def _number(self, which: int) -> int:
        self._counted[which] += 1
        return self._counted[which] - 1

    def block(self, actions: Mapping[str, Action], place: _Place) -> int:
        index = self._number(0)
        positions = {name: position for position, name in enumerate(actions)}
        before = tuple(
            tuple(positions[name] for name in action.run_after) for action in actions.values()
        )
        after: list[list[int]] = [[] for _ in positions]
        for position, found in enumerate(before):
            for other in found:
                after[other].append(position)
        self.blocks[index] = Block(
            index=index,
            owner=place.owner,
            nodes=tuple(
                self.node(action, index, position, place)
                for position, action in enumerate(actions.values())
            ),
            before=before,
            accepted=tuple(tuple(action.run_after.values()) for action in actions.values()),
            after=tuple(tuple(found) for found in after),
            roots=tuple(position for position, found in enumerate(before) if not found),
            leaves=tuple(position for position, found in enumerate(after) if not found),
            loops=place.loops,
        )
        return index

    def node(self, action: Action, block: int, position: int, place: _Place) -> int:
        index = self._number(1)
        name, named = action.name.casefold(), self.named
        inner = _Place(
            owner=index,
            parent=name,
            loops=(*place.loops, index) if action.type in LOOPS else place.loops,
        )
        conditional = action.type in ("If", "Until")
        self.nodes[index] = Node(
            index=index,
            action=action,
            name=action.name,
            type=action.type,
            key=paths.key(action.name),
            block=block,
            position=position,
            branches=tuple(self.block(branch.actions, inner) for branch in action.branches),
            loops=place.loops,
            templates=_templates(action),
            condition=compile_condition(about_itself(action.source.get("expression"), action.name))
            if conditional
            else None,
            keeps_outputs=named.anything or name in named.names or place.parent in named.results,
            keeps_repetitions=named.anything or name in named.outward,
            secure=tuple(self.secured.get(name, ())),
            static=_static(action, self.flow),
            options=_options(action),
            width=_width(action),
        )
        return index


def _templates(action: Action) -> Mapping[str, Template]:
    """Compile what the action evaluates, by what it is for."""
    inputs, source = action.inputs, action.source
    found: dict[str, Json] = {}
    if action.type in _SPLIT_INPUTS and isinstance(inputs, dict):
        found.update((name, inputs[name]) for name in _SPLIT_INPUTS[action.type] if name in inputs)
        found.update(_columns(inputs) if action.type == "Table" else {})
    elif isinstance(inputs, dict) and (action.call is not None or action.type in _CALLING):
        found["inputs"] = {
            name: value for name, value in inputs.items() if name not in _WHOLE_INPUTS_LESS
        }
        if action.type == "HttpWebhook":
            found["inputs"], found["authentication"] = _apart(inputs)
        elif action.call is None and "authentication" in inputs:
            found["authentication"] = inputs["authentication"]
    elif "inputs" in source:
        found["inputs"] = inputs
    for name in ("foreach", "expression", "trackedProperties", "limit"):
        if name in source and not (name == "expression" and action.type != "Switch"):
            found[name] = about_itself(source[name], action.name)
    return {name: compile_template(value) for name, value in found.items()}


def _apart(inputs: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Return a webhook's requests without their credentials, and the credentials by request."""
    shown: JsonObject = {}
    credentials: JsonObject = {}
    for name, request in inputs.items():
        shown[name] = request
        if isinstance(request, dict) and "authentication" in request:
            credentials[name] = request["authentication"]
            shown[name] = {n: value for n, value in request.items() if n != "authentication"}
    return shown, credentials


_CALLING: Final = frozenset({"Http", "HttpWebhook", "Workflow", "ServiceProvider"})


def _columns(inputs: JsonObject) -> Iterator[tuple[str, Json]]:
    """Yield the templates of a table's columns; each sees an item of its own."""
    columns = inputs.get("columns")
    for index, column in enumerate(columns if isinstance(columns, list) else ()):
        if isinstance(column, dict):
            yield f"header {index}", column.get("header")
            yield f"value {index}", column.get("value")


def _member(action: Action, *names: str) -> Json:
    found: Json = action.source
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _static(action: Action, flow: Flow) -> JsonObject | None:
    chosen = _member(action, "runtimeConfiguration", "staticResult")
    if not isinstance(chosen, dict) or chosen.get("staticResultOptions") != "Enabled":
        return None
    found = flow.static_results.get(str(chosen.get("name")))
    return found if isinstance(found, dict) else None


def _options(action: Action) -> frozenset[str]:
    written = action.source.get("operationOptions")
    if not isinstance(written, str):
        return frozenset()
    return frozenset(option.strip().casefold() for option in written.split(","))


def _width(action: Action) -> int:
    """How many iterations run at a time: one, unless the author says otherwise."""
    written = _member(action, "runtimeConfiguration", "concurrency", "repetitions")
    if isinstance(written, bool) or not isinstance(written, int):
        return 1
    return 1 if "sequential" in _options(action) else min(max(written, 1), 50)
