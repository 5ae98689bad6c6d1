"""The journal by weeks: entries and action records are partitioned by the time in their run's id.

What is there already becomes the first partition as it is, without a row being copied: a check
that its runs are below a bound is validated while everybody goes on, and then it is attached.
A wake knows its run's next number, so that an append need not look for it in any partition.
Those who follow a table's changes say since when: a restored database has forgotten theirs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alembic import op
from sqlalchemy import text

revision = "0032"
down_revision = "0031"

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_BITS = 22
_TABLES = ("entry", "action")
_WEEKS_AHEAD = 4


def upgrade() -> None:
    bound = _bound()
    # Each by itself: none holds a lock while the rows are read. It may have broken off here.
    with op.get_context().autocommit_block():
        for table in _TABLES:
            op.execute(f"ALTER TABLE journal.{table} DROP CONSTRAINT IF EXISTS {table}_bound")
            op.execute(
                f"ALTER TABLE journal.{table} ADD CONSTRAINT {table}_bound"
                f" CHECK (run < {_first_run(bound)}) NOT VALID"
            )
            op.execute(f"ALTER TABLE journal.{table} VALIDATE CONSTRAINT {table}_bound")
    for table in _TABLES:
        _divide(table, bound)
    op.execute("ALTER TABLE journal.wake ADD COLUMN next int")
    op.execute(
        "COMMENT ON COLUMN journal.wake.next IS"
        " 'the number of the run''s next entry; NULL: not known, the next append says it'"
    )
    op.execute(
        "ALTER TABLE rows.trackedtable ADD COLUMN begunon timestamptz NOT NULL"
        " DEFAULT date_trunc('second', now())"
    )
    op.execute("UPDATE rows.trackedtable SET begunon = '-infinity'")


def _divide(table: str, bound: datetime) -> None:
    found = op.get_bind().execute(
        text(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'journal' AND tablename = :table"
        ),
        {"table": table},
    )
    indexes = {str(name): str(definition) for name, definition in found}
    op.execute(f"ALTER TABLE journal.{table} RENAME TO {table}_first")
    for name in indexes:
        op.execute(f"ALTER INDEX journal.{name} RENAME TO first_{name}")
    op.execute(
        f"CREATE TABLE journal.{table} (LIKE journal.{table}_first INCLUDING DEFAULTS)"
        " PARTITION BY RANGE (run)"
    )
    op.execute(f"ALTER TABLE journal.{table} ADD PRIMARY KEY (run, seq)")
    for name, definition in indexes.items():
        if name != f"{table}_pkey":
            op.execute(definition)
    op.execute(
        f"ALTER TABLE journal.{table} ATTACH PARTITION journal.{table}_first"
        f" FOR VALUES FROM (MINVALUE) TO ({_first_run(bound)})"
    )
    op.execute(f"ALTER TABLE journal.{table}_first DROP CONSTRAINT {table}_bound")
    op.execute(f"CREATE TABLE journal.{table}_rest PARTITION OF journal.{table} DEFAULT")
    for week in range(_WEEKS_AHEAD):
        begin = bound + timedelta(weeks=week)
        op.execute(
            f"CREATE TABLE journal.{table}_{begin:%Y%m%d} PARTITION OF journal.{table} FOR VALUES"
            f" FROM ({_first_run(begin)}) TO ({_first_run(begin + timedelta(weeks=1))})"
        )


def _bound() -> datetime:
    """Return the first Monday after now and after every run that there is."""
    row = (
        op.get_bind()
        .execute(
            text(
                "SELECT greatest(now(), timestamptz '2020-01-01 00:00:00+00' + make_interval("
                " secs => greatest((SELECT max(run) FROM journal.entry),"
                f" (SELECT max(run) FROM journal.action), 0) / {1 << _BITS} / 1000.0)) AS last"
            )
        )
        .scalar_one()
    )
    last: datetime = row.astimezone(UTC)
    day = datetime(last.year, last.month, last.day, tzinfo=UTC)
    return day + timedelta(days=7 - day.weekday())


def _first_run(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1) << _BITS
