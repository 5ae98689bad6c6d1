"""Alternate keys whose indexes are built beside readers and writers: how far each has come."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"

_STATEMENTS = (
    """
    ALTER TABLE rows.keymetadata
        ADD COLUMN state text NOT NULL DEFAULT 'Active'
            CHECK (state IN ('Pending', 'InProgress', 'Active', 'Failed')),
        ADD COLUMN reason text,
        ADD COLUMN indexname text,
        ADD COLUMN jobid uuid
    """,
    "UPDATE rows.keymetadata SET indexname = right(tablename || '_' || name, 63)",
    "ALTER TABLE rows.keymetadata ALTER COLUMN indexname SET NOT NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
