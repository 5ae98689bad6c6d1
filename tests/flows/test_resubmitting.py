"""Resubmitting: the original principal, proved again today; its own connections are its own."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from flowner.access.vocabulary import FlowRole
from flowner.definitions.flow import FlowKind, RunAs, Source
from flowner.errors import Code
from flowner.identity.cause import Resubmitted
from flowner.identity.running import decide_running
from flowner.identity.verdict import Refusal, Running
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.values import FlowId, PrincipalId, RunId
from worlds import small, written
from worlds.living import PATIENCE, PROFILE, RECURRENCE, Living, provided

ECHO = {"Note": {"runAfter": {}, "type": "Compose", "inputs": "@triggerBody()"}}


async def again(living: Living, run: RunId, by: str) -> Any:
    """Resubmit a run, wait for its end, and return its header."""
    house, fresh = living.house, living.house.running.fresh_run()
    with house.replies.expect(fresh) as (_, end):
        await house.resubmitting.resubmit(run, await living.person(by), run=fresh)
        await asyncio.wait_for(end, PATIENCE)
    return await house.journal.header(fresh)


@pytest.fixture(scope="module")
def shared(run, living) -> FlowId:
    """Olga's flow, which Rik may run and Carl co-owns."""
    flow: FlowId = run(living.flow("olga", written.BUTTON, ECHO))
    olga, share = run(living.person("olga")), living.house.sharing.share
    run(share(flow, run(living.person("rik")), FlowRole.RUN_ONLY, olga))
    run(share(flow, run(living.person("carl")), FlowRole.CO_OWNER, olga))
    return flow


def test_an_instant_run_is_resubmitted_by_its_invoker_alone(run, living, refused, shared) -> None:
    first = run(living.pressed(shared, "rik"))
    header = run(again(living, first, "rik"))
    rik = run(living.person("rik"))
    assert (header.principal, header.initiator) == (rik, rik)
    assert header.rule == "resubmit.original"
    for other in ("olga", "carl"):
        error = refused(again(living, first, other))
        assert error.code is Code.RESUBMIT_REFUSED
        assert "ask rik" in error.message
    assert refused(again(living, first, "eve")).code is Code.NOT_FOUND


def test_what_came_with_the_trigger_comes_again(run, living, shared) -> None:
    first = run(living.pressed(shared, "olga"))
    second = run(again(living, first, "olga"))
    one, two = (run(living.actions(id))["Note"].outputs for id in (first, second.id))
    assert one == two


def test_a_right_that_was_lost_since_is_not_given_back(run, living, refused) -> None:
    flow = run(living.flow("olga"))
    olga, ann, directory = run(living.person("olga")), run(living.person("ann")), (
        living.house.directory
    )  # fmt: skip
    group = run(directory.add_group(f"g {secrets.token_hex(4)}"))
    run(directory.add_member(group, ann))
    run(living.house.sharing.share(flow, group, FlowRole.RUN_ONLY, olga))
    first = run(living.pressed(flow, "ann"))
    run(directory.remove_member(group, ann))
    assert refused(again(living, first, "ann")).code is Code.NOT_FOUND


def test_the_flow_runs_as_it_is_now(run, living) -> None:
    flow = run(living.flow("olga"))
    first = run(living.pressed(flow, "olga"))
    other = {"Other": {"runAfter": {}, "type": "Compose", "inputs": 2}}
    run(living.bring("olga", written.BUTTON, other, guid=flow))
    run(living.house.turning.on(flow, run(living.person("olga"))))
    header = run(again(living, first, "olga"))
    assert header.flow_version == 2
    assert set(run(living.actions(header.id))) == {"Other"}


def test_a_scheduled_run_is_resubmitted_in_the_name_it_ran_in(run, living, refused) -> None:
    house, flow = living.house, run(living.flow("olga", RECURRENCE))
    olga, carl = run(living.person("olga")), run(living.person("carl"))
    run(house.clock_strikes.bring_forward(flow))
    first = run(living.ended(flow))
    run(house.sharing.share(flow, carl, FlowRole.CO_OWNER, olga))
    header = run(again(living, first.id, "carl"))
    assert (header.principal, header.initiator, header.rule) == (olga, carl, "resubmit.original")
    run(house.directory.set_enabled(olga, enabled=False))
    assert refused(again(living, first.id, "carl")).code is Code.PRINCIPAL_DISABLED
    run(house.directory.set_enabled(olga, enabled=True))


def test_a_run_that_never_began_is_not_run_again(run, living, refused) -> None:
    flow = run(living.flow("olga", on=False))
    refused(living.press(flow, "olga"))
    (header,) = run(living.house.journal.runs(flow=flow))
    run(living.house.turning.on(flow, run(living.person("olga"))))
    assert refused(again(living, header.id, "olga")).code is Code.RESUBMIT_REFUSED


def test_own_connections_are_used_again_while_the_choice_stands(run, living, refused) -> None:
    flow = run(living.flow("olga", written.BUTTON, PROFILE, provided()))
    house, ann, olga = living.house, run(living.person("ann")), run(living.person("olga"))
    run(house.sharing.share(flow, ann, FlowRole.RUN_ONLY, olga))
    run(house.consent.choose(ann, flow, "people", run(living.connection("ann"))))
    first = run(living.pressed(flow, "ann"))
    header = run(again(living, first, "ann"))
    acting = run(living.actions(header.id))["Me"].acting
    assert (acting["principal"], acting["rule"]) == (ann, "action.invoker")
    run(house.consent.withdraw(ann, flow))
    error = refused(again(living, first, "ann"))
    assert error.code is Code.INVOKER_CONNECTION_OVERRIDE_FAILED


def test_an_administrator_who_may_not_run_it_does_not_resubmit_it(
    run, living, refused, shared
) -> None:
    first = run(living.pressed(shared, "olga"))
    run(living.person("root", SYSTEM_ADMINISTRATOR))
    assert refused(again(living, first, "root")).code is Code.ACCESS_DENIED


@pytest.mark.parametrize(
    ("source", "by", "expected"),
    [
        pytest.param(Source.INVOKER, "mia", "mia resubmit.original", id="its own person"),
        pytest.param(Source.INVOKER, "olga", Code.RESUBMIT_REFUSED, id="the flow's owner"),
        pytest.param(Source.EMBEDDED, "olga", "mia resubmit.original", id="fixed connections"),
    ],
)
def test_a_row_run_with_connections_of_its_own(source: Source, by: str, expected: str) -> None:
    flow = small.flow(
        FlowKind.AUTOMATED, small.binding("mail", source=source), run_as=RunAs.MODIFYING_USER
    )
    world = small.world(small.person("olga", delegate=True), small.person("mia"))
    cause = Resubmitted(PrincipalId(by), RunId(7), PrincipalId("mia"))
    answer = decide_running(flow, small.facts(), cause, world)
    if isinstance(answer, Refusal):
        assert answer.code == expected
        assert "Mia's own" in answer.message
    else:
        assert isinstance(answer, Running)
        assert f"{answer.principal} {answer.rule}" == expected
