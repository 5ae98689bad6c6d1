"""Who asks, and may they? The first lines of everything that changes a flow."""

from __future__ import annotations

from flowner.access.decide import Permit, decide_flow, require_connection, require_flow
from flowner.access.vocabulary import (
    ConnectionAction,
    ConnectionFacts,
    FlowAction,
    FlowFacts,
    Who,
)
from flowner.database import Transaction
from flowner.errors import Code, NotFound, Refused
from flowner.identity.world import Principal
from flowner.rows.facts import read_connection_facts, read_flow_facts, read_principals
from flowner.values import AppId, ConnectionId, FlowId, PrincipalId


async def principal(transaction: Transaction, id: PrincipalId) -> Principal:
    """Return somebody of the directory; `NotFound` when there is no such principal."""
    found = (await read_principals(transaction, [id])).get(id)
    if found is None:
        raise NotFound(f"there is no principal `{id}`")
    return found


async def future_owner(transaction: Transaction, id: PrincipalId) -> Principal:
    """Return somebody who can own a flow: one user or application, and not disabled."""
    found = await principal(transaction, id)
    if not found.kind.acts:
        raise Refused(f"{found.name} is a {found.kind}: a flow is owned by one user or application")
    if not found.who.enabled:
        raise Refused(f"{found.name} is disabled", code=Code.PRINCIPAL_DISABLED)
    return found


async def flow_permit(
    transaction: Transaction, by: PrincipalId, action: FlowAction, flow: FlowId
) -> Permit[FlowFacts]:
    """Ask the law about a flow; raises `NotFound` or `AccessDenied`."""
    who = (await principal(transaction, by)).who
    return require_flow(who, action, await read_flow_facts(transaction, flow))


def may_know(who: Who, flow: FlowFacts, *, within: AppId | None = None) -> bool:
    """Whether somebody may learn that a flow exists: they may do something with it."""
    return any(
        isinstance(decide_flow(who, action, flow, within=within), Permit) for action in FlowAction
    )


async def connection_permit(
    transaction: Transaction, by: PrincipalId, action: ConnectionAction, connection: ConnectionId
) -> Permit[ConnectionFacts]:
    """Ask the law about a connection; raises `NotFound` or `AccessDenied`."""
    who = (await principal(transaction, by)).who
    return require_connection(who, action, await read_connection_facts(transaction, connection))
