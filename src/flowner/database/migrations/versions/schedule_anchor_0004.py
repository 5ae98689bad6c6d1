"""The moment that a schedule without a start time is counted from."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE journal.schedule ADD COLUMN anchor timestamptz")
    op.execute("UPDATE journal.schedule SET anchor = next")
    op.execute("ALTER TABLE journal.schedule ALTER COLUMN anchor SET NOT NULL")
