"""How tables are changed beside those who read and write them: one change at a time, in moments.

A lock that shuts others out is waited for so short a time that those who queue behind it notice
nothing. Where a long transaction holds the table, the change steps back and comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from psycopg import errors, sql

from flowner.database import Database, Transaction
from flowner.errors import Code, Conflict, NotFound, Refused, Unavailable
from flowner.rows.catalogue import Catalogue

Work = Callable[[Transaction], Awaitable[None]]

_TURN: Final = 7_310_002
"""The first half of an advisory lock's number; the other half is made of the table's name."""
_ATTEMPTS: Final = 50
_PAUSE_SECONDS: Final = 0.3
_ALONE: Final = "SET LOCAL lock_timeout = '2s'"
"""Longer than a second: after that, vacuuming that the server began by itself makes way."""
_SHORTLY: Final = "SET LOCAL lock_timeout = '100ms'"


class Altering:
    """Lets one change of a table through at a time, among all processes on the database."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.database, self._catalogue = database, catalogue

    async def change(self, table: str, work: Work, *tables: str) -> None:
        """Do the work in one transaction, in the table's turn; see `turn` and `briefly`."""
        async with self.turn(table) as connection:
            await briefly(connection, work, *tables)

    @asynccontextmanager
    async def turn(self, table: str, *, waits: bool = True) -> AsyncIterator[Transaction]:
        """Yield a connection while nobody else changes the table; each statement commits.

        Raises `Unavailable` where somebody else does, for longer than is waited for. What the
        database refuses within is raised as an error of ours. Afterwards the catalogue is read
        anew.
        """
        try:
            with _telling():
                async with self.database.aside() as connection:
                    await _take_turn(connection, table, _ATTEMPTS if waits else 1)
                    yield connection
        finally:
            self._catalogue.forget()

    @asynccontextmanager
    async def saying(self) -> AsyncIterator[Transaction]:
        """Yield a transaction for what is only said of tables, and changes none of them."""
        try:
            with _telling():
                async with self.database.transaction() as transaction:
                    yield transaction
        finally:
            self._catalogue.forget()


async def briefly(connection: Transaction, work: Work, *tables: str) -> None:
    """Do the work in one transaction whose locks nobody waits behind for long.

    ``tables`` are those that it alters. It is tried again and again while others hold them, for
    twenty seconds; then raises `Unavailable`.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        try:
            async with connection.transaction():
                await _come_first(connection, tables)
                await connection.execute(_SHORTLY)
                await work(connection)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            continue
        return
    raise Unavailable("somebody reads or writes the table in a long transaction: try again later")


async def _come_first(connection: Transaction, tables: Sequence[str]) -> None:
    """Shut out other changes and vacuuming, which may take long; readers and writers go on."""
    if not tables:
        return
    named = sql.SQL(", ").join(sql.Identifier("rows", one) for one in sorted(set(tables)))
    await connection.execute(_ALONE)
    try:
        await connection.execute(
            sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(named)
        )
    except errors.LockNotAvailable as error:
        raise Unavailable("the table is being changed or vacuumed: try again later") from error


async def _take_turn(connection: Transaction, table: str, attempts: int) -> None:
    for attempt in range(attempts):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        # INVARIANT: asked for, never waited for: the index that is built in another's turn waits
        # for every statement under way, and would wait for the one that waits for it.
        found = await connection.execute(
            "SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS taken", (_TURN, table)
        )
        row = await found.fetchone()
        if row is not None and row["taken"]:
            return
    raise Unavailable(f"another change of the table `{table}` is under way: try again later")


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (errors.DuplicateTable, errors.DuplicateColumn, errors.UniqueViolation) as error:
        raise Conflict("there is one of this name already", code=Code.ROW_DUPLICATE) from error
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedObject) as error:
        raise NotFound("the table has been changed meanwhile") from error
    except (
        errors.ProgrammingError, errors.ProgramLimitExceeded, errors.DiskFull, errors.OutOfMemory
    ) as error:  # fmt: skip
        raise Refused("the table cannot be changed so") from error
    except errors.OperationalError as error:
        raise Unavailable("the database does not answer, or asks to try again") from error
