"""Drafts of flows: every step of editing since the published version, and where one stands."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rows.flowdraft (
            workflowid uuid PRIMARY KEY,
            number int NOT NULL,
            basedon int NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE rows.flowdraftstep (
            workflowid uuid NOT NULL REFERENCES rows.flowdraft ON DELETE CASCADE,
            number int NOT NULL,
            definition json NOT NULL,
            label text NOT NULL,
            madeby uuid,
            madeon timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (workflowid, number)
        )
        """
    )
    op.execute(
        "COMMENT ON COLUMN rows.flowdraft.number IS"
        " 'the step that is shown; later ones were undone and can be done again'"
    )
