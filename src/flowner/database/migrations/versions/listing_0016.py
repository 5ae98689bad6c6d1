"""Indexes that lists are read from: by owner, by business unit and by when a row was changed."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"

_EVERY_TABLE = """
DO $$
DECLARE name text; owned boolean;
BEGIN
    FOR name, owned IN
        SELECT m.logicalname, EXISTS (SELECT 1 FROM information_schema.columns c
            WHERE c.table_schema = 'rows' AND c.table_name = m.logicalname
              AND c.column_name = 'ownerid')
        FROM rows.tablemetadata m JOIN information_schema.tables t
          ON t.table_schema = 'rows' AND t.table_name = m.logicalname
    LOOP
        EXECUTE format('CREATE INDEX ON rows.%I (modifiedon DESC NULLS LAST, %I)',
            name, name || 'id');
        IF owned THEN
            EXECUTE format('CREATE INDEX ON rows.%I (ownerid, modifiedon DESC NULLS LAST, %I)',
                name, name || 'id');
            EXECUTE format('CREATE INDEX ON rows.%I (owningbusinessunit,'
                ' modifiedon DESC NULLS LAST, %I)', name, name || 'id');
            EXECUTE format('DROP INDEX IF EXISTS rows.%I', name || '_ownerid_idx');
        END IF;
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(_EVERY_TABLE)
