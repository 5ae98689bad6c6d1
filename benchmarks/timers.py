"""How late short timers fire among 1,000,000 runs that wait: beside the same with none.

    python benchmarks/timers.py [PARKED]

The parked ones are rows of the journal's wakes that fall due in a year. A timer is a run that waits
for 1 to 3 seconds; its lateness is from the moment at which its wait ends, as its record has it,
to the end of its run. The floor is measured in the same process, just before.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from flowner.directory.people import NewPerson
from flowner.flows.running import Press
from flowner.runs.events import ActionStarted, decode
from flowner.server import at_work, open_house
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs
from worlds import written

PARKED = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
TIMERS, ROUNDS = 200, 2
QUERIES = {
    "claim": "SELECT run FROM journal.wake WHERE due <= now() AND (owner IS NULL OR lease < now())"
    " ORDER BY due LIMIT 32 FOR UPDATE SKIP LOCKED",
    "soonest": "SELECT min(CASE WHEN owner IS NULL THEN due ELSE lease END) FROM"
    " (SELECT due, owner, lease FROM journal.wake ORDER BY due LIMIT 1000) AS next",
}


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_folder=Path(folder), concurrency=64)
        async with open_house(settings) as house, at_work(house):
            ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@t.example"))
            flows = [await _waiting(house, ada, seconds) for seconds in (1, 2, 3)]
            await _timers(house, ada, flows)
            alone = await _rounds(house, ada, flows)
            began = time.perf_counter()
            await _park(house)
            print(f"parked {PARKED} runs in {time.perf_counter() - began:.0f} s")
            among = await _rounds(house, ada, flows)
            await _explain(house)
    for name, late in (("none parked", alone), (f"{PARKED} parked", among)):
        print(
            f"{name:16} lateness of {len(late)} timers: {statistics.median(late) * 1e3:6.1f} ms"
            f" median, {_p99(late) * 1e3:6.1f} ms p99, {max(late) * 1e3:6.1f} ms at most"
        )
    print(
        f"the parked ones add {(statistics.median(among) - statistics.median(alone)) * 1e3:.1f} ms"
        f" to the median, {(_p99(among) - _p99(alone)) * 1e3:.1f} ms to p99"
    )


async def _waiting(house, ada, seconds: int):
    inputs = {"interval": {"count": seconds, "unit": "Second"}}
    actions = {"Wait": {"runAfter": {}, "type": "Wait", "inputs": inputs}}
    done = await house.importer.bring_in(written.package(written.BUTTON, actions, {}), ada)
    await house.turning.on(done.flows[0].id, ada)
    return done.flows[0].id


async def _rounds(house, ada, flows) -> list[float]:
    return [late for _ in range(ROUNDS) for late in await _timers(house, ada, flows)]


async def _timers(house, ada, flows) -> list[float]:
    """Set timers one by one, some 60 a second; answers how late each was, in seconds."""
    ends = []
    for number in range(TIMERS):
        ends.append(asyncio.create_task(_one(house, ada, flows[number % len(flows)])))
        await asyncio.sleep(0.017)
    return await asyncio.gather(*ends)


async def _one(house, ada, flow) -> float:
    run = house.running.fresh_run()
    with house.replies.expect(run) as (_, end):
        await house.running.press(Press(flow=flow, by=ada, inputs={}), run=run)
        await end
        ended = house.clock.now()
    events = [decode(one.entry.data) for one in await house.journal.entries(run)]
    (until,) = [event.until for event in events if isinstance(event, ActionStarted)]
    return (ended - until).total_seconds()


async def _park(house) -> None:
    async with house.database.connection() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(
            "INSERT INTO journal.wake (run, due) SELECT n, now() + interval '1 year'"
            " + n * interval '1 second' FROM generate_series(1, %s) AS n",
            (PARKED,),
        )
        # As a server is that has had them for a while: what a million fresh rows leave to be
        # written is written.
        await connection.execute("VACUUM (ANALYZE) journal.wake")
        await connection.execute("CHECKPOINT")


async def _explain(house) -> None:
    async with house.database.connection() as connection:
        for name, query in QUERIES.items():
            found = await connection.execute("EXPLAIN (ANALYZE, BUFFERS) " + query)
            plan = [row["QUERY PLAN"] for row in await found.fetchall()]
            scan = next(line for line in plan if "Scan" in line).partition("->")[2].strip()
            print(f"{name}: {plan[-1].strip()}, by {scan.partition('  ')[0]}")


def _p99(late: list[float]) -> float:
    return sorted(late)[int(len(late) * 0.99) - 1]


if __name__ == "__main__":
    configure_logs("text", "error")
    asyncio.run(main())
