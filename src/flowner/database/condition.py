"""What can be wrong with a database itself: a server that starts says none of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flowner.database.connections import Transaction
from flowner.database.migrate import newest_revision

_MOST_SKEW_SECONDS: Final = 5.0
_INVALID: Final = """
SELECT i.indexrelid::regclass::text AS index FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname IN ('rows', 'journal', 'vault', 'public')
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong."""

    code: str
    about: str
    """The id, or the name, of what it is wrong with."""
    text: str
    """What is wrong, in words."""
    advice: str
    """What to do about it."""
    mends: bool = False
    """Whether it can be mended without anybody's decision."""


def revision_faults(revision: str | None) -> list[Fault]:
    """Say whether a database is at the revision of this release; None: it is empty."""
    newest = newest_revision()
    if revision == newest:
        return []
    return [
        Fault(
            code="not-current",
            about="database",
            text=f"the database is at revision {revision or 'none'}, this release is at {newest}",
            advice="start `flowner serve` or `flowner worker` of this release, which brings it up"
            " to date; where the database is ahead, install the later release",
        )
    ]


async def condition(transaction: Transaction, now: datetime) -> Sequence[Fault]:
    """Return invalid indexes, and whether the clocks differ: 2 queries. ``now``: this machine's."""
    found = await transaction.execute(_INVALID)
    faults = [
        Fault(
            code="invalid-index",
            about=row["index"],
            text=f"the index `{row['index']}` is invalid: it slows writers and helps no reader",
            advice=f"give `REINDEX INDEX CONCURRENTLY {row['index']}`; one of a table of your own"
            " is built again by the next server that starts",
        )
        for row in await found.fetchall()
    ]
    found = await transaction.execute("SELECT clock_timestamp() AS now")
    row = await found.fetchone()
    skew = 0.0 if row is None else (now - row["now"]).total_seconds()
    if abs(skew) > _MOST_SKEW_SECONDS:
        faults.append(
            Fault(
                code="clock-skew",
                about="clock",
                text=f"this machine's clock and the database's differ by {abs(skew):.0f} seconds:"
                " flows go by the database's, logs and signatures by this machine's",
                advice="keep the time of both machines, by NTP",
            )
        )
    return faults
