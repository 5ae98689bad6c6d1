"""Our own tables of rows, the change feed, and the epoch that identity is fresh by.

Names and columns are Dataverse's where Dataverse has the table; the others are ours.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = "0002"

_OWNED = "ownerid uuid, owneridtype text NOT NULL DEFAULT 'systemuser', owningbusinessunit uuid"
_PERSON = "principalid uuid NOT NULL, principaltype text NOT NULL DEFAULT 'systemuser'"

_TABLES = {
    "businessunit": "name text NOT NULL, parentbusinessunitid uuid",
    "systemuser": """fullname text NOT NULL, firstname text, lastname text,
        internalemailaddress text, domainname text NOT NULL, title text, department text,
        mobilephone text, isdisabled boolean NOT NULL DEFAULT false,
        accessmode int NOT NULL DEFAULT 0, applicationid uuid UNIQUE,
        businessunitid uuid NOT NULL DEFAULT '00000000-0000-4000-8000-0000000000b0',
        parentsystemuserid uuid, azureactivedirectoryobjectid uuid""",
    "securitygroup": "name text NOT NULL, mail text",
    "groupmembership": """securitygroupid uuid NOT NULL, memberid uuid NOT NULL,
        membertype text NOT NULL, UNIQUE (securitygroupid, memberid)""",
    "team": """name text NOT NULL, teamtype int NOT NULL DEFAULT 0,
        businessunitid uuid NOT NULL DEFAULT '00000000-0000-4000-8000-0000000000b0',
        securitygroupid uuid""",
    "teammembership": "teamid uuid NOT NULL, systemuserid uuid NOT NULL, UNIQUE (teamid, systemuserid)",
    "role": """name text NOT NULL,
        businessunitid uuid NOT NULL DEFAULT '00000000-0000-4000-8000-0000000000b0'""",
    "roleprivilege": """roleid uuid NOT NULL, tablename text NOT NULL DEFAULT '',
        rightname text NOT NULL DEFAULT '', depth int NOT NULL DEFAULT 8, privilegename text""",
    "roleassignment": "roleid uuid NOT NULL, principalid uuid NOT NULL, UNIQUE (roleid, principalid)",
    "rowshare": """tablename text NOT NULL, rowid uuid NOT NULL, principalid uuid NOT NULL,
        accessmask int NOT NULL, UNIQUE (tablename, rowid, principalid)""",
    "workflow": f"""{_OWNED}, name text NOT NULL, category int NOT NULL DEFAULT 5,
        type int NOT NULL DEFAULT 1, description text, uniquename text, solutionid text,
        currentversion int""",
    "flowversion": """workflowid uuid NOT NULL, number int NOT NULL, definition json NOT NULL,
        format text, publishedby uuid, publishedon timestamptz NOT NULL DEFAULT now(),
        UNIQUE (workflowid, number)""",
    "flowshare": f"""workflowid uuid NOT NULL, {_PERSON}, role int NOT NULL, canvasappid uuid,
        UNIQUE (workflowid, principalid, role)""",
    "connectioninstance": f"""{_OWNED}, name text NOT NULL, connectorid text NOT NULL,
        displayname text, account text NOT NULL,
        connectionstatus text NOT NULL DEFAULT 'Connected', settings jsonb NOT NULL DEFAULT '{{}}'""",
    "connectionshare": f"""connectioninstanceid uuid NOT NULL, {_PERSON}, role int NOT NULL,
        UNIQUE (connectioninstanceid, principalid)""",
    "connectionreference": f"""{_OWNED}, connectionreferencelogicalname text NOT NULL,
        connectionreferencedisplayname text, connectorid text NOT NULL,
        connectioninstanceid uuid""",
    "connectionlend": """connectioninstanceid uuid NOT NULL, workflowid uuid NOT NULL,
        flowversion int NOT NULL, bindingkey text NOT NULL, lentby uuid NOT NULL,
        lenton timestamptz NOT NULL DEFAULT now(), withdrawnon timestamptz""",
    "invokerchoice": """workflowid uuid, canvasappid uuid, principalid uuid NOT NULL,
        bindingkey text NOT NULL, connectorid text NOT NULL, connectioninstanceid uuid NOT NULL,
        consentedon timestamptz NOT NULL DEFAULT now(), withdrawnon timestamptz""",
    "canvasapp": f"{_OWNED}, name text NOT NULL, displayname text",
    "canvasappflow": "canvasappid uuid NOT NULL, workflowid uuid NOT NULL, UNIQUE (canvasappid, workflowid)",
    "canvasappshare": f"canvasappid uuid NOT NULL, {_PERSON}, UNIQUE (canvasappid, principalid)",
    "callbackregistration": f"""{_OWNED}, name text, workflowid uuid NOT NULL,
        entityname text NOT NULL, message int NOT NULL, scope int NOT NULL, runas int,
        filteringattributes text, filterexpression text, postponeuntil text""",
    "accesstoken": """principalid uuid NOT NULL, name text NOT NULL, tokenhash bytea NOT NULL UNIQUE,
        expireson timestamptz NOT NULL, revokedon timestamptz, lastusedon timestamptz""",
    "environmentvariabledefinition": """schemaname text NOT NULL UNIQUE, displayname text,
        type int NOT NULL, defaultvalue text""",
    "environmentvariablevalue": "environmentvariabledefinitionid uuid NOT NULL, value text",
}
_IDENTITY_DEPENDS_ON = (
    "systemuser securitygroup groupmembership team teammembership role roleprivilege"
    " roleassignment workflow flowversion flowshare connectioninstance connectionshare"
    " connectionreference connectionlend invokerchoice canvasapp canvasappflow canvasappshare"
).split()
_INDEXES = (
    "CREATE UNIQUE INDEX systemuser_by_upn ON rows.systemuser (lower(domainname))",
    "CREATE INDEX groupmembership_by_member ON rows.groupmembership (memberid)",
    "CREATE INDEX roleassignment_by_principal ON rows.roleassignment (principalid)",
    "CREATE INDEX roleprivilege_by_role ON rows.roleprivilege (roleid)",
    "CREATE INDEX teammembership_by_user ON rows.teammembership (systemuserid)",
    "CREATE UNIQUE INDEX connectionreference_by_name"
    " ON rows.connectionreference (lower(connectionreferencelogicalname))",
    "CREATE INDEX connectionlend_by_flow ON rows.connectionlend (workflowid)",
    "CREATE INDEX invokerchoice_by_principal ON rows.invokerchoice (principalid)",
    "CREATE INDEX canvasappflow_by_flow ON rows.canvasappflow (workflowid)",
    "CREATE INDEX callbackregistration_by_table ON rows.callbackregistration (entityname)",
)
_FEED = (
    """
    CREATE TABLE rows.change (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        tablename text NOT NULL,
        message text NOT NULL,
        rowid uuid NOT NULL,
        "row" jsonb NOT NULL,
        named text[] NOT NULL DEFAULT '{}',
        actingfor uuid,
        actor uuid,
        ownerid uuid,
        owneridtype text
    )
    """,
    "CREATE TABLE rows.identity_epoch (one boolean PRIMARY KEY DEFAULT true, epoch bigint NOT NULL)",
    "INSERT INTO rows.identity_epoch (epoch) VALUES (1)",
    """
    CREATE FUNCTION rows.move_identity_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE rows.identity_epoch SET epoch = epoch + 1;
        RETURN NULL;
    END $$
    """,
)
_BUSINESS_UNIT = "00000000-0000-4000-8000-0000000000b0"
_ADMINISTRATOR = "00000000-0000-4000-8000-0000000000a1"
_BASIC_USER = "00000000-0000-4000-8000-0000000000a2"
_DELEGATE = "00000000-0000-4000-8000-0000000000a3"
_RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")
_ROLES = (
    f"""INSERT INTO rows.businessunit (businessunitid, name)
        VALUES ('{_BUSINESS_UNIT}', 'The organization')""",
    f"""INSERT INTO rows.role (roleid, name) VALUES
        ('{_ADMINISTRATOR}', 'System Administrator'),
        ('{_BASIC_USER}', 'Basic User'), ('{_DELEGATE}', 'Delegate')""",
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        SELECT '{_ADMINISTRATOR}', '*', r, 8 FROM unnest(ARRAY{list(_RIGHTS)}) AS r""",
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        SELECT '{_BASIC_USER}', t, 'Read', 8
        FROM unnest(ARRAY['systemuser', 'team', 'businessunit', 'securitygroup']) AS t""",
    f"""INSERT INTO rows.roleprivilege (roleid, privilegename) VALUES
        ('{_DELEGATE}', 'prvActOnBehalfOfAnotherUser'),
        ('{_ADMINISTRATOR}', 'prvActOnBehalfOfAnotherUser')""",
)


def upgrade() -> None:
    op.execute("CREATE SEQUENCE rows.version")
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
    for statement in (*_INDEXES, *_FEED, *_ROLES):
        op.execute(statement)
    for name in _IDENTITY_DEPENDS_ON:
        op.execute(
            f"CREATE TRIGGER moves_epoch AFTER INSERT OR UPDATE OR DELETE ON rows.{name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION rows.move_identity_epoch()"
        )
