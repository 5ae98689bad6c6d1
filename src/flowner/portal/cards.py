"""A flow as cards: what the designer and the run inspector draw.

Cards stand in rows within their block; lines between them are drawn by the browser, from what
``edges`` say. Every card says whose account it uses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flowner.access.vocabulary import FlowFacts
from flowner.definitions import layout, palette
from flowner.definitions.flow import Action, Branch, Flow, Trigger
from flowner.definitions.forms import Group
from flowner.definitions.visible import title_of
from flowner.identity.marks import Mark, card_mark
from flowner.identity.save import Finding
from flowner.identity.world import World
from flowner.sdk.connector import Connector

_GLYPHS: Mapping[str, str] = {
    Group.CONTROL: "branch_fork",
    Group.DATA: "braces_variable",
    Group.VARIABLE: "braces_variable",
    Group.TIME: "timer",
    Group.HTTP: "globe",
    Group.FLOWS: "flow",
}
_TRIGGER_GLYPHS: Mapping[str, str] = {
    "instant": "cursor_click",
    "automated": "flash",
    "scheduled": "calendar_clock",
    "http": "globe",
}
_LOOPS = ("Foreach", "Until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place where an action can be put, as an address names it."""

    container: str = ""
    branch: str = "actions"
    after: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limb:
    """One branch of a card, with the cards in it."""

    name: str
    label: str
    style: str
    rows: tuple[tuple[Card, ...], ...]
    edges: tuple[tuple[str, str, bool, Spot], ...]
    """From card to card, by key: whether it is the usual way, and where the line is."""
    ends: tuple[Spot, ...]
    """Where an action can be put behind all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One action, or the trigger."""

    key: str
    """For ids of the page: the same for the same name."""
    name: str
    title: str
    kind: str
    """What it is, in a word or two: *Condition*, *Send an email (V2)*."""
    glyph: str
    style: str
    is_trigger: bool = False
    mark: Mark | None = None
    problems: tuple[str, ...] = ()
    unusual: str = ""
    """How what it runs after must have ended, where that is not *succeeded*."""
    limbs: tuple[Limb, ...] = field(default=())

    def every(self) -> list[Card]:
        """Return this card and all inside it."""
        found = [self]
        for limb in self.limbs:
            for row in limb.rows:
                for card in row:
                    found += card.every()
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A whole flow."""

    trigger: Card
    trunk: Limb

    def cards(self) -> list[Card]:
        """Return every card, the trigger first."""
        found = [self.trigger]
        for row in self.trunk.rows:
            for card in row:
                found += card.every()
        return found


def key_of(name: str) -> str:
    """Return what a card is called in ids and styles."""
    return hashlib.sha256(name.casefold().encode()).hexdigest()[:12]


def connector_of(flow: Flow, node: Action | Trigger) -> str:
    """Return the connector that an action or trigger asks, by its id; '' for none."""
    if node.call is None:
        return ""
    binding = flow.bindings.get(node.call.binding)
    return node.call.connector or (binding.connector if binding else "")


def face_of(flow: Flow, node: Action | Trigger) -> tuple[str, str]:
    """Return the glyph of an action or trigger, and the style that colours it."""
    if isinstance(node, Trigger):
        return _TRIGGER_GLYPHS[node.flow_kind.value], node.flow_kind.value
    step = palette.step_of(node)
    glyph = _GLYPHS.get(step.group, "braces_variable") if step else "plug_connected"
    style = connector_of(flow, node) or (step.group.name.lower() if step else "other")
    return "arrow_repeat_all" if node.type in _LOOPS else glyph, style


def draw(
    flow: Flow,
    facts: FlowFacts,
    world: World,
    connectors: Mapping[str, Connector],
    findings: Sequence[Finding] = (),
) -> Drawing:
    """Draw a flow as it would run now."""
    return _Pen(flow, facts, world, connectors, findings).drawing()


class _Pen:
    def __init__(
        self,
        flow: Flow,
        facts: FlowFacts,
        world: World,
        connectors: Mapping[str, Connector],
        findings: Sequence[Finding],
    ) -> None:
        self._flow, self._facts, self._world = flow, facts, world
        self._connectors, self._findings = connectors, findings

    def drawing(self) -> Drawing:
        trigger = self._flow.trigger
        glyph, style = face_of(self._flow, trigger)
        card = Card(
            key=key_of(trigger.name),
            name=trigger.name,
            title=title_of(trigger.name),
            kind=self._kind(trigger),
            glyph=glyph,
            style=style,
            is_trigger=True,
            mark=card_mark(self._flow, self._facts, trigger, self._world),
            problems=self._problems(trigger),
        )
        return Drawing(trigger=card, trunk=self._limb("", "actions", self._flow.actions))

    def _card(self, action: Action) -> Card:
        glyph, style = face_of(self._flow, action)
        return Card(
            key=key_of(action.name),
            name=action.name,
            title=title_of(action.name),
            kind=self._kind(action),
            glyph=glyph,
            style=style,
            mark=card_mark(self._flow, self._facts, action, self._world),
            problems=self._problems(action),
            unusual=_unusual(action),
            limbs=tuple(self._branch(action, branch) for branch in action.branches),
        )

    def _branch(self, action: Action, branch: Branch) -> Limb:
        labels = {"else": "False", "default": "Default"}
        label = labels.get(branch.slot, "True" if action.type == "If" else "")
        if branch.slot == "case":
            label = f"{branch.name}: {branch.case}"
        return self._limb(action.name, branch.name, branch.actions, label)

    def _limb(
        self, container: str, branch: str, block: Mapping[str, Action], label: str = ""
    ) -> Limb:
        rows = tuple(tuple(self._card(block[name]) for name in row) for row in layout.ranks(block))
        edges = tuple(
            (
                key_of(edge.source) if edge.source else "",
                key_of(edge.target),
                edge.is_usual,
                Spot(
                    container=container,
                    branch=branch,
                    after=edge.source or "",
                    before=edge.target,
                ),
            )
            for edge in layout.edges(block)
        )
        ends = layout.ends(block) or ("",)
        return Limb(
            name=branch,
            label=label,
            style={"True": "yes", "False": "no"}.get(label, ""),
            rows=rows,
            edges=edges,
            ends=tuple(Spot(container=container, branch=branch, after=one) for one in ends),
        )

    def _kind(self, node: Action | Trigger) -> str:
        step = palette.step_of(node)
        if step is not None:
            return step.title
        if node.call is None:
            return node.type
        id = connector_of(self._flow, node)
        connector = self._connectors.get(id)
        operation = connector.operations.get(node.call.operation) if connector else None
        title = operation.title if operation else node.call.operation or "Call"
        return f"{connector.title if connector else id} · {title}"

    def _problems(self, node: Action | Trigger) -> tuple[str, ...]:
        inner = ("actions", "else", "cases", "default")
        return tuple(
            finding.message
            for finding in self._findings
            if _is_of(finding.pointer, node.pointer, inner)
        )


def _is_of(pointer: str, node: str, inner: Sequence[str]) -> bool:
    """Say whether a pointer leads into a node, and not into an action inside of it."""
    if pointer == node:
        return True
    rest = pointer.removeprefix(f"{node}/") if pointer.startswith(f"{node}/") else None
    return rest is not None and rest.partition("/")[0] not in inner


def _unusual(action: Action) -> str:
    statuses = {status.value for how in action.run_after.values() for status in how}
    if not statuses or statuses == {"Succeeded"}:
        return ""
    words = {"Failed": "has failed", "Skipped": "is skipped", "TimedOut": "has timed out",
             "Succeeded": "is successful"}  # fmt: skip
    return ", ".join(words[one] for one in words if one in statuses)
