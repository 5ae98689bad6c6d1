"""Tables of ours that are written as rows: units with their teams, roles with copies, flows."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

_MAKER = "00000000-0000-4000-8000-0000000000a4"
_BASIC_USER = "00000000-0000-4000-8000-0000000000a2"
_RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
_MADE = (
    "workflow",
    "connectionreference",
    "canvasapp",
    "environmentvariabledefinition",
    "environmentvariablevalue",
)
_OWNED = "ownerid uuid, ADD COLUMN owneridtype text NOT NULL DEFAULT 'systemuser',"
# Who shares a flow's rows by being its co-owner: all rights but Create and Assign.
_CO_OWNER = 1 | 2 | 4 | 16 | 65536 | 262144

_COLUMNS = (
    "ALTER TABLE rows.businessunit ADD COLUMN isdisabled boolean NOT NULL DEFAULT false,"
    " ADD COLUMN description text, ADD COLUMN divisionname text",
    "ALTER TABLE rows.team ADD COLUMN description text",
    "ALTER TABLE rows.organization"
    " ADD COLUMN enableownershipacrossbusinessunits boolean NOT NULL DEFAULT true,"
    " ADD COLUMN donotremoverolesonchangebusinessunit boolean NOT NULL DEFAULT false",
    """ALTER TABLE rows.workflow ADD COLUMN clientdata text,
        ADD COLUMN primaryentity text NOT NULL DEFAULT 'none',
        ADD COLUMN modernflowtype int NOT NULL DEFAULT 0,
        ADD COLUMN mode int NOT NULL DEFAULT 0, ADD COLUMN scope int NOT NULL DEFAULT 4,
        ADD COLUMN runas int NOT NULL DEFAULT 1,
        ADD COLUMN subprocess boolean NOT NULL DEFAULT false,
        ADD COLUMN ondemand boolean NOT NULL DEFAULT false""",
    "ALTER TABLE rows.connectionreference ADD COLUMN description text,"
    " ADD COLUMN promptingbehavior int NOT NULL DEFAULT 0, ADD COLUMN connectionid text"
    " GENERATED ALWAYS AS (connectioninstanceid::text) STORED",
    f"ALTER TABLE rows.environmentvariabledefinition ADD COLUMN {_OWNED}"
    " ADD COLUMN owningbusinessunit uuid, ADD COLUMN description text",
    f"ALTER TABLE rows.environmentvariablevalue ADD COLUMN {_OWNED}"
    " ADD COLUMN owningbusinessunit uuid, ADD COLUMN schemaname text",
    "CREATE UNIQUE INDEX team_by_default ON rows.team (businessunitid) WHERE isdefault",
    "CREATE INDEX role_by_unit ON rows.role (businessunitid)",
)
# INVARIANT: the members of a unit's default team are the unit's users, however they came there.
_MEMBERS = (
    """
    CREATE FUNCTION rows.join_default_team() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM rows.teammembership m USING rows.team t
        WHERE m.teamid = t.teamid AND t.isdefault AND m.systemuserid = NEW.systemuserid
          AND t.businessunitid <> NEW.businessunitid;
        INSERT INTO rows.teammembership (teamid, systemuserid)
        SELECT teamid, NEW.systemuserid FROM rows.team
        WHERE isdefault AND businessunitid = NEW.businessunitid
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER joins AFTER INSERT OR UPDATE OF businessunitid ON rows.systemuser"
    " FOR EACH ROW EXECUTE FUNCTION rows.join_default_team()",
    "INSERT INTO rows.team (name, businessunitid, isdefault)"
    " SELECT name, businessunitid, true FROM rows.businessunit",
    "INSERT INTO rows.teammembership (teamid, systemuserid) SELECT t.teamid, u.systemuserid"
    " FROM rows.systemuser u JOIN rows.team t USING (businessunitid) WHERE t.isdefault",
)
_CONTENT = (
    "INSERT INTO rows.systemtable (logicalname, schemaname) VALUES ('flowrun', 'FlowRun')",
    "UPDATE rows.role SET parentrootroleid = roleid WHERE parentrootroleid IS NULL",
    """UPDATE rows.workflow w SET clientdata = v.definition::text FROM rows.flowversion v
        WHERE v.workflowid = w.workflowid AND v.number = w.currentversion""",
    "UPDATE rows.environmentvariablevalue v SET schemaname = d.schemaname"
    " FROM rows.environmentvariabledefinition d"
    " WHERE d.environmentvariabledefinitionid = v.environmentvariabledefinitionid",
    *(
        f"UPDATE rows.{name} SET ownerid = coalesce(ownerid, createdby)"
        for name in ("environmentvariabledefinition", "environmentvariablevalue")
    ),
    *(
        f"""UPDATE rows.{name} r SET owningbusinessunit = u.businessunitid FROM rows.systemuser u
            WHERE u.systemuserid = r.ownerid AND r.owningbusinessunit IS NULL"""
        for name in (*_MADE, "callbackregistration")
    ),
    f"""INSERT INTO rows.rowshare (tablename, rowid, principalid, accessmask)
        SELECT 'workflow', workflowid, principalid, {_CO_OWNER} FROM rows.flowshare
        WHERE role = 1 ON CONFLICT DO NOTHING""",
    f"""INSERT INTO rows.role (roleid, name, parentrootroleid)
        VALUES ('{_MAKER}', 'Environment Maker', '{_MAKER}')""",
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        SELECT '{_MAKER}', t, r, 1 FROM unnest(ARRAY{list(_MADE)}) AS t,
            unnest(ARRAY{list(_RIGHTS)}) AS r""",
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        SELECT '{_BASIC_USER}', t, 'Read', 1
        FROM unnest(ARRAY{[*_MADE, "callbackregistration", "flowrun"]}) AS t""",
)
# A run's number as a guid, its low half.
_RUN = "lpad(to_hex({}), 32, '0')::uuid"
_RUNS = (
    f"CREATE UNIQUE INDEX run_by_guid ON journal.run (({_RUN.format('id')}))",
    f"""
    CREATE VIEW rows.flowrun AS
    SELECT {_RUN.format("r.id")} AS flowrunid, r.id::text AS name, r.flow AS workflowid,
           r.started AS starttime, r.ended AS endtime,
           (extract(epoch FROM r.ended - r.started) * 1000)::bigint AS duration, r.status,
           CASE r.kind WHEN 'automated' THEN 'Automated' WHEN 'scheduled' THEN 'Scheduled'
                ELSE 'Manual' END AS triggertype,
           r.code AS errorcode, r.error AS errormessage, r.parent::text AS parentrunid,
           CASE WHEN r.parent IS NULL THEN 1 ELSE 0 END AS isprimary,
           r.initiator AS startedbyid, r.principal AS ranasid, r.rule AS ranasrule,
           w.ownerid, w.owneridtype, w.owningbusinessunit,
           r.started AS createdon, coalesce(r.ended, r.started) AS modifiedon,
           CASE WHEN r.ended IS NULL THEN 1 ELSE 2 END::bigint AS versionnumber,
           0 AS statecode, 1 AS statuscode
    FROM journal.run r JOIN rows.workflow w ON w.workflowid = r.flow
    """,
)


def upgrade() -> None:
    for statement in (*_COLUMNS, *_MEMBERS, *_CONTENT, *_RUNS):
        op.execute(statement)
