"""What is left to do of the bulk deletions that are under way: their jobs are rows already."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rows.bulkdeletion (
            asyncoperationid uuid PRIMARY KEY
                REFERENCES rows.asyncoperation ON DELETE CASCADE,
            touched timestamptz NOT NULL DEFAULT clock_timestamp(),
            queries jsonb NOT NULL,
            query int NOT NULL DEFAULT 0,
            after jsonb,
            gone bigint NOT NULL DEFAULT 0,
            kept bigint NOT NULL DEFAULT 0
        )
        """
    )
    op.execute("CREATE INDEX bulkdeletion_by_turn ON rows.bulkdeletion (touched)")
