"""Tables change while others read and write them; what breaks off on the way is mended.

Nothing is timed. A transaction of the test stands in the way of the change until others have gone
past it: a change that they had to wait behind would end neither, and their locks run out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from flowner.database import Transaction
from flowner.directory.people import NewPerson
from flowner.engine.news import News
from flowner.engine.pacing import Pacer
from flowner.errors import Conflict, Invalid, Refused, Unavailable
from flowner.rows.altering import Altering
from flowner.rows.associations import sides_of
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Catalogue, Table
from flowner.rows.describing import Described, KeyState, Kind, Relation
from flowner.rows.indexing import lookup_index
from flowner.rows.keys import require_active
from flowner.rows.making import NewTable
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.server import House, at_work, open_house
from flowner.settings import Settings

MANY = 50_000
GOES_PAST = 20
"""So many rows are written while the change is in the way of none of them."""
PATIENCE_SECONDS = 120.0
"""Only for a test that would never end."""

KILLED = """
import asyncio, sys
from pathlib import Path
from flowner.rows.callers import Caller
from flowner.server import open_house
from flowner.settings import Settings
async def main():
    async with open_house(Settings(database_url=sys.argv[1], data_folder=Path(sys.argv[2]))) as h:
        async with h.database.connection() as t:
            table = await h.store.catalogue.table("o_item", t)
        await h.making.keys.add(table, (sys.argv[4], "Key"), ["o_code"], Caller(sys.argv[3]))
asyncio.run(main())
"""


@dataclass
class Site:
    """A house that is not at work: nothing is mended behind the test's back."""

    house: House
    settings: Settings
    admin: Caller

    async def table(self, name: str = "o_item") -> Table:
        async with self.house.database.connection() as t:
            return await self.house.store.catalogue.table(name, t)

    async def key(self, name: str) -> KeyState:
        self.house.store.catalogue.forget()
        return (await self.table()).keys[name].state

    async def add_key(self, name: str, *columns: str) -> None:
        await self.house.making.keys.add(await self.table(), (name, name), columns, self.admin)

    async def drop_keys(self) -> None:
        for name in (await self.table()).keys:
            await self.house.making.keys.drop(await self.table(), name)

    async def indexes(self) -> dict[str, bool]:
        """Return the indexes of the keys and lookups by name, and whether each is valid."""
        found = await self.ask(
            "SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'rows.o_item'::regclass"
            " AND c.relname ~ '_[0-9a-f]{12}$'"
        )
        return {row["name"]: row["valid"] for row in found}

    async def ask(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        async with self.house.database.connection() as t:
            done = await t.execute(statement.encode(), values)
            return await done.fetchall() if done.description else []

    async def write(self, code: str) -> None:
        """Write a row, waiting for no lock longer than a few seconds."""
        async with self.writing() as t:
            await self.insert(t, code)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        async with self.house.database.transaction() as t:
            await t.execute("SET LOCAL lock_timeout = '5s'")
            await t.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield t

    async def insert(self, t: Transaction, code: str) -> None:
        await t.execute(
            "INSERT INTO rows.o_item (o_name, o_code, ownerid, owneridtype)"
            " VALUES ('written', %s, %s, 'systemuser')",
            (code, self.admin.acting_for),
        )


@pytest.fixture(scope="module")
def site(database_url: str, run: Callable[..., Any], tmp_path_factory: Any) -> Iterator[Site]:
    settings = Settings(database_url=database_url, data_folder=tmp_path_factory.mktemp("site"))
    opening = open_house(settings)
    house = run(opening.__aenter__())

    async def build() -> Site:
        new = NewPerson(name="ada", upn="ada@online.example")
        ada = await house.directory.add_person(new, roles=[SYSTEM_ADMINISTRATOR])
        for name in ("o_item", "o_other"):
            columns = {"o_name": text("o_name"), "o_code": text("o_code")}
            await house.making.create_table(NewTable(
                schema_name=name, set_name=f"{name}s", display_name=name, collection_name=name,
                primary_name="o_name", columns=columns,
            ))  # fmt: skip
        found = Site(house, settings, Caller(ada))
        await found.ask(
            "INSERT INTO rows.o_item (o_name, o_code, ownerid, owneridtype)"
            " SELECT 'row', 'c' || n, %s, 'systemuser' FROM generate_series(1, %s) n",
            ada, MANY,
        )  # fmt: skip
        return found

    yield run(build())
    run(opening.__aexit__(None, None, None))


def text(name: str, **details: Any) -> Described:
    return Described(kind=Kind.TEXT, schema_name=name, display_name=name, details=details)


def relation(name: str) -> Relation:
    return Relation(schema_name=f"o_{name}", referencing="o_item", attribute=name,
                    referenced="o_other", navigation=name, collection=f"o_{name}")  # fmt: skip


async def relate(site: Site, name: str) -> None:
    lookup = Described(kind=Kind.LOOKUP, schema_name=name, display_name=name)
    await site.house.making.relate(await site.table(), lookup, [relation(name)])


async def pair(site: Site) -> None:
    first, _ = sides_of("o_pairs", ("o_pairs", "o_pairs"), ("o_item", "o_other"),
                        ("o_itemid", "o_otherid"), ("o_pairs", "o_pairs"))  # fmt: skip
    await site.house.making.associate(first)


async def add_column(site: Site, name: str, **details: Any) -> None:
    await site.house.making.add_column(await site.table(), name, text(name, **details))


async def drop_column(site: Site) -> None:
    await site.house.making.drop_column(await site.table(), "o_plain")


async def until(seen: Callable[[], Awaitable[object]]) -> None:
    """Look again and again until something is there, which nobody tells us of."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await seen():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def write_past(site: Site, what: str) -> None:
    for at in range(GOES_PAST):
        await site.write(f"{what} {at}")


CHANGES: list[Any] = [
    pytest.param(lambda site: add_column(site, "o_plain"), "AccessExclusiveLock", id="a column"),
    pytest.param(lambda site: add_column(site, "o_safe", IsSecured=True), "AccessExclusiveLock",
                 id="a secured column"),
    pytest.param(lambda site: relate(site, "o_otherid"), "AccessExclusiveLock", id="a lookup"),
    pytest.param(drop_column, "AccessExclusiveLock", id="a column dropped"),
    pytest.param(pair, "ShareRowExclusiveLock", id="pairs of rows"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "lock"), CHANGES)
def test_nobody_waits_behind_a_change_that_waits(
    site: Site, run: Callable[..., Any], change: Callable[[Site], Awaitable[None]], lock: str
) -> None:
    waiting = f"""SELECT 1 FROM pg_locks WHERE NOT granted AND mode = '{lock}'
        AND relation = 'rows.o_item'::regclass"""

    async def changed() -> None:
        before = await site.table()
        async with site.writing() as t:
            await site.insert(t, "in the way")
            changing = asyncio.create_task(change(site))
            await until(lambda: site.ask(waiting))
            await write_past(site, "past a waiting change")
            assert len(await site.ask("SELECT 1 FROM rows.o_item LIMIT 5")) == 5
            assert not changing.done()
        await asyncio.wait_for(changing, PATIENCE_SECONDS)
        after = await site.table()
        assert (before.columns, before.associations) != (after.columns, after.associations)
        assert all((await site.indexes()).values())

    run(changed())


def test_rows_are_written_while_the_index_of_a_key_is_built(
    site: Site, run: Callable[..., Any]
) -> None:
    async def built() -> None:
        await site.ask("UPDATE rows.o_item SET o_code = o_itemid::text WHERE o_name = 'written'")
        async with site.writing() as t:
            await site.insert(t, "written before")
            adding = asyncio.create_task(site.add_key("o_Code_Key", "o_code"))
            await until(lambda: building(site))
            await write_past(site, "past an index")
            assert await site.key("o_Code_Key") is KeyState.IN_PROGRESS
            with pytest.raises(Invalid, match=r"`o_Code_Key` .* not active .`InProgress`."):
                require_active(await site.table(), {"o_code"})
        await asyncio.wait_for(adding, PATIENCE_SECONDS)
        assert await site.key("o_Code_Key") is KeyState.ACTIVE
        require_active(await site.table(), {"o_code"})
        with pytest.raises(Conflict):
            await site.add_key("o_code_key", "o_code")
        plan = await site.ask("EXPLAIN SELECT 1 FROM rows.o_item WHERE o_code = 'c7'")
        assert "Index" in plan[0]["QUERY PLAN"]
        await site.drop_keys()

    run(built())


async def building(site: Site) -> list[dict[str, Any]]:
    """Say whether an index waits for those who wrote before it."""
    return await site.ask(
        "SELECT pid FROM pg_stat_progress_create_index WHERE relid = 'rows.o_item'::regclass"
        " AND phase LIKE 'waiting for writers%%' AND datname = current_database()"
    )


def test_a_key_over_rows_that_are_alike_fails_and_is_tried_again(
    site: Site, run: Callable[..., Any]
) -> None:
    keys = site.house.making.keys

    async def tried() -> None:
        await site.drop_keys()
        for _ in "ab":
            await site.write("twice")
        await site.add_key("o_twice", "o_code")
        assert await site.key("o_twice") is KeyState.FAILED
        assert [name for name in await site.indexes() if name.startswith("o_twice")] == []
        await site.write("twice")  # nothing holds writers to a key that failed
        with pytest.raises(Invalid, match=r"`o_twice` .*`Failed`.* same values of `o_code`"):
            require_active(await site.table(), {"o_code"})
        job = """SELECT statuscode, message FROM rows.asyncoperation
            WHERE operationtype = 63 AND name LIKE '%%o_twice' ORDER BY versionnumber"""
        assert [(one["statuscode"], "`o_twice` of `o_item` failed" in one["message"])
                for one in await site.ask(job)] == [(31, True)]  # fmt: skip

        await keys.reactivate(await site.table(), "o_twice", site.admin)
        assert await site.key("o_twice") is KeyState.FAILED
        await site.ask("UPDATE rows.o_item SET o_code = NULL WHERE o_code = 'twice'")
        await keys.reactivate(await site.table(), "o_twice", site.admin)
        assert await site.key("o_twice") is KeyState.ACTIVE
        assert [one["statuscode"] for one in await site.ask(job)] == [31, 31, 30]
        with pytest.raises(Refused, match="has not failed"):
            await keys.reactivate(await site.table(), "o_twice", site.admin)
        await site.drop_keys()
        assert [name for name in await site.indexes() if name.startswith("o_twice")] == []

    run(tried())


@pytest.mark.parametrize(
    ("left", "missing"),
    [
        pytest.param(["UPDATE rows.keymetadata SET state = 'Pending'", "DROP INDEX rows.{key}"],
                     True, id="the key is proposed, its index not begun"),
        pytest.param(["UPDATE rows.keymetadata SET state = 'InProgress'"], False,
                     id="the index is built, the key not told"),
        pytest.param(["DROP INDEX rows.{lookup}"], True, id="the lookup is there, its index not"),
    ],
)  # fmt: skip
def test_what_was_broken_off_between_two_steps_is_mended(
    site: Site, run: Callable[..., Any], left: list[str], missing: bool
) -> None:
    async def mended() -> None:
        if "o_restid" not in (await site.table()).columns:
            await relate(site, "o_restid")
        await site.drop_keys()
        await site.ask("UPDATE rows.o_item SET o_code = o_itemid::text WHERE o_name = 'written'")
        await site.add_key("o_mended", "o_code")
        whole = await site.indexes()
        (key,) = (name for name in whole if name.startswith("o_mended"))
        for statement in left:
            lookup = lookup_index("o_item", "o_restid").name
            await site.ask(statement.format(key=f'"{key}"', lookup=f'"{lookup}"'))
        assert (await site.indexes() != whole) is missing
        await site.house.making.keys.mend()
        assert await site.indexes() == whole
        assert await site.key("o_mended") is KeyState.ACTIVE

    run(mended())


def test_what_a_killed_server_left_is_mended_when_it_starts(
    site: Site, run: Callable[..., Any]
) -> None:
    async def killed() -> None:
        await site.drop_keys()
        await site.ask("UPDATE rows.o_item SET o_code = o_itemid::text WHERE o_name = 'written'")
        async with site.writing() as t:
            await site.insert(t, "in the way")
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", KILLED, site.settings.database_url or "",
                str(site.settings.data_folder), site.admin.acting_for, "o_Killed",
            )  # fmt: skip
            await until(lambda: building(site))
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            for one in await building(site):
                await site.ask("SELECT pg_terminate_backend(%s)", one["pid"])
            await until(lambda: nobody(site))
        assert await site.key("o_Killed") is KeyState.IN_PROGRESS
        assert [valid for name, valid in (await site.indexes()).items()
                if name.startswith("o_killed")] == [False]  # fmt: skip
        async with at_work(site.house):
            await until(lambda: active(site, "o_Killed"))
        assert all((await site.indexes()).values())

    run(killed())


async def nobody(site: Site) -> bool:
    return not await building(site)


async def active(site: Site, name: str) -> bool:
    return await site.key(name) is KeyState.ACTIVE


def test_one_change_of_a_table_at_a_time(site: Site, run: Callable[..., Any]) -> None:
    async def both() -> None:
        one, other = (Altering(site.house.database, site.house.store.catalogue) for _ in "ab")
        async with one.turn("o_item"):
            async with other.turn("o_other", waits=False):
                pass
            with pytest.raises(Unavailable, match="`o_item` is under way"):
                async with other.turn("o_item", waits=False):
                    pass
        async with other.turn("o_item", waits=False):
            pass

    run(both())


def test_what_another_process_changed_is_noticed(site: Site, run: Callable[..., Any]) -> None:
    async def noticed() -> None:
        theirs = Catalogue(site.house.database)

        async def known() -> bool:
            async with site.house.database.connection() as t:
                return "o_noticed" in (await theirs.table("o_other", t)).columns

        assert not await known()
        ours = site.house.database, site.house.replies
        pacer = Pacer(site.house.database, site.house.clock, {})
        async with News(*ours, theirs, pacer).heard():
            other = await site.table("o_other")
            await site.house.making.add_column(other, "o_noticed", text("o_n"))
            await until(known)

    run(noticed())


def test_a_change_that_is_heard_of_while_tables_are_read_is_not_missed(
    site: Site, run: Callable[..., Any]
) -> None:
    async def heard() -> None:
        ours = Catalogue(site.house.database)
        async with site.house.database.transaction() as t:
            await t.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await t.execute("SELECT 1")
            await site.house.making.add_column(await site.table("o_other"), "o_late", text("o_l"))
            reading = asyncio.create_task(ours.tables(t))
            await asyncio.sleep(0)
            ours.forget()
            await reading
            known = ours.known("o_other")
            assert known is not None
            assert "o_late" not in known.columns
        async with site.house.database.connection() as t:
            assert "o_late" in (await ours.table("o_other", t)).columns

    run(heard())
