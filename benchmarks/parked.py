"""Ten thousand runs that wait for an approval: what they cost, and how one wakes among them.

    python benchmarks/parked.py [RUNS] [--temporal]

Beside it, as the floor, the same with a few. Waiting is rows: the process that parked them is given
nothing to keep, so its memory is measured after they are parked, and again in a fresh house on the
same database, which has seen none of them begin. With ``--temporal`` that driver dispatches.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from flowner.directory.people import NewPerson
from flowner.engine.temporal.place import Place
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.server import at_work, open_house
from flowner.settings import Settings
from worlds import written
from worlds.temporal_server import TemporalServer

FEW, MANY, ANSWERS = 10, 10_000, 50
APPROVALS, WAITING = "shared_approvals", "WebhookApprovalCreationInput"
ASK = {
    "Ask": written.call(
        "ask", APPROVALS, "StartAndWaitForAnApproval",
        {"approvalType": "Basic", f"{WAITING}/title": "May I?",
         f"{WAITING}/assignedTo": "bob@b.example"},
    )
}  # fmt: skip


def memory() -> float:
    """Return the megabytes that this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096 / 1e6


async def main(many: int, *, by_temporal: bool) -> None:
    with ExitStack() as stack:
        folder, place = Path(stack.enter_context(tempfile.TemporaryDirectory())), None
        if by_temporal:
            temporal = TemporalServer(folder)
            stack.callback(temporal.stop)
            place = Place(address=temporal.address)
        settings = Settings(data_folder=folder / "house", concurrency=64, temporal=place)
        async with open_house(settings) as house, at_work(house):
            flow, ada, bob = await _prepare(house)
            await _park(house, flow, ada, FEW + ANSWERS)
            few = await _wake(house, bob)
            before, begun = memory(), time.perf_counter()
            await _park(house, flow, ada, many + ANSWERS - FEW)
            seconds = time.perf_counter() - begun
            after, size = memory(), await _size(house)
            among_many = await _wake(house, bob)
            listed = await _timed(house.approvals.of(bob))
        async with open_house(settings) as house, at_work(house):
            fresh = memory()
            await asyncio.sleep(2)
            idle = memory()
    print(f"parked                           {many:8d}   {many / seconds:.0f} a second")
    print(f"memory of the process            {after - before:8.1f} MB more than before")
    print(f"memory of a fresh process        {idle - fresh:8.1f} MB after it has seen them all due")
    print(f"rows of one parked run           {size / many / 1e3:8.1f} KB, indexes included")
    print(f"answer to the run's end, {FEW + ANSWERS:5d}    {few * 1e3:8.1f} ms median")
    print(f"answer to the run's end, {many:5d}    {among_many * 1e3:8.1f} ms median")
    print(f"the first 100 of {many:5d} listed    {listed * 1e3:8.1f} ms")


async def _prepare(house):
    ada = await house.directory.add_person(NewPerson(name="ada", upn="ada@b.example"))
    bob = await house.directory.add_person(NewPerson(name="bob", upn="bob@b.example"))
    mine = await house.connections.make(
        NewConnection(connector=APPROVALS, account="ada@b.example"), ada
    )
    package = written.package(written.BUTTON, ASK, {"ask": written.reference(APPROVALS, "ask_ref")})
    done = await house.importer.bring_in(package, ada, bind={"ask_ref": mine})
    await house.turning.on(done.flows[0].id, ada)
    return done.flows[0].id, ada, bob


async def _park(house, flow, ada, count: int) -> None:
    gate = asyncio.Semaphore(64)

    async def one() -> None:
        async with gate:
            await house.running.press(Press(flow=flow, by=ada, inputs={}))

    await asyncio.gather(*(one() for _ in range(count)))
    async with house.database.connection() as connection:
        while True:
            found = await connection.execute(
                "SELECT count(*) AS open FROM journal.run WHERE ended IS NULL"
                " AND status = 'Running'"
            )
            if (await found.fetchone())["open"] == 0:
                return
            await asyncio.sleep(0.05)


async def _wake(house, bob) -> float:
    """Answer some approvals, one after the other; answers the median of seconds to the end."""
    seconds = []
    for seen in (await house.approvals.of(bob))[:ANSWERS]:
        run = seen.approval.run
        with house.replies.expect(run) as (_, end):
            begun = time.perf_counter()
            await house.answers.respond(seen.approval.id, bob, "Approve")
            await end
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


async def _timed(work) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


async def _size(house) -> float:
    async with house.database.connection() as connection:
        found = await connection.execute(
            "SELECT sum(pg_total_relation_size(p.relid)) AS size FROM unnest(ARRAY["
            "'journal.run', 'journal.entry', 'journal.wake', 'rows.approval',"
            " 'rows.approvalrequest', 'rows.letter']) t, pg_partition_tree(t::regclass) p"
        )
        return float((await found.fetchone())["size"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="?", type=int, default=MANY)
    parser.add_argument("--temporal", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.runs, by_temporal=given.temporal))
