"""Health, metrics, traces and logs of real processes: what they say, to whom, and what never."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from flowner.definitions.flow import Status
from flowner.flows.connections import NewConnection
from flowner.server import House
from flowner.values import FlowId, Secret
from serving.conftest import InHouse
from serving.processes import Machine, Outside, Process, until
from worlds import written
from worlds.living import NOTE, Living, http, responds

TOKEN = "scrape-me-with-this-token"
PASSWORD, BEARER, TOLD = "relay-horse-battery", "outside-correct-staple", "what-the-caller-said"
READY = {"status": "ready"}


def ready(process: Process) -> Any:
    return httpx.get(process.address + "/readyz", timeout=10).json()


def figure(page: str, name: str, **labels: str) -> float:
    """Return a figure of a page; 0 where it is not there."""
    for line in page.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found is None:
            continue
        if dict(re.findall(r'(\w+)="([^"]*)"', found.group(1) or "")) == labels:
            return float(found.group(2))
    return 0.0


def test_a_process_says_whether_work_should_be_sent_to_it(
    machine: Machine, in_house: InHouse[Any], database_url: str, server_url: str
) -> None:
    flow = in_house(lambda house: Living(house).flow("ada", http(), NOTE))
    worker, door = machine.start("worker"), machine.start("serve", "--no-worker")
    for process in (worker, door):
        assert httpx.get(process.address + "/healthz").json() == {"status": "alive"}
        assert ready(process) == READY
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        for process in (worker, door):
            assert httpx.get(process.address + "/healthz").status_code == 200
            said = httpx.get(process.address + "/readyz", timeout=10)
            assert (said.status_code, said.json()) == (
                503, {"status": "not ready", "because": ["database"]}
            )  # fmt: skip
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    for process in (worker, door):
        until(lambda: ready(process) == READY, process.text)  # noqa: B023 - asked at once

    async def called(house: House) -> None:
        await house.running.call(flow, {"headers": {}}, None)

    in_house(called)
    until(lambda: _ended(in_house, flow), worker.text)


def test_a_database_that_lacks_a_migration_is_no_place_to_work(
    machine: Machine, database_url: str
) -> None:
    worker = machine.start("worker")
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute("SELECT version_num FROM public.revision").fetchone()
        assert row is not None
        for version, expected in (("0001", ["migrations"]), ("9999", None)):
            connection.execute("UPDATE public.revision SET version_num = %s", (version,))
            assert ready(worker).get("because") == expected, version
        connection.execute("UPDATE public.revision SET version_num = %s", (row[0],))


def test_a_process_that_ends_says_so_while_its_runs_come_to_rest(
    machine: Machine, in_house: InHouse[Any], service: Outside
) -> None:
    async def prepared(house: House) -> FlowId:
        actions = {"Post": {"runAfter": {}, "type": "Http", "inputs": {
            "method": "POST", "uri": service.url}}}  # fmt: skip
        flow = await Living(house).flow("bob", http(), actions)
        await house.running.call(flow, {"headers": {}}, None)
        return flow

    flow = in_house(prepared)
    service.seconds = 2.0
    worker = machine.start("worker")
    until(lambda: service.asked)
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(worker.stop)
        until(lambda: ready(worker) != READY)
        assert ready(worker) == {"status": "not ready", "because": ["draining"]}
        assert stopping.result() < 2 + 5
    machine.start("worker")
    until(lambda: _ended(in_house, flow))
    (header,) = in_house(lambda house: house.journal.runs(flow=flow))
    assert (header.status, len(service.asked)) == ("Succeeded", 1)


def test_metrics_are_for_those_alone_whom_the_settings_let_in(machine: Machine) -> None:
    off = machine.start("worker")
    assert httpx.get(off.address + "/metrics").status_code == 404
    here = machine.start("serve", "--no-worker", FLOWNER_METRICS="loopback")
    assert httpx.get(here.address + "/metrics").status_code == 200
    for name in ("X-Forwarded-For", "Forwarded", "Via"):
        through = {name: "for=203.0.113.9"}
        assert httpx.get(here.address + "/metrics", headers=through).status_code == 404
    named = machine.start("worker", FLOWNER_METRICS="token", FLOWNER_METRICS_TOKEN=TOKEN)
    for header, status in ((None, 401), (f"Bearer {TOKEN}x", 401), (f"Bearer {TOKEN}", 200)):
        said = httpx.get(
            named.address + "/metrics", headers={"Authorization": header} if header else {}
        )
        assert said.status_code == status
    refused = machine.launch("worker", FLOWNER_METRICS="token")
    assert refused.popen.wait(timeout=30) == 1
    assert "set `FLOWNER_METRICS_TOKEN`" in refused.text()


def test_what_runs_do_is_counted_and_no_address_is(
    machine: Machine, in_house: InHouse[Any], service: Outside
) -> None:
    async def prepared(house: House) -> tuple[str, FlowId, FlowId]:
        actions = {"Get": {"runAfter": {}, "type": "Http", "inputs": {
            "method": "GET", "uri": service.url}}}  # fmt: skip
        living = Living(house)
        flow = await living.flow("cem", http(), actions | {
            "Answer": responds("done")["Answer"] | {"runAfter": {"Get": ["Succeeded"]}}
        })  # fmt: skip
        waits = {"Wait": {"runAfter": {}, "type": "Wait", "inputs": {
            "interval": {"unit": "Hour", "count": 1}}}}  # fmt: skip
        return (
            f"/hooks/{flow}?sig={house.signature(flow)}",
            flow,
            await living.flow("cem", http(), waits),
        )

    address, flow, sleeper = in_house(prepared)
    both = machine.start("serve", FLOWNER_METRICS="loopback")
    for _ in range(3):
        assert httpx.post(both.address + address, timeout=30).status_code == 200
    for odd in ("/hooks/x", "/nowhere/at-all", "/flows"):
        httpx.get(both.address + odd)
    in_house(lambda house: house.running.call(sleeper, {"headers": {}}, None))
    in_house(lambda house: _turned_off(house, flow))
    assert httpx.post(both.address + address, timeout=30).status_code == 409

    def page() -> str:
        return httpx.get(both.address + "/metrics").text

    until(lambda: figure(page(), "flowner_runs_parked") == 1, page)
    said = page()
    assert figure(said, "flowner_runs_started_total", flow=flow) == 3
    assert figure(said, "flowner_runs_finished_total", flow=flow, status="Succeeded") == 3
    assert figure(said, "flowner_runs_refused_total", flow=flow,
                  code="WorkflowTriggerIsNotEnabled") == 1  # fmt: skip
    assert figure(said, "flowner_actions_total", operation="GET", status="Succeeded") == 3
    assert figure(said, "flowner_action_duration_seconds_count", operation="GET") == 3
    assert figure(said, "flowner_http_requests_total", method="POST", route="/hooks/{flow}",
                  status="200") == 3  # fmt: skip
    assert figure(said, "flowner_http_requests_total", method="GET", route="unmatched",
                  status="404") == 1  # fmt: skip
    assert figure(said, "flowner_queue_lag_seconds") < 5
    assert figure(said, "flowner_database_up") == 1
    assert figure(said, "flowner_journal_batch_size_count", statement="append") >= 3
    assert figure(said, "process_resident_memory_bytes") > 1e7
    assert flow not in re.sub(r'flow="[^"]*"', "", said)


def test_logs_metrics_and_traces_hold_no_secret_and_nothing_of_what_flows_are_given(
    machine: Machine, in_house: InHouse[Any], service: Outside
) -> None:
    async def prepared(house: House) -> tuple[list[str], list[FlowId], str]:
        living = Living(house)
        mail = NewConnection(
            connector=written.MAIL, account="dia@relay.example",
            settings={"host": "127.0.0.1", "port": 9},
            secrets={"user": Secret("dia"), "password": Secret(PASSWORD)},
        )  # fmt: skip
        connection = await house.connections.make(mail, await living.person("dia"))
        send = written.call("mail", written.MAIL, "SendEmailV2", {
            "emailMessage/To": "eve@relay.example", "emailMessage/Subject": TOLD,
            "emailMessage/Body": TOLD})  # fmt: skip
        send["inputs"]["retryPolicy"] = {"type": "none"}
        ask = {"runAfter": {}, "type": "Http", "inputs": {
            "method": "POST", "uri": service.url + f"/?q={TOLD}", "body": "@triggerBody()",
            "authentication": {"type": "Raw", "value": f"Bearer {BEARER}"}}}  # fmt: skip
        ends = {"runAfter": {"Ask": ["Succeeded"]}, "type": "Terminate", "inputs": {
            "runStatus": "Failed", "runError": {"code": TOLD, "message": TOLD}}}  # fmt: skip
        flows = [
            await living.flow("dia", http(), {"Ask": ask, "End": ends}),
            await living.flow("dia", http(), {"Send": send},
                              {"mail": written.reference(written.MAIL, "ref_mail")},
                              bind={"ref_mail": connection}),
        ]  # fmt: skip
        signatures = [house.signature(flow) for flow in flows]
        return signatures, flows, str(connection)

    signatures, flows, connection = in_house(prepared)
    loud = {"FLOWNER_LOG": "json", "FLOWNER_LOG_LEVEL": "debug", "FLOWNER_METRICS": "token",
            "FLOWNER_METRICS_TOKEN": TOKEN, "FLOWNER_TRACES": "yes",
            "FLOWNER_TRACES_TO": "127.0.0.1", "OTEL_TRACES_EXPORTER": "console"}  # fmt: skip
    processes = [machine.start("worker", **loud), machine.start("serve", **loud)]
    trace = "0af7651916cd43dd8448eb211c80319c"
    for flow, signature in zip(flows, signatures, strict=True):
        httpx.post(
            f"{processes[1].address}/hooks/{flow}?sig={signature}",
            json={"password": TOLD},
            headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
            timeout=60,
        )
        until(lambda: _ended(in_house, flow))  # noqa: B023 - asked at once
    read = {"Authorization": f"Bearer {TOKEN}"}
    pages = [httpx.get(one.address + "/metrics", headers=read).text for one in processes]
    for process in processes:
        process.stop()
    (_, asked) = service.asked[0]
    assert asked["authorization"] == f"Bearer {BEARER}", "the secret was not used"
    assert asked["traceparent"].startswith(f"00-{trace}-"), "the trace was not continued"
    said = "\n".join([*pages, *(process.text() for process in processes)])
    key = (machine.data / "key").read_text().strip()
    for secret in (PASSWORD, BEARER, TOLD, TOKEN, key, *signatures):
        assert secret not in said
    for about in (*flows, connection, trace, "http.owner"):
        assert str(about) in said
    events = [json.loads(line) for line in said.splitlines() if line.startswith('{"')]
    ended = [event for event in events if event["event"] == "run ended"]
    assert {event["flow"] for event in ended} == set(flows)
    assert {event["status"] for event in ended} == {Status.FAILED.value}
    (failed,) = [event for event in events if event["event"] == "call failed"]
    assert failed.items() >= {"flow": flows[1], "path": "Send", "level": "info"}.items()
    assert failed["run"] in {event["run"] for event in ended}


@pytest.mark.parametrize("command", [["worker"], ["serve"]])
def test_a_process_answers_within_seconds_of_its_start(
    machine: Machine, command: list[str]
) -> None:
    begun = time.monotonic()
    process = machine.start(*command)
    assert ready(process) == READY
    assert time.monotonic() - begun < 30, "this machine is slow, but not so slow"


async def _turned_off(house: House, flow: FlowId) -> None:
    await house.turning.off(flow, await house.running.somebody("cem@living.example"))


def _ended(in_house: InHouse[Any], flow: FlowId) -> bool:
    headers = in_house(lambda house: house.journal.runs(flow=flow, limit=100))
    return bool(headers) and all(header.ended is not None for header in headers)
