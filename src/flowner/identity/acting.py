"""In whose name one action executes: the binding's rule, and the proof that it holds now.

`decide_acting` is called when a plan is made and again right before every call, with fresh facts.
"""

from __future__ import annotations

from dataclasses import replace

from flowner.access.decide import Denied, decide_connection
from flowner.access.vocabulary import ConnectionAction, ConnectionFacts, FlowFacts
from flowner.definitions.actions import KNOWN_TYPES
from flowner.definitions.flow import Action, Binding, Call, Flow, Source
from flowner.errors import Code
from flowner.identity.verdict import Acting, ActRule, Refusal
from flowner.identity.world import Lend, World
from flowner.values import PrincipalId

ROW_CONNECTORS = frozenset({"shared_commondataserviceforapps", "shared_commondataservice"})
"""The connectors whose actions can follow the run's principal by impersonation."""

_OTHER_ENVIRONMENT = "WithOrganization"
"""Row operations with an environment parameter cannot impersonate, says Microsoft's connector."""


def decide_acting(
    flow: Flow, facts: FlowFacts, action: Action, running: PrincipalId, world: World
) -> Acting | Refusal:
    """Name the acting identity of one action of a run that executes as ``running``.

    A changeset is one call: it acts as its requests do, which all name one connection.
    """
    call = action.call or _of_changeset(action)
    if call is None:
        if action.type not in KNOWN_TYPES:
            return _unknown(facts, action)
        return Acting(
            principal=running,
            rule=ActRule.NONE,
            because="it uses no connection, so it acts as the run's principal",
        )
    binding = flow.bindings.get(call.binding)
    if binding is None:
        return _undeclared(facts, action, call.binding)
    if binding.source is Source.INVOKER:
        return _own_connection(facts, binding, running, world)
    connection = bound_connection(facts, binding, world)
    if isinstance(connection, Refusal):
        return connection
    return _through(facts, binding, call.operation, connection, running, world)


def _of_changeset(action: Action) -> Call | None:
    """Return the request that a changeset acts as: one that cannot impersonate, if it has any."""
    if action.type != "Changeset":
        return None
    inside = [child.call for child in action.walk() if child.call is not None]
    if len({call.binding for call in inside}) != 1:
        return None  # it fails before it goes out
    return next((one for one in inside if one.operation.endswith(_OTHER_ENVIRONMENT)), inside[0])


def _unknown(facts: FlowFacts, action: Action) -> Refusal:
    return Refusal(
        code=Code.UNKNOWN_TYPE,
        message=f"actions of type `{action.type}` are not carried out here: nobody acts in them",
        ask=facts.owner,
    )


def _undeclared(facts: FlowFacts, action: Action, key: str) -> Refusal:
    what = (
        f"names the connection `{key}`, which this version of the flow does not declare"
        if key
        else "lets an expression choose its connection: nobody can say in whose name it would act"
    )
    return Refusal(
        code=Code.MISSING_CONNECTION_REFERENCE,
        message=f"the action `{action.name}` {what}",
        ask=facts.owner,
    )


def bound_connection(facts: FlowFacts, binding: Binding, world: World) -> ConnectionFacts | Refusal:
    """Follow an embedded binding to the connection that its reference points at now."""
    key = (binding.reference or binding.connection or "").lower()
    reference = world.references.get(key)
    found = None
    if reference is not None and reference.connection is not None:
        found = world.connections.get(reference.connection)
    if found is None:
        named = f" through the reference `{binding.reference}`" if binding.reference else ""
        return Refusal(
            code=Code.FLOW_MISSING_CONNECTION,
            message=f"the flow is missing a connection for `{binding.connector}`{named}:"
            " bind the reference to one",
            ask=facts.owner,
        )
    return found


def _through(
    facts: FlowFacts,
    binding: Binding,
    operation: str,
    connection: ConnectionFacts,
    running: PrincipalId,
    world: World,
) -> Acting | Refusal:
    lend = _usable(facts, connection, world)
    if isinstance(lend, Refusal):
        return lend
    if _impersonates(binding, operation) and running != connection.owner:
        return _on_behalf(facts, binding, connection, running, lend, world)
    return Acting(
        principal=connection.owner,
        account=connection.account,
        connection=connection.id,
        reference=binding.reference,
        binding=binding.key,
        lent_by=lend.by,
        rule=ActRule.IMPERSONATED if _impersonates(binding, operation) else ActRule.CONNECTION,
        because=_why_connection(binding, operation, connection, world),
    )


def fixed_refusal(facts: FlowFacts, binding: Binding, world: World) -> Refusal | None:
    """Say why a flow cannot act through an embedded binding now, whatever the run; None: it can."""
    connection = bound_connection(facts, binding, world)
    if isinstance(connection, Refusal):
        return connection
    lend = _usable(facts, connection, world)
    return lend if isinstance(lend, Refusal) else None


def _usable(facts: FlowFacts, connection: ConnectionFacts, world: World) -> Lend | Refusal:
    unusable = _unusable(connection, world)
    if unusable is not None:
        return unusable
    return standing_lend(facts, connection, world) or Refusal(
        code=Code.CONNECTION_AUTHORIZATION_FAILED,
        message=f"{world.name_of(connection.owner)} has not lent the connection"
        f" {connection.account} to the flow `{facts.name}`, or has taken it back;"
        f" ask {world.name_of(connection.owner)}",
        ask=connection.owner,
    )


def _impersonates(binding: Binding, operation: str) -> bool:
    return (
        binding.impersonates
        and binding.connector in ROW_CONNECTORS
        and not operation.endswith(_OTHER_ENVIRONMENT)
    )


def _why_connection(
    binding: Binding, operation: str, connection: ConnectionFacts, world: World
) -> str:
    owner = world.name_of(connection.owner)
    if _impersonates(binding, operation):
        return f"it follows the run's principal, who is {owner}, the connection's owner"
    because = f"it uses the connection of {owner} ({connection.account}), whoever runs the flow"
    if binding.impersonates:
        because += f"; `{operation or binding.connector}` cannot follow the run's principal"
    return because


def _on_behalf(
    facts: FlowFacts,
    binding: Binding,
    connection: ConnectionFacts,
    running: PrincipalId,
    lend: Lend,
    world: World,
) -> Acting | Refusal:
    needed_by = ((connection.owner, "owns the connection"), (facts.owner, "owns the flow"))
    for needed, part in needed_by:
        principal = world.principals.get(needed)
        if principal is None or not principal.may_act_for_others:
            return Refusal(
                code=Code.CANNOT_ACT_ON_BEHALF,
                message=f"{world.name_of(needed)}, who {part}, does not have the privilege"
                " to act on behalf of another user",
                ask=needed,
            )
    return Acting(
        principal=running,
        actor=connection.owner,
        account=connection.account,
        connection=connection.id,
        reference=binding.reference,
        binding=binding.key,
        lent_by=lend.by,
        rule=ActRule.IMPERSONATED,
        because=f"it follows the run's principal: {world.name_of(connection.owner)} acts for"
        f" {world.name_of(running)}, with the rights that both have",
    )


def _own_connection(
    facts: FlowFacts, binding: Binding, running: PrincipalId, world: World
) -> Acting | Refusal:
    who = world.principals.get(running)
    chosen = world.choices.get((running, binding.key))
    connection = None if chosen is None else world.connections.get(chosen)
    if who is None or connection is None:
        return Refusal(
            code=Code.INVOKER_CONNECTION_OVERRIDE_FAILED,
            message=f"{world.name_of(running)} has no connection for `{binding.key}`"
            f" ({binding.connector}) in the flow `{facts.name}` yet: it is provided by each"
            " run-only user, who signs in once",
            ask=running,
            binding=binding.key,
        )
    unusable = _unusable(connection, world)
    if unusable is not None:
        # Their own sign-in is over: it is theirs to give again, as it was at first.
        theirs = connection.owner == running and not connection.connected
        return replace(unusable, binding=binding.key) if theirs else unusable
    if connection.owner != running:
        return Refusal(
            code=Code.INVOKER_CONNECTION_OVERRIDE_FAILED,
            message=f"the connection {connection.account} is {world.name_of(connection.owner)}'s:"
            f" `{binding.key}` is provided by each run-only user, from their own connections",
            ask=running,
            binding=binding.key,
        )
    return Acting(
        principal=running,
        account=connection.account,
        connection=connection.id,
        reference=binding.reference,
        binding=binding.key,
        rule=ActRule.INVOKER,
        because=f"it is provided by whoever runs the flow: {world.name_of(running)}'s own"
        f" connection ({connection.account})",
    )


def _unusable(connection: ConnectionFacts, world: World) -> Refusal | None:
    owner = world.principals.get(connection.owner)
    if owner is None or not owner.who.enabled:
        return Refusal(
            code=Code.PRINCIPAL_DISABLED,
            message=f"{world.name_of(connection.owner)}, whose connection {connection.account} this"
            " is, is disabled: point the reference at another connection",
            ask=connection.owner,
        )
    if not connection.connected:
        return Refusal(
            code=Code.INVALID_CONNECTION,
            message=f"the connection {connection.account} is broken"
            + (f" ({connection.reason})" if connection.reason else "")
            + f"; {owner.name} has to sign in again",
            ask=connection.owner,
        )
    return None


def standing_lend(facts: FlowFacts, connection: ConnectionFacts, world: World) -> Lend | None:
    """Return the lend that lets the flow use the connection, if whoever gave it still may."""
    for lend in sorted(world.lends, key=lambda lend: (lend.by, lend.version)):
        if lend.connection != connection.id or lend.flow != facts.id:
            continue
        giver = world.principals.get(lend.by)
        if giver is not None and not isinstance(
            decide_connection(giver.who, ConnectionAction.USE, connection), Denied
        ):
            return lend
    return None
