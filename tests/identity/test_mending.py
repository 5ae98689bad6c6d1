"""Whom a refusal names: somebody who is there and can mend it, or nobody. One row, one rule."""

from __future__ import annotations

import pytest

from flowner.access.vocabulary import FlowRole
from flowner.definitions.flow import FlowKind
from flowner.errors import Code
from flowner.identity.activation import activate
from flowner.identity.cause import Pressed
from flowner.identity.mending import mendable
from flowner.identity.plan import plan
from flowner.identity.verdict import Plan, Refusal
from flowner.identity.world import Principal, PrincipalKind
from flowner.values import PrincipalId
from worlds import small

FACTS = small.facts(carl=FlowRole.CO_OWNER, anna=FlowRole.CO_OWNER, bob=FlowRole.RUN_ONLY)
ANNA, BOB, CARL, LEO, OLGA = (small.person(one) for one in ("anna", "bob", "carl", "leo", "olga"))
GROUP = small.person("anna", kind=PrincipalKind.GROUP)


def gone(one: Principal) -> Principal:
    return small.person(one.id, enabled=False)


@pytest.mark.parametrize(
    ("people", "ask", "expected"),
    [
        pytest.param((LEO, OLGA), "leo", "leo", id="who is there is asked"),
        pytest.param((gone(LEO), OLGA, ANNA), "leo", "olga", id="else the flow's owner"),
        pytest.param((OLGA,), "leo", "olga", id="also for somebody unknown"),
        pytest.param((gone(LEO), gone(OLGA), CARL, ANNA), "leo", "anna", id="else a co-owner"),
        pytest.param((gone(OLGA), gone(ANNA), CARL), "olga", "carl", id="the next that is there"),
        pytest.param((gone(OLGA), GROUP), "olga", None, id="no group, which cannot be asked"),
        pytest.param((gone(OLGA), BOB), "olga", None, id="nobody who may only run it"),
        pytest.param((OLGA,), None, None, id="nobody, where nobody can mend it"),
    ],
)
def test_somebody_who_is_there_is_asked(
    people: tuple[Principal, ...], ask: str | None, expected: str | None
) -> None:
    named = None if ask is None else PrincipalId(ask)
    refusal = Refusal(code=Code.PRINCIPAL_DISABLED, message="no", ask=named)
    assert mendable(refusal, FACTS, small.world(*people)).ask == expected


def test_another_persons_sign_in_is_nobody_elses_to_mend() -> None:
    named = PrincipalId("leo")
    refusal = Refusal(code=Code.NOT_FOUND, message="no", ask=named, binding="mail")
    assert mendable(refusal, FACTS, small.world(gone(LEO), OLGA)).ask is None


def test_a_plan_through_a_disabled_persons_account_names_the_flows_owner() -> None:
    leos = small.connection("c1", "leo")
    world = small.world(
        OLGA, BOB, gone(LEO), connections=(leos,), bound={"mail": "c1"}, lent={"c1": "leo"}
    )
    flow = small.flow(FlowKind.INSTANT, small.binding("mail"))
    made = plan(flow, FACTS, Pressed(BOB.id), world)
    assert isinstance(made, Plan)
    refusal = made.actions["use_mail"]
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.ask) == (Code.PRINCIPAL_DISABLED, "olga")


def test_turning_on_sends_nobody_to_somebody_who_is_gone() -> None:
    leos = small.connection("c1", "leo")
    world = small.world(OLGA, gone(LEO), connections=(leos,), bound={"mail": "c1"})
    flow = small.flow(FlowKind.INSTANT, small.binding("mail"))
    (refusal,) = activate(flow, FACTS, OLGA, world).refusals
    assert refusal.ask == "olga"
    assert "ask Leo" not in refusal.message
    assert "Leo is disabled: use another connection" in refusal.message
