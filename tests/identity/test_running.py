"""Who does a run run as? One row, one rule."""

from __future__ import annotations

import pytest

from flowner.access.vocabulary import FlowFacts, FlowRole, FlowShare
from flowner.definitions.flow import FlowKind, RunAs, WhenUnavailable
from flowner.errors import Code
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
from flowner.identity.running import decide_running
from flowner.identity.verdict import Refusal, Running
from flowner.identity.world import PrincipalKind
from flowner.values import AppId, PrincipalId, RunId
from worlds import small

P = PrincipalId
PEOPLE = small.world(
    small.person("olga", delegate=True),
    small.person("bob", groups=("sales",)),
    small.person("mia"),
    small.person("lea", enabled=False),
    small.person("robot", kind=PrincipalKind.APPLICATION),
    small.person("crew", kind=PrincipalKind.TEAM),
    small.person("system", kind=PrincipalKind.SYSTEM),
    small.person("timid"),
)
SHARED = small.facts(sales=FlowRole.RUN_ONLY, lea=FlowRole.RUN_ONLY)
IN_APP = FlowFacts(
    id=small.FLOW,
    name="Flow",
    owner=P("olga"),
    version=1,
    shares=frozenset({FlowShare(P("mia"), FlowRole.RUN_ONLY, AppId("app"))}),
)
OF_ROBOT = small.facts("robot")
OF_TIMID = small.facts("timid")
OF_LEAVER = small.facts("lea")
FAIL, OWNER = WhenUnavailable.FAIL, WhenUnavailable.OWNER
MODIFYING, ROW_OWNER = RunAs.MODIFYING_USER, RunAs.ROW_OWNER


def row(by: str | None, owner: str | None = "mia") -> RowChanged:
    return RowChanged(
        by=None if by is None else P(by), row_owner=None if owner is None else P(owner)
    )


@pytest.mark.parametrize(
    ("kind", "run_as", "when", "facts", "cause", "expected"),
    [
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED, Pressed(P("olga")),
            "olga instant.invoker", id="the owner presses",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED, Pressed(P("bob")),
            "bob instant.invoker", id="a run-only user, through a group, presses",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED, Pressed(P("mia")),
            Code.ACCESS_DENIED, id="not shared with her",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED, Pressed(P("lea")),
            Code.PRINCIPAL_DISABLED, id="a leaver presses",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, IN_APP, Pressed(P("mia"), app=AppId("app")),
            "mia instant.invoker", id="from within the app that carries the flow",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, IN_APP, Pressed(P("mia")),
            Code.ACCESS_DENIED, id="the app's right is of no use outside the app",
        ),
        pytest.param(
            FlowKind.AUTOMATED, None, OWNER, SHARED, Happened(by=P("bob")),
            "olga automated.owner", id="any connector's event",
        ),
        pytest.param(
            FlowKind.AUTOMATED, None, OWNER, SHARED, row("bob"),
            "olga automated.owner", id="Run as not set",
        ),
        pytest.param(
            FlowKind.AUTOMATED, RunAs.FLOW_OWNER, OWNER, SHARED, row("bob"),
            "olga automated.owner", id="Run as 3",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, FAIL, SHARED, row("bob"),
            "bob automated.modifying-user", id="Run as 1",
        ),
        pytest.param(
            FlowKind.AUTOMATED, ROW_OWNER, FAIL, SHARED, row("bob", "mia"),
            "mia automated.row-owner", id="Run as 2",
        ),
        pytest.param(
            FlowKind.AUTOMATED, ROW_OWNER, OWNER, SHARED, row("bob", "crew"),
            "olga automated.row-owner fallback", id="the row's owner is a team: declared fallback",
        ),
        pytest.param(
            FlowKind.AUTOMATED, ROW_OWNER, FAIL, SHARED, row("bob", "crew"),
            Code.RUN_AS_UNAVAILABLE, id="the row's owner is a team: fail",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, OWNER, SHARED, row(None),
            "olga automated.modifying-user fallback", id="changed by the system",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, OWNER, SHARED, row("system"),
            "olga automated.modifying-user fallback", id="changed by the SYSTEM user",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, FAIL, SHARED, row("lea"),
            Code.RUN_AS_UNAVAILABLE, id="changed by somebody disabled since",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, FAIL, SHARED, row("robot"),
            "robot automated.modifying-user", id="changed by an application",
        ),
        pytest.param(
            FlowKind.AUTOMATED, ROW_OWNER, FAIL, SHARED, row("bob", None),
            Code.RUN_AS_UNAVAILABLE, id="a row without an owner",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, FAIL, OF_TIMID, row("bob"),
            Code.CANNOT_ACT_ON_BEHALF, id="the owner may not act for others",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, FAIL, OF_TIMID, row("timid"),
            "timid automated.modifying-user", id="for oneself no privilege is needed",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, OWNER, OF_LEAVER, row(None),
            Code.PRINCIPAL_DISABLED, id="the owner who should stand in is disabled",
        ),
        pytest.param(
            FlowKind.SCHEDULED, None, OWNER, SHARED, ClockStruck(),
            "olga scheduled.owner", id="the clock",
        ),
        pytest.param(
            FlowKind.SCHEDULED, None, OWNER, OF_ROBOT, ClockStruck(),
            "robot scheduled.owner", id="the clock, for a service principal",
        ),
        pytest.param(
            FlowKind.SCHEDULED, None, OWNER, OF_LEAVER, ClockStruck(),
            Code.PRINCIPAL_DISABLED, id="the clock, for a leaver",
        ),
        pytest.param(
            FlowKind.HTTP, None, OWNER, SHARED, Called(by=P("bob")),
            "olga http.owner", id="called by a known user",
        ),
        pytest.param(
            FlowKind.HTTP, None, OWNER, SHARED, Called(),
            "olga http.owner", id="called by whoever holds the address",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED,
            CalledByParent(RunId(7), P("mia"), P("bob"), P("olga")),
            "mia child.parent", id="called by a parent of the same owner",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED,
            CalledByParent(RunId(7), P("mia"), P("bob"), P("bob")),
            "mia child.parent", id="called by a parent whose owner may run the child",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED,
            CalledByParent(RunId(7), P("bob"), P("bob"), P("mia")),
            Code.ACCESS_DENIED, id="called by a parent whose owner may not, though the runner may",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED, Resubmitted(P("bob"), RunId(7), P("bob")),
            "bob resubmit.original", id="the invoker resubmits",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED, Resubmitted(P("olga"), RunId(7), P("bob")),
            Code.RESUBMIT_REFUSED, id="somebody else resubmits an instant run",
        ),
        pytest.param(
            FlowKind.INSTANT, None, OWNER, SHARED, Resubmitted(P("mia"), RunId(7), P("mia")),
            Code.ACCESS_DENIED, id="it was shared with her then, but is not now",
        ),
        pytest.param(
            FlowKind.AUTOMATED, MODIFYING, OWNER, SHARED,
            Resubmitted(P("olga"), RunId(7), P("bob")),
            "bob resubmit.original", id="the owner resubmits an automated run",
        ),
    ],
)  # fmt: skip
def test_running(
    kind: FlowKind,
    run_as: RunAs | None,
    when: WhenUnavailable,
    facts: FlowFacts,
    cause: Cause,
    expected: str | Code,
) -> None:
    flow = small.flow(
        kind, run_as=run_as, when_unavailable=when, rows=isinstance(cause, RowChanged)
    )
    verdict = decide_running(flow, facts, cause, PEOPLE)
    assert _told(verdict) == expected


def _told(verdict: Running | Refusal) -> str | Code:
    if isinstance(verdict, Refusal):
        return verdict.code
    fallback = " fallback" if verdict.fallback else ""
    return f"{verdict.principal} {verdict.rule.value}{fallback}"
