"""How long a flow's runs are kept, where it is not as long as everybody's; approvals by run."""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"

_STATEMENTS = (
    """
    CREATE TABLE journal.keeping (
        flow uuid PRIMARY KEY REFERENCES rows.workflow ON DELETE CASCADE,
        days int NOT NULL CHECK (days >= 0)
    )
    """,
    "CREATE INDEX approval_by_run ON rows.approval (runid)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
