"""Flows called over HTTP: whose run it is, whether it is wanted, and into how many it splits.

Who is let in is held by the tests of the door.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from flowner.errors import FlownerError
from flowner.runs.events import RunStarted, decode
from flowner.serving import serve
from flowner.values import FlowId, Json, RunId
from worlds.living import NOTE, http, responds
from worlds.still import CLERK, Still

ITEMS = "@triggerBody()?['items']"
Call = Callable[..., list[RunId]]


@pytest.fixture(scope="module", autouse=True)
def clerks(still: Still, run: Callable[..., Any]) -> None:
    run(still.house.directory.add_role("Clerk", {}, id=CLERK))


@pytest.fixture(scope="module")
def make(still: Still, run: Callable[..., Any]) -> Callable[..., FlowId]:
    def made(actions: dict[str, Any] = NOTE, *, on: bool = True, **more: Any) -> FlowId:
        trigger = http()
        trigger["manual"] |= more
        return run(still.living.flow("ada", trigger, actions, on=on))

    return made


@pytest.fixture(scope="module")
def call(still: Still, run: Callable[..., Any]) -> Call:
    def called(flow: FlowId, body: Json = None, by: str | None = None) -> list[RunId]:
        who = run(still.person(by)) if by else None
        asked = {"headers": {}, "queries": {}, "body": body}
        return run(still.house.running.call(flow, asked, who, run=still.house.running.fresh_run()))

    return called


@pytest.mark.parametrize("by", [None, "bob"])
def test_a_call_runs_as_the_owner_and_names_who_called(
    still: Still, run: Callable[..., Any], make: Any, call: Call, by: str | None
) -> None:
    (one,) = call(make(), by=by)
    header = run(still.house.journal.header(one))
    assert (header.principal, header.rule) == (run(still.person("ada")), "http.owner")
    assert header.initiator == (run(still.person(by)) if by else None)
    assert header.kind == "http"


def test_a_flow_that_is_off_is_not_called_whatever_its_trigger_asks(
    still: Still, run: Callable[..., Any], make: Any, call: Call
) -> None:
    for more in ({}, {"conditions": [{"expression": "@equals(1, 2)"}]}, {"splitOn": ITEMS}):
        flow = make(on=False, **more)
        with pytest.raises(FlownerError) as caught:
            call(flow, {"items": []})
        assert caught.value.code == "WorkflowTriggerIsNotEnabled"
        (header,) = run(still.fresh(flow))
        assert (header.status, header.principal) == ("Failed", None)


def test_a_disabled_owner_is_called_in_vain(
    still: Still, run: Callable[..., Any], call: Call
) -> None:
    flow = run(still.living.flow("gone", http()))
    run(still.house.directory.set_enabled(run(still.person("gone")), enabled=False))
    with pytest.raises(FlownerError) as caught:
        call(flow, by="bob")
    assert caught.value.code == "0x80040225"
    (header,) = run(still.fresh(flow))
    assert header.initiator == run(still.person("bob"))


def test_all_conditions_hold_or_nothing_runs(
    still: Still, run: Callable[..., Any], make: Any, call: Call
) -> None:
    wanted = ["@greater(triggerBody()?['n'], 1)", "@less(triggerBody()?['n'], 5)"]
    flow = make(conditions=[{"expression": one} for one in wanted])
    assert [len(call(flow, {"n": n})) for n in (1, 2, 4, 5)] == [0, 1, 1, 0]
    assert len(run(still.fresh(flow))) == 2


def test_a_condition_that_cannot_be_evaluated_is_said_to_the_caller_and_recorded(
    still: Still, run: Callable[..., Any], make: Any, call: Call
) -> None:
    flow = make(conditions=[{"expression": "@triggerBody()?['n']"}])
    with pytest.raises(FlownerError, match="condition 1") as caught:
        call(flow, {"n": 1})
    assert caught.value.code == "InvalidTemplate"
    (header,) = run(still.fresh(flow))
    assert (header.status, header.code, header.kind) == ("Failed", "InvalidTemplate", "http")


def bodies(still: Still, run: Callable[..., Any], runs: list[RunId]) -> list[Json]:
    found = []
    for one in runs:
        (first, *_) = run(still.house.journal.entries(one))
        began = decode(first.entry.data)
        assert isinstance(began, RunStarted)
        found.append(began.trigger["outputs"]["body"])
    return found


def test_a_split_makes_a_run_of_every_item(
    still: Still, run: Callable[..., Any], make: Any, call: Call
) -> None:
    flow = make(splitOn=ITEMS)
    runs = call(flow, {"items": [{"n": 1}, 2, None]})
    assert bodies(still, run, runs) == [{"n": 1}, 2, None]
    assert call(flow, {"items": []}) == []


def test_an_item_that_is_refused_loses_no_other(
    still: Still, run: Callable[..., Any], make: Any, call: Call
) -> None:
    asked = [{"expression": "@greater(int(triggerBody()), 1)"}]
    flow = make(splitOn=ITEMS, conditions=asked)
    runs = call(flow, {"items": ["5", "no number", "0", "7"]})
    assert bodies(still, run, runs) == ["5", "7"]
    refused = [one for one in run(still.fresh(flow)) if one.id not in runs]
    assert [(one.status, one.code) for one in refused] == [("Failed", "InvalidTemplate")]


@pytest.mark.parametrize(
    "body", [{"items": 5}, {"items": {"a": 1}}, {}], ids=["a number", "an object", "nothing"]
)
def test_what_cannot_be_split_is_refused(
    still: Still, run: Callable[..., Any], make: Any, call: Call, body: Json
) -> None:
    flow = make(splitOn=ITEMS)
    with pytest.raises(FlownerError, match="splitOn"):
        call(flow, body)
    assert [one.code for one in run(still.fresh(flow))] == ["InvalidTemplate"]


def test_whoever_calls_in_vain_or_for_many_does_not_wait(
    still: Still, run: Callable[..., Any], make: Any
) -> None:
    unwanted = make(responds("hello"), conditions=[{"expression": "@equals(1, 2)"}])
    many = make(responds("hello"), splitOn=ITEMS)

    async def answers() -> list[httpx.Response]:
        async with serve(still.house) as address, httpx.AsyncClient(timeout=10) as client:
            return [
                await client.post(
                    f"{address}/hooks/{flow}",
                    params={"sig": still.house.signature(flow)},
                    json={"items": [1, 2]},
                )
                for flow in (unwanted, many)
            ]

    for answer in run(answers()):
        assert (answer.status_code, answer.content) == (202, b"")
        assert "x-ms-workflow-run-id" not in answer.headers
    assert [len(run(still.fresh(flow))) for flow in (unwanted, many)] == [0, 2]
