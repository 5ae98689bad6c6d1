"""May this person turn the flow on? And what do they lend it by doing so?"""

from __future__ import annotations

from dataclasses import dataclass

from flowner.access.decide import Denied, decide_connection
from flowner.access.vocabulary import ConnectionAction, ConnectionFacts, FlowFacts
from flowner.definitions.flow import Binding, Flow, RunAs, Source
from flowner.errors import Code
from flowner.identity.acting import ROW_CONNECTORS, bound_connection, standing_lend
from flowner.identity.mending import mendable
from flowner.identity.verdict import Refusal
from flowner.identity.world import Lend, Principal, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """What turning the flow on does, or why it cannot be done."""

    lends: tuple[tuple[Binding, Lend], ...] = ()
    """To be recorded, one for each connection that the person brings."""
    refusals: tuple[Refusal, ...] = ()
    """Any of them stops the activation; each names connection, owner and whom to ask."""


def used_bindings(flow: Flow) -> tuple[Binding, ...]:
    """Return the bindings that the trigger or an action asks, in the order declared."""
    calls = [flow.trigger.call, *(action.call for action in flow.walk())]
    used = {call.binding for call in calls if call is not None}
    return tuple(binding for binding in flow.bindings.values() if binding.key in used)


def activate(flow: Flow, facts: FlowFacts, by: Principal, world: World) -> Activation:
    """Decide what happens when ``by`` turns the flow on.

    For every fixed connection: ``by`` owns it or may use it (then the lend is recorded in their
    name), or its owner has lent it to this flow before.
    """
    lends: list[tuple[Binding, Lend]] = []
    refusals = list(_delegation(flow, facts, world))
    for binding in used_bindings(flow):
        if binding.source is Source.INVOKER:
            continue
        connection = bound_connection(facts, binding, world)
        if isinstance(connection, Refusal):
            refusals.append(connection)
            continue
        given = _give(facts, connection, by)
        if given is not None:
            lends.append((binding, given))
        elif standing_lend(facts, connection, world) is None:
            refusals.append(_refuse(binding, connection, by, world))
    return Activation(
        lends=tuple(lends) if not refusals else (),
        refusals=tuple(mendable(one, facts, world) for one in refusals),
    )


def _give(facts: FlowFacts, connection: ConnectionFacts, by: Principal) -> Lend | None:
    if isinstance(decide_connection(by.who, ConnectionAction.USE, connection), Denied):
        return None
    return Lend(connection=connection.id, flow=facts.id, by=by.id, version=facts.version)


def _refuse(binding: Binding, connection: ConnectionFacts, by: Principal, world: World) -> Refusal:
    owner = world.name_of(connection.owner)
    known = world.principals.get(connection.owner)
    is_there = known is not None and known.who.enabled
    mend = (
        f"ask {owner} to turn the flow on or to share the connection, or use another one"
        if is_there
        else f"{owner} is disabled: use another connection"
    )
    return Refusal(
        code=Code.CONNECTION_AUTHORIZATION_FAILED,
        message=f"{by.name} cannot turn this flow on: the connection {connection.account}"
        f" (`{binding.key}`, {binding.connector}) is {owner}'s and not shared with {by.name};"
        f" {mend}",
        ask=connection.owner,
    )


def _delegation(flow: Flow, facts: FlowFacts, world: World) -> list[Refusal]:
    rows = flow.trigger.rows
    run_as = rows.run_as if rows is not None else None
    speaks_for_others = run_as in (RunAs.MODIFYING_USER, RunAs.ROW_OWNER) or any(
        binding.impersonates and binding.connector in ROW_CONNECTORS
        for binding in used_bindings(flow)
    )
    owner = world.principals.get(facts.owner)
    if not speaks_for_others or (owner is not None and owner.may_act_for_others):
        return []
    return [
        Refusal(
            code=Code.CANNOT_ACT_ON_BEHALF,
            message=f"{world.name_of(facts.owner)}, who owns the flow, does not have the privilege"
            " to act on behalf of another user, which Run as and connections that follow the"
            " run's principal need; an administrator can give the role Delegate",
            ask=facts.owner,
        )
    ]
