"""In whose name a run executes: one table, one function.

The rules, in the order of the table in docs/explanation/in-whose-name.md.
"""

from __future__ import annotations

from typing import assert_never

from flowner.access.decide import Denied, decide_flow
from flowner.access.vocabulary import FlowAction, FlowFacts
from flowner.definitions.flow import Flow, FlowKind, RunAs, Source, WhenUnavailable
from flowner.errors import Code
from flowner.identity.activation import used_bindings
from flowner.identity.cause import (
    Called,
    CalledByParent,
    Cause,
    ClockStruck,
    Happened,
    Pressed,
    Resubmitted,
    RowChanged,
)
from flowner.identity.verdict import Refusal, Running, RunRule
from flowner.identity.world import Principal, PrincipalKind, World
from flowner.values import AppId, PrincipalId


def decide_running(flow: Flow, facts: FlowFacts, cause: Cause, world: World) -> Running | Refusal:
    """Name the running principal, or say why there is none.

    Raises ``ValueError`` when the cause does not fit the flow's trigger: a bug in the caller.
    """
    match cause:
        case Pressed(by=by, app=app):
            return _invoker(facts, by, app, world)
        case RowChanged():
            return _run_as(flow, facts, cause, world)
        case Happened():
            return _owner(facts, RunRule.AUTOMATED_OWNER, world)
        case ClockStruck():
            return _owner(facts, RunRule.SCHEDULED_OWNER, world)
        case Called():
            return _owner(facts, RunRule.HTTP_OWNER, world)
        case CalledByParent():
            return _child(facts, cause, world)
        case Resubmitted():
            return _again(flow, facts, cause, world)
        case _:
            assert_never(cause)


def prove_running(running: Running, world: World) -> Running | Refusal:
    """Ask again whether the principal may act at all: it exists, is one that acts, is enabled."""
    principal = world.principals.get(running.principal)
    if principal is None:
        return Refusal(
            code=Code.PRINCIPAL_DISABLED,
            message=f"the principal `{running.principal}` is not in the directory",
        )
    missing = unavailable(principal)
    if missing is not None:
        return Refusal(code=Code.PRINCIPAL_DISABLED, message=missing)
    return running


def unavailable(principal: Principal) -> str | None:
    """Say why a run cannot execute in this principal's name, or None when it can."""
    if not principal.kind.acts:
        return f"{principal.name} is a {principal.kind}: only users and applications act"
    if not principal.who.enabled:
        return f"{principal.name} is disabled"
    return None


def _invoker(
    facts: FlowFacts, by: PrincipalId, app: AppId | None, world: World
) -> Running | Refusal:
    running = prove_running(Running(principal=by, rule=RunRule.INSTANT_INVOKER), world)
    return _if_may_run(running, facts, app, world)


def _child(facts: FlowFacts, cause: CalledByParent, world: World) -> Running | Refusal:
    """Run as the parent's principal, if the parent's owner may run the child at all.

    Otherwise anybody could reach another's flow, and what was lent to it, by calling it.
    """
    owner = world.principals.get(cause.owner)
    leave = None if owner is None else decide_flow(owner.who, FlowAction.RUN, facts)
    if leave is None or isinstance(leave, Denied):
        return Refusal(
            code=Code.ACCESS_DENIED,
            message=f"{world.name_of(cause.owner)}, who owns the flow that calls it, may not run"
            f" the flow `{facts.id}`: its owner has to share it with them",
        )
    running = Running(principal=cause.principal, rule=RunRule.CHILD_PARENT)
    return prove_running(running, world)


def _if_may_run(
    running: Running | Refusal, facts: FlowFacts, app: AppId | None, world: World
) -> Running | Refusal:
    if isinstance(running, Refusal):
        return running
    who = world.principals[running.principal].who
    verdict = decide_flow(who, FlowAction.RUN, facts, within=app)
    if isinstance(verdict, Denied):
        return Refusal(code=Code.ACCESS_DENIED, message=verdict.because, ask=facts.owner)
    return running


def _owner(facts: FlowFacts, rule: RunRule, world: World) -> Running | Refusal:
    return prove_running(Running(principal=facts.owner, rule=rule), world)


def _run_as(flow: Flow, facts: FlowFacts, cause: RowChanged, world: World) -> Running | Refusal:
    run_as = flow.trigger.rows.run_as if flow.trigger.rows is not None else None
    match run_as:
        case None | RunAs.FLOW_OWNER:
            return _owner(facts, RunRule.AUTOMATED_OWNER, world)
        case RunAs.MODIFYING_USER:
            return _or_fallback(
                flow, facts, cause.by, RunRule.AUTOMATED_MODIFYING_USER, "modifying user", world
            )
        case RunAs.ROW_OWNER:
            return _or_fallback(
                flow, facts, cause.row_owner, RunRule.AUTOMATED_ROW_OWNER, "row owner", world
            )
        case _:
            assert_never(run_as)


def _or_fallback(
    flow: Flow,
    facts: FlowFacts,
    named: PrincipalId | None,
    rule: RunRule,
    called: str,
    world: World,
) -> Running | Refusal:
    missing = _cannot_be_had(named, called, world)
    if missing is None:
        assert named is not None  # noqa: S101 - _cannot_be_had answers for None
        if world.principals[facts.owner].may_act_for_others or named == facts.owner:
            return Running(principal=named, rule=rule)
        return Refusal(
            code=Code.CANNOT_ACT_ON_BEHALF,
            message=f"{world.name_of(facts.owner)}, who owns the flow `{facts.name}`, lacks the"
            f" privilege to act on behalf of another user, which Run as {called} needs",
            ask=facts.owner,
        )
    match flow.trigger.when_unavailable:
        case WhenUnavailable.OWNER:
            running = _owner(facts, rule, world)
            if isinstance(running, Refusal):
                return running
            return Running(
                principal=running.principal, rule=rule, fallback=f"{missing}; runs as the owner"
            )
        case WhenUnavailable.FAIL:
            return Refusal(code=Code.RUN_AS_UNAVAILABLE, message=missing, ask=facts.owner)
        case WhenUnavailable.WAIT:
            return _waiting(named, missing, facts, world)
        case _:
            assert_never(flow.trigger.when_unavailable)


def _waiting(named: PrincipalId | None, missing: str, facts: FlowFacts, world: World) -> Refusal:
    """Wait for a user or application that is disabled; nobody else can come to be had."""
    principal = None if named is None else world.principals.get(named)
    comes = principal is not None and principal.kind.acts
    return Refusal(
        code=Code.RUN_AS_UNAVAILABLE,
        message=f"{missing}; the run waits until they can be had" if comes else missing,
        ask=facts.owner,
        awaits=named if comes else None,
    )


def _cannot_be_had(named: PrincipalId | None, called: str, world: World) -> str | None:
    if named is None:
        if called == "row owner":
            return "the row has no owner"
        return "the change was made by the system"
    principal = world.principals.get(named)
    if principal is None:
        return f"the {called} `{named}` is not in the directory"
    if principal.kind is PrincipalKind.SYSTEM:
        return "the change was made by the system"
    reason = unavailable(principal)
    return None if reason is None else f"the {called} cannot be had: {reason}"


def _again(flow: Flow, facts: FlowFacts, cause: Resubmitted, world: World) -> Running | Refusal:
    running = prove_running(
        Running(principal=cause.principal, rule=RunRule.RESUBMIT_ORIGINAL), world
    )
    if isinstance(running, Refusal):
        return running
    instant = flow.trigger.flow_kind is FlowKind.INSTANT
    personal = any(binding.source is Source.INVOKER for binding in used_bindings(flow))
    if (instant or personal) and cause.by != cause.principal:
        why = (
            "this run was started by someone else and you can only resubmit runs that you have"
            " started"
            if instant
            else f"the connections of this run are {world.name_of(cause.principal)}'s own"
        )
        return Refusal(
            code=Code.RESUBMIT_REFUSED,
            message=f"{why}; ask {world.name_of(cause.principal)}",
            ask=cause.principal,
        )
    return _if_may_run(running, facts, cause.app, world) if instant else running
