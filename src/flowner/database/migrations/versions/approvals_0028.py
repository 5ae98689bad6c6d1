"""Approvals, what is asked of whom and answered, letters; sign-ins and people that runs wait for."""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"

_TABLES = {
    "approval": """idempotencykey text NOT NULL UNIQUE, workflowid uuid NOT NULL,
        runid bigint NOT NULL, actionpath text NOT NULL, waits boolean NOT NULL,
        ownerid uuid NOT NULL, owneridtype text NOT NULL DEFAULT 'systemuser',
        owningbusinessunit uuid, requestorid uuid, kind text NOT NULL, stages jsonb NOT NULL,
        stage int NOT NULL DEFAULT 0, responseoptions jsonb NOT NULL, title text NOT NULL,
        details text NOT NULL DEFAULT '', itemlink text NOT NULL DEFAULT '',
        itemlinkdescription text NOT NULL DEFAULT '', enablenotifications boolean NOT NULL,
        enablereassignment boolean NOT NULL, due timestamptz, outcome text,
        completedon timestamptz""",
    "approvalrequest": """approvalid uuid NOT NULL REFERENCES rows.approval ON DELETE CASCADE,
        stage int NOT NULL, position int NOT NULL, holderid uuid NOT NULL,
        firstholderid uuid NOT NULL, reassignedby uuid, reassignedon timestamptz,
        isopen boolean NOT NULL DEFAULT true, UNIQUE (approvalid, stage, position)""",
    "approvalresponse": """approvalid uuid NOT NULL REFERENCES rows.approval ON DELETE CASCADE,
        approvalrequestid uuid NOT NULL UNIQUE REFERENCES rows.approvalrequest ON DELETE CASCADE,
        responderid uuid NOT NULL, onbehalfofid uuid, response text NOT NULL,
        comments text NOT NULL DEFAULT '', via text NOT NULL,
        respondedon timestamptz NOT NULL DEFAULT now()""",
    "approvalwait": """approvalid uuid NOT NULL REFERENCES rows.approval ON DELETE CASCADE,
        runid bigint NOT NULL, actionpath text NOT NULL, UNIQUE (approvalid, runid, actionpath)""",
    "signinask": """workflowid uuid NOT NULL, runid bigint NOT NULL, actionpath text NOT NULL,
        principalid uuid NOT NULL, bindingkey text NOT NULL, connectorid text NOT NULL,
        due timestamptz NOT NULL, answeredon timestamptz, UNIQUE (runid, actionpath)""",
    "letter": """kind text NOT NULL, aboutid uuid NOT NULL, principalid uuid NOT NULL,
        senton timestamptz, nexton timestamptz DEFAULT now(), attempts int NOT NULL DEFAULT 0,
        error text, UNIQUE (kind, aboutid, principalid)""",
}
_STATEMENTS = (
    "CREATE INDEX approval_by_owner ON rows.approval (ownerid, createdon DESC)",
    "CREATE INDEX approval_by_requestor ON rows.approval (requestorid, createdon DESC)",
    "CREATE INDEX approval_by_flow ON rows.approval (workflowid, createdon DESC)",
    "CREATE INDEX approvalrequest_open ON rows.approvalrequest (holderid) WHERE isopen",
    "CREATE INDEX approvalresponse_by_person ON rows.approvalresponse (responderid)",
    "CREATE INDEX approvalresponse_by_approval ON rows.approvalresponse (approvalid)",
    "CREATE INDEX signinask_by_person ON rows.signinask (principalid, workflowid)",
    "CREATE INDEX letter_due ON rows.letter (nexton) WHERE nexton IS NOT NULL",
    """
    CREATE TABLE journal.held (
        run bigint PRIMARY KEY,
        principal uuid NOT NULL,
        occasion bytea NOT NULL,
        until timestamptz NOT NULL
    )
    """,
    "CREATE INDEX held_by_principal ON journal.held (principal)",
    """
    CREATE FUNCTION journal.wake_held() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE journal.wake w SET due = least(w.due, now()), posted = w.posted + 1
        FROM journal.held h WHERE h.run = w.run AND h.principal = NEW.systemuserid;
        PERFORM pg_notify('flowner_wake', '');
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER wakes_held AFTER UPDATE OF isdisabled ON rows.systemuser FOR EACH ROW"
    " WHEN (OLD.isdisabled AND NOT NEW.isdisabled) EXECUTE FUNCTION journal.wake_held()",
    # Whether it can still be answered follows from its run: nothing has to be told when one ends.
    """
    CREATE VIEW rows.approvalnow AS
    SELECT a.*, f.name AS flowname, f.ownerid AS flowownerid,
           CASE WHEN a.outcome IS NOT NULL THEN 'Completed'
                WHEN a.due <= now() THEN 'TimedOut'
                WHEN a.waits AND w.run IS NULL OR r.status = 'Cancelled' THEN 'Canceled'
                ELSE 'Pending' END AS status
    FROM rows.approval a
    LEFT JOIN journal.wake w ON w.run = a.runid
    LEFT JOIN journal.run r ON r.id = a.runid
    LEFT JOIN rows.workflow f ON f.workflowid = a.workflowid
    """,
    """
    CREATE VIEW rows.signinasknow AS
    SELECT s.*, f.name AS flowname,
           CASE WHEN s.answeredon IS NOT NULL THEN 'Answered'
                WHEN s.due <= now() THEN 'TimedOut'
                WHEN w.run IS NULL THEN 'Canceled' ELSE 'Pending' END AS status
    FROM rows.signinask s
    LEFT JOIN journal.wake w ON w.run = s.runid
    LEFT JOIN rows.workflow f ON f.workflowid = s.workflowid
    """,
)


def upgrade() -> None:
    for name, columns in _TABLES.items():
        op.execute(
            f"""
            CREATE TABLE rows.{name} (
                {name}id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                createdon timestamptz NOT NULL DEFAULT now(),
                modifiedon timestamptz NOT NULL DEFAULT now(),
                createdby uuid, modifiedby uuid, {columns}
            )
            """
        )
    for statement in _STATEMENTS:
        op.execute(statement)
