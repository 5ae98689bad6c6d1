"""Appending: entries, action records, status, wake, accounts and snapshot of many runs, in one
statement.

With them goes what a run tells another, its parent: no run ends without its parent hearing of it.

An addition is kept if its run's lease is held by its writer and its first number is the next, which
the wake knows: no partition of the journal is looked into. Should the lease change hands in that
moment, the entries' unique numbers let only one of the two go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg

from flowner.database import Database
from flowner.database.arrays import Column, blobs, bools, int4s, int8s, moments, texts
from flowner.errors import Code, Conflict
from flowner.journal.lining import AHEAD
from flowner.journal.records import Append
from flowner.values import RunId

_APPEND = """
WITH batch AS (
    SELECT * FROM unnest(
        %(run)b, %(owner)b, %(expected)b, %(status)b,
        %(finished)b, %(code)b, %(error)b, %(due)b,
        %(consumed)b, %(posted)b, %(snapshot)b, %(next)b)
    AS b(run, owner, expected, status, finished, code, error, due, consumed, posted, snapshot, next)
), fit AS (
    SELECT b.* FROM batch b JOIN journal.wake w ON w.run = b.run
    WHERE b.expected = coalesce(w.next, b.expected)
), message AS (
    SELECT m.run, m.whom, m.message
    FROM unnest(%(m_run)b, %(m_whom)b, %(m_message)b) AS m(run, whom, message) JOIN fit USING (run)
), hearing AS (
    SELECT whom AS run, count(*)::int AS heard FROM message GROUP BY whom
), holding AS (
    UPDATE journal.wake w SET next = b.next, posted = w.posted + coalesce(h.heard, 0),
        due = CASE WHEN h.heard > 0 THEN least(w.due, %(now)b) ELSE w.due END
    FROM fit b LEFT JOIN hearing h USING (run)
    WHERE w.run = b.run AND NOT b.finished AND b.due IS NULL
        AND w.owner = b.owner AND w.lease > now()
    RETURNING w.run
), done AS (
    DELETE FROM journal.wake w USING fit b
    WHERE w.run = b.run AND b.finished AND w.owner = b.owner AND w.lease > now()
    RETURNING w.run
), freed AS (
    SELECT r.flow, count(*) AS room FROM done JOIN journal.run r ON r.id = done.run GROUP BY r.flow
), left_line AS (
    DELETE FROM journal.line l USING done WHERE l.run = done.run
    RETURNING l.flow, l.item, l.place
), behind AS (
    SELECT n.run FROM left_line l CROSS JOIN LATERAL (
        SELECT b.run, b.place FROM journal.line b WHERE b.flow = l.flow AND b.item = l.item
            AND NOT EXISTS (SELECT FROM done WHERE done.run = b.run) ORDER BY b.place LIMIT 1) n
    WHERE n.place > l.place
), ranked AS (
    SELECT q.run, f.room, row_number() OVER (PARTITION BY q.flow ORDER BY q.run) AS place
    FROM journal.queue q JOIN freed f USING (flow)
    WHERE NOT EXISTS (SELECT FROM done WHERE done.run = q.run)
        AND (NOT EXISTS ({AHEAD}) OR q.run IN (SELECT run FROM behind))
), next AS (
    SELECT run FROM ranked WHERE place <= room UNION SELECT run FROM behind
), awakened AS (
    UPDATE journal.wake w SET due = %(now)b, posted = w.posted + 1 FROM next n
    WHERE w.run = n.run AND NOT EXISTS (SELECT FROM fit WHERE fit.run = w.run) RETURNING w.run
), gone AS (
    DELETE FROM journal.queue q USING done WHERE q.run = done.run
), released AS (
    UPDATE journal.wake w SET owner = NULL, lease = NULL, next = b.next,
        posted = w.posted + coalesce((SELECT h.heard FROM hearing h WHERE h.run = w.run), 0),
        due = CASE WHEN w.posted > b.posted OR w.run IN (SELECT run FROM next)
            OR w.run IN (SELECT run FROM hearing) THEN %(now)b ELSE b.due END
    FROM fit b
    WHERE w.run = b.run AND NOT b.finished AND b.due IS NOT NULL
        AND w.owner = b.owner AND w.lease > now()
    RETURNING w.run
), held AS (
    SELECT run FROM holding UNION ALL SELECT run FROM released UNION ALL SELECT run FROM done
), roused AS (
    UPDATE journal.wake w SET posted = w.posted + h.heard, due = least(w.due, %(now)b)
    FROM hearing h
    WHERE w.run = h.run AND NOT EXISTS (SELECT FROM held WHERE held.run = w.run)
    RETURNING w.run
), written AS (
    INSERT INTO journal.entry (run, seq, at, kind, path, data)
    SELECT e.* FROM unnest(%(e_run)b, %(e_seq)b, %(e_at)b,
        %(e_kind)b, %(e_path)b, %(e_data)b)
        AS e(run, seq, at, kind, path, data) JOIN held USING (run)
), recorded AS (
    INSERT INTO journal.action (run, seq, at, path, flow, initiator, principal, run_rule, fallback,
        acting, actor, account, connection, reference, lender, rule, connector, operation, status,
        code, attempt, refused, planned)
    SELECT x.run, x.seq, x.at, x.path, r.flow, r.initiator, r.principal, r.rule,
        r.fallback IS NOT NULL, x.acting::uuid, x.actor::uuid, x.account, x.connection::uuid,
        x.reference, x.lender::uuid, x.rule, x.connector, x.operation, x.status, x.code, x.attempt,
        x.refused, x.planned
    FROM unnest(%(x_run)b, %(x_seq)b, %(x_at)b, %(x_path)b, %(x_acting)b, %(x_actor)b,
        %(x_account)b, %(x_connection)b, %(x_reference)b, %(x_lender)b, %(x_rule)b,
        %(x_connector)b, %(x_operation)b, %(x_status)b, %(x_code)b, %(x_attempt)b, %(x_refused)b,
        %(x_planned)b)
        AS x(run, seq, at, path, acting, actor, account, connection, reference, lender, rule,
            connector, operation, status, code, attempt, refused, planned)
    JOIN held USING (run) JOIN journal.run r ON r.id = x.run
), accounts AS (
    SELECT a.run, array_agg(DISTINCT a.account) AS used
    FROM unnest(%(a_run)b, %(a_account)b) AS a(run, account) GROUP BY a.run
), headed AS (
    UPDATE journal.run r SET status = b.status, code = coalesce(b.code, r.code),
        error = coalesce(b.error, r.error), ended = CASE WHEN b.finished THEN %(now)b END,
        accounts = CASE WHEN a.used IS NULL THEN r.accounts ELSE
            ARRAY(SELECT DISTINCT x FROM unnest(r.accounts || a.used) AS x ORDER BY x) END
    FROM held JOIN fit b USING (run) LEFT JOIN accounts a USING (run)
    WHERE r.id = held.run AND (r.status <> b.status OR b.finished OR a.used IS NOT NULL)
), read AS (
    DELETE FROM journal.inbox i USING fit b, held
    WHERE i.run = b.run AND held.run = b.run AND i.id <= b.consumed
), told_others AS (
    INSERT INTO journal.inbox (run, message)
    SELECT m.whom, m.message FROM message m JOIN held USING (run)
    WHERE EXISTS (SELECT FROM journal.wake w WHERE w.run = m.whom)
        AND NOT EXISTS (SELECT FROM fit WHERE fit.run = m.whom AND fit.finished)
), pictured AS (
    INSERT INTO journal.snapshot (run, seq, data)
    SELECT b.run, b.next, b.snapshot FROM fit b JOIN held USING (run) WHERE b.snapshot IS NOT NULL
    ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, data = excluded.data
), told AS (
    SELECT pg_notify('flowner_wake', '')
    FROM (SELECT run FROM awakened UNION ALL SELECT run FROM roused) AS woken LIMIT 1)
SELECT run, (SELECT count(*) FROM told) AS told FROM held
""".replace("{AHEAD}", AHEAD.format(run="q.run"))


async def write(
    database: Database, group: Sequence[Append], now: datetime
) -> list[Conflict | None]:
    """Write a group; answers `Conflict` for each whose lease is lost or whose number is taken.

    ``now`` is when runs end that end by it, and when those are due that it wakes.
    """
    try:
        async with database.connection() as connection:
            found = await connection.execute(_APPEND, _columns(group) | {"now": now})
            held = {row["run"] for row in await found.fetchall()}
    except psycopg.errors.UniqueViolation:
        if len(group) > 1:
            raise
        held = set()
    return [None if one.run in held else lost(one.run) for one in group]


async def is_there(database: Database, one: Append) -> bool:
    """Say whether an addition was written after all; one without entries leaves no trace."""
    async with database.connection() as connection:
        found = await connection.execute(
            "SELECT array_agg(data ORDER BY seq) AS found FROM journal.entry"
            " WHERE run = %s AND seq >= %s AND seq < %s",
            (one.run, one.expected, one.expected + len(one.entries)),
        )
        row = await found.fetchone()
    written = [bytes(data) for data in (row and row["found"]) or ()]
    return bool(written) and written == [entry.data for entry in one.entries]


def lost(run: RunId) -> Conflict:
    """Return the error of a worker whose lease somebody else has."""
    return Conflict(f"the lease of run {run} is somebody else's now", code=Code.RUN_LOST)


def _columns(group: Sequence[Append]) -> dict[str, Column]:
    entries = [entry for one in group for entry in one.entries]
    accounts = [(one.run, account) for one in group for account in one.accounts]
    messages = [(one.run, *told) for one in group for told in one.tells]
    return _recorded(group) | {
        "run": int8s(one.run for one in group),
        "owner": texts(one.owner for one in group),
        "expected": int4s(one.expected for one in group),
        "status": texts(one.status for one in group),
        "finished": bools(one.finished for one in group),
        "code": texts(one.code for one in group),
        "error": texts(one.error for one in group),
        "due": moments(one.release_until for one in group),
        "consumed": int8s(one.consumed for one in group),
        "posted": int4s(one.posted for one in group),
        "snapshot": blobs(one.snapshot for one in group),
        "next": int4s(one.expected + len(one.entries) for one in group),
        "e_run": int8s(one.run for one in group for _ in one.entries),
        "e_seq": int4s(one.expected + at for one in group for at in range(len(one.entries))),
        "e_at": moments(entry.at for entry in entries),
        "e_kind": texts(entry.kind for entry in entries),
        "e_path": texts(entry.path for entry in entries),
        "e_data": blobs(entry.data for entry in entries),
        "a_run": int8s(run for run, _ in accounts),
        "a_account": texts(account for _, account in accounts),
        "m_run": int8s(run for run, *_ in messages),
        "m_whom": int8s(whom for _, whom, _ in messages),
        "m_message": blobs(message for *_, message in messages),
    }


def _recorded(group: Sequence[Append]) -> dict[str, Column]:
    """Return the columns of the action records, each with its entry's place in the journal."""
    found = [
        (one.run, one.expected + at, entry, entry.record)
        for one in group
        for at, entry in enumerate(one.entries)
        if entry.record is not None
    ]
    records = [record for *_, record in found]
    return {
        "x_run": int8s(run for run, *_ in found),
        "x_seq": int4s(seq for _, seq, *_ in found),
        "x_at": moments(entry.at for _, _, entry, _ in found),
        "x_path": texts(entry.path for _, _, entry, _ in found),
        "x_acting": texts(one.acting for one in records),
        "x_actor": texts(one.actor for one in records),
        "x_account": texts(one.account for one in records),
        "x_connection": texts(one.connection for one in records),
        "x_reference": texts(one.reference for one in records),
        "x_lender": texts(one.lender for one in records),
        "x_rule": texts(one.rule for one in records),
        "x_connector": texts(one.connector for one in records),
        "x_operation": texts(one.operation for one in records),
        "x_status": texts(one.status for one in records),
        "x_code": texts(one.code for one in records),
        "x_attempt": int4s(one.attempt for one in records),
        "x_refused": bools(one.refused for one in records),
        "x_planned": bools(one.planned for one in records),
    }
