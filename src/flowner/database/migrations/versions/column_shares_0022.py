"""What is shared of a secured column in one row is a row, as it is in Dataverse."""

from __future__ import annotations

from uuid import UUID, uuid5

from alembic import op
from sqlalchemy import text

revision = "0022"
down_revision = "0021"

_TABLE = "rows.principalobjectattributeaccess"
_BASIC_USER = "00000000-0000-4000-8000-0000000000a2"
# The ids that columns have had from the beginning.
_SPACE = UUID("5e9d3a55-6d0c-4bd2-9e6e-0f2a3c1b7d10")
_STATEMENTS = (
    "ALTER TABLE rows.columnshare RENAME TO principalobjectattributeaccess",
    f"ALTER TABLE {_TABLE} DROP CONSTRAINT columnshare_pkey",
    f"ALTER TABLE {_TABLE} RENAME COLUMN tablename TO objecttypecode",
    f"ALTER TABLE {_TABLE} RENAME COLUMN rowid TO objectid",
    f"ALTER TABLE {_TABLE} RENAME COLUMN columnname TO attributelogicalname",
    f"""ALTER TABLE {_TABLE}
        ADD COLUMN principalobjectattributeaccessid uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        ADD COLUMN attributeid uuid,
        ADD COLUMN principalidtype text NOT NULL DEFAULT 'systemuser',
        ADD COLUMN createdon timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN modifiedon timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN createdby uuid, ADD COLUMN modifiedby uuid,
        ADD COLUMN createdonbehalfby uuid, ADD COLUMN modifiedonbehalfby uuid,
        ADD COLUMN versionnumber bigint NOT NULL DEFAULT nextval('rows.version'),
        ADD COLUMN statecode int NOT NULL DEFAULT 0, ADD COLUMN statuscode int NOT NULL DEFAULT 1,
        ADD UNIQUE (objecttypecode, objectid, attributelogicalname, principalid)""",
    "INSERT INTO rows.systemtable (logicalname, schemaname)"
    " VALUES ('principalobjectattributeaccess', 'PrincipalObjectAttributeAccess')",
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        SELECT '{_BASIC_USER}', 'principalobjectattributeaccess', r, 8
        FROM unnest(ARRAY['Create', 'Write', 'Delete', 'Append']) AS r""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    found = op.get_bind().execute(
        text(f"SELECT DISTINCT objecttypecode, attributelogicalname FROM {_TABLE}")
    )
    for table, column in found.all():
        op.get_bind().execute(
            text(
                f"UPDATE {_TABLE} SET attributeid = :id"
                " WHERE objecttypecode = :table AND attributelogicalname = :column"
            ),
            {"id": uuid5(_SPACE, f"{table}/{column}"), "table": table, "column": column},
        )
    op.execute(f"ALTER TABLE {_TABLE} ALTER COLUMN attributeid SET NOT NULL")
