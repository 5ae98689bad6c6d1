"""The change feed: what happened to rows, written in the transaction that did it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from flowner.database import Transaction
from flowner.rows.callers import Caller
from flowner.values import JsonObject, PrincipalId

CHANNEL = "flowner_rows"

# The moment is the statement's, not the transaction's: a flow may be turned on in between. Old
# triggers name a table by its set.
_PUT = """
WITH told AS (SELECT pg_notify(%(channel)s, %(table)s)), logged AS (
    INSERT INTO rows.trackedchange (tablename, rowid, message, ownerid, owningbusinessunit, shares)
    SELECT %(table)s, %(id)s, %(message)s, %(owner)s, %(unit)s, CASE WHEN %(message)s = 'Delete'
        THEN (SELECT coalesce(jsonb_object_agg(s.principalid, s.accessmask | s.inheritedmask), '{}')
              FROM rows.rowshare s WHERE s.tablename = %(table)s AND s.rowid = %(id)s)
        ELSE '{}' END
    FROM rows.trackedtable
    WHERE tablename = %(table)s AND askedon > now() - interval '8 days'
)
INSERT INTO rows.change (at, tablename, message, rowid, "row", named, actingfor, actor, ownerid,
    owneridtype)
SELECT clock_timestamp(), %(table)s, %(message)s, %(id)s, %(row)s, %(named)s, %(acting_for)s,
    %(actor)s, %(owner)s, %(owner_type)s
FROM told WHERE EXISTS (
    SELECT 1 FROM rows.callbackregistration WHERE entityname = %(table)s OR entityname IN
        (SELECT entitysetname FROM rows.tablemetadata WHERE logicalname = %(table)s))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one row."""

    seq: int
    at: datetime
    table: str
    message: str
    """``Create``, ``Update`` or ``Delete``."""
    id: str
    row: JsonObject
    """After the change; for a delete, before it. The Web API's shape."""
    named: frozenset[str]
    """The columns that the request named, changed or not."""
    acting_for: PrincipalId | None
    """Who made the change; None: the system."""
    actor: PrincipalId | None
    owner: PrincipalId | None
    owner_type: str | None


async def put(
    transaction: Transaction,
    message: str,
    table: str,
    row: tuple[str, JsonObject, list[str]],
    caller: Caller | None,
) -> None:
    """Write a change, given as id, row and named columns, for whoever listens or follows."""
    id, document, columns = row
    await transaction.execute(
        _PUT,
        {
            "channel": CHANNEL,
            "table": table,
            "message": message,
            "id": id,
            "row": Jsonb(document),
            "named": columns,
            "acting_for": caller.acting_for if caller else None,
            "actor": caller.actor if caller else None,
            "owner": document.get("_ownerid_value"),
            "owner_type": document.get("owneridtype"),
            "unit": document.get("_owningbusinessunit_value"),
        },
    )


_TAKE = """
WITH oldest AS MATERIALIZED (
    SELECT seq, rowid FROM rows.change ORDER BY seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM rows.change c USING oldest o WHERE c.seq = o.seq AND NOT EXISTS (
    SELECT FROM rows.change e WHERE e.rowid = o.rowid AND e.seq < o.seq
        AND e.seq NOT IN (SELECT seq FROM oldest))
RETURNING c.seq, c.at, c.tablename, c.message, c.rowid::text, c."row", c.named, c.actingfor::text,
    c.actor::text, c.ownerid::text, c.owneridtype
"""


async def take(transaction: Transaction, limit: int) -> list[Change]:
    """Take the oldest changes; they are gone when the caller's transaction commits.

    Others who take at the same time get other changes, and none of a row of which an earlier
    change is taken and not yet committed: the changes of one row are taken in their order.
    """
    found = await transaction.execute(_TAKE, {"limit": limit})
    changes = [
        Change(
            seq=row["seq"],
            at=row["at"],
            table=row["tablename"],
            message=row["message"],
            id=row["rowid"],
            row=row["row"],
            named=frozenset(row["named"]),
            acting_for=row["actingfor"],
            actor=row["actor"],
            owner=row["ownerid"],
            owner_type=row["owneridtype"],
        )
        for row in await found.fetchall()
    ]
    return sorted(changes, key=lambda change: change.seq)
