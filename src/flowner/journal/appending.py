"""Group commit: the appends of all runs of a process travel in one statement.

There is no lingering: a group forms while the one before it is on its way to the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg

from flowner.database import Database
from flowner.errors import Code, Conflict
from flowner.journal.records import Append
from flowner.values import RunId

_MOST = 200
"""Appends in one statement."""

_APPEND = """
WITH batch AS (
    SELECT * FROM unnest(
        %(run)s::bigint[], %(owner)s::text[], %(expected)s::int[], %(status)s::text[],
        %(finished)s::bool[], %(code)s::text[], %(error)s::text[], %(due)s::timestamptz[],
        %(consumed)s::bigint[], %(posted)s::int[], %(snapshot)s::bytea[], %(next)s::int[])
    AS b(run, owner, expected, status, finished, code, error, due, consumed, posted, snapshot, next)
), fit AS (
    SELECT b.* FROM batch b
    WHERE b.expected = 1 + coalesce(
        (SELECT max(e.seq) FROM journal.entry e WHERE e.run = b.run), -1)
), kept AS (
    UPDATE journal.wake w SET
        due = CASE WHEN b.due IS NULL THEN w.due
                   WHEN w.posted > b.posted THEN now() ELSE b.due END,
        owner = CASE WHEN b.due IS NULL THEN w.owner END,
        lease = CASE WHEN b.due IS NULL THEN w.lease END
    FROM fit b WHERE w.run = b.run AND NOT b.finished AND w.owner = b.owner AND w.lease > now()
    RETURNING w.run
), done AS (
    DELETE FROM journal.wake w USING fit b
    WHERE w.run = b.run AND b.finished AND w.owner = b.owner AND w.lease > now()
    RETURNING w.run
), held AS (SELECT run FROM kept UNION ALL SELECT run FROM done
), written AS (
    INSERT INTO journal.entry (run, seq, at, kind, path, data)
    SELECT e.* FROM unnest(%(e_run)b::bigint[], %(e_seq)b::int[], %(e_at)b::timestamptz[],
        %(e_kind)b::text[], %(e_path)b::text[], %(e_data)b::bytea[])
        AS e(run, seq, at, kind, path, data) JOIN held USING (run)
), accounts AS (
    SELECT a.run, array_agg(DISTINCT a.account) AS used
    FROM unnest(%(a_run)b::bigint[], %(a_account)b::text[]) AS a(run, account) GROUP BY a.run
), headed AS (
    UPDATE journal.run r SET status = b.status, code = coalesce(b.code, r.code),
        error = coalesce(b.error, r.error), ended = CASE WHEN b.finished THEN now() END,
        accounts = CASE WHEN a.used IS NULL THEN r.accounts ELSE
            ARRAY(SELECT DISTINCT x FROM unnest(r.accounts || a.used) AS x ORDER BY x) END
    FROM held JOIN fit b USING (run) LEFT JOIN accounts a USING (run)
    WHERE r.id = held.run AND (r.status <> b.status OR b.finished OR a.used IS NOT NULL)
), read AS (
    DELETE FROM journal.inbox i USING fit b, held
    WHERE i.run = b.run AND held.run = b.run AND i.id <= b.consumed
), pictured AS (
    INSERT INTO journal.snapshot (run, seq, data)
    SELECT b.run, b.next, b.snapshot FROM fit b JOIN held USING (run) WHERE b.snapshot IS NOT NULL
    ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, data = excluded.data
)
SELECT run FROM held
"""


class Appender:
    """Collects appends and writes them, a group at a time. Start it with `run`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Append, asyncio.Future[None]]] = []
        self._some = asyncio.Event()

    async def append(self, addition: Append) -> None:
        """Return when the addition is durable. Raises `Conflict` when the lease is lost."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((addition, future))
        self._some.set()
        await future

    async def run(self) -> None:
        """Write for ever; cancel it when nobody appends any more."""
        while True:
            await self._some.wait()
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            if not self._waiting:
                self._some.clear()
            await self._write(group)

    async def _write(self, group: Sequence[tuple[Append, asyncio.Future[None]]]) -> None:
        try:
            held = await self._execute([addition for addition, _ in group])
        except psycopg.errors.UniqueViolation:
            if len(group) > 1:
                for one in group:
                    await self._write([one])
                return
            held = set()
        except Exception as error:  # noqa: BLE001 - every waiting run must hear of it
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for addition, future in group:
            if future.done():
                continue
            if addition.run in held:
                future.set_result(None)
            else:
                future.set_exception(lost(addition.run))

    async def _execute(self, group: Sequence[Append]) -> set[int]:
        async with self._database.connection() as connection:
            found = await connection.execute(_APPEND, _columns(group))
            return {row["run"] for row in await found.fetchall()}


def lost(run: RunId) -> Conflict:
    """Return the error of a worker whose lease somebody else has."""
    return Conflict(f"the lease of run {run} is somebody else's now", code=Code.RUN_LOST)


def _columns(group: Sequence[Append]) -> dict[str, list[object]]:
    numbered = [
        (one.run, one.expected + index, entry)
        for one in group
        for index, entry in enumerate(one.entries)
    ]
    accounts = [(one.run, account) for one in group for account in one.accounts]
    return {
        "run": [one.run for one in group],
        "owner": [one.owner for one in group],
        "expected": [one.expected for one in group],
        "status": [one.status for one in group],
        "finished": [one.finished for one in group],
        "code": [one.code for one in group],
        "error": [one.error for one in group],
        "due": [one.release_until for one in group],
        "consumed": [one.consumed for one in group],
        "posted": [one.posted for one in group],
        "snapshot": [one.snapshot for one in group],
        "next": [one.expected + len(one.entries) for one in group],
        "e_run": [run for run, _, _ in numbered],
        "e_seq": [seq for _, seq, _ in numbered],
        "e_at": [entry.at for _, _, entry in numbered],
        "e_kind": [entry.kind for _, _, entry in numbered],
        "e_path": [entry.path for _, _, entry in numbered],
        "e_data": [entry.data for _, _, entry in numbered],
        "a_run": [run for run, _ in accounts],
        "a_account": [account for _, account in accounts],
    }
