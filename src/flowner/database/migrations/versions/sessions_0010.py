"""Sessions of people who are signed in to the portal."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rows.websession (
            sessionhash bytea PRIMARY KEY,
            principalid uuid NOT NULL,
            begunon timestamptz NOT NULL,
            seenon timestamptz NOT NULL,
            expireson timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX websession_by_principal ON rows.websession (principalid)")
