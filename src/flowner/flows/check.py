"""Check definitions before anybody runs them: no server, no database, roles instead of people.

The identities come from the one resolver, asked about a world of roles; the findings from what is
said at save. A report is one per flow, also for the flows that nothing is wrong with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowner.definitions import checks
from flowner.definitions.documents import pointer
from flowner.definitions.flow import Action, Binding, Flow, FlowKind, Source
from flowner.definitions.problems import Problem
from flowner.definitions.reading import member, text_at
from flowner.errors import Code
from flowner.identity.acting import ROW_CONNECTORS
from flowner.identity.save import (
    Finding,
    called_findings,
    child_findings,
    child_guid,
    findings,
    place_of,
)
from flowner.identity.symbolic import plan_by_roles
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.values import Json, JsonObject

PERSONAL_ACCOUNT = "PersonalAccountEmbedded"
OWN_CREDENTIAL = "CredentialOutsideConnection"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowReport:
    """What there is to say of one flow."""

    flow: Flow
    file: str
    plan: Plan | Refusal
    findings: tuple[Finding, ...]
    """What refuses the flow first; otherwise in the order of the checks."""

    @property
    def refused(self) -> bool:
        return isinstance(self.plan, Refusal) or any(f.refuses for f in self.findings)


def check_flow(
    flow: Flow,
    file: str,
    siblings: Mapping[str, Flow] | None = None,
    parents: Sequence[Flow] = (),
) -> FlowReport:
    """Check one flow.

    ``siblings`` are the flows it may call as children, by lower-case guid; ``parents`` are those
    that call it.
    """
    found = (
        *_structural(flow),
        *findings(flow, siblings),
        *_children(flow, siblings or {}),
        *called_findings(flow, parents),
        *_personal_accounts(flow, is_child=bool(parents)),
        *_own_credentials(flow),
    )
    return FlowReport(
        flow=flow,
        file=file,
        plan=plan_by_roles(flow),
        findings=tuple(sorted(dict.fromkeys(found), key=lambda finding: not finding.refuses)),
    )


def report_json(report: FlowReport) -> JsonObject:
    """Return a report as ``flowner check --json`` prints it."""
    made, flow = report.plan, report.flow
    refused = isinstance(made, Refusal)
    actions = {} if isinstance(made, Refusal) else made.actions
    return {
        "flow": flow.name,
        "file": report.file,
        "kind": flow.trigger.flow_kind.value,
        "trigger": flow.trigger.name,
        "run_as": _run_as(flow),
        "runs_as": None if isinstance(made, Refusal) else made.running.principal,
        "rule": None if isinstance(made, Refusal) else made.running.rule.value,
        "reason": made.message if isinstance(made, Refusal) else None,
        "actions": []
        if refused
        else [_action_json(action, actions[action.name]) for action in flow.walk()],
        "findings": [_finding_json(finding) for finding in report.findings],
        "refused": report.refused,
    }


def unreadable_json(file: str, problems: Sequence[Problem]) -> JsonObject:
    """Return the entry of a file that is no readable flow: the same members, and why."""
    found = [of_problem(problem) for problem in problems]
    return {
        "flow": None,
        "file": file,
        "kind": None,
        "trigger": None,
        "run_as": None,
        "runs_as": None,
        "rule": None,
        "reason": found[0].message,
        "actions": [],
        "findings": [_finding_json(finding) for finding in found],
        "refused": True,
    }


def _run_as(flow: Flow) -> Json:
    rows = flow.trigger.rows
    return None if rows is None or rows.run_as is None else rows.run_as.value


def _action_json(action: Action, verdict: Acting | Refusal) -> JsonObject:
    entry: JsonObject = {"action": action.name, "pointer": action.pointer}
    if isinstance(verdict, Refusal):
        return entry | {
            "acting_as": None,
            "actor": None,
            "account": None,
            "binding": action.call.binding or None if action.call else None,
            "rule": None,
            "because": verdict.message,
        }
    return entry | {
        "acting_as": verdict.principal,
        "actor": verdict.actor,
        "account": verdict.account or None,
        "binding": verdict.binding,
        "rule": verdict.rule.value,
        "because": verdict.because,
    }


def _finding_json(finding: Finding) -> JsonObject:
    return {
        "code": str(finding.code),
        "severity": "error" if finding.refuses else "warning",
        "pointer": finding.pointer,
        "message": finding.message,
        "mend": finding.mend,
        "shown": finding.shown,
    }


def _structural(flow: Flow) -> Iterator[Finding]:
    yield from map(of_problem, checks.problems(flow))


def of_problem(problem: Problem) -> Finding:
    """Return a problem of the definition as a finding among those of identity."""
    return Finding(
        code=str(problem.code),
        message=problem.message,
        pointer=problem.pointer,
        mend=problem.mend,
        # What is not carried out here keeps nobody from knowing who the rest of the flow acts as.
        refuses=problem.is_error and problem.code is not Code.UNKNOWN_TYPE,
        shown=problem.shown,
    )


def _children(flow: Flow, siblings: Mapping[str, Flow]) -> Iterator[Finding]:
    for action in flow.walk():
        child = siblings.get(child_guid(action) or "")
        if child is not None:
            yield from child_findings(flow, action.pointer, child)


def _personal_accounts(flow: Flow, *, is_child: bool) -> Iterator[Finding]:
    used = {action.call.binding for action in flow.walk() if action.call is not None}
    shared = flow.trigger.flow_kind is FlowKind.INSTANT
    for binding in flow.bindings.values():
        if binding.key not in used or not _lends_itself(binding):
            continue
        if shared:
            yield _everybody_acts_as(flow, binding, is_child=is_child)
        elif binding.account is not None:
            yield Finding(
                code=PERSONAL_ACCOUNT,
                message=f"every run acts as `{binding.account}` ({binding.connector}), whoever owns"
                " the flow or sets it off",
                pointer=place_of(flow, binding),
                mend="if that is a person's account, use a service account's connection: the flow"
                " fails when the person leaves, and co-owners act in that name",
            )


def _lends_itself(binding: Binding) -> bool:
    """Say whether other people act through one account, and it is settled which."""
    follows = binding.impersonates and binding.connector in ROW_CONNECTORS
    return binding.source is Source.EMBEDDED and binding.is_bound and not follows


def _everybody_acts_as(flow: Flow, binding: Binding, *, is_child: bool) -> Finding:
    name = f"reference `{binding.reference}`"
    if binding.reference is None:
        name = f"connection `{binding.connection}`"
    account = f"`{binding.account}`" if binding.account else f"the account behind the {name}"
    service = "if that is a person's account, point it at a service account's connection"
    return Finding(
        code=PERSONAL_ACCOUNT,
        message=f"everybody this flow is shared with acts as {account} ({binding.connector})",
        pointer=place_of(flow, binding),
        mend=f"{service}; a child flow's connections cannot be the run-only user's"
        if is_child
        else f"{service}, or choose *Provided by run-only user*",
    )


def _own_credentials(flow: Flow) -> Iterator[Finding]:
    for action in flow.walk():
        written = member(action.inputs, "authentication")
        if action.type not in ("Http", "HttpWebhook") or not isinstance(written, dict):
            continue
        kind = text_at(written, "type") or "of a kind that an expression chooses"
        name = text_at(written, "username") or text_at(written, "clientId")
        account = f" as `{name}`" if name and not name.startswith("@") else ""
        yield Finding(
            code=OWN_CREDENTIAL,
            message=f"`{action.name}` signs in{account} with a credential of its own ({kind}),"
            " through no connection: that is whom the other side sees, whoever runs the flow",
            pointer=pointer(action.pointer, "inputs", "authentication"),
            mend="call it through a connection, so that its owner and its account are known",
        )
