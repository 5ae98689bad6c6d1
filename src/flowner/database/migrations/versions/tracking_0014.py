"""What queries stand on: the log of changes that somebody follows, and jobs as rows."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

_BASIC_USER = "00000000-0000-4000-8000-0000000000a2"
_STATEMENTS = (
    """
    CREATE TABLE rows.trackedtable (
        tablename text PRIMARY KEY,
        askedon timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE rows.trackedchange (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tablename text NOT NULL,
        rowid uuid NOT NULL,
        xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
        at timestamptz NOT NULL DEFAULT now(),
        message text NOT NULL,
        ownerid uuid,
        owningbusinessunit uuid,
        shares jsonb NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX trackedchange_by_xact ON rows.trackedchange (tablename, xact)",
    """
    CREATE TABLE rows.asyncoperation (
        asyncoperationid uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        createdon timestamptz NOT NULL DEFAULT now(),
        modifiedon timestamptz NOT NULL DEFAULT now(),
        createdby uuid, modifiedby uuid, createdonbehalfby uuid, modifiedonbehalfby uuid,
        versionnumber bigint NOT NULL DEFAULT nextval('rows.version'),
        ownerid uuid NOT NULL, owneridtype text NOT NULL DEFAULT 'systemuser',
        owningbusinessunit uuid,
        name text NOT NULL, operationtype int NOT NULL, primaryentitytype text,
        statecode int NOT NULL, statuscode int NOT NULL,
        startedon timestamptz, completedon timestamptz, message text, friendlymessage text
    )
    """,
    "CREATE INDEX asyncoperation_by_owner ON rows.asyncoperation (ownerid)",
    f"""INSERT INTO rows.roleprivilege (roleid, tablename, rightname, depth)
        VALUES ('{_BASIC_USER}', 'asyncoperation', 'Read', 1)""",
    "INSERT INTO rows.systemtable (logicalname, schemaname)"
    " VALUES ('asyncoperation', 'AsyncOperation')",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
