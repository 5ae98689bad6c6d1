"""Check definitions before anybody runs them: no server, no database, roles instead of people.

The identities come from the one resolver, asked about a world of roles; the findings from what is
said at save. A report is one per flow, also for the flows that nothing is wrong with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowner.definitions import checks
from flowner.definitions.flow import Action, Flow, FlowKind, Source
from flowner.errors import Code
from flowner.identity.acting import ROW_CONNECTORS
from flowner.identity.plan import plan
from flowner.identity.save import Finding, child_findings, findings
from flowner.identity.symbolic import symbolic_cause, symbolic_facts, symbolic_world
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.values import Json, JsonObject

PERSONAL_ACCOUNT = "PersonalAccountEmbedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowReport:
    """What there is to say of one flow."""

    flow: Flow
    file: str
    plan: Plan | Refusal
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        return isinstance(self.plan, Refusal) or any(f.refuses for f in self.findings)


def check_flow(flow: Flow, file: str, siblings: Mapping[str, Flow] | None = None) -> FlowReport:
    """Check one flow. ``siblings`` are the flows it may call as children, by lower-case guid."""
    return FlowReport(
        flow=flow,
        file=file,
        plan=plan(flow, symbolic_facts(flow), symbolic_cause(flow), symbolic_world(flow)),
        findings=(
            *_structural(flow),
            *findings(flow),
            *_personal_accounts(flow),
            *_children(flow, siblings or {}),
        ),
    )


def report_json(report: FlowReport) -> JsonObject:
    """Return a report as ``flowner check --json`` prints it."""
    made = report.plan
    entry: JsonObject = {
        "flow": report.flow.name,
        "file": report.file,
        "kind": report.flow.trigger.flow_kind.value,
        "trigger": report.flow.trigger.name,
        "run_as": _run_as(report.flow),
    }
    if isinstance(made, Refusal):
        entry |= {"runs_as": None, "rule": None, "reason": made.message, "actions": []}
    else:
        pointers = {action.name: action for action in report.flow.walk()}
        entry |= {
            "runs_as": made.running.principal,
            "rule": made.running.rule.value,
            "reason": None,
            "actions": [
                _action_json(pointers[name], verdict) for name, verdict in made.actions.items()
            ],
        }
    entry["refused"] = report.refused
    entry["findings"] = [_finding_json(finding) for finding in report.findings]
    return entry


def _run_as(flow: Flow) -> Json:
    rows = flow.trigger.rows
    return None if rows is None or rows.run_as is None else rows.run_as.value


def _action_json(action: Action, verdict: Acting | Refusal) -> JsonObject:
    if isinstance(verdict, Refusal):
        return {
            "action": action.name,
            "pointer": action.pointer,
            "acting_as": None,
            "actor": None,
            "account": None,
            "binding": action.call.binding if action.call else None,
            "rule": None,
            "because": verdict.message,
        }
    return {
        "action": action.name,
        "pointer": action.pointer,
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
    }


def _structural(flow: Flow) -> Iterable[Finding]:
    for problem in checks.problems(flow):
        yield Finding(
            code=str(problem.code),
            message=problem.message,
            pointer=problem.pointer,
            mend=problem.mend,
            refuses=problem.is_error,
        )


def _personal_accounts(flow: Flow) -> Iterable[Finding]:
    if flow.trigger.flow_kind is not FlowKind.INSTANT:
        return
    used = {action.call.binding for action in flow.walk() if action.call is not None}
    for binding in flow.bindings.values():
        if binding.key not in used or binding.source is Source.INVOKER:
            continue
        if binding.connector in ROW_CONNECTORS and binding.impersonates:
            continue
        name = binding.reference or binding.connection or binding.key
        yield Finding(
            code=PERSONAL_ACCOUNT,
            message=f"everybody this flow is shared with acts as the account behind `{name}`"
            f" ({binding.connector})",
            pointer="/properties/connectionReferences/"
            + binding.key.replace("~", "~0").replace("/", "~1"),
            mend="if that is a person's account, choose *Provided by run-only user*, or point the"
            " reference at a service account",
        )


def _children(flow: Flow, siblings: Mapping[str, Flow]) -> Iterable[Finding]:
    for action in flow.walk():
        if action.type != "Workflow":
            continue
        guid = child_guid(action)
        child = None if guid is None else siblings.get(guid)
        if child is not None:
            yield from child_findings(flow, action.pointer, child)


def child_guid(action: Action) -> str | None:
    """Return the guid of the flow that a Workflow action calls, lower case, if it says one."""
    inputs = action.inputs
    host = inputs.get("host") if isinstance(inputs, dict) else None
    name = host.get("workflowReferenceName") if isinstance(host, dict) else None
    return name.lower() if isinstance(name, str) else None


def unreadable_json(file: str, message: str, pointer: str | None) -> JsonObject:
    """Return the entry of a file that is no readable flow."""
    return {
        "flow": None,
        "file": file,
        "kind": None,
        "refused": True,
        "findings": [
            {
                "code": Code.INVALID_DEFINITION.value,
                "severity": "error",
                "pointer": pointer,
                "message": message,
                "mend": "export the flow again, or correct the file",
            }
        ],
        "actions": [],
    }
