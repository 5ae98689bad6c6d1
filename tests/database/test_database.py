"""The database opens, migrates, commits and rolls back; two processes share one folder."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from flowner.database import open_database
from flowner.database.embedded import EmbeddedServer
from flowner.errors import Invalid, Unavailable

OTHER = """
import asyncio, sys
from pathlib import Path
from flowner.database import open_database
async def main():
    async with open_database(None, Path(sys.argv[1])) as database, database.connection() as c:
        print((await (await c.execute("SELECT 41 + 1 AS n")).fetchone())["n"], flush=True)
        sys.stdin.readline()
asyncio.run(main())
"""


def test_a_transaction_is_all_or_nothing(database, run) -> None:
    async def broken_off() -> None:
        async with database.transaction() as t:
            await t.execute("INSERT INTO note VALUES (1)")
            raise RuntimeError

    async def story() -> int:
        async with database.connection() as c:
            await c.execute("CREATE TABLE note (n int)")
        with pytest.raises(RuntimeError):
            await broken_off()
        async with database.transaction() as t:
            await t.execute("INSERT INTO note VALUES (2)")
        async with database.connection() as c:
            row = await (await c.execute("SELECT sum(n)::int AS s FROM note")).fetchone()
            return row["s"]

    assert run(story()) == 2


def test_listening(database, run) -> None:
    async def story() -> tuple[str, str]:
        notices = database.listen("flowner_wake")
        assert await anext(notices) == ("", "")
        async with database.connection() as c:
            await c.execute("SELECT pg_notify('flowner_wake', 'x')")
        heard = await anext(notices)
        await notices.aclose()
        return heard

    assert run(story()) == ("flowner_wake", "x")


def test_two_processes_share_one_folder(tmp_path: Path) -> None:
    async def both() -> None:
        command = (sys.executable, "-c", OTHER, str(tmp_path))
        with subprocess.Popen(  # noqa: ASYNC220 - short
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            async with open_database(None, tmp_path) as database:
                assert await asyncio.to_thread(other.stdout.readline) == b"42\n"
                other.stdin.write(b"\n")
                other.stdin.flush()
                await asyncio.to_thread(other.wait)
                async with database.connection() as c:
                    await c.execute("SELECT 1")

    asyncio.run(both())
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        pytest.param("postgresql://u:hidden@127.0.0.1:1/x", Unavailable, id="nobody there"),
        pytest.param("hidden nonsense", Invalid, id="not an address"),
    ],
)
def test_a_bad_address_is_said_plainly(url: str, error: type[Exception], tmp_path: Path) -> None:
    async def story() -> None:
        async with open_database(url, tmp_path):
            pass

    with pytest.raises(error) as caught:
        asyncio.run(story())
    assert "hidden" not in str(caught.value)


def test_a_process_that_holds_a_server_twice_lets_go_of_it_with_the_second(tmp_path: Path) -> None:
    one = EmbeddedServer(tmp_path / "postgres")
    other = EmbeddedServer(tmp_path / "postgres")
    other.release()
    with psycopg.connect(one.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    one.release()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(one.url)
