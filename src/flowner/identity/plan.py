"""The resolver: in whose name a run and each of its actions will execute.

The same function answers ``flowner who``, the checker and the engine; a run keeps the plan it was
started with, and `prove` asks again, with the facts of the moment, before every call.
"""

from __future__ import annotations

from flowner.access.decide import Denied, decide_flow
from flowner.access.vocabulary import FlowAction, FlowFacts
from flowner.definitions.flow import Action, Flow, FlowKind
from flowner.errors import Code
from flowner.identity.acting import decide_acting
from flowner.identity.cause import CalledByParent, Cause, Pressed, Resubmitted, initiator_of
from flowner.identity.mending import mendable
from flowner.identity.running import decide_running, prove_running
from flowner.identity.verdict import Acting, Plan, Refusal, RunRule
from flowner.identity.world import World
from flowner.values import PrincipalId


def plan(flow: Flow, facts: FlowFacts, cause: Cause, world: World) -> Plan | Refusal:
    """Decide everything before anything starts: one pass over the flow's actions.

    Answers a `Refusal` when the run has no principal. An action without an identity does not
    refuse the whole: its own reason is in its place.
    """
    running = decide_running(flow, facts, cause, world)
    if isinstance(running, Refusal):
        return mendable(running, facts, world)
    return Plan(
        flow=facts.id,
        version=facts.version,
        initiator=initiator_of(cause),
        running=running,
        actions={
            action.name: _acting(flow, facts, action, running.principal, world)
            for action in flow.walk()
        },
        app=cause.app if isinstance(cause, Pressed | Resubmitted) else None,
        parent=cause.run if isinstance(cause, CalledByParent) else None,
        resubmits=cause.run if isinstance(cause, Resubmitted) else None,
    )


def prove(
    flow: Flow, facts: FlowFacts, made: Plan, action: Action, world: World
) -> Acting | Refusal:
    """Decide one action again, now. The run's principal stays as the plan pinned it.

    The principal must still be enabled; where the run is somebody's own (instant), the flow must
    still be shared with them. Where this differs from the plan, the world has changed since.
    """
    running = prove_running(made.running, world)
    if isinstance(running, Refusal):
        return mendable(running, facts, world)
    instant = flow.trigger.flow_kind is FlowKind.INSTANT
    if instant and made.running.rule in (RunRule.INSTANT_INVOKER, RunRule.RESUBMIT_ORIGINAL):
        who = world.principals[running.principal].who
        leave = decide_flow(who, FlowAction.RUN, facts, within=made.app)
        if isinstance(leave, Denied):
            refusal = Refusal(code=Code.ACCESS_DENIED, message=leave.because, ask=facts.owner)
            return mendable(refusal, facts, world)
    return _acting(flow, facts, action, running.principal, world)


def _acting(
    flow: Flow, facts: FlowFacts, action: Action, running: PrincipalId, world: World
) -> Acting | Refusal:
    found = decide_acting(flow, facts, action, running, world)
    return mendable(found, facts, world) if isinstance(found, Refusal) else found
