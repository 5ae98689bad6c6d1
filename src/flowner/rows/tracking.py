"""Which rows have changed since a moment, for those who keep a copy of what they may read.

A moment is a snapshot of PostgreSQL, never a version: versions are given before a transaction
commits, and a change that commits late would be behind every version that was seen. Changes are
logged, in their own transaction, for tables that somebody has asked about within the last days.
Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import sql

from flowner.access.rights import Right, RowFacts
from flowner.database import Transaction
from flowner.database.savepoints import apart
from flowner.errors import Code, Invalid
from flowner.rows.asking import Asking

FORGET: Final = (
    "DELETE FROM rows.trackedchange",
    "DELETE FROM rows.trackedtable",
)
"""What a restored database begins with: moments are transactions of the one it was."""
TOKEN_DAYS: Final = 7
"""How long a token is good for, as in Dataverse. The log is kept a day longer."""
_SNAPSHOT: Final = re.compile(r"(?P<xmin>\d{1,19}):(?P<xmax>\d{1,19}):(\d{1,19}(,\d{1,19})*)?")
_ALIVE = """
SELECT begunon FROM rows.trackedtable
WHERE tablename = %s AND askedon > now() - make_interval(days => %s)
"""
_BEGIN = """
INSERT INTO rows.trackedtable (tablename) VALUES (%s)
ON CONFLICT (tablename) DO UPDATE SET askedon = now(), begunon = date_trunc('second', now())
"""
# Whoever follows a table asks often: the moment is noted, and the log is swept, once an hour.
_ASKED = """
WITH noted AS (
    UPDATE rows.trackedtable SET askedon = now()
    WHERE tablename = %(table)s AND askedon < now() - interval '1 hour' RETURNING tablename
)
DELETE FROM rows.trackedchange c USING noted WHERE c.tablename = noted.tablename
    AND c.at < now() - make_interval(days => %(days)s)
"""
_CHANGED = """
SELECT c.rowid::text AS id, (array_agg(c.message ORDER BY c.seq))[1] <> 'Create' AS known,
       max(c.seq) FILTER (WHERE c.message = 'Delete') AS gone
FROM rows.trackedchange c
WHERE c.tablename = %(table)s AND c.xact >= pg_snapshot_xmin(%(since)s::pg_snapshot)
    AND NOT pg_visible_in_snapshot(c.xact, %(since)s::pg_snapshot)
    AND (%(after)s::uuid IS NULL OR c.rowid > %(after)s::uuid)
GROUP BY c.rowid ORDER BY c.rowid LIMIT %(limit)s
"""
_GONE = """
SELECT c.rowid::text AS id, c.ownerid::text AS owner, c.owningbusinessunit::text AS unit, c.shares
FROM rows.trackedchange c
WHERE c.seq = ANY(%s) AND NOT EXISTS (SELECT FROM rows.{table} r WHERE r.{key} = c.rowid)
ORDER BY c.rowid
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """What everybody had committed at a time."""

    snapshot: str
    at: datetime

    @property
    def token(self) -> str:
        """Return the moment as a client keeps it."""
        return f"{self.snapshot}!{self.at:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Rows that have changed since a moment, by id; who may know of them is judged of each."""

    ids: list[str]
    """Made, changed or removed."""
    gone: list[int]
    """Where the log tells of those removed that were there at the moment."""
    last: str | None
    """The id to go on behind; None: there are no more."""


async def follow(asking: Asking) -> Moment:
    """Return the present moment, from which on the table's changes are logged.

    The first to ask waits for those who are writing into the table: theirs are changes that
    nobody has logged. `Invalid` for a table whose changes are not tracked.
    """
    table = asking.table
    if table.is_system:
        raise Invalid(f"changes of `{table.name}` are not tracked", code=Code.BAD_QUERY)
    alive = await asking.transaction.execute(_ALIVE, (table.name, TOKEN_DAYS))
    if await alive.fetchone() is None:
        lock = sql.SQL("LOCK TABLE rows.{} IN SHARE MODE").format(sql.Identifier(table.name))
        async with apart(asking.transaction):
            await asking.transaction.execute(lock)
            await asking.transaction.execute(_BEGIN, (table.name,))
    values = {"table": table.name, "days": TOKEN_DAYS + 1}
    await asking.transaction.execute(_ASKED, values)
    return await _now(asking.transaction)


async def read_token(asking: Asking, token: str) -> Moment:
    """Return the moment of a token. `Invalid`: it is none of ours, or (0x80044352) too old.

    A token of another database, which this one was restored from, is too old as well.
    """
    snapshot, _, text = token.partition("!")
    match = _SNAPSHOT.fullmatch(snapshot)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if match is None or at is None or at.tzinfo is None:
        raise Invalid("`$deltatoken` is none that `@odata.deltaLink` gave", code=Code.BAD_QUERY)
    now = await _now(asking.transaction)
    alive = await asking.transaction.execute(_ALIVE, (asking.table.name, TOKEN_DAYS))
    log = await alive.fetchone()
    newest = int(now.snapshot.split(":")[1])
    late = now.at - at > timedelta(days=TOKEN_DAYS) or int(match["xmax"]) > newest
    if late or log is None or at < log["begunon"]:
        raise Invalid(
            "version stamp associated with the client has expired: begin again with all rows",
            code=Code.STAMP_EXPIRED,
        )
    return Moment(snapshot, at)


async def changes(asking: Asking, since: Moment, after: str | None, most: int) -> Changed:
    """Return at most so many rows that have changed since a moment, in the order of their ids."""
    values = {"table": asking.table.name, "since": since.snapshot, "after": after,
              "limit": most + 1}  # fmt: skip
    found = await (await asking.transaction.execute(_CHANGED, values)).fetchall()
    page = found[:most]
    return Changed(
        ids=[row["id"] for row in page],
        gone=[row["gone"] for row in page if row["gone"] is not None and row["known"]],
        last=page[-1]["id"] if len(found) > most else None,
    )


async def removed(asking: Asking, gone: list[int]) -> list[str]:
    """Return the ids of removed rows that the caller could have read when they were removed."""
    if not gone:
        return []
    statement = sql.SQL(_GONE).format(
        table=sql.Identifier(asking.table.name), key=sql.Identifier(asking.table.key)
    )
    found = await (await asking.transaction.execute(statement, (gone,))).fetchall()
    return [
        row["id"]
        for row in found
        if asking.allows(
            Right.READ,
            RowFacts(owner=row["owner"], business_unit=row["unit"], shares=row["shares"]),
        )
    ]


async def _now(transaction: Transaction) -> Moment:
    found = await transaction.execute(
        "SELECT pg_current_snapshot()::text AS snapshot, date_trunc('second', now()) AS at"
    )
    row = await found.fetchone()
    if row is None:
        raise RuntimeError("there is always a snapshot")
    return Moment(row["snapshot"], row["at"])
