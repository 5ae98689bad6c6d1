"""A press beside a flood of another flow's runs, and what a claim costs: beside none, and before.

    python benchmarks/fairness.py [FLOOD] [PARKED]

The delay is from the press of a small flow to the end of its one step, with a process that moves
runs; first alone, then while FLOOD runs of another flow are due. The cost of a claim is measured
in the same database with PARKED timers of 5,000 other flows, beside the statement that takes the
oldest runs, whosever they are.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from flowner.directory.people import NewPerson
from flowner.flows.running import Press
from flowner.journal.claiming import Places, Turns
from flowner.server import at_work, open_house
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs
from worlds import written

FLOOD = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
PARKED = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
PRESSES, CLAIMS, ROOM = 100, 100, 8
_OLDEST = """
UPDATE journal.wake SET owner = %(owner)s, lease = now() + interval '20 seconds'
WHERE run IN (
    SELECT run FROM journal.wake
    WHERE due <= %(now)s AND (owner IS NULL OR lease < now())
    ORDER BY due LIMIT %(room)s FOR UPDATE SKIP LOCKED)
RETURNING run
"""


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Settings(data_folder=Path(folder))) as house:
            ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@t.example"))
            small, great = [await _composing(house, ada) for _ in range(2)]
            async with at_work(house):
                await _presses(house, ada, small)
                alone = await _presses(house, ada, small)
                await _flood(house, ada, great)
                among = await _presses(house, ada, small)
                left = await _count(house, great)
            await _claims(house)
    for name, delays in (("alone", alone), (f"beside {FLOOD} due runs", among)):
        print(
            f"{name:26} press to end {statistics.median(delays) * 1e3:7.1f} ms median,"
            f" {sorted(delays)[int(len(delays) * 0.99) - 1] * 1e3:7.1f} ms p99"
        )
    print(f"ratio of the medians {statistics.median(among) / statistics.median(alone):.1f} : 1")
    print(f"{FLOOD - left} of the flood were moved meanwhile")


async def _composing(house, ada):
    actions = {"Compose": {"runAfter": {}, "type": "Compose", "inputs": "done"}}
    done = await house.importer.bring_in(written.package(written.BUTTON, actions, {}), ada)
    await house.turning.on(done.flows[0].id, ada)
    return done.flows[0].id


async def _presses(house, ada, flow) -> list[float]:
    delays = []
    for _ in range(PRESSES):
        begun = time.perf_counter()
        run = house.running.fresh_run()
        with house.replies.expect(run) as (_, end):
            await house.running.press(Press(flow=flow, by=ada, inputs={}), run=run)
            await end
        delays.append(time.perf_counter() - begun)
    return delays


async def _flood(house, ada, flow) -> None:
    """Copy one run of the flow until there are as many as it takes, all of them due."""
    taker, house.starter.taker = house.starter.taker, None
    run = house.running.fresh_run()
    with house.replies.expect(run) as (_, end):
        await house.running.press(Press(flow=flow, by=ada, inputs={}), run=run)
        await end
    house.starter.taker = taker
    async with house.database.transaction() as transaction:
        await transaction.execute("SET LOCAL statement_timeout = 0")
        await transaction.execute(
            "INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, initiator,"
            " principal, rule, plan, plan_hash, started) SELECT n, flow, flow_version, flow_name,"
            " kind, 'Running', initiator, principal, rule, plan, plan_hash, started"
            " FROM journal.run, generate_series(1, %s) AS n WHERE id = %s",
            (FLOOD, run),
        )
        await transaction.execute(
            "INSERT INTO journal.entry (run, seq, at, kind, path, data)"
            " SELECT n, seq, at, kind, path, data"
            " FROM journal.entry, generate_series(1, %s) AS n WHERE run = %s AND seq = 0",
            (FLOOD, run),
        )
        await transaction.execute(
            "INSERT INTO journal.wake (run, flow, due)"
            " SELECT n, %s, now() - interval '1 hour' + n * interval '1 ms'"
            " FROM generate_series(1, %s) AS n",
            (flow, FLOOD),
        )
        await transaction.execute("SELECT pg_notify('flowner_wake', '')")


async def _count(house, flow) -> int:
    async with house.database.connection() as connection:
        found = await connection.execute(
            "SELECT count(*) AS n FROM journal.wake WHERE flow = %s", (flow,)
        )
        return (await found.fetchone())["n"]


async def _claims(house) -> None:
    async with house.database.connection() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("TRUNCATE journal.wake")
        await connection.execute(
            "INSERT INTO journal.wake (run, flow, due)"
            " SELECT n, gen_random_uuid(), now() - interval '1 hour' + n * interval '1 ms'"
            " FROM generate_series(1, 1) AS n"
        )
        await connection.execute(
            "INSERT INTO journal.wake (run, flow, due)"
            " SELECT 10 + n, w.flow, now() - interval '1 hour' + n * interval '1 ms'"
            " FROM journal.wake w, generate_series(1, %s) AS n",
            (FLOOD,),
        )
        await connection.execute("VACUUM ANALYZE journal.wake")
        await _compared(connection, f"{FLOOD} due, none parked")
        await connection.execute(
            "INSERT INTO journal.wake (run, flow, due)"
            " SELECT 10000000 + n, md5((n %% 5000)::text)::uuid,"
            " now() + interval '1 year' + n * interval '1 second'"
            " FROM generate_series(1, %s) AS n",
            (PARKED,),
        )
        await connection.execute("VACUUM ANALYZE journal.wake")
        await _compared(connection, f"{PARKED} parked of 5,000 flows")


async def _compared(connection, name: str) -> None:
    now, turns = datetime.now(UTC), Turns("fair", 20.0)
    turns.crowded = True
    times: dict[str, list[float]] = {"oldest first": [], "in turn": []}
    for _ in range(CLAIMS):
        begun = time.perf_counter()
        await (
            await connection.execute(_OLDEST, {"owner": "old", "now": now, "room": ROOM})
        ).fetchall()
        times["oldest first"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        await turns.claim(connection, Places(room=ROOM, spare=ROOM), now)
        times["in turn"].append(time.perf_counter() - begun)
    for way, seconds in times.items():
        print(f"{name:32} a claim of {ROOM}, {way:12} {statistics.median(seconds) * 1e3:6.2f} ms")


if __name__ == "__main__":
    configure_logs("text", "error")
    asyncio.run(main())
