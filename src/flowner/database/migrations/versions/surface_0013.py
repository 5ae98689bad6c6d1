"""Relationships of many to many; privileges as rows; the organisation as the row that it is."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

_BASIC_USER = "00000000-0000-4000-8000-0000000000a2"
_ORGANIZATION = "00000000-0000-4000-8000-0000000000b0"
_SYSTEM = {
    "businessunit": "BusinessUnit",
    "systemuser": "SystemUser",
    "securitygroup": "SecurityGroup",
    "team": "Team",
    "role": "Role",
    "workflow": "Workflow",
    "connectionreference": "connectionreference",
    "canvasapp": "CanvasApp",
    "callbackregistration": "CallbackRegistration",
    "environmentvariabledefinition": "EnvironmentVariableDefinition",
    "environmentvariablevalue": "EnvironmentVariableValue",
    "organization": "Organization",
    "position": "Position",
    "privilege": "Privilege",
    "roleprivileges": "RolePrivileges",
    "fieldsecurityprofile": "FieldSecurityProfile",
    "fieldpermission": "FieldPermission",
}
_STATEMENTS = (
    """
    CREATE TABLE rows.associationmetadata (
        name text PRIMARY KEY,
        schemaname text NOT NULL,
        intersect_name text NOT NULL UNIQUE,
        tables text[] NOT NULL,
        attributes text[] NOT NULL,
        navigations text[] NOT NULL
    )
    """,
    "CREATE TRIGGER moved AFTER INSERT OR UPDATE OR DELETE ON rows.associationmetadata"
    " FOR EACH STATEMENT EXECUTE FUNCTION rows.say_catalogue_moved()",
    # Dataverse calls the privileges on users prvReadUser and so on.
    """
    CREATE TABLE rows.systemtable (
        logicalname text PRIMARY KEY, schemaname text NOT NULL, privilegenoun text
    )
    """,
    f"UPDATE rows.organization SET organizationid = '{_ORGANIZATION}'",
    "ALTER TABLE rows.organization ADD COLUMN languagecode int NOT NULL DEFAULT 1033",
    """
    CREATE VIEW rows.tableprivilege AS
    SELECT md5('privilege/' || t.logicalname || '/' || r.name)::uuid AS privilegeid,
           'prv' || r.name || t.noun AS name, t.logicalname AS tablename, r.name AS rightname,
           r.mask AS accessright, t.owned
    FROM (
        SELECT k.logicalname, k.noun, EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = to_regclass('rows.' || quote_ident(k.logicalname))
              AND a.attname = 'ownerid' AND NOT a.attisdropped) AS owned
        FROM (SELECT logicalname, coalesce(schemaname, logicalname) AS noun
              FROM rows.tablemetadata
              UNION ALL
              SELECT logicalname, coalesce(privilegenoun, schemaname) FROM rows.systemtable) k
    ) t
    CROSS JOIN (VALUES ('Read', 1), ('Write', 2), ('Append', 4), ('AppendTo', 16), ('Create', 32),
        ('Delete', 65536), ('Share', 262144), ('Assign', 524288)) AS r (name, mask)
    WHERE t.owned OR r.name NOT IN ('Share', 'Assign')
    UNION ALL
    SELECT md5('privilege/' || n.name)::uuid, n.name, '', '', 0, false
    FROM (VALUES ('prvActOnBehalfOfAnotherUser')) AS n (name)
    """,
    """
    CREATE VIEW rows.privilege AS
    SELECT privilegeid, name, accessright, owned AS canbebasic, owned AS canbelocal,
           owned AS canbedeep, true AS canbeglobal, 0::bigint AS versionnumber
    FROM rows.tableprivilege
    """,
    """
    CREATE VIEW rows.roleprivileges AS
    SELECT CASE WHEN g.roleid = r.roleid AND g.tablename <> '*' THEN g.roleprivilegeid
                ELSE md5(r.roleid::text || g.roleprivilegeid || p.privilegeid)::uuid
           END AS roleprivilegeid,
           r.roleid, p.privilegeid,
           CASE WHEN p.owned THEN g.depth ELSE 8 END AS privilegedepthmask, g.versionnumber
    FROM rows.role r
    JOIN rows.roleprivilege g ON g.roleid = coalesce(r.parentrootroleid, r.roleid)
    JOIN rows.tableprivilege p
      ON (g.rightname <> '' AND p.rightname = g.rightname AND g.tablename IN ('*', p.tablename))
      OR p.name = g.privilegename
    """,
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        SELECT '{_BASIC_USER}', t, 'Read', 8
        FROM unnest(ARRAY['organization', 'role', 'privilege', 'position']) AS t""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    for name, schema_name in _SYSTEM.items():
        noun = "'User'" if name == "systemuser" else "NULL"
        op.execute(f"INSERT INTO rows.systemtable VALUES ('{name}', '{schema_name}', {noun})")
