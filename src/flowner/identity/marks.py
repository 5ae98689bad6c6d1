"""How an identity is shown: what it is, when it is known, and the sentence why.

One mark for the list, the details, the designer, the inspector and the map, so that no two of them
can disagree about whose account is used. Before a run a mark may be *open*: decided when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from flowner.access.vocabulary import FlowFacts
from flowner.definitions.flow import Action, Binding, Flow, FlowKind, RunAs, Source, Trigger
from flowner.identity.acting import ROW_CONNECTORS, bound_connection
from flowner.identity.activation import used_bindings
from flowner.identity.verdict import Refusal
from flowner.identity.world import Principal, PrincipalKind, World
from flowner.values import Json, PrincipalId


class MarkKind(StrEnum):
    """What somebody is, seen from the flow. The value is a name for styles."""

    OWNER = "owner"
    """The flow's owner, or their connection."""
    PERSON = "person"
    """Somebody else, or their connection."""
    APP = "app"
    """An application."""
    INVOKER = "invoker"
    """Whoever triggers the flow."""
    MODIFIER = "modifier"
    """Who modified the row."""
    ROW_OWNER = "row-owner"
    NOBODY = "nobody"
    """There is none: broken, or the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One identity, as people see it."""

    kind: MarkKind
    label: str
    """Who, in a few words."""
    detail: str = ""
    """The account, the connection: what the label does not say."""
    why: str = ""
    """The rule in words: one sentence."""
    is_open: bool = False
    """Decided when it runs."""
    problem: str | None = None
    """Why it cannot act, in words."""
    reason: MarkKind | None = None
    """After a run: what the identity was chosen by, where that was open before."""

    @property
    def initials(self) -> str:
        """Up to two letters; '' where a glyph says more."""
        words = [word for word in self.label.replace(".", " ").split() if word[0].isalnum()]
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


_INVOKER = Mark(
    kind=MarkKind.INVOKER,
    label="run-only user",
    detail="whoever triggers the flow",
    why="it is provided by whoever runs the flow, who signs in once",
    is_open=True,
)
_RUN_AS = {
    RunAs.MODIFYING_USER: Mark(
        kind=MarkKind.MODIFIER,
        label="modifying user",
        detail="who makes the change",
        why="Run as is the modifying user: who made the change",
        is_open=True,
    ),
    RunAs.ROW_OWNER: Mark(
        kind=MarkKind.ROW_OWNER,
        label="row owner",
        detail="whose row it is",
        why="Run as is the row owner: whose row it was when it changed",
        is_open=True,
    ),
}


def running_mark(flow: Flow, facts: FlowFacts, world: World) -> Mark:
    """Return in whose name the flow's runs execute, as far as it is known before."""
    trigger = flow.trigger
    owner = principal_mark(world.principals.get(facts.owner), facts.owner)
    match trigger.flow_kind:
        case FlowKind.INSTANT:
            return Mark(
                kind=MarkKind.INVOKER,
                label="whoever triggers it",
                detail="the invoking user",
                why="an instant flow runs in the name of whoever triggers it",
                is_open=True,
            )
        case FlowKind.AUTOMATED:
            run_as = trigger.rows.run_as if trigger.rows is not None else None
            if run_as in _RUN_AS:
                return _RUN_AS[run_as]
            return _saying(owner, "an automated flow runs in the name of its primary owner")
        case FlowKind.SCHEDULED:
            return _saying(owner, "a scheduled flow always runs in the name of its primary owner")
        case FlowKind.HTTP:
            return _saying(owner, "a flow that is called runs in the name of its primary owner")
        case _:
            assert_never(trigger.flow_kind)


def card_mark(flow: Flow, facts: FlowFacts, node: Action | Trigger, world: World) -> Mark | None:
    """Return whose account an action or the trigger uses; None where it uses none."""
    if node.call is None:
        return None
    binding = flow.bindings.get(node.call.binding)
    if binding is None:
        return Mark(
            kind=MarkKind.NOBODY,
            label="no connection",
            why="it names a connection that the flow does not declare",
            problem="choose a connection",
        )
    return binding_mark(flow, facts, binding, world)


def binding_mark(flow: Flow, facts: FlowFacts, binding: Binding, world: World) -> Mark:
    """Return whose account a binding uses, as far as it is known before a run."""
    if binding.source is Source.INVOKER:
        return _INVOKER
    found = bound_connection(facts, binding, world)
    if isinstance(found, Refusal):
        return Mark(
            kind=MarkKind.NOBODY,
            label="no connection",
            detail=binding.connector,
            why=found.message,
            problem="choose a connection",
        )
    owner = world.principals.get(found.owner)
    mark = principal_mark(owner, facts.owner)
    problem = None
    if owner is None or not owner.who.enabled:
        problem = f"{mark.label} is disabled"
    elif not found.connected:
        problem = "the connection is broken: sign in again"
    if binding.impersonates and binding.connector in ROW_CONNECTORS:
        return _following(running_mark(flow, facts, world), mark, problem)
    return Mark(
        kind=mark.kind,
        label=mark.label,
        detail=found.account,
        why=f"it uses the connection of {mark.label} ({found.account}), whoever runs the flow",
        problem=problem,
    )


def flow_marks(flow: Flow, facts: FlowFacts, world: World) -> tuple[Mark, ...]:
    """Return every identity that a flow's runs use, the running one first, each once."""
    found = [running_mark(flow, facts, world)]
    for binding in used_bindings(flow):
        mark = binding_mark(flow, facts, binding, world)
        alike = [one for one in found if one.kind is mark.kind]
        if not any(one.is_open or one.label == mark.label for one in alike):
            found.append(mark)
    return tuple(found)


def principal_mark(who: Principal | None, flow_owner: PrincipalId | None = None) -> Mark:
    """Return somebody of the directory. ``flow_owner``: of the flow that they are seen from."""
    if who is None:
        return Mark(kind=MarkKind.NOBODY, label="nobody", problem="is not in the directory")
    problem = None if who.who.enabled else f"{who.name} is disabled"
    if who.kind is PrincipalKind.APPLICATION:
        return Mark(kind=MarkKind.APP, label=who.name, detail="application", problem=problem)
    kind = MarkKind.OWNER if who.id == flow_owner else MarkKind.PERSON
    return Mark(kind=kind, label=who.name, detail=who.mail or who.kind.value, problem=problem)


def ran_mark(acting: Mapping[str, Json], who: Principal | None, owner: PrincipalId | None) -> Mark:
    """Return who acted, as the record of an action says.

    ``who`` is the record's principal; ``owner`` is the flow's.
    """
    mark = principal_mark(who, owner)
    reason = _REASONS.get(str(acting.get("rule")))
    return Mark(
        kind=mark.kind,
        label=mark.label,
        detail=str(acting.get("account") or ""),
        why=str(acting.get("because") or acting.get("message") or ""),
        problem=str(acting["message"]) if acting.get("refused") else None,
        reason=reason,
    )


def ran_as_mark(rule: str | None, who: Principal | None, owner: PrincipalId | None) -> Mark:
    """Return in whose name a run executed. ``rule`` is that of its running principal."""
    mark = principal_mark(who, owner)
    return Mark(
        kind=mark.kind,
        label=mark.label,
        detail=mark.detail,
        why=RUN_RULES.get(rule or "", ""),
        reason=_REASONS.get(rule or ""),
    )


RUN_RULES = {
    "instant.invoker": "an instant flow runs in the name of whoever triggers it",
    "automated.owner": "an automated flow runs in the name of its primary owner",
    "automated.modifying-user": "Run as is the modifying user: who made the change",
    "automated.row-owner": "Run as is the row owner: whose row it was when it changed",
    "scheduled.owner": "a scheduled flow always runs in the name of its primary owner",
    "http.owner": "a flow that is called runs in the name of its primary owner",
    "child.parent": "a child flow runs in the name of its parent's run",
    "resubmit.original": "a run that is resubmitted runs as it ran, proved again",
}
"""Why a run runs as it does, by its rule."""
_REASONS = {
    "instant.invoker": MarkKind.INVOKER,
    "action.invoker": MarkKind.INVOKER,
    "automated.modifying-user": MarkKind.MODIFIER,
    "automated.row-owner": MarkKind.ROW_OWNER,
}


def _following(running: Mark, connection: Mark, problem: str | None) -> Mark:
    """Return the mark of a row action that follows the run's principal."""
    return Mark(
        kind=running.kind,
        label=running.label,
        detail=f"through {connection.label}",
        why=f"it follows the run's principal: {connection.label} acts for them, with the rights"
        " that both have",
        is_open=running.is_open,
        problem=problem,
    )


def _saying(mark: Mark, why: str) -> Mark:
    return Mark(kind=mark.kind, label=mark.label, detail=mark.detail, why=why, problem=mark.problem)
