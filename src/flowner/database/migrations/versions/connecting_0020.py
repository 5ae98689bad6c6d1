"""Sign-ins for connections that have begun. Only hashes are kept of what could end one."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0016"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rows.connectionbegun (
            statehash bytea PRIMARY KEY,
            sessionhash bytea NOT NULL,
            principalid uuid NOT NULL REFERENCES rows.systemuser ON DELETE CASCADE,
            connectioninstanceid uuid NOT NULL
                REFERENCES rows.connectioninstance ON DELETE CASCADE,
            redirecturi text NOT NULL,
            returnto text NOT NULL,
            expireson timestamptz NOT NULL
        )
        """
    )
