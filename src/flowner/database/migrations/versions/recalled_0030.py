"""Approvals that whoever asked has cancelled: who, and why."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"

_STATEMENTS = (
    "ALTER TABLE rows.approval ADD COLUMN cancelledby uuid,"
    " ADD COLUMN cancelreason text NOT NULL DEFAULT '', ADD COLUMN cancelledvia text",
    # The columns of `a.*` are fixed when a view is made.
    "DROP VIEW rows.approvalnow",
    """
    CREATE VIEW rows.approvalnow AS
    SELECT a.*, f.name AS flowname, f.ownerid AS flowownerid,
           CASE WHEN a.cancelledby IS NOT NULL THEN 'Canceled'
                WHEN a.outcome IS NOT NULL THEN 'Completed'
                WHEN a.due <= now() THEN 'TimedOut'
                WHEN a.waits AND w.run IS NULL OR r.status = 'Cancelled' THEN 'Canceled'
                ELSE 'Pending' END AS status
    FROM rows.approval a
    LEFT JOIN journal.wake w ON w.run = a.runid
    LEFT JOIN journal.run r ON r.id = a.runid
    LEFT JOIN rows.workflow f ON f.workflowid = a.workflowid
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
