"""How many runs of one flow there are at a time, how many wait, and in which order they begin."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from flowner.definitions.codec import read_flow
from flowner.errors import Code, Refused
from flowner.flows.running import Press
from flowner.journal.queueing import Limits
from flowner.runs.events import ActionEnded, RunEnded, decode
from flowner.runs.messages import ENCODER, CancelAsked
from flowner.triggers.admitting import limits_of
from flowner.values import RunId
from worlds.living import BUTTON, Living

LONG = {
    "Hold": {
        "runAfter": {}, "type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}},
    },
}  # fmt: skip
SHORT = {"Note": {"runAfter": {}, "type": "Compose", "inputs": 1}}


def limited(**concurrency: Any) -> dict[str, Any]:
    ((name, trigger),) = BUTTON.items()
    return {name: trigger | {"runtimeConfiguration": {"concurrency": concurrency}}}


@pytest.mark.parametrize(
    ("source", "limits"),
    [
        pytest.param({}, None, id="none said"),
        pytest.param({"runtimeConfiguration": {}}, None, id="none said of runs"),
        pytest.param({"concurrency": {}}, (25, 35), id="said without a number"),
        pytest.param({"concurrency": {"runs": 1}}, (1, 11), id="ten more may wait"),
        pytest.param({"concurrency": {"runs": 3, "maximumWaitingRuns": 7}}, (3, 7), id="both"),
        pytest.param({"concurrency": {"runs": 1000}}, (100, 110), id="a hundred at most"),
        pytest.param({"concurrency": {"runs": 0}}, (1, 11), id="one at least"),
        pytest.param({"concurrency": {"runs": True}}, (25, 35), id="true is no number"),
        pytest.param({"operationOptions": "SingleInstance"}, (1, 10), id="single instance"),
        pytest.param({"operationOptions": "Other, singleinstance"}, (1, 10), id="among options"),
        pytest.param({"operationOptions": "Sequential"}, None, id="another option"),
    ],
)
def test_a_triggers_limits(source: dict[str, Any], limits: tuple[int, int] | None) -> None:
    if "concurrency" in source:
        source = {"runtimeConfiguration": source}
    wanted = None if limits is None else Limits(runs=limits[0], waiting=limits[1])
    ((name, trigger),) = BUTTON.items()
    document = {"definition": {"triggers": {name: trigger | source}, "actions": {}}}
    assert limits_of(read_flow(document, name="limited").trigger) == wanted


@pytest.fixture(scope="module")
def living(house) -> Living:
    return Living(house)


async def started(living: Living, flow, by: str = "ada") -> RunId:
    house, run = living.house, living.house.running.fresh_run()
    await house.running.press(Press(flow=flow, by=await living.person(by), inputs={}), run=run)
    return run


async def stop(living: Living, run: RunId) -> None:
    message = ENCODER.encode(CancelAsked(by="a test", reason="seen enough"))
    assert await living.house.journal.post(run, message)
    await living.ended_run(run)


async def begun(living: Living, run: RunId) -> None:
    for _ in range(1_000):
        if len(await living.house.journal.entries(run)) > 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{run} has not begun")


async def waits(living: Living, run: RunId) -> bool:
    """Whether a run has not begun, and says that it waits."""
    header = await living.house.journal.header(run)
    return header.status == "Waiting" and len(await living.house.journal.entries(run)) == 1


async def events(living: Living, run: RunId) -> list[Any]:
    return [decode(one.entry.data) for one in await living.house.journal.entries(run)]


def test_so_many_run_and_the_others_wait_in_their_order(living, run) -> None:
    async def tell() -> None:
        flow = await living.flow("ada", limited(runs=2, maximumWaitingRuns=3), LONG)
        runs = [await started(living, flow) for _ in range(5)]
        for one in runs[:2]:
            await begun(living, one)
        for one in runs[2:]:
            assert await waits(living, one)
        with pytest.raises(Refused) as caught:
            await started(living, flow)
        assert caught.value.code is Code.TOO_MANY_RUNS
        refused = (await living.house.journal.runs(flow=flow))[0]
        assert (refused.code, refused.principal) == (Code.TOO_MANY_RUNS.value, None)
        await stop(living, runs[1])
        await begun(living, runs[2])
        assert await waits(living, runs[3])
        await stop(living, runs[3])
        assert not [e for e in await events(living, runs[3]) if isinstance(e, ActionEnded)]
        assert await waits(living, runs[4])
        await stop(living, runs[0])
        await begun(living, runs[4])
        for one in (runs[2], runs[4]):
            await stop(living, one)

    run(tell())


def test_one_at_a_time_is_one_at_a_time_whoever_presses_together(living, run) -> None:
    async def tell() -> list[tuple[Any, Any]]:
        flow = await living.flow("ada", limited(runs=1, maximumWaitingRuns=50), SHORT)
        runs = await asyncio.gather(*(started(living, flow) for _ in range(12)))
        spans = []
        for one in runs:
            assert (await living.ended_run(one)).status == "Succeeded"
            told = await events(living, one)
            (note,) = (e for e in told if isinstance(e, ActionEnded))
            (end,) = (e for e in told if isinstance(e, RunEnded))
            spans.append((note.at, end.at))
        async with living.house.database.connection() as connection:
            left = await connection.execute("SELECT count(*) AS n FROM journal.queue")
            row = await left.fetchone()
            assert row is not None
            assert row["n"] == 0
        return sorted(spans)

    spans = run(tell())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
