"""The journal: runs, their entries, wakes, inbox, snapshots and schedules; the vault's table."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0000"

_STATEMENTS = (
    """
    CREATE TABLE journal.run (
        id bigint PRIMARY KEY,
        flow uuid NOT NULL,
        flow_version int NOT NULL,
        flow_name text NOT NULL,
        kind text NOT NULL,
        status text NOT NULL,
        initiator uuid,
        principal uuid,
        rule text,
        fallback text,
        parent bigint,
        parent_path text,
        app uuid,
        plan jsonb NOT NULL,
        plan_hash text NOT NULL,
        accounts text[] NOT NULL DEFAULT '{}',
        started timestamptz NOT NULL,
        ended timestamptz,
        code text,
        error text
    )
    """,
    "CREATE INDEX run_by_flow ON journal.run (flow, id DESC)",
    "CREATE INDEX run_by_initiator ON journal.run (initiator, id DESC)",
    """
    CREATE TABLE journal.entry (
        run bigint NOT NULL,
        seq int NOT NULL,
        at timestamptz NOT NULL,
        kind text NOT NULL,
        path text NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (run, seq)
    )
    """,
    """
    CREATE TABLE journal.wake (
        run bigint PRIMARY KEY,
        due timestamptz NOT NULL,
        owner text,
        lease timestamptz,
        posted int NOT NULL DEFAULT 0
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX wake_by_due ON journal.wake (due)",
    """
    CREATE TABLE journal.inbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        run bigint NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        message bytea NOT NULL
    )
    """,
    "CREATE INDEX inbox_by_run ON journal.inbox (run, id)",
    "CREATE TABLE journal.snapshot (run bigint PRIMARY KEY, seq int NOT NULL, data bytea NOT NULL)",
    """
    CREATE TABLE journal.schedule (
        flow uuid PRIMARY KEY,
        next timestamptz NOT NULL
    )
    """,
    "CREATE INDEX schedule_by_next ON journal.schedule (next)",
    """
    CREATE TABLE journal.firing (
        flow uuid NOT NULL,
        occurrence timestamptz NOT NULL,
        PRIMARY KEY (flow, occurrence)
    )
    """,
    """
    CREATE TABLE vault.secret (
        connection uuid NOT NULL,
        name text NOT NULL,
        key_id text NOT NULL,
        sealed bytea NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (connection, name)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
