"""Worker processes beside one another: runs a second of two against one; memory; cold start.

Worker processes are started and warmed up; runs are made while none of them is at work; then all
begin at the same moment, and are timed until no run is left. One and several take turns, because
the machine is shared: compare the medians, and the CPU time that a run takes of workers and
database, which a busy machine changes less. Every step is a connector call as in `engine.py`.

Memory is what the processes of a small installation hold when nothing happens: a server without a
worker, a worker, and the embedded database (proportional set size: shared pages count once). Cold
start is from the command to the first answer, on a data folder that has been used before.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import httpx

from engine import AT_ONCE, nothing, prepare
from flowner import server
from flowner.cli.opening import settled
from flowner.flows.running import Press
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs

RUNS, WARM, ROUNDS = 500, 40, 3
PROGRAM = Path(sys.executable).with_name("flowner")
MOST_MEGABYTES, MOST_SECONDS = 250, 4.0


@dataclass
class Timed:
    """Runs a second, and the CPU milliseconds that a run took of workers and of the database."""

    rate: float
    workers: float
    database: float


async def main(workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), concurrency=AT_ONCE)
        _with_bench()
        async with server.open_house(settings) as house:
            made = await prepare(house)
            timed: dict[int, list[Timed]] = {1: [], workers: []}
            for _ in range(ROUNDS):
                for count in (1, workers):
                    timed[count].append(await _timed(house, made, folder, count))
    for count, found in timed.items():
        rates = [one.rate for one in found]
        rate = statistics.median(rates)
        print(f"runs a second, {count} worker(s)       {rate:8.0f}   {_all(rates)}")
        busy = (statistics.median(one.workers for one in found),
                statistics.median(one.database for one in found))  # fmt: skip
        print(f"  CPU a run                      {sum(busy):8.1f} ms  (workers {busy[0]:.1f},"
              f" database {busy[1]:.1f})")  # fmt: skip
    one, several = (statistics.median(t.rate for t in timed[count]) for count in (1, workers))
    print(f"ratio                            {several / one:8.2f}")


async def _timed(house, made, folder: str, count: int) -> Timed:
    """Make runs, have workers begin at one moment, and time them until no run is left."""
    processes = [_worker(folder, made) for _ in range(count)]
    database = int((Path(folder) / "postgres" / "postmaster.pid").read_text().split()[0])
    pids = [process.pid for process in processes]
    try:
        for process in processes:
            await asyncio.to_thread(process.stdout.readline)  # it says so when it is warm
        await _press(house, made, RUNS)
        before = cpu(pids), cpu([database])
        begun = time.perf_counter()
        for process in processes:
            process.send_signal(signal.SIGUSR1)
        while await _left(house):  # noqa: ASYNC110 - other processes move them
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - begun
        after = cpu(pids), cpu([database])
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            await asyncio.to_thread(process.wait)
    spent = [(late - early) / RUNS * 1e3 for early, late in zip(before, after, strict=True)]
    return Timed(RUNS / seconds, *spent)


async def _press(house, made, count: int) -> None:
    ada, flow = made
    for _ in range(count):
        await house.running.press(Press(flow=flow, by=ada, inputs={}))


def _worker(folder: str, made) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--work", folder, *made]
    return subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - it is this file


def cpu(pids: list[int]) -> float:
    """Return the CPU seconds of processes and of all that they started, also what has ended."""
    spent = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        spent += cpu([int(child) for child in children])
    return spent


async def _left(house) -> int:
    async with house.database.connection() as connection:
        found = await connection.execute("SELECT count(*) AS n FROM journal.wake")
        row = await found.fetchone()
    return row["n"]


async def work(folder: str, *made: str) -> None:
    """Be one of the workers: warm up, say so, and begin when told."""
    _with_bench()
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)
    settings = Settings(data_folder=Path(folder), concurrency=AT_ONCE)
    async with server.open_house(settings) as house:
        async with server.at_work(house):
            await _press(house, made, WARM)
            while house.dispatcher.in_hand:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)
        house.worker.draining.clear()
        settled()
        print("warm", flush=True)
        await told.wait()
        async with server.at_work(house):
            await asyncio.Event().wait()


def footprint() -> None:
    """Measure a small installation: how long until it answers, and what it holds."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"FLOWNER_DATA": folder, "FLOWNER_PORT": "0", "PYTHONUNBUFFERED": "1"}
        environment = {**os.environ, **own}
        environment.pop("FLOWNER_DATABASE_URL", None)
        starts, busy = [], []
        for number in range(4):
            begun = time.perf_counter()
            serving = _started(["serve"], environment)
            if number:  # the first makes the database
                starts.append(time.perf_counter() - begun)
                busy.append(cpu([serving.pid]))
            _stop(serving)
        processes = [_started(["serve", "--no-worker"], environment),
                     _started(["worker"], environment)]  # fmt: skip
        time.sleep(3.0)
        database = int((Path(folder) / "postgres" / "postmaster.pid").read_text().split()[0])
        names = ("server", "worker", "database")
        pids = [process.pid for process in processes]
        sizes = [_megabytes(one) for one in (*pids, database)]
        for process in processes:
            _stop(process)
    print(f"cold start to first answer       {statistics.median(starts):8.1f} s   {_all(starts)}")
    print(f"  CPU of it                      {statistics.median(busy):8.1f} s   {_all(busy)}")
    held = ", ".join(f"{name} {size:.0f}" for name, size in zip(names, sizes, strict=True))
    print(f"memory, idle                     {sum(sizes):8.0f} MB  ({held})")
    if statistics.median(starts) > MOST_SECONDS or sum(sizes) > MOST_MEGABYTES:
        print(f"over: {MOST_SECONDS} s and {MOST_MEGABYTES} MB are the bar")


def _started(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: S603 - it is ours
        [str(PROGRAM), *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    said = process.stdout.readline()
    found = re.search(r"http\S+", said)
    if found is not None:
        assert httpx.get(found.group() + "/healthz").status_code == 200
    return process


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait()


def _megabytes(pid: int) -> float:
    """Return what a process and those below it hold, pages that are shared in part."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE).group(1)) / 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_megabytes(int(child)) for child in children)


def _with_bench() -> None:
    configure_logs("text", "warning")
    original = server.connectors
    server.connectors = lambda: {**original(), "bench": nothing}


def _all(figures: list[float]) -> str:
    return "(" + ", ".join(f"{one:.4g}" for one in figures) + ")"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", nargs=3, help="be a worker: data folder, who presses, flow")
    given = parser.parse_args()
    if given.work:
        asyncio.run(work(*given.work))
    else:
        footprint()
        asyncio.run(main(given.workers))
