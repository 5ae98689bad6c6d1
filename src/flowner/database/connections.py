"""Connections and transactions. Everything waits without blocking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from flowner.database.embedded import EmbeddedServer
from flowner.database.migrate import earlier_revisions, migrate, newest_revision
from flowner.errors import DatabaseAway, Invalid, Unavailable

Transaction: TypeAlias = "psycopg.AsyncConnection[DictRow]"
"""What memory reads and writes through. Motion hands it on and never looks inside."""

OLDEST_VERSION = 15
_CONNECT_SECONDS = 10.0
PROGRAM = "flowner"
"""What the database shows connections of ours as, unless the address says another name."""
_OPTIONS = "-c idle_in_transaction_session_timeout=15s -c lock_timeout=10s -c timezone=UTC"


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str, pool: AsyncConnectionPool[Transaction]) -> None:
        self._url, self._pool = url, pool
        self._looking_over: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Transaction]:
        """Borrow a connection on which every statement commits by itself.

        Raises `DatabaseAway` when the server does not answer, ends, or has no room on its disk.
        """
        borrowed: Transaction | None = None
        try:
            async with self._pool.connection() as borrowed:
                yield borrowed
        except PoolTimeout as error:
            raise DatabaseAway("the database does not answer") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            said = _why_away(error, gone=borrowed is None or borrowed.closed)
            if said is None:
                raise
            self._look_over()
            raise DatabaseAway(said) from error

    def _look_over(self) -> None:
        """Have the connections that broke with this one replaced before somebody borrows them."""
        if self._looking_over is None or self._looking_over.done():
            self._looking_over = asyncio.create_task(self._pool.check(), name="pool check")

    @asynccontextmanager
    async def transaction(self, within: Transaction | None = None) -> AsyncIterator[Transaction]:
        """Borrow a connection with a transaction open; it commits unless the block raises.

        ``within`` is one that is open already: the block is part of it then.
        """
        if within is not None:
            yield within
            return
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[Transaction]:
        """Open a connection outside the pool, for work that may take minutes.

        Each statement commits by itself. What the session holds, it lets go at the end.
        """
        try:
            connection = await connect(self._url)
        except psycopg.OperationalError as error:
            raise Unavailable("the database does not answer") from error
        async with connection:
            yield connection

    def load(self) -> tuple[int, int, int]:
        """Return how many connections the pool has, how many are idle, how many are waited for."""
        stats = self._pool.get_stats()
        return (
            stats.get("pool_size", 0),
            stats.get("pool_available", 0),
            stats.get("requests_waiting", 0),
        )

    async def is_current(self) -> bool:
        """Say whether nothing is left to migrate; also where a later version has migrated since.

        Raises `Unavailable`.
        """
        async with self.connection() as connection:
            found = await connection.execute("SELECT version_num FROM public.revision")
            row = await found.fetchone()
        return row is not None and row["version_num"] not in earlier_revisions()

    async def listen(self, *channels: str) -> AsyncIterator[tuple[str, str]]:
        """Yield (channel, payload) for ever, on a connection of its own, mended when it breaks.

        Yields ("", "") after every (re)connection: something may have been missed, look yourself.
        """
        while True:
            try:
                connection = await connect(self._url)
            except psycopg.OperationalError:
                await asyncio.sleep(1.0)
                continue
            with suppress(psycopg.OperationalError):
                async with connection:
                    for channel in channels:
                        listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel))
                        await connection.execute(listen)
                    yield "", ""
                    async for notice in connection.notifies():
                        yield notice.channel, notice.payload
            await asyncio.sleep(0.5)


def _why_away(error: psycopg.Error, *, gone: bool) -> str | None:
    """Return what an error says about the server; None: it is about the statement.

    Source of the classes: PostgreSQL's documentation, appendix A, error codes.
    """
    state = error.sqlstate or ""
    if gone or state.startswith(("08", "57P")):
        return "the database does not answer"
    if state in ("53100", "58030"):
        return "the database cannot write: its disk is full, or fails"
    return "the database has too much to do" if state.startswith("53") else None


async def connect(url: str) -> Transaction:
    """Open one connection outside the pool, each statement committing by itself."""
    options: dict[str, Any] = {
        "options": _OPTIONS,
        "connect_timeout": int(_CONNECT_SECONDS),
        "fallback_application_name": PROGRAM,
    }
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row, **options
    )


@asynccontextmanager
async def open_database(
    url: str | None, data_folder: Path, *, pool_size: int = 8
) -> AsyncIterator[Database]:
    """Open the database, migrated to the newest revision.

    ``url`` None starts, or joins, the embedded server with its files in ``data_folder/postgres``.
    Raises `Unavailable` when it cannot be reached, `Invalid` when it is older than 15; neither
    message shows the URL, which may hold a password.
    """
    embedded = None
    if url is None:
        embedded = await asyncio.to_thread(EmbeddedServer, data_folder / "postgres")
        url = embedded.url
    try:
        if await revision_of(url) != newest_revision():
            await asyncio.to_thread(migrate, url)
        async with open_pool(url, pool_size=pool_size) as database:
            yield database
    finally:
        if embedded is not None:
            await asyncio.to_thread(embedded.release)


@asynccontextmanager
async def open_pool(url: str, *, pool_size: int) -> AsyncIterator[Database]:
    """Open a pool on a database that is migrated already."""
    pool: AsyncConnectionPool[Transaction] = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=pool_size,
        timeout=_CONNECT_SECONDS,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "options": _OPTIONS,
            "fallback_application_name": PROGRAM,
        },
        open=False,
    )
    async with pool:
        yield Database(url, pool)


async def revision_of(url: str) -> str | None:
    """Return the revision that a database is at; None: it is empty."""
    try:
        connection = await connect(url)
    except psycopg.OperationalError:
        raise Unavailable(
            "the database cannot be reached: see that the server runs and that"
            " `FLOWNER_DATABASE_URL` names it"
        ) from None
    except psycopg.ProgrammingError:
        raise Invalid(
            "`FLOWNER_DATABASE_URL` is not a PostgreSQL address, such as"
            " `postgresql://user@host/database`"
        ) from None
    async with connection:
        version = connection.info.server_version // 10000
        if version < OLDEST_VERSION:
            raise Invalid(f"the database is PostgreSQL {version}: take {OLDEST_VERSION} or later")
        try:
            found = await connection.execute("SELECT version_num FROM public.revision")
        except psycopg.errors.UndefinedTable:
            return None
        except psycopg.errors.LockNotAvailable:
            raise Unavailable(
                "the database is being restored: try again when it is there"
            ) from None
        row = await found.fetchone()
    return None if row is None else str(row["version_num"])
