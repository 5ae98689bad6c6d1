"""Whose runs are seen by whom: the law asked once for a whole list, not once for each run."""

from __future__ import annotations

from collections.abc import Iterable

from flowner.access.decide import Permit, decide_flow
from flowner.access.vocabulary import FlowAction, FlowFacts, Who
from flowner.journal.searching import Sight
from flowner.values import AppId, FlowId


def sight_of(who: Who, flows: Iterable[FlowFacts]) -> Sight:
    """Return which runs of these flows somebody may see.

    Every run of a flow where the law lets them see runs; of others their own, while they may still
    run the flow, from within the app that gave them the right.
    """
    every: set[FlowId] = set()
    own: set[tuple[FlowId, AppId | None]] = set()
    for facts in flows:
        if isinstance(decide_flow(who, FlowAction.SEE_RUNS, facts), Permit):
            every.add(facts.id)
        elif isinstance(decide_flow(who, FlowAction.RUN, facts), Permit):
            own.add((facts.id, None))
        else:
            own |= {(facts.id, app) for app in _apps(who, facts)}
    return Sight(reader=who.id, every=frozenset(every), own=frozenset(own))


def sees(who: Who, facts: FlowFacts, *, started: bool, app: AppId | None) -> bool:
    """Say whether somebody may see one run; ``started``: they set it off, from within ``app``."""
    if started and isinstance(decide_flow(who, FlowAction.RUN, facts, within=app), Permit):
        return True
    return isinstance(decide_flow(who, FlowAction.SEE_RUNS, facts), Permit)


def _apps(who: Who, facts: FlowFacts) -> set[AppId]:
    """Return the apps from within which somebody may run a flow."""
    return {
        share.app
        for share in facts.shares
        if share.app is not None
        and isinstance(decide_flow(who, FlowAction.RUN, facts, within=share.app), Permit)
    }
