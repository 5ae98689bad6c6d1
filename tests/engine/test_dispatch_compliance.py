"""What has to hold whoever dispatches: both drivers, on the real thing.

Crashes, pauses and a database that ends are in `test_storms.py`, draining and many processes in
`serving/test_many_processes.py`, with both drivers as well.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.endure import settings
from flowner.errors import Invalid
from flowner.flows.running import Press
from flowner.journal.records import RunHeader
from flowner.journal.wakes import Wakes
from flowner.server import House, at_work, open_house
from flowner.settings import read_settings
from flowner.values import FlowId, RunId
from serving.processes import Outside, outside
from worlds import written
from worlds.databases import fresh_database
from worlds.living import BUTTON, Living
from worlds.temporal_server import TemporalServer

APPROVALS, ASKED = "shared_approvals", "WebhookApprovalCreationInput"
SECRET = "a text that Temporal must not learn"
LEASE = 3.0
PARKED = {"postgres": 1000, "temporal": 300}
"""`benchmarks/parked.py` parks ten thousand, with either."""
NOTE = {"Note": {"runAfter": {}, "type": "Compose", "inputs": SECRET}}


def wait(seconds: int) -> dict[str, Any]:
    interval = {"interval": {"count": seconds, "unit": "Second"}}
    return {"Wait": {"runAfter": {}, "type": "Wait", "inputs": interval}}


@pytest.fixture(scope="module")
def database_url(server_url: str, temporal: TemporalServer | None) -> Iterator[str]:
    """A database for each driver."""
    del temporal
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture(scope="module")
def house(
    database_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    run: Callable[..., Any],
    temporal: TemporalServer | None,
) -> Iterator[House]:
    """A house at work whose leases are short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Wakes.__init__.__kwdefaults__, "lease_seconds", LEASE)

        @asynccontextmanager
        async def opened() -> AsyncIterator[House]:
            given = settings(database_url, tmp_path_factory.mktemp("house"), temporal)
            async with open_house(given) as house, at_work(house):
                yield house

        opening = opened()
        yield run(opening.__aenter__())
        run(opening.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def living(house: House) -> Living:
    return Living(house)


async def asks(living: Living) -> FlowId:
    """Return a flow of Ada's that waits for an answer of Bob's."""
    await living.person("bob")
    actions = {
        "Ask": written.call(
            "ask", APPROVALS, "StartAndWaitForAnApproval",
            {"approvalType": "Basic", f"{ASKED}/title": "May I?",
             f"{ASKED}/assignedTo": "bob@living.example"},
        )
    }  # fmt: skip
    connection = await living.connection("ada", APPROVALS)
    references = {"ask": written.reference(APPROVALS, f"ref_{connection[:8]}")}
    bind = {f"ref_{connection[:8]}": connection}
    return await living.flow("ada", BUTTON, actions, references, bind=bind)


async def pressed(living: Living, flow: FlowId, count: int = 1) -> list[RunId]:
    ada, gate = await living.person("ada"), asyncio.Semaphore(32)

    async def one() -> RunId:
        async with gate:
            return await living.house.running.press(Press(flow=flow, by=ada, inputs={}))

    return await asyncio.gather(*(one() for _ in range(count)))


async def all_are(
    house: House, flow: FlowId, wanted: str, count: int, seconds: float = 30.0
) -> list[RunHeader]:
    """Wait until that many runs of a flow stand so."""
    deadline = time.monotonic() + seconds
    while True:
        headers = await house.journal.runs(flow=flow, limit=10_000)
        stand = [header for header in headers if header.status == wanted]
        if len(stand) == count:
            return stand
        assert time.monotonic() < deadline, f"{len(stand)} of {count} are {wanted}"
        await asyncio.sleep(0.1)


async def answer(house: House, run_ids: set[RunId]) -> None:
    bob = await house.running.somebody("bob@living.example")
    while run_ids:
        page = [one for one in await house.approvals.of(bob) if one.approval.run in run_ids]
        assert page, f"{len(run_ids)} questions are not there"
        for one in page:
            await house.answers.respond(one.approval.id, bob, "Approve")
            run_ids.discard(RunId(one.approval.run))


def test_a_run_is_moved_to_its_end(living: Living, run) -> None:
    async def story() -> None:
        flow = await living.flow("ada", BUTTON, NOTE)
        assert (await living.press(flow, "ada")).status == "Succeeded"

    run(story())


def test_a_wait_ends_in_time_and_not_before(living: Living, run) -> None:
    async def story() -> None:
        flow = await living.flow("ada", BUTTON, wait(2))
        header = await living.press(flow, "ada")
        assert header.ended is not None
        assert 2.0 <= (header.ended - header.started).total_seconds() < 4.0

    run(story())


def test_an_answer_lets_a_parked_run_go_on(living: Living, run) -> None:
    async def story() -> None:
        flow = await asks(living)
        (id,) = await pressed(living, flow)
        await all_are(living.house, flow, "Waiting", 1)
        begun = time.monotonic()
        await answer(living.house, {id})
        await all_are(living.house, flow, "Succeeded", 1)
        assert time.monotonic() - begun < LEASE, "only the safety net noticed"

    run(story())


def test_a_parked_run_is_cancelled(living: Living, run) -> None:
    async def story() -> None:
        flow = await asks(living)
        (id,) = await pressed(living, flow)
        await all_are(living.house, flow, "Waiting", 1)
        await living.house.cancelling.cancel(id, await living.person("ada"))
        await all_are(living.house, flow, "Cancelled", 1)

    run(story())


def test_a_run_that_waits_for_its_turn_gets_it(living: Living, run) -> None:
    async def story() -> None:
        trigger = {"manual": BUTTON["manual"] | {
            "runtimeConfiguration": {"concurrency": {"runs": 1}}
        }}  # fmt: skip
        flow = await living.flow("ada", trigger, wait(1))
        await pressed(living, flow, 3)
        headers = await all_are(living.house, flow, "Succeeded", 3)
        ends = sorted(header.ended for header in headers if header.ended)
        assert all((b - a).total_seconds() >= 1 for a, b in pairwise(ends))

    run(story())


def test_many_are_parked_and_each_goes_on(
    living: Living, run, temporal: TemporalServer | None
) -> None:
    count = PARKED["temporal" if temporal else "postgres"]

    async def story() -> None:
        flow = await asks(living)
        ids = await pressed(living, flow, count)
        await all_are(living.house, flow, "Waiting", count, 120)
        assert living.house.dispatcher.in_hand == 0
        await answer(living.house, set(ids))
        await all_are(living.house, flow, "Succeeded", count, 120)

    run(story())


def test_what_temporal_forgets_goes_on(
    living: Living, run, temporal: TemporalServer | None
) -> None:
    if temporal is None:
        pytest.skip("PostgreSQL forgets nothing")

    async def story() -> None:
        house = living.house
        parked, timed = await asks(living), await living.flow("ada", BUTTON, wait(4))
        ids = await pressed(living, parked, 10)
        await pressed(living, timed, 10)
        await all_are(house, parked, "Waiting", 10)
        await asyncio.to_thread(temporal.stop)
        await pressed(living, timed, 5)  # while it is away
        await answer(house, set(ids[:5]))
        await asyncio.to_thread(temporal.wipe)
        await answer(house, set(ids[5:]))
        await all_are(house, parked, "Succeeded", 10, 60)
        await all_are(house, timed, "Succeeded", 15, 60)

    run(story())


def test_a_call_that_is_out_when_temporal_forgets_is_made_once(
    living: Living, run, temporal: TemporalServer | None
) -> None:
    if temporal is None:
        pytest.skip("PostgreSQL forgets nothing")

    async def story(service: Outside) -> None:
        post = {"method": "POST", "uri": service.url, "retryPolicy": {"type": "none"}}
        actions = {"Post": {"runAfter": {}, "type": "Http", "inputs": post}}
        flow = await living.flow("ada", BUTTON, actions)
        await pressed(living, flow)
        while not service.asked:  # noqa: ASYNC110 - it is a thread
            await asyncio.sleep(0.02)
        await asyncio.to_thread(temporal.wipe)
        await all_are(living.house, flow, "Succeeded", 1)
        assert len(service.asked) == 1

    with outside() as service:
        service.seconds = 3 * LEASE
        run(story(service))


def test_a_workflow_that_somebody_ends_costs_time_alone(
    living: Living, run, temporal: TemporalServer | None
) -> None:
    if temporal is None:
        pytest.skip("PostgreSQL has no workflows")

    async def story() -> None:
        from temporalio.client import Client  # noqa: PLC0415 - an extra

        parked, timed = await asks(living), await living.flow("ada", BUTTON, wait(3))
        (asked,), (waits,) = await pressed(living, parked), await pressed(living, timed)
        await all_are(living.house, parked, "Waiting", 1)
        client = await Client.connect(temporal.address)
        await client.get_workflow_handle(f"flowner-run-{asked}").terminate()
        await client.get_workflow_handle(f"flowner-run-{waits}").cancel()
        await answer(living.house, {asked})
        await all_are(living.house, parked, "Succeeded", 1, LEASE)
        await all_are(living.house, timed, "Succeeded", 1, 3 + 3 * LEASE)

    run(story())


def test_temporal_learns_ids_and_times_and_nothing_else(
    living: Living, run, temporal: TemporalServer | None
) -> None:
    if temporal is None:
        pytest.skip("it is about what leaves the database")

    async def story() -> None:
        from temporalio.client import Client  # noqa: PLC0415 - an extra

        flow = await living.flow("ada", BUTTON, NOTE)
        header = await living.press(flow, "ada")
        client = await Client.connect(temporal.address)
        history = await client.get_workflow_handle(f"flowner-run-{header.id}").fetch_history()
        said = json.dumps(history.to_json_dict())
        started = history.events[0].workflow_execution_started_event_attributes
        assert [json.loads(one.data) for one in started.input.payloads] == [header.id, LEASE]
        for word in (SECRET, "ada@living.example", flow, header.flow_name):
            assert word not in said

    run(story())


def test_a_process_says_so_when_temporal_is_away(
    house: House, run, temporal: TemporalServer | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if temporal is None:
        pytest.skip("PostgreSQL's absence is told in `test_watching.py`")
    from flowner.engine.temporal import driver  # noqa: PLC0415 - an extra

    async def story() -> None:
        monkeypatch.setattr(driver, "_SILENT_SECONDS", 8.0)
        await _until(house, [])
        await asyncio.to_thread(temporal.stop)
        await _until(house, ["worker"])
        await asyncio.to_thread(temporal.start)
        await _until(house, [])

    run(story())


async def _until(house: House, hindrances: list[str]) -> None:
    async with asyncio.timeout(40):
        while await house.vitals.hindrances() != hindrances:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.2)


def test_without_its_sdk_temporal_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_url: str, run
) -> None:
    monkeypatch.setitem(sys.modules, "flowner.engine.temporal.driver", None)

    async def story() -> None:
        with fresh_database(server_url) as url:
            given = {"FLOWNER_DATABASE_URL": url, "FLOWNER_DATA": str(tmp_path)}
            async with open_house(read_settings(given | {"FLOWNER_DISPATCH": "temporal"})):
                pass

    with pytest.raises(Invalid, match=r"install `flowner\[temporal\]`"):
        run(story())
