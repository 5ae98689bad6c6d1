"""By which of its connector's ways a connection was made, why it is broken, who signed one in."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE rows.connectioninstance ADD credentials text, ADD statusreason text;"
        " ALTER TABLE rows.websession ADD issuer text"
    )
