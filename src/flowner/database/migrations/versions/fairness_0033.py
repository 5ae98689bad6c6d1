"""Turns: between flows, between the changes of one row, and of what connectors' limits let out."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0029"

_STATEMENTS = (
    # The default is for processes of the release before, which run on while this is carried out.
    "ALTER TABLE journal.wake ADD COLUMN flow uuid NOT NULL"
    " DEFAULT '00000000-0000-0000-0000-000000000000'",
    "UPDATE journal.wake w SET flow = r.flow FROM journal.run r WHERE r.id = w.run",
    "CREATE INDEX wake_by_flow ON journal.wake (flow, due, run)",
    # The planner takes every flow for an average one, and would sort all that is due of the largest.
    """
    CREATE FUNCTION journal.oldest_due(whose uuid, by_now timestamptz, most bigint)
    RETURNS TABLE (run bigint, due timestamptz) ROWS 10 LANGUAGE plpgsql
    SET enable_bitmapscan = off SET enable_seqscan = off SET enable_sort = off AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY SELECT w.run, w.due FROM journal.wake w
        WHERE w.flow = whose AND w.due <= by_now AND (w.owner IS NULL OR w.lease < now())
        ORDER BY w.due, w.run LIMIT most;
    END $$
    """,
    """
    CREATE TABLE journal.line (
        run bigint PRIMARY KEY,
        flow uuid NOT NULL,
        item text NOT NULL,
        place bigint GENERATED ALWAYS AS IDENTITY
    )
    """,
    "CREATE UNIQUE INDEX line_by_place ON journal.line (flow, item, place)",
    "CREATE INDEX change_by_row ON rows.change (rowid, seq)",
    # `calls` NULL: no limit was found out.
    """
    CREATE TABLE journal.pace (
        key text PRIMARY KEY,
        not_before timestamptz NOT NULL DEFAULT 'epoch',
        slots timestamptz[] NOT NULL DEFAULT '{}',
        calls int,
        period interval NOT NULL DEFAULT '0',
        found_until timestamptz NOT NULL DEFAULT 'epoch'
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
