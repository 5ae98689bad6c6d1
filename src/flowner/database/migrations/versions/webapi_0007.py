"""What the Web API tells of tables: columns, keys, relationships, choices; and stored files."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_TABLES = (
    """
    ALTER TABLE rows.tablemetadata
        ADD COLUMN schemaname text, ADD COLUMN collectionname text, ADD COLUMN description text
    """,
    """
    CREATE TABLE rows.columnmetadata (
        tablename text NOT NULL REFERENCES rows.tablemetadata ON DELETE CASCADE,
        columnname text NOT NULL,
        kind text NOT NULL,
        schemaname text NOT NULL,
        displayname text NOT NULL,
        description text NOT NULL DEFAULT '',
        options jsonb NOT NULL DEFAULT '[]',
        choice text,
        details jsonb NOT NULL DEFAULT '{}',
        PRIMARY KEY (tablename, columnname)
    )
    """,
    """
    CREATE TABLE rows.keymetadata (
        tablename text NOT NULL REFERENCES rows.tablemetadata ON DELETE CASCADE,
        name text NOT NULL,
        schemaname text NOT NULL,
        displayname text NOT NULL,
        columnnames text[] NOT NULL,
        PRIMARY KEY (tablename, name)
    )
    """,
    """
    CREATE TABLE rows.relationshipmetadata (
        name text PRIMARY KEY,
        schemaname text NOT NULL,
        referencing text NOT NULL REFERENCES rows.tablemetadata ON DELETE CASCADE,
        attribute text NOT NULL,
        referenced text NOT NULL,
        navigation text NOT NULL,
        collection text NOT NULL,
        cascade jsonb NOT NULL DEFAULT '{}'
    )
    """,
    """
    CREATE TABLE rows.choicemetadata (
        name text PRIMARY KEY,
        displayname text NOT NULL,
        options jsonb NOT NULL
    )
    """,
    """
    CREATE TABLE rows.filecontent (
        fileid uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        tablename text NOT NULL,
        columnname text NOT NULL,
        rowid uuid NOT NULL,
        filename text NOT NULL,
        mediatype text NOT NULL,
        content bytea NOT NULL,
        UNIQUE (tablename, columnname, rowid)
    )
    """,
)
_LISTENED = "columnmetadata keymetadata relationshipmetadata choicemetadata".split()


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)
    for name in _LISTENED:
        op.execute(
            f"CREATE TRIGGER moved AFTER INSERT OR UPDATE OR DELETE ON rows.{name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION rows.say_catalogue_moved()"
        )
