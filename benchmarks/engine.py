"""Ten-step runs a second, the first step's delay, and what identity costs: beside bare appends.

Every step is a connector call that may not be made twice without its key: identity proved, secret
opened, call noted before it goes out, answer noted. The floor is the same journal rows appended to
the same server in the same process, many to a statement, with nothing else done.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import flowner.engine.invoke as invoking
import flowner.triggers.start as starting
from flowner import server
from flowner.cli.opening import settled
from flowner.directory.people import NewPerson
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.sdk.connector import Connector, Repeat
from flowner.sdk.context import Answer
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs
from flowner.values import Secret
from worlds import written

RUNS, STEPS, AT_ONCE, PRESSES = 600, 10, 64, 200

nothing = Connector(ids=("bench",), title="Nothing")
first_steps: list[float] = []


@nothing.operation("Do", title="Do nothing", repeat=Repeat.WITH_KEY)
async def do(parameters, context) -> Answer:
    """Answer at once."""
    first_steps.append(time.perf_counter())
    return Answer(body={"done": parameters.get("n")}, seen=context.account)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), concurrency=AT_ONCE)
        original = server.connectors
        server.connectors = lambda: {**original(), "bench": nothing}
        async with server.open_house(settings) as house, server.at_work(house):
            ada, flow = await prepare(house)
            await runs(house, ada, flow, 50)
            settled()  # as the server does
            spent = _watch_identity()
            begun, busy = time.perf_counter(), time.process_time()
            await runs(house, ada, flow, RUNS)
            seconds, cpu = time.perf_counter() - begun, time.process_time() - busy
            rows = await _rows(house)
            floor = await _floor(house, rows)
            delays = await presses(house, ada, flow, PRESSES)
    rate, floor_runs = RUNS / seconds, RUNS / floor
    print(f"{STEPS}-step runs a second          {rate:8.0f}")
    print(
        f"bare appends, in runs a second   {floor_runs:8.0f}   (ratio 1 : {floor_runs / rate:.1f})"
    )
    print(f"CPU a step                       {cpu / RUNS / STEPS * 1e3:8.2f} ms")
    identity = sum(spent)
    print(
        f"identity: plan and proofs        {identity / cpu * 100:8.1f} % of the CPU time,"
        f" {identity / max(len(spent), 1) * 1e6:.0f} µs each ({len(spent)} of them)"
    )
    print(
        f"press to first call, idle        {statistics.median(delays) * 1e3:8.1f} ms median,"
        f" {sorted(delays)[int(len(delays) * 0.99)] * 1e3:.1f} ms p99"
    )


async def prepare(house):
    """Make Ada and her flow, turned on; answers both."""
    ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@b.example"))
    connection = await house.connections.make(
        NewConnection(
            connector="bench", account="ada@b.example", secrets={"key": Secret("k" * 20)}
        ),
        ada,
    )
    actions = {
        f"Step_{n}": written.call(
            "bench", "bench", "Do", {"n": n, "before": f"@body('Step_{n - 1}')" if n else None},
            f"Step_{n - 1}" if n else None,
        )
        for n in range(STEPS)
    }  # fmt: skip
    references = {"bench": written.reference("bench", "bench_ref")}
    package = written.package(written.BUTTON, actions, references)
    done = await house.importer.bring_in(package, ada, bind={"bench_ref": connection})
    await house.turning.on(done.flows[0].id, ada)
    return ada, done.flows[0].id


async def runs(house, ada, flow, count: int) -> None:
    """Press that many, `AT_ONCE` at a time, and wait for their ends."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            run = house.running.fresh_run()
            with house.replies.expect(run) as (_, end):
                await house.running.press(Press(flow=flow, by=ada, inputs={}), run=run)
                await end

    await asyncio.gather(*(one() for _ in range(count)))


async def presses(house, ada, flow, count: int) -> list[float]:
    """Press one after the other; answers the seconds from each press to its first call."""
    delays = []
    for _ in range(count):
        first_steps.clear()
        begun = time.perf_counter()
        run = house.running.fresh_run()
        with house.replies.expect(run) as (_, end):
            await house.running.press(Press(flow=flow, by=ada, inputs={}), run=run)
            await end
        delays.append(first_steps[0] - begun)
    return delays


def _watch_identity() -> list[float]:
    """Time every plan and every proof; answers the list that they are written to."""
    spent: list[float] = []

    def timed(function):
        def wrapper(*arguments):
            begun = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent.append(time.perf_counter() - begun)

        return wrapper

    invoking.prove = timed(invoking.prove)
    invoking.acting_record = timed(invoking.acting_record)
    starting.plan = timed(starting.plan)
    starting.plan_record = timed(starting.plan_record)
    starting.plan_hash = timed(starting.plan_hash)
    return spent


async def _rows(house) -> list[tuple]:
    async with house.database.connection() as connection:
        found = await connection.execute(
            "SELECT run, seq, at, kind, path, data FROM journal.entry"
            " WHERE run IN (SELECT id FROM journal.run ORDER BY id DESC LIMIT %s)"
            " ORDER BY run, seq",
            (RUNS,),
        )
        return [tuple(row.values()) for row in await found.fetchall()]


async def _floor(house, rows: list[tuple]) -> float:
    async with house.database.connection() as connection:
        await connection.execute("CREATE TABLE journal.floor (LIKE journal.entry INCLUDING ALL)")
        begun = time.perf_counter()
        for start in range(0, len(rows), 50):
            columns = [list(column) for column in zip(*rows[start : start + 50], strict=True)]
            await connection.execute(
                "INSERT INTO journal.floor SELECT * FROM unnest(%s::bigint[], %s::int[],"
                " %s::timestamptz[], %s::text[], %s::text[], %s::bytea[])",
                columns,
            )
        return time.perf_counter() - begun


if __name__ == "__main__":
    configure_logs("text", "warning")
    if "--workers" in sys.argv:
        beside = str(Path(__file__).with_name("workers.py"))
        sys.exit(subprocess.call([sys.executable, beside, *sys.argv[1:]]))  # noqa: S603 - ours
    asyncio.run(main())
