"""A draft on the designer's desk: what is drawn of it, its panel, and what an edit changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, Response

from flowner.definitions import steps
from flowner.definitions.actions import write_action
from flowner.definitions.asking import InputKind
from flowner.definitions.comparing import COMPARISONS
from flowner.definitions.documents import copied_object
from flowner.definitions.flow import Action, Flow, Status, Trigger
from flowner.definitions.rewiring import sharers
from flowner.definitions.steps import Block
from flowner.errors import Conflict, Invalid
from flowner.flows.drafting import Draft
from flowner.identity.marks import running_mark
from flowner.portal.cards import Card, Drawing, draw
from flowner.portal.filling import columns_form, fields_of
from flowner.portal.pills import Pills
from flowner.portal.problems import sentence
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, go
from flowner.sdk.connector import Connector, Operation
from flowner.values import FlowId, JsonObject

TABS = {"parameters": "Parameters", "settings": "Settings", "runs-as": "Runs as", "code": "Code"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A draft with everything that is drawn of it."""

    draft: Draft
    drawing: Drawing
    findings: tuple[Any, ...]
    world: Any

    def card(self, name: str) -> Card | None:
        """Return a card by its name in the definition."""
        wanted = name.casefold()
        return next((one for one in self.drawing.cards() if one.name.casefold() == wanted), None)


async def desk_of(visit: Visit, draft: Draft) -> Desk:
    """Lay a draft out: its cards, with whose accounts they use now, and what is wrong with it."""
    looked = await visit.rooms.drafting.look(draft, visit.me)
    drawing = draw(draft.flow, draft.facts, looked.world, visit.rooms.connectors, looked.findings)
    return Desk(draft=draft, drawing=drawing, findings=looked.findings, world=looked.world)


async def panel(visit: Visit, desk: Desk, name: str, *, wrong: str = "") -> HTMLResponse:
    """Render the panel of a card; ``wrong`` is shown on top of it."""
    context = await panel_context(visit, desk, name) | {"wrong": wrong}
    if not visit.is_partial:
        return whole_page(visit, desk, context)
    return page(visit, "parts/panel.html", desk=desk, draft=desk.draft, **context)


def whole_page(visit: Visit, desk: Desk, context: dict[str, Any]) -> HTMLResponse:
    """Render the designer, with what the panel's template needs in ``context``."""
    return page(
        visit,
        "designer.html",
        desk=desk,
        draft=desk.draft,
        drawing=desk.drawing,
        running=running_mark(desk.draft.flow, desk.draft.facts, desk.world),
        **context,
    )


async def panel_context(
    visit: Visit, desk: Desk, name: str, tab: str | None = None
) -> dict[str, Any]:
    """Return what the panel's template needs: ``card`` is None where there is no such card.

    ``tab`` None: the one that the address names.
    """
    card = desk.card(name)
    if card is None:
        return {"card": None}
    node = node_of(desk.draft.flow, name)
    connector, operation = operation_of(visit, desk.draft.flow, node)
    tab = tab or visit.query("tab", "parameters")
    found: dict[str, Any] = {
        "card": card,
        "node": node,
        "tab": tab if tab in TABS else "parameters",
        "tabs": TABS,
        "wrong": "",
        "comparisons": COMPARISONS,
        "input_kinds": list(InputKind),
        "fields": fields_of(node, operation),
        "pills": Pills(desk.draft.flow, visit.rooms.connectors),
        "columns": columns_form(operation),
        "connector": connector,
        "operation": operation,
        "is_trigger": isinstance(node, Trigger),
        "statuses": [one for one in Status if one.value in _AFTER],
    }
    if isinstance(node, Action):
        block = steps.block_of(desk.draft.flow, node.name)
        found["siblings"] = _siblings(desk.draft.flow, block, node.name)
    if node.call is not None and connector is not None:
        found["choices"] = await visit.rooms.wiring.choices(connector.ids[0], visit.me)
        found["sharers"] = sharers(desk.draft.flow, node.call.binding)
        found["binding"] = desk.draft.flow.bindings.get(node.call.binding)
        found["names"] = {one.id: one.name for one in desk.world.principals.values()}
    found["code"] = json.dumps(_source(node), indent=2, ensure_ascii=False)
    return found


_AFTER = ("Succeeded", "Failed", "Skipped", "TimedOut")


def _siblings(flow: Flow, block: Block, name: str) -> list[str]:
    actions = flow.actions
    for action in flow.walk():
        for branch in action.branches:
            if action.name == block.container and branch.name == block.branch:
                actions = branch.actions
    return [one for one in actions if one != name]


def _source(node: Action | Trigger) -> JsonObject:
    return write_action(node) if isinstance(node, Action) else copied_object(node.source)


def node_of(flow: Flow, name: str) -> Action | Trigger:
    """Return an action, or the trigger, by name; `Conflict` when it is not there any more."""
    wanted = name.casefold()
    if flow.trigger.name.casefold() == wanted:
        return flow.trigger
    for action in flow.walk():
        if action.name.casefold() == wanted:
            return action
    raise Conflict(f"there is no card `{name}` any more: somebody has removed it")


def operation_of(
    visit: Visit, flow: Flow, node: Action | Trigger
) -> tuple[Connector | None, Operation | None]:
    """Return the connector and the operation that an action asks, as far as they are known."""
    if node.call is None:
        return None, None
    binding = flow.bindings.get(node.call.binding)
    connector = visit.rooms.connectors.get(
        node.call.connector or (binding.connector if binding else "")
    )
    return connector, connector.operations.get(node.call.operation) if connector else None


def flow_of(visit: Visit) -> FlowId:
    """Return the flow that an address names."""
    return FlowId(visit.path("flow"))


async def edited(
    visit: Visit, form: Form, label: str, change: Callable[[Flow], Flow], *, select: str = ""
) -> Response:
    """Do an edit, and answer what has changed of the page; what is wrong is said in the panel."""
    seen = form.text("seen") or form.text("drawn")
    before = await desk_of(visit, await visit.rooms.drafting.open(flow_of(visit), visit.me))
    name = form.text("card")
    try:
        draft = await visit.rooms.drafting.edit(
            flow_of(visit), visit.me, label, change, seen=int(seen) if seen.isdecimal() else None
        )
    except Invalid as error:
        if not name or before.card(name) is None:
            raise
        return await panel(visit, before, name, wrong=sentence(error.message))
    return await changed(visit, before, draft, select or name)


async def changed(
    visit: Visit, before: Desk, draft: Draft, select: str, tab: str | None = None
) -> Response:
    """Answer the panel, and of the tree what is not as it was: single cards, or all of it."""
    if not visit.is_partial:
        shown = {"card": select, "tab": tab or visit.query("tab", "parameters")}
        return go(f"/flows/{draft.id}/edit?{urlencode(shown)}")
    desk = await desk_of(visit, draft)
    old, new = before.drawing, desk.drawing
    whole = _shape(old) != _shape(new)
    known = {card.key: card for card in old.cards()}
    cards = [] if whole else [one for one in new.cards() if _own(known[one.key]) != _own(one)]
    context = await panel_context(visit, desk, select, tab) if select else {"card": None}
    return page(
        visit,
        "parts/changed.html",
        desk=desk,
        draft=draft,
        drawing=new,
        whole=whole,
        cards=cards,
        running=running_mark(draft.flow, draft.facts, desk.world),
        **context,
    )


def _shape(drawing: Drawing) -> Any:
    """Return what places cards: when it is the same, no card has moved."""

    def limbs(card: Card) -> Any:
        return (card.key, [shape(limb) for limb in card.limbs])

    def shape(limb: Any) -> Any:
        return (limb.label, limb.edges, [[limbs(card) for card in row] for row in limb.rows])

    return (drawing.trigger.key, shape(drawing.trunk))


def _own(card: Card) -> Any:
    return (card.title, card.kind, card.mark, card.problems, card.unusual)
