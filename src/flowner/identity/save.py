"""What is wrong with a flow as far as *in whose name* is concerned, said when it is saved.

A finding that `refuses` stops the save (or the import); the others are advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowner.definitions.calls import binding_member
from flowner.definitions.codec import binding_pointer
from flowner.definitions.documents import pointer
from flowner.definitions.flow import Action, Binding, Flow, FlowKind, RunAs, Source, Trigger
from flowner.definitions.reading import text_at
from flowner.definitions.row_triggers import RUN_AS
from flowner.errors import Code
from flowner.identity.acting import ROW_CONNECTORS
from flowner.identity.activation import used_bindings

RUN_AS_UNFOLLOWED = "RunAsUnfollowed"
RUN_AS_ABSENT = "RunAsAbsent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know or to mend."""

    code: str
    message: str
    pointer: str
    mend: str
    """What to do about it."""
    refuses: bool = False
    shown: str | None = None
    """The line of a formula that is meant, and a caret under the place."""


def findings(flow: Flow, siblings: Mapping[str, Flow] | None = None) -> tuple[Finding, ...]:
    """Check one flow by itself; children are checked by `child_findings`.

    ``siblings`` are the flows it may call, by lower-case guid: a child runs as its parent's
    principal, so it may be the one that follows a Run as.
    """
    return (
        *_nobody_to_ask(flow),
        *_schedule_follows_nobody(flow),
        *_run_as_unfollowed(flow, siblings or {}),
        *_impersonation_without_run_as(flow),
        *_unbound(flow),
    )


def child_findings(parent: Flow, call_pointer: str, child: Flow) -> tuple[Finding, ...]:
    """Check what a parent may call: a child's connections, rows apart, must be fixed ones."""
    return tuple(
        Finding(
            code=Code.CHILD_INVOKER_UNSUPPORTED,
            message=f"the flow `{child.name}` cannot be used as a child of `{parent.name}`: its"
            f" connection `{binding.key}` is provided by the run-only user, and nobody is asked in"
            " a child",
            pointer=call_pointer,
            mend=f"set the connection `{binding.key}` of `{child.name}` to *Use this connection*",
            refuses=True,
        )
        for binding in _asked_of_each(child)
    )


def called_findings(child: Flow, parents: Sequence[Flow]) -> tuple[Finding, ...]:
    """Say the same as `child_findings` where it is to be mended: at the child."""
    if not parents:
        return ()
    names = ", ".join(dict.fromkeys(f"`{parent.name}`" for parent in parents))
    return tuple(
        Finding(
            code=Code.CHILD_INVOKER_UNSUPPORTED,
            message=f"the connection `{binding.key}` is provided by the run-only user, but"
            f" this flow is called as a child, in which nobody is asked, by {names}",
            pointer=place_of(child, binding),
            mend="set it to *Use this connection*",
            refuses=True,
        )
        for binding in _asked_of_each(child)
    )


def child_guid(action: Action) -> str | None:
    """Return the guid of the flow that a Workflow action calls, lower case, if it says one."""
    if action.type != "Workflow":
        return None
    name = text_at(action.inputs, "host", "workflowReferenceName")
    return name.lower() if name is not None else None


def place_of(flow: Flow, binding: Binding) -> str:
    """Return the pointer of a binding's entry; where none was declared, of its first use."""
    if not binding.document:
        nodes: tuple[Trigger | Action, ...] = (flow.trigger, *flow.walk())
        for node in nodes:
            if node.call is not None and node.call.binding == binding.key:
                named = binding_member(node.source) or ()
                return pointer(node.pointer, "inputs", "host", *named)
    return binding_pointer(flow, binding.key)


def _asked_of_each(child: Flow) -> Iterator[Binding]:
    for binding in child.bindings.values():
        if binding.source is Source.INVOKER and binding.connector not in ROW_CONNECTORS:
            yield binding


def _nobody_to_ask(flow: Flow) -> Iterator[Finding]:
    kind = flow.trigger.flow_kind
    if kind is FlowKind.INSTANT:
        return
    run_as = flow.trigger.rows.run_as if flow.trigger.rows is not None else None
    somebody = run_as in (RunAs.MODIFYING_USER, RunAs.ROW_OWNER)
    listens = flow.trigger.call.binding if flow.trigger.call is not None else None
    for binding in flow.bindings.values():
        if binding.source is not Source.INVOKER or (somebody and binding.key != listens):
            continue
        why = "the trigger listens through it before there is a run" if somebody else _RUNS[kind]
        yield Finding(
            code=Code.INVOKER_NOT_ALLOWED,
            message=f"the connection `{binding.key}` is provided by the run-only user, but"
            f" {why}: there is nobody to ask",
            pointer=place_of(flow, binding),
            mend="choose *Use this connection* for it",
            refuses=True,
        )


_RUNS = {
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
                f" {_RUNS[FlowKind.SCHEDULED]}, and offers neither run-only nor Run as",
                pointer=place_of(flow, binding) + "/impersonation",
                mend="take the mark away; give the flow to the owner it should run as",
                refuses=True,
            )


def _run_as_unfollowed(flow: Flow, siblings: Mapping[str, Flow]) -> Iterator[Finding]:
    rows = flow.trigger.rows
    if rows is None or rows.run_as in (None, RunAs.FLOW_OWNER):
        return
    if not _followed(flow, siblings, set()):
        yield Finding(
            code=RUN_AS_UNFOLLOWED,
            message=f"the trigger says Run as {_RUN_AS[rows.run_as]}, but no action follows it:"
            " every action acts as the account of its connection",
            pointer=pointer(flow.trigger.pointer, "inputs", "parameters", RUN_AS),
            mend="mark the row actions to follow the run's principal, or take Run as away",
        )


_RUN_AS = {
    RunAs.MODIFYING_USER: "modifying user",
    RunAs.ROW_OWNER: "row owner",
    RunAs.FLOW_OWNER: "flow owner",
}


def _followed(flow: Flow, siblings: Mapping[str, Flow], seen: set[str]) -> bool:
    """Say whether an action here, or in a child, follows the run's principal, or may.

    A child that is not at hand may: what cannot be seen is not complained of.
    """
    used = {action.call.binding for action in flow.walk() if action.call is not None}
    if any(
        binding.key in used and (binding.impersonates or binding.source is Source.INVOKER)
        for binding in flow.bindings.values()
    ):
        return True
    for action in flow.walk():
        guid = child_guid(action)
        if guid is None or guid in seen:
            continue
        seen.add(guid)
        if guid not in siblings or _followed(siblings[guid], siblings, seen):
            return True
    return False


def _impersonation_without_run_as(flow: Flow) -> Iterator[Finding]:
    kind, rows = flow.trigger.flow_kind, flow.trigger.rows
    if kind not in (FlowKind.AUTOMATED, FlowKind.HTTP):
        return
    if rows is not None and rows.run_as is not None:
        return
    offered = rows is not None
    for binding in flow.bindings.values():
        if binding.impersonates:
            yield Finding(
                code=RUN_AS_ABSENT if offered else Code.RUN_AS_NOT_OFFERED,
                message=f"the connection `{binding.key}` follows the run's principal, but"
                + (" the trigger says no Run as: it is" if offered else f" {_RUNS[kind]}: it is")
                + " the flow owner",
                pointer=place_of(flow, binding) + "/impersonation",
                mend="choose Run as in the trigger, so that it says what is meant"
                if offered
                else "take the mark away if the account of the connection is meant",
            )


def _unbound(flow: Flow) -> Iterator[Finding]:
    for binding in used_bindings(flow):
        if not binding.is_bound and binding.source is not Source.INVOKER:
            yield Finding(
                code=Code.FLOW_MISSING_CONNECTION,
                message=f"the connection `{binding.key}` ({binding.connector}) is bound to nothing",
                pointer=place_of(flow, binding),
                mend="bind it to a connection when importing",
            )
