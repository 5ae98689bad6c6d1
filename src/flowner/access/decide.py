"""May they? Flows and connections, judged from facts alone.

The answer is a `Permit` that opens the thing for the one action it was issued for, or a `Denied`
with the reason. Nobody uses another person's connection without a share or a lend: administrators
see it and may delete it, no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar, assert_never, final

from flowner.access.vocabulary import (
    ConnectionAction,
    ConnectionFacts,
    ConnectionRole,
    FlowAction,
    FlowFacts,
    FlowRole,
    Who,
)
from flowner.errors import AccessDenied, Code, NotFound
from flowner.values import AppId

R = TypeVar("R")


@final
@dataclass(frozen=True, slots=True)
class Permit(Generic[R]):
    """Proof that the law was asked. Only this module issues one."""

    action: FlowAction | ConnectionAction
    because: str
    _resource: R

    def to(self, action: FlowAction | ConnectionAction) -> R:
        """Hand the resource over; ``RuntimeError`` when the permit is for another action."""
        if action is not self.action:
            raise RuntimeError(f"a permit to {self.action} was used to {action}")
        return self._resource


@final
@dataclass(frozen=True, slots=True)
class Denied:
    """The law's no, with its reason."""

    because: str


_GRANTED: dict[FlowRole, frozenset[FlowAction]] = {
    FlowRole.CO_OWNER: frozenset(FlowAction) - {FlowAction.HAND_OVER},
    FlowRole.RUN_ONLY: frozenset({FlowAction.RUN}),
}
_ADMINISTERED = frozenset(FlowAction) - {FlowAction.RUN}


def decide_flow(
    who: Who, action: FlowAction, flow: FlowFacts, *, within: AppId | None = None
) -> Permit[FlowFacts] | Denied:
    """Judge one action on one flow. ``within`` is the app the request comes from, if any."""
    if not who.enabled:
        return Denied(f"{who.name} is disabled")
    if flow.owner == who.id:
        return Permit(action, f"{who.name} is the primary owner", flow)
    for share in sorted(flow.shares, key=lambda s: (s.role, s.app or "", s.holder)):
        if share.holder not in who.identities or action not in _GRANTED[share.role]:
            continue
        if share.app is not None and share.app != within:
            continue
        return Permit(action, _how(who, share.holder == who.id, share.role, share.app), flow)
    if who.administrator and action in _ADMINISTERED:
        return Permit(action, f"{who.name} administers this environment", flow)
    return Denied(f"no share held by {who.name} lets them {_verb(action)} the flow `{flow.name}`")


def require_flow(
    who: Who, action: FlowAction, flow: FlowFacts, *, within: AppId | None = None
) -> Permit[FlowFacts]:
    """Return a permit, or raise.

    Raises `NotFound` when ``who`` may do nothing at all with the flow, and so may not learn that it
    exists; `AccessDenied` when they may do something with it, but not this.
    """
    match decide_flow(who, action, flow, within=within):
        case Permit() as permit:
            return permit
        case Denied(because):
            known = any(
                isinstance(decide_flow(who, other, flow, within=within), Permit)
                for other in FlowAction
            )
            if known or not who.enabled:
                raise AccessDenied(because)
            raise NotFound(f"there is no flow `{flow.id}`")


def decide_connection(
    who: Who, action: ConnectionAction, connection: ConnectionFacts
) -> Permit[ConnectionFacts] | Denied:
    """Judge one action on one connection."""
    if not who.enabled:
        return Denied(f"{who.name} is disabled")
    if connection.owner == who.id:
        return Permit(action, f"{who.name} owns the connection", connection)
    for share in sorted(connection.shares, key=lambda s: (s.role, s.holder)):
        if share.holder in who.identities and action in _granted_by(share.role):
            return Permit(action, f"shared with {who.name}: {share.role}", connection)
    if who.administrator and action in (ConnectionAction.SEE, ConnectionAction.DELETE):
        return Permit(action, f"{who.name} administers this environment", connection)
    return Denied(f"the connection {connection.account} is not shared with {who.name}")


def require_connection(
    who: Who, action: ConnectionAction, connection: ConnectionFacts
) -> Permit[ConnectionFacts]:
    """Return a permit, or raise `AccessDenied` with the code Power Automate uses for it."""
    match decide_connection(who, action, connection):
        case Permit() as permit:
            return permit
        case Denied(because):
            raise AccessDenied(because, code=Code.CONNECTION_AUTHORIZATION_FAILED)


def _granted_by(role: ConnectionRole) -> frozenset[ConnectionAction]:
    use = frozenset({ConnectionAction.USE, ConnectionAction.SEE})
    match role:
        case ConnectionRole.CAN_USE:
            return use
        case ConnectionRole.CAN_SHARE:
            return use | {ConnectionAction.SHARE}
        case ConnectionRole.CAN_EDIT:
            return use | {ConnectionAction.SHARE, ConnectionAction.EDIT}
        case _:
            assert_never(role)


def _how(who: Who, directly: bool, role: FlowRole, app: AppId | None) -> str:
    through = "" if directly else " through a group"
    return f"{who.name} is {role}{through}" + (", from within the app" if app else "")


def _verb(action: FlowAction) -> str:
    return action.name.lower().replace("_", " ")
