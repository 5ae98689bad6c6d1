"""Turning a flow on: who may, what it lends, and whom to ask otherwise."""

from __future__ import annotations

import pytest

from flowner.definitions.flow import FlowKind, RunAs, Source
from flowner.errors import Code
from flowner.identity.activation import activate
from worlds import small

OLGA = small.person("olga", delegate=True)
TIMID = small.person("olga")
SVC = small.person("svc")


@pytest.mark.parametrize(
    ("connection", "lent", "expected"),
    [
        pytest.param(small.connection("c", "olga"), {}, "lends by olga", id="her own connection"),
        pytest.param(
            small.connection("c", "svc", shared=("olga",)),
            {},
            "lends by olga",
            id="shared with her",
        ),
        pytest.param(
            small.connection("c", "svc"),
            {"c": "svc"},
            "lends nothing",
            id="lent to the flow before",
        ),
        pytest.param(
            small.connection("c", "svc"),
            {},
            Code.CONNECTION_AUTHORIZATION_FAILED,
            id="neither hers, nor shared, nor lent",
        ),
    ],
)
def test_activation(connection, lent: dict[str, str], expected: str | Code) -> None:
    flow = small.flow(FlowKind.INSTANT, small.binding("mail"))
    world = small.world(OLGA, SVC, connections=(connection,), bound={"mail": "c"}, lent=lent)
    answer = activate(flow, small.facts(), OLGA, world)
    if answer.refusals:
        assert answer.refusals[0].code == expected
        assert "svc@contoso.example" in answer.refusals[0].message
        assert "ask Svc" in answer.refusals[0].message
    else:
        by = [f"by {lend.by}" for _, lend in answer.lends]
        assert " ".join(["lends", *(by or ["nothing"])]) == expected


def test_invoker_connections_need_no_lend() -> None:
    flow = small.flow(FlowKind.INSTANT, small.binding("mail", source=Source.INVOKER))
    assert activate(flow, small.facts(), OLGA, small.world(OLGA)).refusals == ()


def test_an_unbound_reference_stops_the_activation() -> None:
    flow = small.flow(FlowKind.INSTANT, small.binding("mail"))
    answer = activate(flow, small.facts(), OLGA, small.world(OLGA))
    assert [refusal.code for refusal in answer.refusals] == [Code.FLOW_MISSING_CONNECTION]


@pytest.mark.parametrize("owner", [OLGA, TIMID], ids=["with", "without"])
def test_run_as_needs_the_privilege_to_act_for_others(owner) -> None:
    flow = small.flow(FlowKind.AUTOMATED, run_as=RunAs.MODIFYING_USER)
    refused = activate(flow, small.facts(), owner, small.world(owner)).refusals
    assert [r.code for r in refused] == ([] if owner is OLGA else [Code.CANNOT_ACT_ON_BEHALF])
