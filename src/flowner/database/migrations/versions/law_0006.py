"""What the whole row law looks at: inherited shares, hierarchy, secured columns, cascades."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_BASIC_USER = "00000000-0000-4000-8000-0000000000a2"
_CASCADES = ("assign", "share", "unshare", "reparent", "delete")
_TABLES = {
    "organization": """name text NOT NULL DEFAULT 'The organization',
        ishierarchicalsecuritymodelenabled boolean NOT NULL DEFAULT false,
        usepositionhierarchy boolean NOT NULL DEFAULT false,
        maxdepthforhierarchicalsecuritymodel int NOT NULL DEFAULT 3,
        managersmustbeinsameorparentbusinessunitasreports boolean NOT NULL DEFAULT true,
        sharetopreviousowneronassign boolean NOT NULL DEFAULT false,
        alwaysmoverecordtoownerbusinessunit boolean NOT NULL DEFAULT true""",
    "position": "name text NOT NULL, parentpositionid uuid",
    "hierarchyexclusion": "tablename text NOT NULL UNIQUE",
    "securedcolumn": """tablename text NOT NULL, columnname text NOT NULL,
        UNIQUE (tablename, columnname)""",
    "fieldsecurityprofile": "name text NOT NULL",
    "fieldpermission": """fieldsecurityprofileid uuid NOT NULL, entityname text NOT NULL,
        attributelogicalname text NOT NULL, canread int NOT NULL DEFAULT 0,
        cancreate int NOT NULL DEFAULT 0, canupdate int NOT NULL DEFAULT 0,
        UNIQUE (fieldsecurityprofileid, entityname, attributelogicalname)""",
    "profileassignment": """fieldsecurityprofileid uuid NOT NULL, principalid uuid NOT NULL,
        UNIQUE (fieldsecurityprofileid, principalid)""",
    "relationshipcascade": "schemaname text NOT NULL UNIQUE, referencedentity text NOT NULL,"
    " referencingentity text NOT NULL, referencingattribute text NOT NULL, "
    + ", ".join(f"cascade{what} text NOT NULL DEFAULT 'NoCascade'" for what in _CASCADES),
}
_STATEMENTS = (
    "ALTER TABLE rows.role ADD COLUMN isinherited int NOT NULL DEFAULT 1,"
    " ADD COLUMN parentroleid uuid, ADD COLUMN parentrootroleid uuid",
    "ALTER TABLE rows.team ADD COLUMN isdefault boolean NOT NULL DEFAULT false",
    "ALTER TABLE rows.systemuser ADD COLUMN positionid uuid",
    "ALTER TABLE rows.rowshare ADD COLUMN inheritedmask int NOT NULL DEFAULT 0",
    "CREATE INDEX rowshare_by_principal ON rows.rowshare (principalid, tablename)",
    "ALTER TABLE rows.relationshipcascade ALTER COLUMN cascadedelete SET DEFAULT 'RemoveLink'",
    """
    CREATE TABLE rows.columnshare (
        tablename text NOT NULL, rowid uuid NOT NULL, columnname text NOT NULL,
        principalid uuid NOT NULL,
        readaccess boolean NOT NULL DEFAULT false, updateaccess boolean NOT NULL DEFAULT false,
        PRIMARY KEY (tablename, rowid, columnname, principalid)
    )
    """,
    "INSERT INTO rows.organization DEFAULT VALUES",
    # A sequence is not rolled back: an epoch that was seen and then undone never comes again.
    "CREATE SEQUENCE rows.epoch",
    "SELECT setval('rows.epoch', (SELECT epoch FROM rows.identity_epoch))",
    """
    CREATE OR REPLACE FUNCTION rows.move_identity_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE rows.identity_epoch SET epoch = nextval('rows.epoch');
        RETURN NULL;
    END $$
    """,
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        SELECT '{_BASIC_USER}', t, 'AppendTo', 8
        FROM unnest(ARRAY['systemuser', 'team', 'businessunit']) AS t""",
)


def upgrade() -> None:
    for name, columns in _TABLES.items():
        op.execute(
            f"""
            CREATE TABLE rows.{name} (
                {name}id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                createdon timestamptz NOT NULL DEFAULT now(),
                modifiedon timestamptz NOT NULL DEFAULT now(),
                createdby uuid, modifiedby uuid, createdonbehalfby uuid, modifiedonbehalfby uuid,
                versionnumber bigint NOT NULL DEFAULT nextval('rows.version'),
                statecode int NOT NULL DEFAULT 0,
                statuscode int NOT NULL DEFAULT 1,
                {columns}
            )
            """
        )
    for statement in _STATEMENTS:
        op.execute(statement)
    for name in ("businessunit", *_TABLES):
        op.execute(
            f"CREATE TRIGGER moves_epoch AFTER INSERT OR UPDATE OR DELETE ON rows.{name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION rows.move_identity_epoch()"
        )
