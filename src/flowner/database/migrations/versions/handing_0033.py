"""Which due time of a run's wake another dispatcher was told of."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"

_STATEMENTS = (
    "ALTER TABLE journal.wake ADD COLUMN handed timestamptz",
    """
    COMMENT ON COLUMN journal.wake.handed IS
    'The `due` that Temporal was told of, which it is left to until `lease` while nobody owns the
    run; NULL or another time: it has not been told of this one.'
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
