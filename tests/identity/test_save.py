"""What is refused, and what is advised, when a flow is saved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowner.definitions.flow import FlowKind, RunAs, Source
from flowner.identity.save import called_findings, child_findings, findings
from worlds import small

OWN = small.binding("mail", source=Source.INVOKER)
FIXED = small.binding("mail")
UNBOUND = replace(FIXED, reference=None)
FOLLOWS = small.binding("rows", connector=small.ROWS, impersonates=True)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        pytest.param(small.flow(FlowKind.INSTANT, OWN), [], id="instant, each their own"),
        pytest.param(
            small.flow(FlowKind.SCHEDULED, OWN), ["!InvokerConnectionNotAllowed"],
            id="a schedule has nobody to ask",
        ),
        pytest.param(
            small.flow(FlowKind.HTTP, OWN), ["!InvokerConnectionNotAllowed"],
            id="an HTTP call has nobody to ask",
        ),
        pytest.param(
            small.flow(FlowKind.AUTOMATED, OWN, rows=True), ["!InvokerConnectionNotAllowed"],
            id="automated as the owner has nobody to ask",
        ),
        pytest.param(
            small.flow(FlowKind.AUTOMATED, OWN, run_as=RunAs.MODIFYING_USER), [],
            id="the modifying user can be asked",
        ),
        pytest.param(
            small.flow(FlowKind.SCHEDULED, FOLLOWS), ["!RunOnlyNotOffered"],
            id="a schedule offers no Run as",
        ),
        pytest.param(
            small.flow(FlowKind.AUTOMATED, FIXED, run_as=RunAs.ROW_OWNER), ["RunAsUnfollowed"],
            id="a Run as that nothing follows",
        ),
        pytest.param(
            small.flow(FlowKind.AUTOMATED, FOLLOWS, run_as=RunAs.ROW_OWNER), [],
            id="a Run as that rows follow",
        ),
        pytest.param(
            small.flow(FlowKind.AUTOMATED, FOLLOWS, rows=True), ["RunAsAbsent"],
            id="rows follow, but no Run as",
        ),
        pytest.param(
            small.flow(FlowKind.AUTOMATED, FOLLOWS), ["RunAsNotOffered"],
            id="rows follow, but the trigger offers no Run as",
        ),
        pytest.param(
            small.flow(FlowKind.HTTP, FOLLOWS), ["RunAsNotOffered"],
            id="rows follow, but an HTTP call offers no Run as",
        ),
        pytest.param(small.flow(FlowKind.INSTANT, FOLLOWS), [], id="rows follow who presses"),
        pytest.param(
            small.flow(FlowKind.AUTOMATED, FIXED, FOLLOWS, run_as=RunAs.FLOW_OWNER), [],
            id="Run as the flow owner follows nobody else",
        ),
        pytest.param(
            small.flow(FlowKind.INSTANT, UNBOUND), ["FlowMissingConnection"], id="bound to nothing"
        ),
        pytest.param(
            small.flow(FlowKind.INSTANT, UNBOUND, actions=(small.action("Note"),)), [],
            id="bound to nothing, and asked by nothing",
        ),
        pytest.param(
            small.flow(FlowKind.INSTANT, replace(OWN, reference=None)), [],
            id="provided by whoever runs it, and bound to nothing",
        ),
        pytest.param(
            small.flow(FlowKind.INSTANT, replace(UNBOUND, connection="shared-office365-1")), [],
            id="bound to a connection without a reference",
        ),
    ],
)  # fmt: skip
def test_findings(flow, expected: list[str]) -> None:
    assert [("!" if f.refuses else "") + f.code for f in findings(flow)] == expected
    assert all(f.pointer.startswith("/") and f.mend for f in findings(flow))


def test_a_childs_connections_are_fixed_ones() -> None:
    parent = small.flow(FlowKind.INSTANT)
    [found] = child_findings(parent, "/actions/Run", small.flow(FlowKind.INSTANT, OWN, FOLLOWS))
    assert found.code == "ChildFlowUnsupportedForInvokerConnections"
    assert found.refuses
    assert found.pointer == "/actions/Run"


def test_a_child_is_told_once_of_all_its_parents() -> None:
    child = small.flow(FlowKind.INSTANT, OWN, FOLLOWS)
    parents = [replace(small.flow(FlowKind.INSTANT), name=name) for name in ("One", "Two", "One")]
    [found] = called_findings(child, parents)
    assert found.code == "ChildFlowUnsupportedForInvokerConnections"
    assert "called as a child, in which nobody is asked, by `One`, `Two`" in found.message
    assert called_findings(child, ()) == ()
    assert called_findings(small.flow(FlowKind.INSTANT, FIXED, FOLLOWS), parents) == ()
