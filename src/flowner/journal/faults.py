"""What can be wrong in a journal: runs that nothing moves, what runs left behind, gaps."""

from __future__ import annotations

# ruff: noqa: S608 - constants of ours
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flowner.database import Transaction
from flowner.database.condition import Fault
from flowner.journal.aside import OWNER
from flowner.journal.partitions import behind, make_ahead

_MOST: Final = 100
"""Faults of one kind that are told at a time."""
_LONG: Final = "interval '10 minutes'"
_OVER: Final = "NOT EXISTS (SELECT FROM journal.run r WHERE r.id = {}.run AND r.ended IS NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    code: str
    finds: str
    """Answers the runs that it is wrong with, as `about`."""
    text: str
    advice: str
    mends: str | None = None
    """The statement that mends it for one run."""


_CHECKS: Final = (
    _Check(
        code="run-without-wake",
        finds="SELECT id AS about FROM journal.run r WHERE ended IS NULL"
        " AND NOT EXISTS (SELECT FROM journal.wake w WHERE w.run = r.id)",
        text="run {} has not ended, and nothing will ever wake it",
        advice="mending wakes it: it goes on from where its journal ends",
        mends="INSERT INTO journal.wake (run, flow, due) SELECT id, flow, now() FROM journal.run"
        " WHERE id = %s AND ended IS NULL ON CONFLICT DO NOTHING",
    ),
    _Check(
        code="run-left-alone",
        finds=f"SELECT run AS about FROM journal.wake w WHERE due < now() - {_LONG}"
        f" AND (owner IS NULL OR lease < now() - {_LONG})",
        text="run {} has been due for more than ten minutes, and no process takes it up",
        advice="see that a `flowner serve` or `flowner worker` runs, and what its log says",
    ),
    _Check(
        code="run-set-aside",
        finds=f"SELECT run AS about FROM journal.wake w WHERE owner = '{OWNER}'",
        text="run {} is set aside since the database was restored: nothing moves it",
        advice="give `flowner aside go-on`, or cancel it and let it go on to its end",
    ),
    _Check(
        code="run-past-its-deadline",
        finds="SELECT h.run AS about FROM journal.held h JOIN journal.wake w ON w.run = h.run"
        f" WHERE h.until < now() - {_LONG} AND w.due > now()",
        text="run {} waits for somebody to be enabled, past the time until which it was to wait",
        advice="mending wakes it: it ends, or goes on",
        mends="UPDATE journal.wake SET due = now(), posted = posted + 1 WHERE run = %s",
    ),
    _Check(
        code="line-left-over",
        finds=f"SELECT l.run AS about FROM journal.line l WHERE {_OVER.format('l')}",
        text="run {} has ended or is not there, and others of its row still wait behind it",
        advice="mending removes its place",
        mends=f"DELETE FROM journal.line l WHERE l.run = %s AND {_OVER.format('l')}",
    ),
    _Check(
        code="wake-left-over",
        finds=f"SELECT w.run AS about FROM journal.wake w WHERE {_OVER.format('w')}",
        text="there is a wake for run {}, which has ended or is not there",
        advice="mending removes it",
        mends=f"DELETE FROM journal.wake w WHERE w.run = %s AND {_OVER.format('w')}",
    ),
    _Check(
        code="message-left-over",
        finds=f"SELECT DISTINCT i.run AS about FROM journal.inbox i WHERE {_OVER.format('i')}",
        text="there are messages for run {}, which has ended or is not there",
        advice="mending removes them: nobody would read them",
        mends=f"DELETE FROM journal.inbox i WHERE i.run = %s AND {_OVER.format('i')}",
    ),
    _Check(
        code="place-left-over",
        finds=f"SELECT q.run AS about FROM journal.queue q WHERE {_OVER.format('q')}",
        text="run {} has a place among the runs that wait for one another, and has ended",
        advice="mending removes it: the others come forward",
        mends=f"DELETE FROM journal.queue q WHERE q.run = %s AND {_OVER.format('q')}",
    ),
    _Check(
        code="journal-with-a-gap",
        finds="SELECT r.id AS about FROM (SELECT id FROM journal.run WHERE ended IS NULL UNION"
        " (SELECT id FROM journal.run ORDER BY id DESC LIMIT 10000)) r"
        " CROSS JOIN LATERAL (SELECT count(*) AS entries, max(seq) AS last FROM journal.entry e"
        " WHERE e.run = r.id) e WHERE e.entries <> coalesce(e.last, 0) + 1",
        text="the journal of run {} has a gap: entries were removed from the database by hand",
        advice="restore it from a backup; what the run shows is not all that happened",
    ),
)
_BEHIND: Final = "partitions-behind"
BY_ITSELF: Final = frozenset({_BEHIND})
"""Mended outside a transaction: what mends it has several of its own."""
CODES: Final = frozenset({*(check.code for check in _CHECKS), _BEHIND})


async def journal_faults(transaction: Transaction) -> Sequence[Fault]:
    """Return what is wrong, at most 100 of a kind: a query for each kind, and 5 for partitions.

    Gaps are looked for in open runs and in the newest 10,000.
    """
    faults: list[Fault] = []
    for check in _CHECKS:
        found = await transaction.execute(f"{check.finds} ORDER BY 1 LIMIT {_MOST}".encode())
        faults += [
            Fault(
                code=check.code,
                about=str(row["about"]),
                text=check.text.format(row["about"]),
                advice=check.advice,
                mends=check.mends is not None,
            )
            for row in await found.fetchall()
        ]
    if (text := await behind(transaction, await _now(transaction))) is not None:
        advice = (
            "mending makes them and moves what belongs there; a process that moves runs does it,"
            " too, once an hour"
        )
        faults.append(Fault(code=_BEHIND, about="journal", text=text, advice=advice, mends=True))
    return faults


async def _now(transaction: Transaction) -> datetime:
    rows = await (await transaction.execute("SELECT clock_timestamp() AS now")).fetchall()
    now: datetime = rows[0]["now"]
    return now


async def mend_journal(transaction: Transaction, fault: Fault) -> None:
    """Mend one fault of `journal_faults` that mends; nothing happens where it is gone by now."""
    if fault.code == _BEHIND:
        await make_ahead(transaction, await _now(transaction))
        return
    (check,) = (one for one in _CHECKS if one.code == fault.code)
    if check.mends is not None:
        await transaction.execute(check.mends.encode(), (int(fault.about),))
        await transaction.execute("SELECT pg_notify('flowner_wake', '')")
