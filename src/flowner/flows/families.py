"""A flow beside those that it calls and those that call it, in its package or here already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from flowner.database import Transaction
from flowner.definitions.checks import problems
from flowner.definitions.flow import Flow
from flowner.definitions.problems import InvalidDefinition, Problem, Severity
from flowner.errors import Code, FlownerError
from flowner.flows.check import of_problem
from flowner.identity.save import Finding, called_findings, child_findings, child_guid, findings
from flowner.rows import registry
from flowner.triggers.published import Published
from flowner.values import FlowId


@dataclass(frozen=True, slots=True)
class Family:
    """Flows by lower-case guid: those of a package, and those here that belong to them."""

    flows: Mapping[str, Flow]

    def callers(self, flow: Flow) -> Iterable[Flow]:
        """Return the flows that call this one."""
        if flow.guid is None:
            return
        for other in self.flows.values():
            if any(child_guid(action) == flow.guid.lower() for action in other.walk()):
                yield other


async def read_family(
    transaction: Transaction, published: Published, ready: Iterable[Flow]
) -> Family:
    """Return the flows with their children and parents among those that are here.

    Reads the definition of every flow that is here: they are kept compiled, and imports are rare.
    """
    brought = {flow.guid.lower(): flow for flow in ready if flow.guid is not None}
    here: dict[str, Flow] = {}
    for row in await registry.select(transaction, "workflow", {}):
        id, number = FlowId(row["workflowid"]), row["currentversion"]
        if number is None or id in brought:
            continue
        # One that this release cannot read says so when it is turned on or run.
        with suppress(FlownerError):
            here[id] = (await published.get(id, number, within=transaction)).flow
    return Family({**here, **brought})


def examine(flow: Flow, family: Family) -> tuple[Finding, ...]:
    """Return what is to be said of a flow that is saved.

    Raises `InvalidDefinition` with every finding that refuses it.
    """
    found = _relatives(flow, family)
    refusing = [finding for finding in found if finding.refuses]
    if refusing:
        raise InvalidDefinition([_problem(flow, finding) for finding in refusing])
    # What keeps a flow from being turned on keeps nobody from bringing it here to mend it.
    kept = (replace(of_problem(problem), refuses=False) for problem in problems(flow))
    return (*found, *kept)


def look_over(flow: Flow, family: Family) -> tuple[Finding, ...]:
    """Return all that is to be said of a flow, what keeps it from being turned on first."""
    found = [*_relatives(flow, family), *map(of_problem, problems(flow))]
    return tuple(sorted(found, key=lambda finding: not finding.refuses))


def _relatives(flow: Flow, family: Family) -> list[Finding]:
    found = list(findings(flow, family.flows))
    for action in flow.walk():
        child = family.flows.get(child_guid(action) or "")
        if child is not None:
            found += child_findings(flow, action.pointer, child)
    return [*found, *called_findings(flow, list(family.callers(flow)))]


def _problem(flow: Flow, finding: Finding) -> Problem:
    return Problem(
        severity=Severity.FATAL,
        code=Code(finding.code),
        pointer=finding.pointer,
        message=f"`{flow.name}`: {finding.message}",
        mend=finding.mend,
    )
