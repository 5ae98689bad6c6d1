"""Bundles: static files that an app serves, each bundle under the digest of what is in it."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE rows.appbundle (
            canvasappid uuid NOT NULL REFERENCES rows.canvasapp ON DELETE CASCADE,
            digest text NOT NULL,
            filename text NOT NULL,
            uploadedby uuid NOT NULL,
            uploadedon timestamptz NOT NULL,
            replacedon timestamptz,
            PRIMARY KEY (canvasappid, digest)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX appbundle_shown ON rows.appbundle (canvasappid)"
        " WHERE replacedon IS NULL"
    )
    op.execute(
        "COMMENT ON COLUMN rows.appbundle.replacedon IS"
        " 'since when another is shown; NULL: this one is'"
    )
    op.execute(
        """
        CREATE TABLE rows.appbundlefile (
            canvasappid uuid NOT NULL,
            digest text NOT NULL,
            path text NOT NULL,
            content bytea NOT NULL,
            PRIMARY KEY (canvasappid, digest, path),
            FOREIGN KEY (canvasappid, digest) REFERENCES rows.appbundle ON DELETE CASCADE
        )
        """
    )
