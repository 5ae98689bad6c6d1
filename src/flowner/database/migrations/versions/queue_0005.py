"""Runs that wait for others of their flow: triggers may say how many run at a time."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE journal.queue (flow uuid NOT NULL, run bigint NOT NULL,"
        " PRIMARY KEY (flow, run))"
    )
    op.execute("CREATE UNIQUE INDEX queue_by_run ON journal.queue (run)")
    op.execute("CREATE INDEX run_by_flow_open ON journal.run (flow) WHERE ended IS NULL")
