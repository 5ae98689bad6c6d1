"""One place for relationships: what they are called, and what they carry on."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    """
    INSERT INTO rows.relationshipmetadata
        (name, schemaname, referencing, attribute, referenced, navigation, collection, cascade)
    SELECT lower(c.schemaname), c.schemaname, c.referencingentity, c.referencingattribute,
           c.referencedentity, c.referencingattribute, c.schemaname,
           jsonb_build_object('Assign', c.cascadeassign, 'Share', c.cascadeshare,
               'Unshare', c.cascadeunshare, 'Reparent', c.cascadereparent,
               'Delete', c.cascadedelete)
    FROM rows.relationshipcascade c JOIN rows.tablemetadata m ON m.logicalname = c.referencingentity
    ON CONFLICT (name) DO UPDATE SET cascade = EXCLUDED.cascade
    """,
    "DROP TABLE rows.relationshipcascade",
    "CREATE TRIGGER moves_epoch AFTER INSERT OR UPDATE OR DELETE ON rows.relationshipmetadata"
    " FOR EACH STATEMENT EXECUTE FUNCTION rows.move_identity_epoch()",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
