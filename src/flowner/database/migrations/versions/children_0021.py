"""A child run knows which attempt of its parent's action called it: one attempt has one child."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE journal.run ADD COLUMN parent_attempt int")
    op.execute(
        "CREATE UNIQUE INDEX run_by_parent ON journal.run (parent, parent_path, parent_attempt)"
        " WHERE parent IS NOT NULL"
    )
