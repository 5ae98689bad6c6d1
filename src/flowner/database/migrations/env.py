"""What alembic runs: the revisions, on the connection that `migrate` brings."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="revision",
    version_table_schema="public",
)
with context.begin_transaction():
    context.run_migrations()
