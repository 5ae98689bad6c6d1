"""A database as one stream of bytes, and back: `pg_dump`, `pg_restore`, `psql`.

What is dumped is our three schemas at one moment, while others go on writing. Loading is one
transaction: it drops what is to be replaced, runs what `pg_restore` writes, and commits at its very
end, so that whatever breaks off leaves what was there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg

from flowner.database.connections import Transaction, connect, revision_of
from flowner.database.migrate import LOCK
from flowner.database.tools import Tools, access, failure
from flowner.errors import Refused, Unavailable

SCHEMAS: Final = ("rows", "journal", "vault")
_PIECE: Final = 1 << 18
_PATIENCE: Final = 5.0
"""Seconds that a program has to end that was told to."""
_DUMP: Final = (
    "--format=custom",
    "--no-owner",
    "--no-privileges",
    "--no-tablespaces",
    "--no-password",
    "--lock-wait-timeout=60s",
    *(f"--schema={name}" for name in SCHEMAS),
)
_SCRIPT: Final = ("--file=-", "--no-owner", "--no-privileges", "--no-tablespaces")
_PSQL: Final = ("--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-")
# Of a later pg_dump; servers before 17 do not know it, and what it sets is what they have anyway.
_NEWER: Final = b"SET transaction_timeout = 0;\n"
_OTHERS: Final = """
SELECT coalesce(nullif(application_name, ''), 'a program without a name') AS program
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' GROUP BY 1 ORDER BY 1
"""
_THERE: Final = f"""
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname IN {SCHEMAS})
    OR to_regclass('public.revision') IS NOT NULL AS there
"""  # noqa: S608 - constants of ours
_BEGIN: Final = f"""
BEGIN;
SET LOCAL lock_timeout = '30s';
SET LOCAL idle_in_transaction_session_timeout = 0;
SELECT pg_advisory_xact_lock({LOCK});
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
               AND pid <> pg_backend_pid() AND backend_type = 'client backend') THEN
        RAISE EXCEPTION 'somebody has connected to the database meanwhile';
    END IF;
END $$;
"""  # noqa: S608 - constants of ours
_REPLACE: Final = "DROP TABLE IF EXISTS public.revision;\n" + "".join(
    f"DROP SCHEMA IF EXISTS {name} CASCADE;\n" for name in SCHEMAS
)
_REVISION: Final = """
CREATE TABLE public.revision (
    version_num varchar(32) NOT NULL, CONSTRAINT revision_pkc PRIMARY KEY (version_num));
INSERT INTO public.revision (version_num) VALUES ('{}');
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A moment of a database that others may look at, too."""

    id: str
    transaction: Transaction
    """Sees the same moment."""
    server: int
    """PostgreSQL's version."""
    revision: str
    at: datetime
    """By the database's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A database that something is to be loaded into."""

    server: int
    holds_something: bool
    others: tuple[str, ...]
    """Programs that are connected to it."""


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Hold a database at this moment. Raises `Refused` when it is empty, `Unavailable`."""
    revision = await revision_of(url)
    if revision is None:
        raise Refused("the database is empty: there is nothing to back up")
    async with await connect(url) as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        found = await connection.execute(
            "SELECT pg_export_snapshot() AS id, now() AS moment,"
            " (SELECT version_num FROM public.revision) AS at"
        )
        row = await found.fetchone()
        if row is None:
            raise Unavailable("the database gave no snapshot")
        yield Snapshot(
            id=row["id"],
            transaction=connection,
            server=connection.info.server_version // 10000,
            revision=row["at"],
            at=row["moment"],
        )


async def dump(
    tools: Tools, moment: Snapshot, inherited: Mapping[str, str]
) -> AsyncGenerator[bytes, None]:
    """Yield the database at a moment, in `pg_dump`'s custom format. Raises `Refused`."""
    process = await asyncio.create_subprocess_exec(
        tools.program("pg_dump"),
        *_DUMP,
        f"--snapshot={moment.id}",
        env=access(moment.transaction, inherited),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with _ended(process):
        said = asyncio.create_task(_all(process.stderr))
        async for piece in _pieces(process.stdout):
            yield piece
        if (error := await failure("pg_dump", process, await said)) is not None:
            raise error


async def read_through(tools: Tools, pieces: Iterable[bytes]) -> None:
    """Have `pg_restore` read a whole dump, and do nothing with it. Raises `Refused`."""
    async with aclosing(_script(tools, pieces)) as script:
        async for _ in script:
            pass


async def look_at(url: str) -> Target:
    """Say what is in a database, and who is connected to it. Raises `Unavailable`, `Invalid`."""
    await revision_of(url)
    async with await connect(url) as connection:
        row = await (await connection.execute(_THERE)).fetchone()
        others = await (await connection.execute(_OTHERS)).fetchall()
        return Target(
            server=connection.info.server_version // 10000,
            holds_something=row is None or bool(row["there"]),
            others=tuple(one["program"] for one in others),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A dump, and what is to become of it."""

    pieces: Iterable[bytes]
    revision: str
    replaces: bool
    """Whether what is there is dropped first."""
    afterwards: Sequence[str] = ()
    """Statements of the same transaction, once everything is there."""


async def load(url: str, tools: Tools, what: Load, inherited: Mapping[str, str]) -> None:
    """Load a dump in one transaction. Raises `Refused`; then everything is as it was."""
    async with await connect(url) as connection:
        environment = access(connection, inherited)
    psql = await asyncio.create_subprocess_exec(
        tools.program("psql"),
        *_PSQL,
        env=environment | {"PGCLIENTENCODING": "UTF8"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with _ended(psql):
        said = asyncio.create_task(_all(psql.stderr))
        ours = _BEGIN + (_REPLACE if what.replaces else "")
        # Whoever reads no more has said why: that is told, and not that it reads no more.
        with suppress(BrokenPipeError, ConnectionResetError):
            await _write(psql, ours.encode())
            async with aclosing(_script(tools, what.pieces)) as script:
                async for piece in script:
                    await _write(psql, piece)
            # INVARIANT: nothing before this line commits, and it is reached by a whole dump alone.
            last = (_REVISION.format(what.revision), *(f"{one};" for one in what.afterwards))
            await _write(psql, "\n".join((*last, "COMMIT;\n")).encode())
        if psql.stdin is not None:
            psql.stdin.close()
        if (error := await failure("psql", psql, await said)) is not None:
            raise error


async def analyze(url: str) -> None:
    """Have the planner's statistics made; a dump has none."""
    async with await connect(url) as connection:
        with suppress(psycopg.Error):  # autovacuum will do it
            await connection.execute("ANALYZE")


async def _script(tools: Tools, pieces: Iterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the statements that a dump is made of."""
    process = await asyncio.create_subprocess_exec(
        tools.program("pg_restore"),
        *_SCRIPT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with _ended(process):
        said = asyncio.create_task(_all(process.stderr))
        feeding = asyncio.create_task(_feed(process, pieces))
        begins = True
        async for piece in _pieces(process.stdout):
            yield piece.replace(_NEWER, b"", 1) if begins else piece
            begins = False
        if (error := await failure("pg_restore", process, await said)) is not None:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            raise error
        await feeding


async def _feed(process: asyncio.subprocess.Process, pieces: Iterable[bytes]) -> None:
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                await _write(process, piece)
    finally:
        if process.stdin is not None:
            process.stdin.close()


async def _write(process: asyncio.subprocess.Process, piece: bytes) -> None:
    if process.stdin is not None:
        process.stdin.write(piece)
        await process.stdin.drain()


async def _pieces(stream: asyncio.StreamReader | None) -> AsyncIterator[bytes]:
    while stream is not None and (piece := await stream.read(_PIECE)):
        yield piece


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    """Return the beginning of what a program says; the rest is read and forgotten."""
    said = b""
    async for piece in _pieces(stream):
        said = (said + piece)[:_PIECE]
    return said


@asynccontextmanager
async def _ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Leave no program behind, however the block ends."""
    try:
        yield
    finally:
        if process.returncode is None:
            # Told so, `pg_dump` cancels what it asked of the server, which may wait for a lock.
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
