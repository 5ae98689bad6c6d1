"""Ten million rows in one table, under the law: what is asked of it, and how it changes meanwhile.

    python benchmarks/tables.py [--rows N] [--folder PATH]

The people, teams and units of `benchmarks/rows.py`, and a share for one row in five. Each thing is
asked of ours and of the same SQL by hand without law or identity, in turns; a count by hand knows
who may see what. Then a lookup and an alternate key are added while somebody writes row after row:
the writer's longest pause, beside its longest pause when nothing changes, and beside the plain
`CREATE INDEX` that such a change could be instead. Needs 8 GB of disk, given back at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from flowner.clock import SystemClock
from flowner.database import Database, Transaction, open_database
from flowner.odata.syntax import TRUE
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Table, Type
from flowner.rows.describing import Described, Kind, Relation
from flowner.rows.making import Making
from flowner.rows.metadata import Metadata
from flowner.rows.reading import Reading
from flowner.rows.seed import ORGANIZATION
from flowner.rows.store import Store
from flowner.values import PrincipalId
from rows import EACH, Reader, World, copy_in, everybody, report
from webapi import FEED

TURNS = 60
FILL = """
INSERT INTO rows.b_account (b_name, b_code, b_amount, ownerid, owneridtype, owningbusinessunit,
    modifiedon)
SELECT 'Account ' || n, 'C' || n, n %% 100000, o.id, o.kind, o.unit,
    timestamptz '2025-01-01' + random() * interval '60000000 seconds'
FROM generate_series(%s::int, %s::int) n JOIN owner o
  ON o.at = CASE WHEN n %% 5 = 0 THEN (%s + (hashint4(n) & 2147483647) %% %s)
            ELSE (hashint4(n) & 2147483647) %% %s END
"""
SHARES = """
INSERT INTO rows.rowshare (tablename, rowid, accessmask, principalid)
SELECT 'b_account', a.b_accountid, 1, o.id FROM rows.b_account a
JOIN owner o ON o.at = (hashtext(a.b_code) & 2147483647) %% (SELECT count(*) FROM owner)
WHERE a.b_amount %% 5 = 1
"""
COUNTED = """
SELECT count(*) AS count FROM (
 SELECT b_accountid FROM rows.b_account WHERE ownerid = ANY(%(owners)s::uuid[])
 UNION SELECT b_accountid FROM rows.b_account WHERE owningbusinessunit = ANY(%(units)s::uuid[])
 UNION SELECT s.rowid FROM rows.rowshare s WHERE s.tablename = 'b_account'
   AND s.principalid = ANY(%(owners)s::uuid[]) AND s.accessmask & 1 <> 0
 LIMIT 5000) x
"""
EVERYTHING = "SELECT count(*) AS count FROM (SELECT FROM rows.b_account LIMIT 5000) x"
INSERT = """
INSERT INTO rows.b_account (b_name, b_code, b_amount, ownerid, owneridtype, owningbusinessunit,
    createdby, modifiedby)
VALUES (%(name)s, %(code)s, 5, %(by)s, 'systemuser', %(unit)s, %(by)s, %(by)s)
RETURNING b_accountid, b_name, b_code, b_amount, ownerid, owningbusinessunit, versionnumber
"""
Work = Callable[[Transaction], Awaitable[object]]


async def fill(database: Database, store: Store, world: World) -> None:
    """Make the table and everybody; rows and their shares are made by the server itself."""
    await Metadata(database, store.catalogue).create_table(
        "b_account", set_name="b_accounts", primary_name="b_name",
        columns={"b_amount": Type.WHOLE, "b_code": Type.TEXT},
    )  # fmt: skip
    await Metadata(database, store.catalogue).create_table(
        "b_branch", set_name="b_branches", primary_name="b_name", columns={}
    )
    await copy_in(database, everybody(world))
    owners = [(at, one, "systemuser" if at < len(world.people) else "team", world.unit_of[one])
              for at, one in enumerate([*world.people, *world.teams])]  # fmt: skip
    async with database.aside() as connection:
        await connection.execute("SET maintenance_work_mem = '512MB'; SET work_mem = '128MB'")
        await connection.execute("CREATE TEMP TABLE owner (at int, id uuid, kind text, unit uuid)")
        async with connection.cursor().copy("COPY owner FROM STDIN") as copy:
            for row in owners:
                await copy.write_row(row)
        await connection.execute("ANALYZE owner")
        indexes = await without_indexes(connection)
        counts = len(world.people), len(world.teams), len(world.people)
        for start in range(1, world.rows + 1, 1_000_000):
            end = min(start + 999_999, world.rows)
            await connection.execute(FILL.encode(), (start, end, *counts))
        for statement in indexes:
            await connection.execute(statement.encode())
        await connection.execute(SHARES.replace("%%", "%").encode())
        await connection.execute("VACUUM ANALYZE")


async def without_indexes(connection: Transaction) -> list[str]:
    """Take the indexes of the table away; return what makes them again, the key's first."""
    found = await connection.execute(
        "SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS made, indisprimary AS own"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'rows.b_account'::regclass ORDER BY indisprimary DESC"
    )
    again = []
    for row in await found.fetchall():
        if row["own"]:
            await connection.execute(
                f"ALTER TABLE rows.b_account DROP CONSTRAINT {row['name']}".encode()
            )
            again.append("ALTER TABLE rows.b_account ADD PRIMARY KEY (b_accountid)")
        else:
            await connection.execute(f"DROP INDEX rows.{row['name']}".encode())
            again.append(row["made"])
    return again


async def ratio(database: Database, name: str, ours: Sequence[Work], floor: Sequence[Work]) -> None:
    """Do both in turns, each in a transaction of its own, and print their medians."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn, pair in zip(range(TURNS + EACH), zip(cycle(ours), cycle(floor), strict=False),
                          strict=False):  # fmt: skip
        for at in (0, 1) if turn % 2 else (1, 0):
            async with database.transaction() as transaction:
                begun = time.perf_counter()
                await pair[at](transaction)
                spent = (time.perf_counter() - begun) * 1e3
            if turn >= EACH:
                times[at].append(spent)
    mine, by_hand = (statistics.median(one) for one in times)
    print(f"  {name:20} {mine:8.2f} ms {by_hand:8.2f} ms {mine / by_hand:7.2f}")


def sql(statement: str, values: dict[str, Any]) -> Work:
    async def work(transaction: Transaction) -> object:
        done = await transaction.execute(statement.encode(), values, prepare=True)
        return await done.fetchall()

    return work


async def single_rows(database: Database, store: Store, world: World) -> None:
    """Compare reading one row, by its id and by an alternate key, counting, and making one."""
    reading = Reading(store, SystemClock())
    print("one row, one number          ours     by hand   ratio")
    async with database.connection() as connection:
        table = await store.catalogue.table("b_account", connection)
        found = await connection.execute(
            "SELECT b_accountid::text AS id, b_code AS code, ownerid::text AS owner"
            " FROM rows.b_account WHERE ownerid = ANY(%s::uuid[]) LIMIT 400",
            (world.personas["basic"],),
        )
        rows = await found.fetchall()
    calls = [(Caller(PrincipalId(row["owner"])), row) for row in rows]
    await ratio(
        database, "read",
        [lambda t, c=c, r=r: store.get(c, "b_account", r["id"], within=t) for c, r in calls],
        [sql("SELECT * FROM rows.b_account WHERE b_accountid = %(id)s", r) for _, r in calls],
    )  # fmt: skip
    await ratio(
        database, "read by a key",
        [lambda t, c=c, r=r: by_key(reading, store, t, (table, c, r)) for c, r in calls],
        [sql("SELECT * FROM rows.b_account WHERE b_code = %(code)s", r) for _, r in calls],
    )  # fmt: skip
    await make_rows(database, store, world, [c for c, _ in calls])
    for kind, people in world.personas.items():
        readers = [world.reader(kind, one) for one in people]
        await ratio(
            database, f"count, {kind}",
            [lambda t, r=r: counted(reading, t, r) for r in readers],
            [sql(EVERYTHING if kind == "global" else COUNTED,
                 {"owners": r.owners, "units": r.units}) for r in readers],
        )  # fmt: skip


async def by_key(
    reading: Reading, store: Store, t: Transaction, what: tuple[Table, Caller, dict[str, Any]]
) -> object:
    """Read a row by its alternate key, as the Web API does."""
    table, caller, row = what
    id = await reading.keyed(table, {"b_code": row["code"]}, t)
    assert id == row["id"]
    return await store.get(caller, "b_account", id, within=t)


async def counted(reading: Reading, t: Transaction, reader: Reader) -> int:
    """Count what somebody may read."""
    return await reading.count(Caller(PrincipalId(reader.id)), "b_account", TRUE, t)


async def make_rows(
    database: Database, store: Store, world: World, callers: Sequence[Caller]
) -> None:
    numbers = iter(range(10**9))

    async def mine(t: Transaction, caller: Caller) -> object:
        values = {"b_name": "new", "b_code": f"N{next(numbers)}", "b_amount": 5}
        return await store.create(caller, "b_account", values, within=t)

    async def by_hand(t: Transaction, caller: Caller) -> object:
        by = caller.acting_for
        values = {"name": "new", "code": f"N{next(numbers)}", "by": by, "unit": world.unit_of[by]}
        row = await (await t.execute(INSERT.encode(), values, prepare=True)).fetchone()
        assert row is not None
        return await t.execute(FEED.replace("b_item", "b_account").encode(), (row["b_accountid"],))

    await ratio(database, "make", [lambda t, c=c: mine(t, c) for c in callers],
                [lambda t, c=c: by_hand(t, c) for c in callers])  # fmt: skip


async def longest_pause(database: Database, during: Callable[[], Awaitable[object]]) -> str:
    """Write row after row while something is done; return its seconds and the longest pause."""
    spent, done = [0.0], asyncio.Event()
    values = {"name": "written", "by": ORGANIZATION, "unit": ORGANIZATION}

    async def write() -> None:
        async with database.aside() as connection:
            await connection.execute("SET lock_timeout = 0")
            while not done.is_set():
                code = f"W{time.perf_counter_ns()}"
                begun = time.perf_counter()
                await connection.execute(INSERT.encode(), {**values, "code": code}, prepare=True)
                spent.append(time.perf_counter() - begun)

    writing = asyncio.create_task(write())
    await asyncio.sleep(1.0)
    del spent[:]
    begun = time.perf_counter()
    await during()
    seconds = time.perf_counter() - begun
    done.set()
    await writing
    pause, usual = max(spent) * 1e3, statistics.median(spent) * 1e3
    return f"{seconds:8.1f} s   {len(spent):7,} rows {usual:7.2f} ms {pause:9.1f} ms"


async def changes(database: Database, store: Store, caller: Caller) -> None:
    """Change the table while somebody writes."""
    making = Making(database, store.catalogue)

    async def of(name: str) -> Table:
        async with database.connection() as connection:
            return await store.catalogue.table(name, connection)

    async def relate() -> None:
        about = Described(kind=Kind.LOOKUP, schema_name="b_branchid", display_name="Branch")
        one = Relation(schema_name="b_account_branch", referencing="b_account",
                       attribute="b_branchid", referenced="b_branch", navigation="b_branchid",
                       collection="b_account_branch")  # fmt: skip
        await making.relate(await of("b_account"), about, [one])
        await settled(database)

    async def key() -> None:
        names = "b_code_key", "Code"
        await making.keys.add(await of("b_account"), names, ["b_code"], caller)
        await settled(database)

    async def plain() -> None:
        async with database.transaction() as t:
            await t.execute("CREATE UNIQUE INDEX plain ON rows.b_account (b_code)")

    print("a change beside a writer     took      meanwhile    usually  longest pause")
    for name, during in (
        ("nothing", lambda: asyncio.sleep(10)), ("a lookup", relate), ("an alternate key", key),
        ("plain CREATE INDEX", plain),
    ):  # fmt: skip
        print(f"  {name:20} {await longest_pause(database, during)}", flush=True)


async def settled(database: Database) -> None:
    """Wait until the index is there, however long it takes."""
    while True:
        async with database.connection() as connection:
            found = await connection.execute(
                "SELECT 1 FROM pg_stat_progress_create_index UNION ALL"
                " SELECT 1 FROM rows.keymetadata WHERE state <> 'Active'"
            )
            if not await found.fetchall():
                return
        await asyncio.sleep(0.1)


async def main(rows: int, folder: str | None) -> None:
    world = World(rows, "Create")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        async with open_database(None, Path(place)) as database:
            store = Store(database, SystemClock())
            begun = time.perf_counter()
            await fill(database, store, world)
            async with database.connection() as connection:
                found = await connection.execute(
                    "SELECT pg_size_pretty(pg_total_relation_size('rows.b_account')) AS size"
                )
                size = (await found.fetchone() or {})["size"]
            spent = time.perf_counter() - begun
            print(f"{rows:,} rows, filled in {spent:.0f} s, {size}", flush=True)
            await report(database, Reading(store, SystemClock()), world)
            caller = Caller(PrincipalId(world.people[0]))
            await changes(database, store, caller)
            await single_rows(database, store, world)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder")
    given = parser.parse_args()
    asyncio.run(main(given.rows, given.folder))
