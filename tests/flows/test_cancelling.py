"""Stopping runs: who may, what stops with them, and what the history says of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowner.access.vocabulary import FlowRole
from flowner.definitions.flow import Status
from flowner.errors import Code
from flowner.flows.cancelling import children_of
from flowner.flows.running import Press
from flowner.runs.events import decode
from flowner.values import FlowId, RunId
from worlds.living import BUTTON, PATIENCE, Living, http

WAIT = {
    "Pause": {
        "runAfter": {},
        "type": "Wait",
        "inputs": {"interval": {"count": 1, "unit": "Hour"}},
    }
}


def calls(flow: FlowId) -> dict[str, Any]:
    inputs = {"host": {"workflowReferenceName": flow}, "body": {}}
    return {"Call": {"runAfter": {}, "type": "Workflow", "inputs": inputs}}


async def pressed(living: Living, flow: FlowId, by: str) -> RunId:
    """Press a flow that will wait, and return once it does."""
    run = living.house.running.fresh_run()
    press = Press(flow=flow, by=await living.person(by), inputs={})
    await living.house.running.press(press, run=run)
    return run


async def ended(living: Living, run: RunId) -> Any:
    async with asyncio.timeout(PATIENCE):
        while (header := await living.house.journal.header(run)).ended is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return header


@pytest.fixture(scope="module")
def shared(run: Any, living: Living) -> FlowId:
    """Olga's flow that waits, which Rik and Rob may run and Carl co-owns."""
    flow: FlowId = run(living.flow("olga", BUTTON, WAIT))
    share, olga = living.house.sharing.share, run(living.person("olga"))
    for name in ("rik", "rob"):
        run(share(flow, run(living.person(name)), FlowRole.RUN_ONLY, olga))
    run(share(flow, run(living.person("carl")), FlowRole.CO_OWNER, olga))
    return flow


@pytest.mark.parametrize("who", ["rik", "olga", "carl"])
def test_owners_and_who_set_it_off_stop_a_run(run, living, shared, who: str) -> None:
    one = run(pressed(living, shared, "rik"))
    person = run(living.person(who))
    assert run(living.house.cancelling.cancel(one, person)) == 1
    assert run(ended(living, one)).status == "Cancelled"
    seen = run(living.house.inspecting.open(one, person, flow=shared))
    assert seen.cancelled_by == who
    assert seen.record.actions["Pause"].status.value == "Cancelled"
    assert not seen.may_cancel


def test_nobody_else_stops_it(run, living, refused, shared) -> None:
    one = run(pressed(living, shared, "rik"))
    for other in ("rob", "eve"):
        error = refused(living.house.cancelling.cancel(one, run(living.person(other))))
        assert error.code is Code.NOT_FOUND
    assert run(living.house.journal.header(one)).ended is None
    run(living.house.cancelling.cancel(one, run(living.person("rik"))))
    run(ended(living, one))


def test_a_run_that_is_over_is_not_stopped(run, living, refused) -> None:
    flow = run(living.flow("olga"))
    one, olga = run(living.pressed(flow, "olga")), run(living.person("olga"))
    assert "is over" in refused(living.house.cancelling.cancel(one, olga)).message


def test_runs_that_it_called_stop_with_it(run, living) -> None:
    child = run(living.flow("olga", http(), WAIT))
    middle = run(living.flow("olga", http(), calls(child)))
    parent = run(living.flow("olga", BUTTON, calls(middle)))
    one, olga = run(pressed(living, parent, "olga")), run(living.person("olga"))

    async def called(above: RunId) -> RunId:
        async with asyncio.timeout(PATIENCE):
            while True:
                entries = await living.house.journal.entries(above)
                found = children_of(decode(entry.entry.data) for entry in entries)
                if found:
                    return found[0]
                await asyncio.sleep(0.02)

    second = run(called(one))
    third = run(called(second))
    assert run(living.house.cancelling.cancel(one, olga)) == 3
    for each in (one, second, third):
        assert run(ended(living, each)).status == "Cancelled"


def test_all_that_are_under_way_are_those_that_somebody_may_stop(run, living) -> None:
    """Of one flow or of all, by status; those of others' flows and those that are over are not."""
    flow, theirs = run(living.flow("nils", BUTTON, WAIT)), run(living.flow("nora", BUTTON, WAIT))
    nils, nora = run(living.person("nils")), run(living.person("nora"))
    run(living.house.sharing.share(flow, nora, FlowRole.RUN_ONLY, nils))
    first, second = run(pressed(living, flow, "nils")), run(pressed(living, flow, "nora"))
    other = run(pressed(living, theirs, "nora"))
    over = run(pressed(living, flow, "nils"))
    run(living.house.cancelling.cancel(over, nils))
    run(ended(living, over))

    async def waits(one: RunId) -> None:
        async with asyncio.timeout(PATIENCE):
            while (await living.house.journal.header(one)).status != "Waiting":  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    for one in (first, second, other):
        run(waits(one))
    found = living.house.cancelling.open_runs
    assert run(found(nils)) == [second, first]
    assert run(found(nora)) == [other, second]
    assert run(found(nora, flow=flow, status=Status.WAITING)) == [second]
    assert run(found(nora, flow=flow, status=Status.RUNNING)) == []
    for one in (first, second, other):
        run(living.house.cancelling.cancel(one, nora if one == other else nils))
        run(ended(living, one))
