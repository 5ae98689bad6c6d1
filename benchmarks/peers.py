"""The work on which peers are measured, done by `flowner serve`: W1 to W4, beside a floor.

    python benchmarks/peers.py [--dbos PYTHON] [--quick]

W1  one run of 40 steps one after the other, started and answered over HTTP: its wall time
W2  POST -> compose with three expressions -> the same connection answers, 16 connections: requests
    a second and p99; the floor is a bare Starlette handler that computes the same
W3  1,000 runs of three steps, submitted over 16 connections as fast as they are accepted: from the
    first submission until all 1,000 are recorded complete
W4  one run: for each of 1,000 items, one after the other, two steps: its wall time

Everything is durable: every step's outcome is in the journal before a run is over or answered.
The bars are issue figures of these two-core machines. `--dbos` names a Python in which DBOS and
FastAPI are installed; the same work is then done by DBOS on its default database, here and now.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from flowner.directory.people import NewPerson
from flowner.server import open_house
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs
from worlds import written

PROGRAM = Path(sys.executable).with_name("flowner")
BODY = {"name": "ada", "x": 5, "items": list(range(1, 11))}
GREETING = {"greeting": "Hello ADA", "count": 10, "size": "a"}
CONNECTIONS = 16
HTTP = {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}}


@dataclass
class Measured:
    """What one system did; times in seconds."""

    w1: list[float] = field(default_factory=list)
    w2: list[float] = field(default_factory=list)
    """Requests a second."""
    w2_times: list[float] = field(default_factory=list)
    w3: list[float] = field(default_factory=list)
    w4: list[float] = field(default_factory=list)


def compose(inputs, after: str | None = None) -> dict:
    """Return one step."""
    return {
        "type": "Compose",
        "inputs": inputs,
        "runAfter": {after: ["Succeeded"]} if after else {},
    }


def responds(body, after: str) -> dict:
    """Return the step that answers whoever called."""
    inputs = {"statusCode": 200, "body": body}
    return {
        "type": "Response", "kind": "Http", "inputs": inputs, "runAfter": {after: ["Succeeded"]},
    }  # fmt: skip


def chain(steps: int) -> dict:
    """Return steps of which each adds one to what the one before it made."""
    return {
        f"Step_{n}": compose(
            f"@add(outputs('Step_{n - 1}'), 1)" if n else 1, f"Step_{n - 1}" if n else None
        )
        for n in range(steps)
    }


FLOWS = {
    "W1": chain(40) | {"Response": responds("@string(outputs('Step_39'))", "Step_39")},
    "W2": {
        "Compose": compose(
            {
                "greeting": "@concat('Hello ', toUpper(triggerBody()?['name']))",
                "count": "@length(triggerBody()?['items'])",
                "size": "@if(greater(triggerBody()?['x'], 3), 'a', 'b')",
            }
        ),
        "Response": responds("@outputs('Compose')", "Compose"),
    },
    "W3": chain(3),
    "W4": {
        "Items": compose("@range(0, 1000)"),
        "For_each": {
            "type": "Foreach",
            "foreach": "@outputs('Items')",
            "runAfter": {"Items": ["Succeeded"]},
            "runtimeConfiguration": {"concurrency": {"repetitions": 1}},
            "actions": {
                "A": compose("@add(item(), 1)"),
                "B": compose("@mul(outputs('A'), 2)", "A"),
            },
        },
        "Response": responds("@string(length(outputs('Items')))", "For_each"),
    },
}


class Line:
    """One connection that is kept open; requests are sent as prepared bytes."""

    def __init__(self, address: str, body: object) -> None:
        parts, data = urlsplit(address), json.dumps(body).encode()
        self.host, self.port = parts.hostname, parts.port
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.request = (
            f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        ).encode() + data

    async def open(self) -> Line:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        return self

    async def post(self) -> bytes:
        """Send the request once; answers the body. Fails unless the answer is a 2xx."""
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await self.reader.readexactly(int(length.group(1))) if length else b""
        assert head[9:10] == b"2", (head, body)
        return body

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


async def times(address: str, count: int, expected: bytes, body: object = BODY) -> list[float]:
    """Send requests one after the other; answers how long each took."""
    line, found = await Line(address, body).open(), []
    for _ in range(count):
        begun = time.perf_counter()
        said = await line.post()
        found.append(time.perf_counter() - begun)
        assert said == expected, said
    line.close()
    return found


async def pressure(address: str, seconds: float) -> tuple[float, list[float]]:
    """Send what 16 connections can; answers requests a second and how long each took."""
    until, found = time.perf_counter() + seconds, []

    async def one() -> None:
        line = await Line(address, BODY).open()
        while (begun := time.perf_counter()) < until:
            said = await line.post()
            found.append(time.perf_counter() - begun)
            assert json.loads(said) == GREETING, said
        line.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return len(found) / (time.perf_counter() - begun), found


async def submit(address: str, count: int) -> None:
    """Send a number of requests over 16 connections, as fast as they are accepted."""
    left = iter(range(count))

    async def one() -> None:
        line = await Line(address, BODY).open()
        for _ in left:
            await line.post()
        line.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


async def ours(quick: bool) -> Measured:
    """Measure `flowner serve` with its embedded database, settings as they come."""
    found = Measured()
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Settings(data_folder=Path(folder))) as house:
            flows = await _flows(house)
            environment = {**os.environ, "FLOWNER_DATA": folder, "FLOWNER_PORT": "0",
                           "FLOWNER_LOG_LEVEL": "error", "PYTHONUNBUFFERED": "1"}  # fmt: skip
            environment.pop("FLOWNER_DATABASE_URL", None)
            process, base = _served([str(PROGRAM), "serve"], environment)
            try:
                at = {
                    name: f"{base}/hooks/{flow}?sig={house.signature(flow)}"
                    for name, flow in flows.items()
                }
                await times(at["W1"], 5, b"40")
                found.w1 = await times(at["W1"], 10 if quick else 40, b"40")
                await pressure(at["W2"], 1 if quick else 3)
                for _ in range(1 if quick else 3):
                    rate, took = await pressure(at["W2"], 3 if quick else 10)
                    found.w2.append(rate)
                    found.w2_times += took
                for _ in range(1 if quick else 3):
                    found.w3.append(await _queued(house, at["W3"], flows["W3"]))
                await times(at["W4"], 1, b"1000")
                found.w4 = await times(at["W4"], 3 if quick else 7, b"1000")
            finally:
                process.terminate()
                process.wait()
    return found


async def _queued(house, address: str, flow) -> float:
    before = await _complete(house, flow)
    begun = time.perf_counter()
    await submit(address, 1000)
    while await _complete(house, flow) < before + 1000:  # noqa: ASYNC110 - another process moves them
        await asyncio.sleep(0.02)
    return time.perf_counter() - begun


async def _complete(house, flow) -> int:
    async with house.database.connection() as connection:
        found = await connection.execute(
            "SELECT count(*) AS n FROM journal.run WHERE flow = %s AND status = 'Succeeded'",
            (flow,),
        )
        return (await found.fetchone())["n"]


async def _flows(house) -> dict:
    ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@p.example"))
    made = {}
    for name, actions in FLOWS.items():
        done = await house.importer.bring_in(written.package(HTTP, actions, {}), ada)
        made[name] = done.flows[0].id
        await house.turning.on(made[name], ada)
    return made


def _served(command: list[str], environment: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(  # noqa: S603 - it is ours
        command, env=environment, stdout=subprocess.PIPE, text=True
    )
    return process, re.search(r"http://[\w.:]+", process.stdout.readline()).group()


async def floor(quick: bool) -> tuple[float, list[float]]:
    """Measure a handler without an engine."""
    process, base = _served([sys.executable, __file__, "--floor"], dict(os.environ))
    try:
        await pressure(base, 1)
        return await pressure(base, 3 if quick else 10)
    finally:
        process.terminate()
        process.wait()


def serve_floor() -> None:
    """Be that handler."""

    async def answer(request) -> JSONResponse:
        body = await request.json()
        size = "a" if body["x"] > 3 else "b"
        said = {"greeting": "Hello " + body["name"].upper(), "count": len(body["items"])}
        return JSONResponse(said | {"size": size})

    # Its protocol is named for asyncio to send at once, as `flowner serve` does.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    app = Starlette(routes=[Route("/", answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    server.run(sockets=[listener])


async def dbos(python: str, quick: bool) -> Measured:
    """Measure DBOS."""
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(__file__).with_name("peer_dbos.py")
        environment = {**os.environ, "PEER_FOLDER": folder, "PYTHONUNBUFFERED": "1"}
        command = [python, str(beside), "quick" if quick else "whole"]
        done = subprocess.run(  # noqa: S603, ASYNC221 - nothing else is to happen meanwhile
            command, env=environment, stdout=subprocess.PIPE, check=True, text=True
        )
        found = Measured(**json.loads(done.stdout.strip().splitlines()[-1]))
        process, base = _served([python, str(beside), "serve"], environment)
        try:
            address = f"{base}/w2"
            await _once_up(address)
            await pressure(address, 1)
            rate, found.w2_times = await pressure(address, 3 if quick else 10)
            found.w2 = [rate]
        finally:
            process.terminate()
            process.wait()
    return found


async def _once_up(address: str) -> None:
    for _ in range(200):
        try:
            return (await Line(address, BODY).open()).close()
        except OSError:
            await asyncio.sleep(0.1)
    raise TimeoutError(address)


async def main(quick: bool, python: str | None) -> None:
    """Measure and print, ours first."""
    found = await ours(quick)
    bare, bare_times = await floor(quick)
    peer = await dbos(python, quick) if python else None
    rows = [
        ("W1  40 steps, ms", _median(found.w1) * 1e3, peer and _median(peer.w1) * 1e3, "below 120"),
        ("W2  requests a second", _median(found.w2), peer and _median(peer.w2), "at least 400"),
        ("W2  p99, ms", _p99(found.w2_times) * 1e3, peer and _p99(peer.w2_times) * 1e3,
         "below 100"),
        ("W3  runs a second", 1000 / _median(found.w3), peer and 1000 / _median(peer.w3),
         "at least 500"),
        ("W4  1,000 x 2, s", _median(found.w4), peer and _median(peer.w4), "below 1.0"),
    ]  # fmt: skip
    print(f"{'':26}{'flowner':>10}{'DBOS' if peer else '':>10}   bar")
    for name, value, other, bar in rows:
        beside = f"{other:10.3g}" if other is not None else " " * 10
        print(f"{name:26}{value:10.3g}{beside}   {bar}")
    print(
        f"floor of W2, no engine: {bare:.0f} requests a second"
        f" (1 : {bare / _median(found.w2):.1f}), p99 {_p99(bare_times) * 1e3:.1f} ms"
    )


def _median(found: list[float]) -> float:
    return statistics.median(found)


def _p99(found: list[float]) -> float:
    return sorted(found)[max(int(len(found) * 0.99) - 1, 0)]


if __name__ == "__main__":
    configure_logs("text", "error")
    parser = argparse.ArgumentParser()
    parser.add_argument("--dbos", help="a Python that has DBOS and FastAPI")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--floor", action="store_true", help="be the floor")
    given = parser.parse_args()
    if given.floor:
        serve_floor()
    else:
        asyncio.run(main(given.quick, given.dbos))
