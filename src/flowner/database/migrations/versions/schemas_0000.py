"""The three schemas of memory."""

from __future__ import annotations

from alembic import op

revision = "0000"
down_revision = None


def upgrade() -> None:
    for schema in ("rows", "journal", "vault"):
        op.execute(f"CREATE SCHEMA {schema}")
