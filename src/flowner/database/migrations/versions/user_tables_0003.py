"""The register of the user's own tables."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rows.tablemetadata (
            logicalname text PRIMARY KEY,
            entitysetname text NOT NULL UNIQUE,
            displayname text NOT NULL,
            primaryname text NOT NULL,
            createdon timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        """
        CREATE FUNCTION rows.say_catalogue_moved() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('flowner_catalogue', '');
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER moved AFTER INSERT OR UPDATE OR DELETE ON rows.tablemetadata"
        " FOR EACH STATEMENT EXECUTE FUNCTION rows.say_catalogue_moved()"
    )
