"""Expressions that are being written: what can be put into them, and what the server reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.responses import Response

from flowner.definitions.formulas import template_problem
from flowner.definitions.visible import Token, visible
from flowner.expressions.catalogue import CATALOGUE
from flowner.expressions.hinting import hint
from flowner.portal.desk import flow_of
from flowner.portal.pills import Piece, Pills, answers_of
from flowner.portal.rendering import page
from flowner.portal.visiting import Form, Visit, get, post

_MOST_SOURCES, _MOST_FUNCTIONS = 40, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What one card gives, with a pill that shows its face."""

    title: str
    pill: Piece
    tokens: list[Token] = field(default_factory=list)


async def _tokens(visit: Visit) -> Response:
    """Answer what can be inserted into a field: dynamic content and functions."""
    draft = await visit.rooms.drafting.open(flow_of(visit), visit.me)
    name, text = visit.query("card"), visit.query("text").casefold()
    is_trigger = name.casefold() == draft.flow.trigger.name.casefold()
    answers = answers_of(visit.rooms.connectors)
    tokens = () if is_trigger else visible(draft.flow, name or None, answers)
    pills = Pills(draft.flow, visit.rooms.connectors)
    sources: dict[str, _Source] = {}
    more = False
    for token in tokens:
        if text not in f"{token.source} {token.title}".casefold():
            continue
        if token.source not in sources:
            if more := len(sources) == _MOST_SOURCES:
                break
            (pill,) = pills.of(f"@{token.formula}")
            sources[token.source] = _Source(title=token.source, pill=pill)
        sources[token.source].tokens.append(token)
    functions = sorted(
        (one for one in CATALOGUE.values() if text in f"{one.name} {one.summary}".casefold()),
        key=lambda one: (not one.name.casefold().startswith(text), one.name),
    )
    return page(
        visit, "parts/tokens.html", sources=sources.values(), more=more,
        functions=functions[:_MOST_FUNCTIONS],
    )  # fmt: skip


async def _formula(visit: Visit, form: Form) -> Response:
    """Answer the pieces of a text, or of one expression, and what is wrong with it.

    For an expression also the call that is being written before character ``at``.
    """
    flow = (await visit.rooms.drafting.open(flow_of(visit), visit.me)).flow
    pills = Pills(flow, visit.rooms.connectors)
    if not form.has("expression"):
        text = next(iter(form.texts("text")), "")
        wrong = template_problem(flow, text) if "@" in text else ""
        return page(visit, "parts/formula.html", pieces=pills.of(text), wrong=wrong, hint=None)
    expression = next(iter(form.texts("expression")), "").removeprefix("@")
    at = form.text("at")[:9]
    wrong = template_problem(flow, f"@{expression}") if expression.strip() else ""
    pieces = [one for one in pills.of(f"@{expression}") if one.is_whole]
    hinted = hint(expression, int(at) if at.isdecimal() else len(expression))
    return page(visit, "parts/formula.html", pieces=pieces, wrong=wrong, hint=hinted)


routes = [
    get("/flows/{flow:uuid}/edit/tokens", _tokens),
    post("/flows/{flow:uuid}/edit/formula", _formula),
]
