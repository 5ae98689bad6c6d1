"""Who may come in: secrets of applications, passwords, identities of providers, provisioning.

None of these tables is a row that a query can reach, and none holds a secret: only hashes.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0010"

_PROVISIONER = "00000000-0000-4000-8000-0000000000aa"
_STATEMENTS = (
    """
    CREATE TABLE rows.applicationsecret (
        applicationsecretid uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        principalid uuid NOT NULL REFERENCES rows.systemuser ON DELETE CASCADE,
        name text NOT NULL,
        secrethash bytea NOT NULL UNIQUE,
        createdon timestamptz NOT NULL,
        expireson timestamptz NOT NULL,
        revokedon timestamptz,
        lastusedon timestamptz
    )
    """,
    "CREATE INDEX applicationsecret_by_principal ON rows.applicationsecret (principalid)",
    """
    ALTER TABLE rows.accesstoken ADD COLUMN applicationsecretid uuid
        REFERENCES rows.applicationsecret ON DELETE CASCADE
    """,
    "CREATE INDEX accesstoken_by_principal ON rows.accesstoken (principalid)",
    "CREATE INDEX systemuser_by_object ON rows.systemuser (azureactivedirectoryobjectid)",
    """
    CREATE TABLE rows.localpassword (
        principalid uuid PRIMARY KEY REFERENCES rows.systemuser ON DELETE CASCADE,
        passwordhash text NOT NULL,
        changedon timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE rows.signinattempt (
        who bytea PRIMARY KEY,
        since timestamptz NOT NULL,
        attempts int NOT NULL
    )
    """,
    "COMMENT ON COLUMN rows.signinattempt.who IS 'SHA-256 of an account or a network address'",
    """
    CREATE TABLE rows.externalidentity (
        issuer text NOT NULL,
        subject text NOT NULL,
        principalid uuid NOT NULL REFERENCES rows.systemuser ON DELETE CASCADE,
        linkedon timestamptz NOT NULL,
        PRIMARY KEY (issuer, subject),
        UNIQUE (issuer, principalid)
    )
    """,
    """
    CREATE TABLE rows.providergroup (
        issuer text NOT NULL,
        value text NOT NULL,
        securitygroupid uuid NOT NULL REFERENCES rows.securitygroup ON DELETE CASCADE,
        PRIMARY KEY (issuer, value, securitygroupid)
    )
    """,
    """
    CREATE TABLE rows.signinbegun (
        statehash bytea PRIMARY KEY,
        browserhash bytea NOT NULL,
        issuer text NOT NULL,
        redirecturi text NOT NULL,
        returnto text NOT NULL,
        expireson timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE rows.provisioned (
        resourceid uuid PRIMARY KEY,
        kind text NOT NULL,
        externalid text,
        said jsonb NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE UNIQUE INDEX provisioned_by_external ON rows.provisioned (kind, externalid)",
    f"INSERT INTO rows.role (roleid, name) VALUES ('{_PROVISIONER}', 'Provisioner')",
    f"""INSERT INTO rows.roleprivilege (roleid, privilegename)
        VALUES ('{_PROVISIONER}', 'prvProvisionDirectory')""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
