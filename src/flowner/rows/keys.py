"""Alternate keys: proposed in a moment, then active or failed once their index is built.

What is to be is kept with the tables; what is there, PostgreSQL knows. `Keys.settle` brings the
second to the first, so whatever broke off is mended by settling the table again: at the next start,
a minute later, or with the next change of the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from psycopg import Error, errors, sql

from flowner.database import Transaction
from flowner.errors import Code, Invalid, NotFound, Refused, Unavailable
from flowner.rows.altering import Altering, briefly
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Table, Type
from flowner.rows.describing import KeyState
from flowner.rows.indexing import Index, build, index_name, unindexed
from flowner.rows.jobs import KEY_INDEX, begin_job, end_job
from flowner.rows.metadata import check_name, require_own

_LOG: Final = structlog.get_logger(__name__)
_UNSETTLED: Final = """
SELECT tablename, name, schemaname, columnnames, indexname, jobid::text AS job
FROM rows.keymetadata WHERE state IN ('Pending', 'InProgress')
  AND (%(table)s::text IS NULL OR tablename = %(table)s) ORDER BY tablename, name
"""
_SAY: Final = """
UPDATE rows.keymetadata SET state = %s, reason = %s WHERE tablename = %s AND name = %s
"""
_WAITED_SECONDS: Final = 30.0
"""After this an answer is given, and the index goes on being built."""
_PAUSE_SECONDS: Final = 60.0


class Keys:
    """Makes alternate keys, and builds every index that a table's metadata asks for.

    Whoever calls this administers the environment; doors ask before.
    """

    def __init__(self, altering: Altering) -> None:
        self._altering = altering
        self._building: set[asyncio.Task[None]] = set()
        self._given_up: set[str] = set()
        """Tables of which an index cannot be built, until somebody touches them again."""

    async def add(
        self, table: Table, names: tuple[str, str], columns: Sequence[str], caller: Caller
    ) -> None:
        """Make a key; ``names`` are its schema name and what people read.

        It is active at return, or has failed; or its index takes longer than is waited for.
        `Conflict` where there is one of its name.
        """
        schema_name, display_name = names
        _require_columns(table, schema_name, columns)
        name = schema_name.lower()

        async def propose(t: Transaction) -> None:
            job = await begin_job(t, caller, _job(table.name, schema_name))
            await t.execute(
                "INSERT INTO rows.keymetadata (tablename, name, schemaname, displayname,"
                " columnnames, indexname, jobid, state) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (table.name, name, schema_name, display_name, list(columns),
                 index_name(table.name, f"{name}_key"), job, KeyState.PENDING.value),
            )  # fmt: skip

        await self._altering.change(table.name, propose)
        await self.settled(table.name)

    async def drop(self, table: Table, schema_name: str) -> None:
        """Remove a key."""
        require_own(table)

        async def remove(t: Transaction) -> None:
            found = await t.execute(
                "DELETE FROM rows.keymetadata WHERE tablename = %s AND name = %s"
                " RETURNING indexname",
                (table.name, schema_name.lower()),
            )
            for row in await found.fetchall():
                drop = sql.SQL("DROP INDEX IF EXISTS rows.{}")
                await t.execute(drop.format(sql.Identifier(row["indexname"])))

        await self._altering.change(table.name, remove, table.name)

    async def reactivate(self, table: Table, name: str, caller: Caller) -> None:
        """Try again to build the index of a key that has failed. `Refused` for any other."""
        require_own(table)

        async def propose(t: Transaction) -> None:
            job = await begin_job(t, caller, _job(table.name, name))
            done = await t.execute(
                "UPDATE rows.keymetadata SET state = %s, reason = NULL, jobid = %s"
                " WHERE tablename = %s AND name = %s AND state = %s",
                (KeyState.PENDING.value, job, table.name, name.lower(), KeyState.FAILED.value),
            )
            if done.rowcount == 0:
                raise Refused(f"the alternate key `{name}` of `{table.name}` has not failed")

        await self._altering.change(table.name, propose)
        await self.settled(table.name)

    async def settled(self, table: str) -> None:
        """Settle a table, and wait for it: half a minute, then it goes on by itself."""
        self._given_up.discard(table)
        task = asyncio.create_task(self._attempt(table), name=f"indexes of {table}")
        self._building.add(task)
        task.add_done_callback(self._building.discard)
        await asyncio.wait({task}, timeout=_WAITED_SECONDS)

    async def settle(self, table: str, *, waits: bool = True) -> None:
        """Build the indexes that a table lacks, and say of its keys what came of it."""
        async with self._altering.turn(table, waits=waits) as connection:
            for index in await unindexed(connection, table):
                await build(connection, index)
            found = await connection.execute(_UNSETTLED, {"table": table})
            for key in await found.fetchall():
                await _settle(connection, key)

    async def mend(self) -> None:
        """Settle every table of which something broke off and nobody is at work on: 2 queries."""
        async with self._altering.database.connection() as connection:
            found = await connection.execute(_UNSETTLED, {"table": None})
            tables = {row["tablename"] for row in await found.fetchall()}
            tables |= {index.table for index in await unindexed(connection)}
        for table in sorted(tables - self._given_up):
            await self._attempt(table, waits=False)

    async def run(self) -> None:
        """Mend for ever, at once and every minute."""
        while True:
            try:
                await self.mend()
            except (Error, Unavailable):
                _LOG.warning("indexes could not be looked after; they will be later")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        """Stop building; what breaks off is mended at the next start."""
        for task in tuple(self._building):
            task.cancel()
        await asyncio.gather(*self._building, return_exceptions=True)

    async def _attempt(self, table: str, *, waits: bool = True) -> None:
        try:
            await self.settle(table, waits=waits)
        except (NotFound, Unavailable):
            _LOG.info("indexes are built later", table=table)
        except Exception:  # noqa: BLE001 - the table works without; whoever looks after it reads this
            self._given_up.add(table)
            _LOG.exception("an index could not be built", table=table)


def _require_columns(table: Table, schema_name: str, columns: Sequence[str]) -> None:
    require_own(table)
    check_name(schema_name.lower())
    if not columns:
        raise Invalid("a key has one column at least")
    for column in columns:
        if column not in table.columns:
            raise Invalid(f"there is no column `{column}` on the table `{table.name}`")
        if table.columns[column] is Type.JSON:
            raise Invalid(f"the column `{column}` holds no values that could be a key")


def require_active(table: Table, columns: set[str]) -> None:
    """Raise `Invalid` (0x80060890) where the keys of these columns are not active; it says why."""
    known = [(name, key) for name, key in table.keys.items() if set(key.columns) == columns]
    if any(key.state is KeyState.ACTIVE for _, key in known):
        return
    for name, key in known:
        why = f": {key.reason}" if key.reason else ""
        raise Invalid(
            f"the alternate key `{name}` of the {table.name} entity is not active"
            f" (`{key.state.value}`){why}",
            code=Code.ROW_KEY_UNKNOWN,
        )


async def _settle(connection: Transaction, key: Mapping[str, Any]) -> None:
    await briefly(connection, lambda t: _say(t, key, KeyState.IN_PROGRESS))
    index = Index(
        name=key["indexname"],
        table=key["tablename"],
        columns=key["columnnames"],
        is_unique=True,
    )
    reason = None
    try:
        await build(connection, index)
    except errors.UniqueViolation:
        columns = ", ".join(f"`{column}`" for column in key["columnnames"])
        reason = f"rows have the same values of {columns}: change them, then reactivate the key"
    except errors.ProgramLimitExceeded:
        reason = "a row's values are too long for a key"
    except errors.DiskFull:
        reason = "the database has no room for the index"
    except errors.ProgrammingError:
        reason = "its columns can have no index"
    state = KeyState.ACTIVE if reason is None else KeyState.FAILED
    await briefly(connection, lambda t: _say(t, key, state, reason))


async def _say(
    t: Transaction, key: Mapping[str, Any], state: KeyState, reason: str | None = None
) -> None:
    await t.execute(_SAY, (state.value, reason, key["tablename"], key["name"]))
    if key["job"] is not None and state in (KeyState.ACTIVE, KeyState.FAILED):
        named = f"the alternate key `{key['schemaname']}` of `{key['tablename']}`"
        failed = state is KeyState.FAILED
        message = f"{named} failed: {reason}" if failed else f"{named} is active"
        await end_job(t, key["job"], failed=failed, message=message)


def _job(table: str, name: str) -> tuple[int, str, str]:
    return KEY_INDEX, f"Index of the alternate key {name}", table
