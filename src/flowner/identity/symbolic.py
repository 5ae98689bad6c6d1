"""A world of roles instead of people: so a definition alone can be asked in whose name it runs.

``flowner check`` has no directory: it asks the one resolver about "the invoking user", "the flow
owner" and "the account behind `reference`", and gets the rules' own answers.
"""

from __future__ import annotations

from flowner.access.vocabulary import ConnectionFacts, FlowFacts, FlowRole, FlowShare, Who
from flowner.definitions.flow import Binding, Flow, FlowKind, Source
from flowner.identity.cause import Called, Cause, ClockStruck, Happened, Pressed, RowChanged
from flowner.identity.world import Lend, Principal, Reference, World
from flowner.values import ConnectionId, FlowId, PrincipalId

OWNER = PrincipalId("the flow owner")
INVOKER = PrincipalId("the invoking user")
MODIFIER = PrincipalId("the modifying user")
ROW_OWNER = PrincipalId("the row owner")
_FLOW = FlowId("this flow")


def symbolic_cause(flow: Flow) -> Cause:
    """Return what sets this flow off, by roles."""
    match flow.trigger.flow_kind:
        case FlowKind.INSTANT:
            return Pressed(INVOKER)
        case FlowKind.SCHEDULED:
            return ClockStruck()
        case FlowKind.HTTP:
            return Called()
        case FlowKind.AUTOMATED:
            return RowChanged(MODIFIER, ROW_OWNER) if flow.trigger.rows else Happened()


def symbolic_facts(flow: Flow) -> FlowFacts:
    """Return a flow that is on and shared with whoever presses it."""
    return FlowFacts(
        id=_FLOW,
        name=flow.name,
        owner=OWNER,
        version=1,
        shares=frozenset({FlowShare(INVOKER, FlowRole.RUN_ONLY)}),
    )


def symbolic_world(flow: Flow) -> World:
    """Return a world in which everything that the definition binds is bound and lent."""
    principals = {name: _principal(name) for name in (OWNER, INVOKER, MODIFIER, ROW_OWNER)}
    references: dict[str, Reference] = {}
    connections: dict[ConnectionId, ConnectionFacts] = {}
    choices: dict[tuple[PrincipalId, str], ConnectionId] = {}
    for binding in flow.bindings.values():
        if binding.source is Source.INVOKER:
            for who in (INVOKER, MODIFIER, ROW_OWNER):
                own = _own(who, binding)
                connections[own.id] = own
                choices[who, binding.key] = own.id
            continue
        name = binding.reference or binding.connection
        if name is None:
            continue
        lender = PrincipalId(f"the owner of the connection behind {name}")
        principals[lender] = _principal(lender)
        connection = ConnectionFacts(
            id=ConnectionId(name),
            connector=binding.connector,
            owner=lender,
            account=f"the account behind {name}",
        )
        connections[connection.id] = connection
        references[name.lower()] = Reference(
            name=name, connector=binding.connector, connection=connection.id
        )
    return World(
        principals=principals,
        references=references,
        connections=connections,
        choices=choices,
        lends=frozenset(
            Lend(connection=c.id, flow=_FLOW, by=c.owner, version=1) for c in connections.values()
        ),
    )


def _principal(name: PrincipalId) -> Principal:
    return Principal(who=Who(id=name, name=name), may_act_for_others=True)


def _own(who: PrincipalId, binding: Binding) -> ConnectionFacts:
    return ConnectionFacts(
        id=ConnectionId(f"{who}'s own {binding.key}"),
        connector=binding.connector,
        owner=who,
        account=f"{who}'s own account",
    )
