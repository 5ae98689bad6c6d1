"""Weeks of the journal: where runs lie, what is made ahead, what goes, and what nobody notices."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from flowner.clock import HeldClock, SystemClock, first_run_id, fresh_run_id
from flowner.database import Database, migrate
from flowner.database.connections import open_pool
from flowner.errors import Conflict
from flowner.journal.faults import journal_faults, mend_journal
from flowner.journal.partitions import (
    AHEAD,
    TABLES,
    behind,
    drop_unused,
    make_ahead,
    partitions,
    week_of,
)
from flowner.journal.records import ActionRecord, Append, Entry, RunHeader
from flowner.journal.retention import Retention
from flowner.journal.store import Journal, open_journal
from flowner.journal.wakes import Wakes
from flowner.values import FlowId, RunId

CLOCK = SystemClock()
FLOW = FlowId("00000000-0000-4000-8000-0000000000f1")
WEEK = timedelta(weeks=1)
MONDAY = week_of(datetime(2027, 3, 3, tzinfo=UTC))
"""Of a week that lies ahead of every partition that a migration makes."""


def entry(text: str = "x", record: ActionRecord | None = None) -> Entry:
    return Entry(kind="k", path="p", data=text.encode(), at=CLOCK.now(), record=record)


def header(run: RunId, **more) -> RunHeader:
    return RunHeader(
        id=run, flow=FLOW, flow_version=1, flow_name="F", kind="instant", status="Running",
        initiator=None, principal=None, rule=None, plan={}, plan_hash="", started=CLOCK.now(),
        **more,
    )  # fmt: skip


def called() -> ActionRecord:
    return ActionRecord(
        acting=None, actor=None, account="a", connection=None, reference=None, lender=None,
        rule=None, connector="c", operation="o", status="Succeeded", code="", attempt=1,
        refused=False, planned=True,
    )  # fmt: skip


async def began(journal: Journal, moment: datetime, *, ends: bool = False) -> RunId:
    """Make a run that began at a moment, with three entries and an action record."""
    run = fresh_run_id(HeldClock(moment, seed=secrets.randbits(30)))
    await journal.create(header(run), [entry("0")], claim=("w", 60.0))
    await journal.append(
        Append(run=run, owner="w", expected=1, entries=(entry("1", called()), entry("2")),
               status="Running", finished=ends)
    )  # fmt: skip
    return run


async def places(database: Database, run: RunId) -> set[str]:
    """Return the partitions in which something of a run lies."""
    found: set[str] = set()
    async with database.connection() as connection:
        for table in TABLES:
            rows = await connection.execute(
                f"SELECT tableoid::regclass::text AS place FROM journal.{table} WHERE run = %s",
                (run,),
            )
            found |= {row["place"].removeprefix("journal.") for row in await rows.fetchall()}
    return found


async def names(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [one.name for one in await partitions(connection)]


@pytest.fixture
def fresh(server_url: str, run) -> Iterator[Database]:
    """A database of one test's own."""
    name = f"parts_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_flowner")
    opening = open_pool(within(server_url, name), pool_size=4)
    yield run(opening.__aenter__())
    run(opening.__aexit__(None, None, None))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def within(url: str, name: str) -> str:
    head, mark, tail = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}{mark}{tail}"


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        pytest.param("2026-11-23T00:00:00", "2026-11-23", id="a Monday begins its week"),
        pytest.param("2026-11-29T23:59:59.999", "2026-11-23", id="a Sunday is its last day"),
        pytest.param("2026-11-30T00:00:00", "2026-11-30", id="the next one"),
        pytest.param("2027-01-01T12:00:00", "2026-12-28", id="over the end of a year"),
        pytest.param("2028-02-29T12:00:00", "2028-02-28", id="in a leap year"),
        pytest.param("2019-12-31T12:00:00", "2019-12-30", id="before the first run"),
    ],
)
def test_weeks(moment: str, monday: str) -> None:
    found = week_of(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert f"{found:%Y-%m-%dT%H:%M:%S}" == f"{monday}T00:00:00"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_every_moment_lies_in_one_week_and_its_runs_do(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    week = week_of(aware)
    assert week <= aware < week + WEEK
    run = fresh_run_id(HeldClock(aware))
    assert first_run_id(week) <= run < first_run_id(week + WEEK)


def test_a_new_database_has_weeks_ahead(fresh, run) -> None:
    async def story() -> None:
        found = await names(fresh)
        assert found[0] == "first"
        assert len(found) == AHEAD + 1
        async with fresh.connection() as connection:
            assert await behind(connection, CLOCK.now()) is None
            assert await make_ahead(connection, CLOCK.now()) == 0
            later = CLOCK.now() + 3 * WEEK
            assert await make_ahead(connection, later) == 3
            assert await make_ahead(connection, later) == 0

    run(story())


def test_all_of_a_run_lies_in_the_week_in_which_it_began(fresh, run) -> None:
    async def story() -> None:
        async with open_journal(fresh) as journal:
            async with fresh.connection() as connection:
                await make_ahead(connection, MONDAY)
            last = await began(journal, MONDAY + WEEK - timedelta(milliseconds=1))
            first = await began(journal, MONDAY + WEEK)
            this, next_one = f"{MONDAY:%Y%m%d}", f"{MONDAY + WEEK:%Y%m%d}"
            for one, week in ((last, this), (first, next_one)):
                assert await places(fresh, one) == {f"entry_{week}", f"action_{week}"}
            # It goes on for weeks: what it writes then lies there, too.
            more = Append(run=last, owner="w", expected=3, entries=(entry("3"),), status="Running")
            await journal.append(more)
            assert await places(fresh, last) == {f"entry_{this}", f"action_{this}"}
            assert [one.seq for one in await journal.entries(last)] == [0, 1, 2, 3]
            assert (await journal.load(last)).next_seq == 4

    run(story())


def test_where_a_week_is_missing_nothing_fails_and_it_is_mended(fresh, run) -> None:
    async def story() -> None:
        async with open_journal(fresh) as journal:
            far = MONDAY + 20 * WEEK
            lost = await began(journal, far + timedelta(days=1))
            assert await places(fresh, lost) == {"entry_rest", "action_rest"}
            async with fresh.connection() as connection:
                (fault,) = [
                    one
                    for one in await journal_faults(connection)
                    if one.code == "partitions-behind"
                ]
                assert fault.mends
                await mend_journal(connection, fault)
                assert await behind(connection, CLOCK.now()) is None
            week = f"{far:%Y%m%d}"
            assert await places(fresh, lost) == {f"entry_{week}", f"action_{week}"}
            assert [one.seq for one in await journal.entries(lost)] == [0, 1, 2]
            async with fresh.connection() as connection:
                said = await behind(connection, CLOCK.now() + AHEAD * WEEK)
            assert said == "there is no partition of the journal for next week"

    run(story())


def test_runs_are_written_while_their_week_is_made(fresh, run) -> None:
    """What goes into the rest while a partition is attached lies in the partition afterwards."""

    async def story() -> None:
        async with open_journal(fresh) as journal, open_journal(fresh) as other:
            far = MONDAY + 30 * WEEK

            async def write(mine: Journal) -> list[RunId]:
                return [await began(mine, far + timedelta(days=n % 7)) for n in range(40)]

            async def make() -> None:
                await asyncio.sleep(0.03)
                async with fresh.connection() as connection:
                    assert await make_ahead(connection, far) > 0

            one, two, _ = await asyncio.gather(write(journal), write(other), make())
            week = f"{far:%Y%m%d}"
            for id in (*one, *two):
                assert await places(fresh, id) == {f"entry_{week}", f"action_{week}"}

    run(story())


async def end(database: Database, run: RunId, moment: datetime) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE journal.run SET ended = %s WHERE id = %s", (moment, run))


def test_a_week_of_which_no_run_stays_is_dropped_whole(fresh, run) -> None:
    async def story() -> None:
        week, next_week = f"{MONDAY:%Y%m%d}", f"{MONDAY + WEEK:%Y%m%d}"
        async with open_journal(fresh) as journal:
            async with fresh.connection() as connection:
                await make_ahead(connection, MONDAY)
            gone = [await began(journal, MONDAY + timedelta(days=n), ends=True) for n in range(7)]
            later = await began(journal, MONDAY + WEEK, ends=True)
            for one in (*gone, later):
                await end(fresh, one, MONDAY + timedelta(days=8))
            # Old enough by their ends, but others of the week are not: they go together.
            almost = MONDAY + timedelta(days=7 + 27)
            assert await Retention(fresh, HeldClock(almost), 28).sweep() == 0
            sweep = Retention(fresh, HeldClock(MONDAY + timedelta(days=8 + 28, hours=1)), 28)
            async with fresh.aside() as watcher:
                deleted = await rows_deleted(watcher, f"entry_{week}")
                assert await sweep.sweep() == 7
                assert week not in await names(fresh)
                assert deleted == 0
            assert next_week in await names(fresh)
            assert len(await journal.entries(later)) == 3

    run(story())


async def rows_deleted(connection, table: str) -> int:
    found = await connection.execute(
        "SELECT pg_stat_get_tuples_deleted(%s::regclass) AS rows", (f"journal.{table}",)
    )
    row = await found.fetchone()
    return int(row["rows"])


@pytest.mark.parametrize("stays", ["open", "kept", "parent of an open one"])
def test_a_week_of_which_a_run_stays_goes_row_by_row(fresh, run, stays: str) -> None:
    async def story() -> None:
        week = f"{MONDAY:%Y%m%d}"
        async with open_journal(fresh) as journal:
            async with fresh.connection() as connection:
                await make_ahead(connection, MONDAY + 9 * WEEK)
                await make_ahead(connection, MONDAY)
            gone = [await began(journal, MONDAY, ends=True) for _ in range(3)]
            left = await began(journal, MONDAY + timedelta(days=2), ends=stays != "open")
            for one in gone:
                await end(fresh, one, MONDAY + timedelta(days=1))
            if stays == "kept":
                await end(fresh, left, MONDAY + 7 * WEEK)
            if stays == "parent of an open one":
                await end(fresh, left, MONDAY + timedelta(days=3))
                child = fresh_run_id(HeldClock(MONDAY + 2 * WEEK))
                called_by = {"parent": left, "parent_path": "p", "parent_attempt": 1}
                await journal.create(header(child, **called_by), [entry()])
            sweep = Retention(fresh, HeldClock(MONDAY + 8 * WEEK), 28)
            assert await sweep.sweep() == 3
            assert week in await names(fresh)
            for one in gone:
                assert await places(fresh, one) == set()
            assert len(await journal.entries(left)) == 3

    run(story())


def test_whoever_holds_a_week_keeps_it_and_nobody_waits_long(fresh, run) -> None:
    async def story() -> None:
        week = f"{MONDAY:%Y%m%d}"
        async with open_journal(fresh) as journal:
            async with fresh.connection() as connection:
                await make_ahead(connection, MONDAY)
            async with fresh.transaction() as reader, fresh.aside() as dropping:
                await reader.execute("SELECT count(*) FROM journal.entry")
                pass_by = asyncio.create_task(drop_unused(dropping, MONDAY + 9 * WEEK))
                await asyncio.sleep(0.2)
                begun = asyncio.get_running_loop().time()
                written = await began(journal, CLOCK.now())
                assert asyncio.get_running_loop().time() - begun < 4
                assert await pass_by == 0
            assert week in await names(fresh)
            assert len(await journal.entries(written)) == 3
            # A run that was made in a week meanwhile keeps it.
            kept = await began(journal, MONDAY)
            async with fresh.connection() as connection:
                assert await drop_unused(connection, MONDAY + 9 * WEEK) > 0
            assert week in await names(fresh)
            assert len(await journal.entries(kept)) == 3

    run(story())


def test_runs_are_written_while_old_weeks_are_dropped(fresh, run) -> None:
    async def story() -> None:
        async with open_journal(fresh) as journal:
            async with fresh.connection() as connection:
                for ahead in range(0, 60, AHEAD):
                    await make_ahead(connection, CLOCK.now() + WEEK * ahead)
            live = CLOCK.now() + 70 * WEEK
            async with fresh.connection() as connection:
                await make_ahead(connection, live)

            async def write() -> int:
                return len([await began(journal, live) for _ in range(60)])

            async def drop() -> int:
                async with fresh.aside() as connection:
                    return await drop_unused(connection, live)

            first, second, dropped = await asyncio.gather(write(), write(), drop())
            assert (first, second) == (60, 60)
            assert dropped > 50

    run(story())


@pytest.mark.parametrize("what", ["made", "made again", "dropped"])
def test_what_broke_off_between_the_two_tables_is_done_to_its_end(fresh, run, what: str) -> None:
    async def story() -> None:
        week = f"{MONDAY:%Y%m%d}"
        async with fresh.connection() as connection:
            await make_ahead(connection, MONDAY)
            # As it is where a process died: action records have it, or have it no more.
            gone = "entry" if what == "made" else "action"
            await connection.execute(f"DROP TABLE journal.{gone}_{week}".encode())
            if what == "made":
                assert await make_ahead(connection, MONDAY) == 1
                assert await behind(connection, MONDAY) is None
            elif what == "made again":
                assert await make_ahead(connection, MONDAY) == 1
                assert await make_ahead(connection, MONDAY) == 0
            else:
                assert await drop_unused(connection, MONDAY + 9 * WEEK) > 0
                assert week not in await names(fresh)

    run(story())


def test_the_number_of_the_next_entry_holds_across_releases(fresh, run) -> None:
    """A wake says it; of a run that an older release moved since it is forgotten and found."""

    async def story() -> None:
        wakes = Wakes(fresh, "w")
        async with open_journal(fresh) as journal:
            mine = await began(journal, CLOCK.now())
            too_far = Append(run=mine, owner="w", expected=4, entries=(entry(),), status="Running")
            with pytest.raises(Conflict):
                await journal.append(too_far)
            async with fresh.connection() as connection:
                await connection.execute(
                    "INSERT INTO journal.entry VALUES (%s, 3, now(), 'k', 'p', '')", (mine,)
                )
                await connection.execute(
                    "UPDATE journal.wake SET owner = NULL, lease = NULL, due = now()"
                )
            assert mine in await wakes.claim(10)
            loaded = await journal.load(mine)
            assert loaded.next_seq == 4
            await journal.append(too_far)
            assert (await journal.load(mine)).next_seq == 5

    run(story())


OLD = """
INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, plan, plan_hash, started)
SELECT n << 22, gen_random_uuid(), 1, 'Old', 'instant', 'Running', '{}', '', now()
FROM generate_series(1, 500) n;
INSERT INTO journal.entry SELECT n << 22, seq, now(), 'k', 'p', 'x'
FROM generate_series(1, 500) n, generate_series(0, 3) seq;
INSERT INTO journal.action (run, seq, at, path, flow, fallback, status, code, attempt, refused,
    planned) SELECT n << 22, 1, now(), 'p', gen_random_uuid(), false, '', '', 1, false, true
FROM generate_series(1, 500) n;
INSERT INTO journal.wake (run, due) SELECT n << 22, now() FROM generate_series(1, 500) n;
"""
INDEXES = """
SELECT replace(indexname, 'first_', ''), replace(replace(indexdef, '_first', ''), 'first_', '')
FROM pg_indexes WHERE schemaname = 'journal' AND tablename = %s ORDER BY 1
"""


def test_a_journal_that_is_there_becomes_the_first_partition_as_it_is(server_url, run) -> None:
    name = f"old_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = within(server_url, name)
    upgrade(url, "0029")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OLD)
        before = [connection.execute(INDEXES, (table,)).fetchall() for table in TABLES]
        files = connection.execute("SELECT pg_relation_filenode('journal.entry')").fetchone()
    migrate.migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        same = connection.execute("SELECT pg_relation_filenode('journal.entry_first')").fetchone()
        assert same == files, "no row was copied"
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM journal.entry_first), (SELECT count(*) FROM"
            " journal.entry), (SELECT count(*) FROM journal.action_first)"
        ).fetchone()
        assert counts == (2000, 2000, 500)
        for table, found in zip(TABLES, before, strict=True):
            assert connection.execute(INDEXES, (f"{table}_first",)).fetchall() == found
            parent = connection.execute(INDEXES, (table,)).fetchall()
            assert [one for one, _ in parent] == [one for one, _ in found]
        invalid = connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert invalid.fetchone() == (0,)

    async def goes_on() -> None:
        wakes = Wakes(database, "w")
        async with open_journal(database) as journal:
            claimed = list(await wakes.claim(500))
            assert len(claimed) == 500
            loaded = await journal.load(claimed[0])
            assert loaded.next_seq == 4
            added = Append(
                run=claimed[0], owner="w", expected=4, entries=(entry(),), status="Running"
            )
            await journal.append(added)
            assert await places(database, claimed[0]) == {"entry_first", "action_first"}

    opening = open_pool(url, pool_size=2)
    database = run(opening.__aenter__())
    run(goes_on())
    run(opening.__aexit__(None, None, None))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def upgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._FOLDER))
    config.set_main_option("path_separator", "os")
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool, future=True
    )
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
