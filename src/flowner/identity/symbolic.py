"""A world of roles instead of people: so a definition alone can be asked in whose name it runs.

``flowner check`` has no directory: it asks the one resolver about "the invoking user", "the flow
owner" and "whoever the reference `r` is bound to at import", and gets the rules' own answers.
What is bound to nothing yet is taken for bound to a connection that has no name so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from flowner.access.vocabulary import ConnectionFacts, FlowFacts, FlowRole, FlowShare, Who
from flowner.definitions.flow import Binding, Flow, FlowKind, Source
from flowner.identity.cause import Called, Cause, ClockStruck, Happened, Pressed, RowChanged
from flowner.identity.plan import plan
from flowner.identity.verdict import Plan, Refusal
from flowner.identity.world import Lend, Principal, Reference, World
from flowner.values import ConnectionId, FlowId, PrincipalId

OWNER = PrincipalId("the flow owner")
INVOKER = PrincipalId("the invoking user")
MODIFIER = PrincipalId("the modifying user")
ROW_OWNER = PrincipalId("the row owner")
_FLOW = FlowId("this flow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who plays which part. Left as they are, the parts speak for themselves."""

    owner: PrincipalId = OWNER
    invoker: PrincipalId = INVOKER
    modifier: PrincipalId = MODIFIER
    row_owner: PrincipalId = ROW_OWNER
    bound: Mapping[str, tuple[PrincipalId, str]] = field(default_factory=dict)
    """Owner and account of the connection behind a reference (or a binding's key), lower case."""


_NOBODY = Roles()


def plan_by_roles(flow: Flow, roles: Roles = _NOBODY) -> Plan | Refusal:
    """Ask the one resolver, in a world in which everything is bound, lent and signed in to."""
    ready = replace(flow, bindings={key: _named(b) for key, b in flow.bindings.items()})
    return plan(
        ready,
        symbolic_facts(ready, roles),
        symbolic_cause(ready, roles),
        symbolic_world(ready, roles),
    )


def lender_of(binding: Binding) -> PrincipalId:
    """Name whose connection an embedded binding takes, as far as a definition can know."""
    if binding.reference is not None:
        return PrincipalId(f"whoever the reference `{binding.reference}` is bound to at import")
    if binding.account is not None:
        return PrincipalId(f"whoever signed in as `{binding.account}`")
    if binding.connection is not None:
        return PrincipalId(f"whoever made the connection `{binding.connection}`")
    return PrincipalId(f"whoever `{binding.key}` is bound to at import")


def symbolic_cause(flow: Flow, roles: Roles = _NOBODY) -> Cause:
    """Return what sets this flow off, by roles."""
    match flow.trigger.flow_kind:
        case FlowKind.INSTANT:
            return Pressed(roles.invoker)
        case FlowKind.SCHEDULED:
            return ClockStruck()
        case FlowKind.HTTP:
            return Called()
        case FlowKind.AUTOMATED:
            rows = flow.trigger.rows is not None
            return RowChanged(roles.modifier, roles.row_owner) if rows else Happened()


def symbolic_facts(flow: Flow, roles: Roles = _NOBODY) -> FlowFacts:
    """Return a flow that is on and shared with whoever presses it."""
    return FlowFacts(
        id=_FLOW,
        name=flow.name,
        owner=roles.owner,
        version=1,
        shares=frozenset({FlowShare(roles.invoker, FlowRole.RUN_ONLY)}),
    )


def symbolic_world(flow: Flow, roles: Roles = _NOBODY) -> World:
    """Return a world in which everything that the definition binds is bound and lent."""
    asked = (roles.invoker, roles.modifier, roles.row_owner)
    principals = {name: _principal(name) for name in (roles.owner, *asked)}
    references: dict[str, Reference] = {}
    connections: dict[ConnectionId, ConnectionFacts] = {}
    choices: dict[tuple[PrincipalId, str], ConnectionId] = {}
    for binding in flow.bindings.values():
        if binding.source is Source.INVOKER:
            for own in _own(binding, asked):
                connections[own.id] = own
                choices[own.owner, binding.key] = own.id
            continue
        connection = _lent(binding, roles)
        if connection.id not in connections:
            principals[connection.owner] = _principal(connection.owner)
            connections[connection.id] = connection
            references[connection.id] = Reference(
                name=_name(binding), connector=binding.connector, connection=connection.id
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


def _name(binding: Binding) -> str:
    return binding.reference or binding.connection or binding.key


def _named(binding: Binding) -> Binding:
    """Give an unbound binding a connection, of a name that no document can contain."""
    return binding if binding.is_bound else replace(binding, connection=f"\0{binding.key}")


def _principal(name: PrincipalId) -> Principal:
    return Principal(who=Who(id=name, name=name), may_act_for_others=True)


def _lent(binding: Binding, roles: Roles) -> ConnectionFacts:
    name = _name(binding)
    given = roles.bound.get(name.lower()) or roles.bound.get(binding.key.lower())
    if given is not None:
        return ConnectionFacts(
            id=ConnectionId(name.lower()),
            connector=binding.connector,
            owner=given[0],
            account=given[1],
        )
    shown = replace(binding, connection=None) if name.startswith("\0") else binding
    return ConnectionFacts(
        id=ConnectionId(name.lower()),
        connector=binding.connector,
        owner=lender_of(shown),
        account=binding.account or f"the account behind `{_name(shown)}`",
    )


def _own(binding: Binding, people: Iterable[PrincipalId]) -> Iterator[ConnectionFacts]:
    for who in dict.fromkeys(people):
        yield ConnectionFacts(
            id=ConnectionId(f"\0{binding.key} of {who}"),
            connector=binding.connector,
            owner=who,
            account=f"their own `{binding.connector}` account",
        )
