"""What is wrong with a flow as far as *in whose name* is concerned, said when it is saved.

A finding that `refuses` stops the save (or the import); the others are advice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowner.definitions.flow import Binding, Flow, FlowKind, RunAs, Source
from flowner.errors import Code
from flowner.identity.acting import ROW_CONNECTORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know or to mend."""

    code: str
    message: str
    pointer: str
    mend: str
    """What to do about it."""
    refuses: bool = False


def findings(flow: Flow) -> tuple[Finding, ...]:
    """Check one flow by itself; children are checked by `child_findings`."""
    return (
        *_nobody_to_ask(flow),
        *_schedule_follows_nobody(flow),
        *_run_as_unfollowed(flow),
        *_impersonation_without_run_as(flow),
        *_unbound(flow),
    )


def child_findings(parent: Flow, call_pointer: str, child: Flow) -> tuple[Finding, ...]:
    """Check what a parent may call: a child's connections, rows apart, must be fixed ones."""
    keys = [
        binding.key
        for binding in child.bindings.values()
        if binding.source is Source.INVOKER and binding.connector not in ROW_CONNECTORS
    ]
    return tuple(
        Finding(
            code=Code.CHILD_INVOKER_UNSUPPORTED,
            message=f"the flow `{child.name}` cannot be used as a child of `{parent.name}`: its"
            f" connection `{key}` is provided by the run-only user, and nobody is asked in a child",
            pointer=call_pointer,
            mend=f"set the connection `{key}` of `{child.name}` to *Use this connection*",
            refuses=True,
        )
        for key in keys
    )


def _nobody_to_ask(flow: Flow) -> Iterator[Finding]:
    kind = flow.trigger.flow_kind
    if kind is FlowKind.INSTANT:
        return
    run_as = flow.trigger.rows.run_as if flow.trigger.rows is not None else None
    if run_as in (RunAs.MODIFYING_USER, RunAs.ROW_OWNER):
        return
    for binding in flow.bindings.values():
        if binding.source is Source.INVOKER:
            yield Finding(
                code=Code.INVOKER_NOT_ALLOWED,
                message=f"the connection `{binding.key}` is provided by the run-only user, but"
                f" {_WHO_RUNS[kind]}: there is nobody to ask",
                pointer=_binding_pointer(flow, binding),
                mend="choose *Use this connection* for it",
                refuses=True,
            )


_WHO_RUNS = {
    FlowKind.SCHEDULED: "a scheduled flow always runs as its primary owner",
    FlowKind.AUTOMATED: "this automated flow runs as its primary owner",
    FlowKind.HTTP: "a flow called over HTTP runs as its primary owner",
    FlowKind.INSTANT: "an instant flow runs as whoever triggers it",
}


def _schedule_follows_nobody(flow: Flow) -> Iterator[Finding]:
    if flow.trigger.flow_kind is not FlowKind.SCHEDULED:
        return
    for binding in flow.bindings.values():
        if binding.impersonates:
            yield Finding(
                code=Code.RUN_ONLY_NOT_OFFERED,
                message=f"the connection `{binding.key}` follows the run's principal, but"
                f" {_WHO_RUNS[FlowKind.SCHEDULED]}, and offers neither run-only nor Run as",
                pointer=_binding_pointer(flow, binding) + "/impersonation",
                mend="take the mark away; give the flow to the owner it should run as",
                refuses=True,
            )


def _run_as_unfollowed(flow: Flow) -> Iterator[Finding]:
    rows = flow.trigger.rows
    if rows is None or rows.run_as in (None, RunAs.FLOW_OWNER):
        return
    used = {action.call.binding for action in flow.walk() if action.call is not None}
    follows = any(
        binding.key in used and (binding.impersonates or binding.source is Source.INVOKER)
        for binding in flow.bindings.values()
    )
    if not follows:
        yield Finding(
            code="RunAsUnfollowed",
            message="the trigger says Run as, but no action follows it: every action acts as the"
            " account of its connection",
            pointer=flow.trigger.pointer + "/inputs/parameters/subscriptionRequest~1runas",
            mend="mark the row actions to follow the run's principal, or take Run as away",
        )


def _impersonation_without_run_as(flow: Flow) -> Iterator[Finding]:
    rows = flow.trigger.rows
    if flow.trigger.flow_kind is not FlowKind.AUTOMATED:
        return
    if rows is not None and rows.run_as is not None:
        return
    for binding in flow.bindings.values():
        if binding.impersonates:
            yield Finding(
                code="RunAsAbsent",
                message=f"the connection `{binding.key}` follows the run's principal, but the"
                " trigger says no Run as: it is the flow owner",
                pointer=_binding_pointer(flow, binding) + "/impersonation",
                mend="choose Run as in the trigger, so that it says what is meant",
            )


def _unbound(flow: Flow) -> Iterator[Finding]:
    used = {action.call.binding for action in flow.walk() if action.call is not None}
    for binding in flow.bindings.values():
        if binding.key in used and binding.reference is None and binding.connection is None:
            if binding.source is Source.INVOKER:
                continue
            yield Finding(
                code=Code.FLOW_MISSING_CONNECTION,
                message=f"the connection `{binding.key}` ({binding.connector}) is bound to nothing",
                pointer=_binding_pointer(flow, binding),
                mend="bind it to a connection reference when importing",
            )


def _binding_pointer(flow: Flow, binding: Binding) -> str:
    del flow
    return "/properties/connectionReferences/" + binding.key.replace("~", "~0").replace("/", "~1")
