"""One database, many processes: doors that move nothing, workers that answer nobody."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from flowner.journal.schedules import set_schedule
from flowner.rows.catalogue import Type
from flowner.server import House
from flowner.values import FlowId
from serving.conftest import InHouse
from serving.processes import Machine, Outside, until
from worlds.databases import fresh_database
from worlds.living import RECURRENCE, Living, http, responds
from worlds.temporal_server import TemporalServer

DRAIN = 3
RUNS, STEPS = 6, 14


@pytest.fixture(scope="module")
def database_url(server_url: str, temporal: TemporalServer | None) -> Iterator[str]:
    """A database for each driver."""
    del temporal
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def machine(machine: Machine, temporal: TemporalServer | None) -> Machine:
    """The machine, with either driver."""
    if temporal is not None:
        machine.environment["FLOWNER_DISPATCH"] = "temporal"
        machine.environment["FLOWNER_TEMPORAL_ADDRESS"] = temporal.address
    return machine


def posts(service: Outside, count: int) -> dict[str, Any]:
    """Return POST requests one after the other: none of them may be made twice."""
    return {
        f"Post_{n}": {
            "runAfter": {f"Post_{n - 1}": ["Succeeded"]} if n else {},
            "type": "Http",
            "inputs": {
                "method": "POST",
                "uri": f"{service.url}/@{{workflow()?['run']?['name']}}/{n}",
                "retryPolicy": {"type": "none"},
            },
        }
        for n in range(count)
    }


def hook(house: House, flow: FlowId) -> str:
    return f"/hooks/{flow}?sig={house.signature(flow)}"


def test_a_door_hears_what_the_run_answers_in_another_process(
    machine: Machine, in_house: InHouse[Any]
) -> None:
    async def prepared(house: House) -> tuple[str, str]:
        living = Living(house)
        answer = responds({"to": "@triggerBody()?['name']"}, 201)
        answer["Answer"]["inputs"]["headers"] = {"x-own": "yes"}
        silent = {"End": {"runAfter": {}, "type": "Terminate", "inputs": {"runStatus": "Failed"}}}
        flows = [await living.flow("ada", http(), actions) for actions in (answer, silent)]
        return hook(house, flows[0]), hook(house, flows[1])

    answers, silent = in_house(prepared)
    machine.start("worker")
    doors = [machine.start("serve", "--no-worker") for _ in range(2)]
    for door in doors:
        for name in ("one", "two"):
            begun = time.monotonic()
            said = httpx.post(door.address + answers, json={"name": name}, timeout=30)
            assert (said.status_code, said.json()) == (201, {"to": name})
            assert said.headers["x-own"] == "yes"
            assert time.monotonic() - begun < 5
        begun = time.monotonic()
        assert httpx.post(door.address + silent, timeout=30).status_code == 202
        assert time.monotonic() - begun < 5, "it waited for an answer of a run that had ended"


def test_doors_alone_move_nothing_and_a_waiting_caller_is_let_go_at_the_end(
    machine: Machine, in_house: InHouse[Any], service: Outside
) -> None:
    async def prepared(house: House) -> tuple[str, str]:
        living = Living(house)
        actions = posts(service, 1)
        flow = await living.flow("bob", http(), actions | {
            "Answer": responds("done")["Answer"] | {"runAfter": {"Post_0": ["Succeeded"]}}
        })  # fmt: skip
        return hook(house, flow), flow

    address, flow = in_house(prepared)
    door = machine.start("serve", "--no-worker", FLOWNER_DRAIN_SECONDS="1")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(httpx.post, door.address + address, timeout=30)
        until(lambda: in_house(lambda house: house.journal.runs(flow=flow)))
        time.sleep(0.3)
        assert not waiting.done()
        assert service.asked == []
        assert door.stop() < 1 + 5
        assert waiting.result().status_code == 202
    machine.start("worker")
    until(lambda: service.asked)


def test_runs_in_flight_go_on_when_new_processes_take_over(
    machine: Machine, in_house: InHouse[Any], service: Outside, database_url: str
) -> None:
    async def prepared(house: House) -> FlowId:
        living = Living(house)
        flow = await living.flow("cem", http(), posts(service, STEPS))
        for _ in range(RUNS):
            await house.running.call(flow, {"headers": {}}, None)
        return flow

    flow = in_house(prepared)
    service.seconds = 0.4
    drain = {"FLOWNER_DRAIN_SECONDS": str(DRAIN)}
    old = machine.start("worker", **drain)
    until(lambda: len(service.asked) > RUNS)
    new = machine.start("worker", **drain)
    assert old.stop() < DRAIN + 5
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM journal.wake WHERE owner LIKE %s", (f"%-{old.popen.pid}-%",)
        ).fetchone()
    assert row == (0,), "the old worker kept leases"
    until(lambda: _all_ended(in_house, flow))
    headers = in_house(lambda house: house.journal.runs(flow=flow, limit=100))
    assert Counter(header.status for header in headers) == {"Succeeded": RUNS}
    asked = Counter(path for path, _ in service.asked)
    assert asked == Counter(f"/{header.id}/{n}" for header in headers for n in range(STEPS))
    new.stop(signal.SIGINT)


def test_a_call_that_outlasts_the_drain_is_looked_at_by_a_person(
    machine: Machine, in_house: InHouse[Any], service: Outside
) -> None:
    async def prepared(house: House) -> FlowId:
        flow = await Living(house).flow("dia", http(), posts(service, 1))
        await house.running.call(flow, {"headers": {}}, None)
        return flow

    flow = in_house(prepared)
    service.seconds = 8.0
    old = machine.start("worker", FLOWNER_DRAIN_SECONDS="1")
    until(lambda: service.asked)
    assert old.stop() < 1 + 5
    machine.start("worker")
    begun = time.monotonic()
    until(lambda: _all_ended(in_house, flow))
    assert time.monotonic() - begun < 10, "its lease was not given back"
    (header,) = in_house(lambda house: house.journal.runs(flow=flow))
    assert (header.status, len(service.asked)) == ("Failed", 1)


def test_a_worker_ends_in_time_while_temporal_is_away(
    machine: Machine,
    in_house: InHouse[Any],
    service: Outside,
    temporal: TemporalServer | None,
) -> None:
    if temporal is None:
        pytest.skip("nothing but PostgreSQL is needed")

    async def prepared(house: House) -> FlowId:
        flow = await Living(house).flow("ned", http(), posts(service, 2))
        await house.running.call(flow, {"headers": {}}, None)
        return flow

    flow = in_house(prepared)
    service.seconds = 1.0
    worker = machine.start("worker", FLOWNER_DRAIN_SECONDS=str(DRAIN))
    until(lambda: service.asked)
    temporal.stop()
    assert worker.stop() < DRAIN + 5
    temporal.start()
    machine.start("worker")
    until(lambda: _all_ended(in_house, flow))
    (header,) = in_house(lambda house: house.journal.runs(flow=flow))
    assert (header.status, len(service.asked)) == ("Succeeded", 2)


def test_told_twice_a_process_ends_at_once(
    machine: Machine, in_house: InHouse[Any], service: Outside
) -> None:
    async def prepared(house: House) -> None:
        flow = await Living(house).flow("jan", http(), posts(service, 1))
        await house.running.call(flow, {"headers": {}}, None)

    in_house(prepared)
    service.seconds = 12.0
    worker = machine.start("worker", FLOWNER_DRAIN_SECONDS="60")
    until(lambda: service.asked)
    worker.popen.send_signal(signal.SIGTERM)
    until(lambda: httpx.get(worker.address + "/readyz").status_code == 503)
    assert worker.stop() < 8


def test_two_workers_fire_a_recurrence_once(machine: Machine, in_house: InHouse[Any]) -> None:
    async def prepared(house: House) -> list[FlowId]:
        living = Living(house)
        flows = [await living.flow("eva", RECURRENCE) for _ in range(20)]
        async with house.database.transaction() as transaction:
            for flow in flows:
                await set_schedule(transaction, flow, house.clock.now() + timedelta(seconds=4))
        return flows

    flows = in_house(prepared)
    for _ in range(2):
        machine.start("worker")

    async def counted(house: House) -> Counter[int]:
        return Counter([len(await house.journal.runs(flow=flow)) for flow in flows])

    until(lambda: in_house(counted)[0] == 0)
    time.sleep(1.0)
    assert in_house(counted) == {1: len(flows)}


def test_a_column_that_one_process_adds_is_known_to_the_others(
    machine: Machine, in_house: InHouse[Any]
) -> None:
    async def prepared(house: House) -> str:
        await house.metadata.create_table(
            "t_shared", set_name="t_shareds", primary_name="t_name", columns={}
        )
        ada = await Living(house).person("finn", "00000000-0000-4000-8000-0000000000a1")
        return (await house.tokens.issue(ada, "test")).reveal()

    headers = {"Authorization": f"Bearer {in_house(prepared)}"}
    door = machine.start("serve", "--no-worker")
    rows = door.address + "/api/data/v9.2/t_shareds"
    assert httpx.get(rows, headers=headers).json()["value"] == []
    in_house(lambda house: house.metadata.add_column("t_shared", "t_later", Type.WHOLE))
    until(
        lambda: httpx.get(rows + "?$select=t_later", headers=headers).status_code == 200, seconds=5
    )


@pytest.mark.parametrize("first", ["worker", "serve"])
def test_an_embedded_database_stays_for_whoever_still_uses_it(tmp_path: Path, first: str) -> None:
    machine = Machine(tmp_path, tmp_path)
    commands = {"worker": ["worker"], "serve": ["serve", "--no-worker"]}
    one = machine.start(*commands.pop(first))
    (arguments,) = commands.values()
    other = machine.start(*arguments)
    one.stop()
    running = tmp_path / "postgres" / "postmaster.pid"
    assert running.exists()
    assert httpx.get(other.address + "/readyz").json() == {"status": "ready"}
    other.stop()
    assert not running.exists()
    machine.end()


def _all_ended(in_house: InHouse[Any], flow: FlowId) -> bool:
    headers = in_house(lambda house: house.journal.runs(flow=flow, limit=100))
    return all(header.ended is not None for header in headers)
