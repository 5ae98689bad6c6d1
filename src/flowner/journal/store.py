"""The journal: create a run, add to it, read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg

from flowner.clock import Clock, SystemClock
from flowner.database import Database, Transaction
from flowner.errors import Conflict, NotFound
from flowner.journal import appending, creating
from flowner.journal.appending import lost
from flowner.journal.creating import Creation
from flowner.journal.grouping import Grouped
from flowner.journal.lining import AHEAD, look_again
from flowner.journal.queueing import LOOK_AGAIN, Limits, admit_waiting, leave_queue
from flowner.journal.records import Append, Entry, Loaded, RunHeader
from flowner.journal.searching import (
    FACETS,
    MATCHING,
    SEEN,
    Facets,
    Sight,
    Wanted,
    facets_of,
    values_of,
)
from flowner.telemetry.metrics import Metrics
from flowner.values import AppId, FlowId, PrincipalId, RunId

ANSWERED = "flowner_answered"
"""The channel on which processes hear of runs that answered; the payload is the run's id."""
_COLUMNS = """
SELECT id, flow::text, flow_version, flow_name, kind, status, initiator::text, principal::text,
       rule, fallback, parent, parent_path, app::text, plan, plan_hash, accounts, started, ended,
       code, error
"""
_HEADER = _COLUMNS + "FROM journal.run"
_LOAD = (
    _COLUMNS  # noqa: S608 - constants of ours
    + """, w.posted, w.next,
       q.run IS NOT NULL OR EXISTS ("""
    + AHEAD.format(run="r.id")
    + """) AS queued, s.seq AS at, s.data AS snapshot,
       e.entries, e.last, i.ids, i.messages
FROM journal.run r
LEFT JOIN (SELECT run, posted, next FROM journal.wake) w ON w.run = r.id
LEFT JOIN journal.snapshot s ON s.run = r.id
LEFT JOIN (SELECT run FROM journal.queue) q ON q.run = r.id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(e.data ORDER BY e.seq), '{}') AS entries, max(e.seq) AS last
    FROM journal.entry e WHERE e.run = %(run)s AND e.seq >= coalesce(s.seq, 0)) e
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(i.id ORDER BY i.id), '{}') AS ids,
           coalesce(array_agg(i.message ORDER BY i.id), '{}') AS messages
    FROM journal.inbox i WHERE i.run = r.id) i
WHERE r.id = %(run)s
"""
)
# A worker of a release that did not know the number has written since.
_FORGET_NEXT = "UPDATE journal.wake SET next = NULL WHERE run = %s AND next = %s"
_SEARCH = (
    _COLUMNS + f"FROM journal.run r WHERE {MATCHING} AND {SEEN} ORDER BY r.id DESC LIMIT %(limit)s"
)
_THESE = _COLUMNS + f"FROM journal.run r WHERE r.id = ANY(%(ids)s) AND {SEEN} ORDER BY r.id DESC"
_POST = """
WITH put AS (INSERT INTO journal.inbox (run, message) VALUES (%(run)s, %(message)s))
UPDATE journal.wake SET posted = posted + 1, due = least(due, %(now)s) WHERE run = %(run)s
RETURNING pg_notify('flowner_wake', '')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry as a reader sees it."""

    seq: int
    entry: Entry


class Journal:
    """One database's journal. Open it with `open_journal`, which keeps the writer going."""

    def __init__(
        self,
        database: Database,
        creations: Grouped[Creation],
        appends: Grouped[Append],
        clock: Clock,
    ) -> None:
        self._database, self._creations, self._appends = database, creations, appends
        self._clock = clock

    async def create(
        self,
        header: RunHeader,
        entries: Sequence[Entry],
        *,
        claim: tuple[str, float] | None = None,
        queued: bool = False,
        within: Transaction | None = None,
    ) -> None:
        """Make a run with its first entries and its wake; returns when it is durable.

        ``claim`` is the owner and the lease, in seconds, of a worker that takes it up at once;
        otherwise every worker is told. A run that is ``queued`` waits for others of its flow.
        Without ``within`` it commits by itself; `Conflict` when the parent's action has its child
        already.
        """
        creation = Creation(header=header, entries=entries, claim=claim, queued=queued)
        if within is not None:
            await creating.write(within, [creation])
            return
        try:
            await self._creations.add(creation)
        except psycopg.errors.UniqueViolation as error:
            raise Conflict(f"there is a run {header.id} already, or its like") from error

    async def child(self, parent: RunId, path: str, attempt: int) -> RunId | None:
        """Return the run that an attempt of an action has called; None: none yet."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                "SELECT id FROM journal.run"
                " WHERE parent = %s AND parent_path = %s AND parent_attempt = %s",
                (parent, path, attempt),
            )
            row = await found.fetchone()
        return None if row is None else RunId(row["id"])

    async def append(self, addition: Append) -> None:
        """Add to a run; returns when it is durable. `Conflict` when the lease is lost."""
        await self._appends.add(addition)

    async def load(self, run: RunId) -> Loaded:
        """Return what a worker needs to take a run up; `Conflict` when it is finished."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(_LOAD.encode(), {"run": run})).fetchone()
            if row is None:
                raise NotFound(f"there is no run {run}")
            if row["posted"] is None:
                raise lost(run)
            next_seq = (row["at"] or 0) if row["last"] is None else row["last"] + 1
            if row["next"] not in (None, next_seq):
                await connection.execute(_FORGET_NEXT, (run, row["next"]))
        return Loaded(
            header=_header(row),
            snapshot=row["snapshot"],
            entries=tuple(row["entries"]),
            next_seq=next_seq,
            inbox=tuple(zip(row["ids"], row["messages"], strict=True)),
            posted=row["posted"],
            queued=row["queued"],
        )

    async def look_again(self, run: RunId, flow: FlowId, limits: Limits | None) -> timedelta | None:
        """Let a run begin that waits in a line or queue; or return after what it looks again.

        It begins when it is the first of its line and its flow has room for it, or no limits any
        more; then the answer is None.
        """
        async with self._database.transaction() as transaction:
            later = await look_again(transaction, run)
            if later is not None:
                return later
            if limits is None:
                await leave_queue(transaction, run)
                return None
            begins = await admit_waiting(transaction, flow, run, limits.runs)
            return None if begins else LOOK_AGAIN

    async def post(self, run: RunId, message: bytes, *, within: Transaction | None = None) -> bool:
        """Leave a message for the run's worker and wake it; False when the run is finished."""
        values = {"run": run, "message": message, "now": self._clock.now()}
        async with self._database.transaction(within) as transaction:
            found = await (await transaction.execute(_POST, values)).fetchone() is not None
            if not found:
                await transaction.execute("DELETE FROM journal.inbox WHERE run = %s", (run,))
            return found

    async def inbox(self, run: RunId, *, after: int) -> list[tuple[int, bytes]]:
        """Return what was left for a run's worker since a message, in order."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                "SELECT id, message FROM journal.inbox WHERE run = %s AND id > %s ORDER BY id",
                (run, after),
            )
            return [(row["id"], row["message"]) for row in await found.fetchall()]

    async def header(self, run: RunId) -> RunHeader:
        """Return one run's header; `NotFound` when there is none."""
        async with self._database.connection() as connection:
            found = await connection.execute((_HEADER + " WHERE id = %s").encode(), (run,))
            row = await found.fetchone()
        if row is None:
            raise NotFound(f"there is no run {run}")
        return _header(row)

    async def tell(self, run: RunId) -> None:
        """Tell other processes that a run has answered, or ended, for whoever waits there."""
        async with self._database.connection() as connection:
            await connection.execute("SELECT pg_notify(%s, %s)", (ANSWERED, str(run)))

    async def ends_of(self, run: RunId, keys: Sequence[str]) -> list[Entry]:
        """Return the ends of a run's actions of these keys, the oldest first."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                "SELECT kind, path, data, at FROM journal.entry WHERE run = %s"
                " AND kind = 'action-ended' AND substring(path from '[^/]*$') = ANY(%s)"
                " ORDER BY seq",
                (run, list(keys)),
            )
            return [Entry(**row) for row in await found.fetchall()]

    async def depth(self, run: RunId) -> int:
        """Return how many runs are above this one: its parent, that one's, and so on."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                "WITH RECURSIVE above(id, depth) AS ("
                " SELECT parent, 1 FROM journal.run WHERE id = %s"
                " UNION ALL SELECT r.parent, a.depth + 1 FROM journal.run r JOIN above a"
                " ON r.id = a.id WHERE a.depth < 1000)"
                " SELECT coalesce(max(depth), 0) AS depth FROM above WHERE id IS NOT NULL",
                (run,),
            )
            row = await found.fetchone()
        return 0 if row is None else int(row["depth"])

    async def entries(self, run: RunId, *, limit: int | None = None) -> list[Listed]:
        """Return a run's entries in order, or the first of them."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                "SELECT seq, at, kind, path, data FROM journal.entry WHERE run = %s ORDER BY seq"
                " LIMIT %s",
                (run, limit),
            )
            return [
                Listed(
                    seq=row["seq"],
                    entry=Entry(kind=row["kind"], path=row["path"], data=row["data"], at=row["at"]),
                )
                for row in await found.fetchall()
            ]

    async def runs(
        self,
        *,
        flow: FlowId | None = None,
        initiator: PrincipalId | None = None,
        before: RunId | None = None,
        limit: int = 50,
    ) -> list[RunHeader]:
        """Return run headers, newest first."""
        statement = (
            _HEADER + " WHERE (%(flow)s::uuid IS NULL OR flow = %(flow)s::uuid)"
            " AND (%(initiator)s::uuid IS NULL OR initiator = %(initiator)s::uuid)"
            " AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s"
        )
        values = {"flow": flow, "initiator": initiator, "before": before, "limit": limit}
        async with self._database.connection() as connection:
            found = await connection.execute(statement.encode(), values)
            return [_header(row) for row in await found.fetchall()]

    async def under_way(self, flow: FlowId, *, within: Transaction) -> int:
        """Return how many runs of a flow have not ended."""
        found = await within.execute(
            "SELECT count(*) AS runs FROM journal.run WHERE flow = %s AND ended IS NULL", (flow,)
        )
        row = await found.fetchone()
        return 0 if row is None else int(row["runs"])

    async def search(self, wanted: Wanted, sight: Sight | None) -> list[RunHeader]:
        """Return the newest of the runs wanted that may be seen; ``sight`` None sees all."""
        async with self._database.connection() as connection:
            found = await connection.execute(_SEARCH.encode(), values_of(wanted, sight))
            return [_header(row) for row in await found.fetchall()]

    async def these(self, runs: Sequence[RunId], sight: Sight | None) -> list[RunHeader]:
        """Return those of these runs that may be seen, the newest first."""
        values = values_of(Wanted(), sight) | {"ids": list(runs)}
        async with self._database.connection() as connection:
            found = await connection.execute(_THESE.encode(), values)
            return [_header(row) for row in await found.fetchall()]

    async def facets(self, wanted: Wanted, sight: Sight | None) -> Facets:
        """Return what there is to choose from in a flow's runs, or everybody's, since a moment."""
        async with self._database.connection() as connection:
            found = await connection.execute(FACETS.encode(), values_of(wanted, sight))
            row = await found.fetchone()
        return facets_of(row or {"ran_as": (), "initiators": (), "accounts": ()})

    async def newest(
        self, flows: Sequence[FlowId], *, initiator: PrincipalId | None = None
    ) -> dict[FlowId, RunHeader]:
        """Return the newest run of each flow that has one; ``initiator``: of those they set off.

        One look into an index for each flow, in one query.
        """
        statement = (
            "SELECT h.* FROM unnest(%(flows)s::uuid[]) f CROSS JOIN LATERAL ("  # noqa: S608
            + _HEADER
            + " WHERE flow = f AND (%(initiator)s::uuid IS NULL OR initiator = %(initiator)s::uuid)"
            " ORDER BY id DESC LIMIT 1) h"
        )
        async with self._database.connection() as connection:
            values = {"flows": list(flows), "initiator": initiator}
            found = await connection.execute(statement.encode(), values)
            headers = [_header(row) for row in await found.fetchall()]
        return {header.flow: header for header in headers}


@asynccontextmanager
async def open_journal(
    database: Database, metrics: Metrics | None = None, clock: Clock | None = None
) -> AsyncIterator[Journal]:
    """Open the journal with its two writers, timed by ``metrics``.

    ``clock`` says when runs are due and when they ended; None: the process's.
    """
    timed, clock = metrics or Metrics(), clock or SystemClock()

    async def create(group: Sequence[Creation]) -> list[Exception | None]:
        with timed.batch("create", len(group)):
            async with database.connection() as connection:
                await creating.write(connection, group)
        return [None] * len(group)

    async def append(group: Sequence[Append]) -> list[Conflict | None]:
        with timed.batch("append", len(group)):
            return await appending.write(database, group, clock.now())

    creations = Grouped(create, partial(creating.is_there, database))
    appends = Grouped(append, partial(appending.is_there, database))
    writers = [
        asyncio.create_task(creations.run(), name="journal creations"),
        asyncio.create_task(appends.run(), name="journal appends"),
    ]
    try:
        yield Journal(database, creations, appends, clock)
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)


def _header(row: dict[str, Any]) -> RunHeader:
    return RunHeader(
        id=RunId(row["id"]),
        flow=FlowId(row["flow"]),
        flow_version=row["flow_version"],
        flow_name=row["flow_name"],
        kind=row["kind"],
        status=row["status"],
        initiator=None if row["initiator"] is None else PrincipalId(row["initiator"]),
        principal=None if row["principal"] is None else PrincipalId(row["principal"]),
        rule=row["rule"],
        fallback=row["fallback"],
        parent=None if row["parent"] is None else RunId(row["parent"]),
        parent_path=row["parent_path"],
        app=None if row["app"] is None else AppId(row["app"]),
        plan=row["plan"],
        plan_hash=row["plan_hash"],
        accounts=tuple(row["accounts"]),
        started=row["started"],
        ended=row["ended"],
        code=row["code"],
        error=row["error"],
    )
