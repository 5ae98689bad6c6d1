"""Creating: headers, first entries and wakes of many runs, in one statement.

A run that is refused before it has a principal is an action record too: somebody tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from flowner.database import Database, Transaction
from flowner.database.arrays import Column, blobs, bools, int4s, int8s, moments, texts
from flowner.journal.records import Entry, RunHeader

_CREATE = """
WITH batch AS (
    SELECT * FROM unnest(
        %(id)b, %(flow)b, %(flow_version)b, %(flow_name)b, %(kind)b, %(status)b, %(initiator)b,
        %(principal)b, %(rule)b, %(fallback)b, %(parent)b, %(parent_path)b, %(parent_attempt)b,
        %(app)b, %(plan)b, %(plan_hash)b, %(started)b, %(ended)b, %(code)b, %(error)b, %(owner)b,
        %(lease)b, %(queued)b, %(next)b)
    AS b(id, flow, flow_version, flow_name, kind, status, initiator, principal, rule, fallback,
        parent, parent_path, parent_attempt, app, plan, plan_hash, started, ended, code, error,
        owner, lease, queued, next)
), header AS (
    INSERT INTO journal.run (id, flow, flow_version, flow_name, kind, status, initiator, principal,
        rule, fallback, parent, parent_path, parent_attempt, app, plan, plan_hash, started, ended,
        code, error)
    SELECT id, flow::uuid, flow_version, flow_name, kind, status, initiator::uuid, principal::uuid,
        rule, fallback, parent, parent_path, parent_attempt, app::uuid, plan::jsonb, plan_hash,
        started, ended, code, error
    FROM batch
), woken AS (
    INSERT INTO journal.wake (run, flow, due, owner, lease, next)
    SELECT id, flow::uuid, started, owner, now() + make_interval(secs => lease / 1000.0), next
    FROM batch WHERE ended IS NULL
), queued AS (
    INSERT INTO journal.queue (flow, run) SELECT flow::uuid, id FROM batch WHERE queued
), refused AS (
    INSERT INTO journal.action (run, seq, at, path, flow, initiator, fallback, status, code,
        attempt, refused, planned)
    SELECT id, 0, started, '', flow::uuid, initiator::uuid, false, status, coalesce(code, ''), 1,
        true, true
    FROM batch WHERE principal IS NULL AND ended IS NOT NULL
), written AS (
    INSERT INTO journal.entry (run, seq, at, kind, path, data)
    SELECT * FROM unnest(%(e_run)b, %(e_seq)b, %(e_at)b, %(e_kind)b, %(e_path)b, %(e_data)b)
)
SELECT pg_notify('flowner_wake', '')
WHERE EXISTS (SELECT FROM batch WHERE owner IS NULL AND ended IS NULL)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """One run to be made."""

    header: RunHeader
    """`RunHeader.accounts` is not written: accounts come with what is appended."""
    entries: Sequence[Entry]
    claim: tuple[str, float] | None
    """See `Journal.create`."""
    queued: bool = False
    """Whether it waits for other runs of its flow; see `queueing`."""


async def write(transaction: Transaction, group: Sequence[Creation]) -> None:
    """Make the runs; tell the workers unless all of them are claimed."""
    await transaction.execute(_CREATE, _columns(group))


async def is_there(database: Database, one: Creation) -> bool:
    """Say whether a run was made after all, with these first entries."""
    async with database.connection() as connection:
        found = await connection.execute(
            "SELECT array_agg(data ORDER BY seq) AS found FROM journal.entry"
            " WHERE run = %s AND seq < %s",
            (one.header.id, len(one.entries)),
        )
        row = await found.fetchone()
    written = [bytes(data) for data in (row and row["found"]) or ()]
    return written == [entry.data for entry in one.entries]


def _columns(group: Sequence[Creation]) -> dict[str, Column]:
    headers = [one.header for one in group]
    entries = [entry for one in group for entry in one.entries]
    claims = [one.claim or (None, None) for one in group]
    return {
        "id": int8s(header.id for header in headers),
        "flow": texts(header.flow for header in headers),
        "flow_version": int4s(header.flow_version for header in headers),
        "flow_name": texts(header.flow_name for header in headers),
        "kind": texts(header.kind for header in headers),
        "status": texts(header.status for header in headers),
        "initiator": texts(header.initiator for header in headers),
        "principal": texts(header.principal for header in headers),
        "rule": texts(header.rule for header in headers),
        "fallback": texts(header.fallback for header in headers),
        "parent": int8s(header.parent for header in headers),
        "parent_path": texts(header.parent_path for header in headers),
        "parent_attempt": int4s(header.parent_attempt for header in headers),
        "app": texts(header.app for header in headers),
        "plan": texts(orjson.dumps(header.plan).decode() for header in headers),
        "plan_hash": texts(header.plan_hash for header in headers),
        "started": moments(header.started for header in headers),
        "ended": moments(header.ended for header in headers),
        "code": texts(header.code for header in headers),
        "error": texts(header.error for header in headers),
        "owner": texts(owner for owner, _ in claims),
        "lease": int8s(None if seconds is None else int(seconds * 1000) for _, seconds in claims),
        "queued": bools(one.queued for one in group),
        "next": int4s(len(one.entries) for one in group),
        "e_run": int8s(one.header.id for one in group for _ in one.entries),
        "e_seq": int4s(at for one in group for at in range(len(one.entries))),
        "e_at": moments(entry.at for entry in entries),
        "e_kind": texts(entry.kind for entry in entries),
        "e_path": texts(entry.path for entry in entries),
        "e_data": blobs(entry.data for entry in entries),
    }
