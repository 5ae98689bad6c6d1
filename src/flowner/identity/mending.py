"""Whom to ask: a refusal names who can mend it, and nobody is sent to somebody who is gone."""

from __future__ import annotations

from dataclasses import replace

from flowner.access.vocabulary import FlowFacts, FlowRole
from flowner.identity.verdict import Refusal
from flowner.identity.world import World
from flowner.values import PrincipalId


def mendable(refusal: Refusal, facts: FlowFacts, world: World) -> Refusal:
    """Return a refusal that names somebody who can be asked, or nobody.

    In the place of somebody who is disabled, or not there, comes the flow's owner, then the first
    of its co-owners: they can choose another connection. A sign-in that is missing is one person's
    alone.
    """
    if refusal.ask is None or _is_there(refusal.ask, world):
        return refusal
    if refusal.binding is not None:
        return replace(refusal, ask=None)
    co_owners = sorted(one.holder for one in facts.shares if one.role is FlowRole.CO_OWNER)
    others = (one for one in (facts.owner, *co_owners) if _is_there(one, world))
    return replace(refusal, ask=next(others, None))


def _is_there(id: PrincipalId, world: World) -> bool:
    found = world.principals.get(id)
    return found is not None and found.kind.acts and found.who.enabled
