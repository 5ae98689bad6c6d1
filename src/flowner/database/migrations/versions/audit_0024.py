"""Who did what in whose name: a record for every call that actions make, and what people manage.

What ran before is taken over from the journal, less the operation, which it did not say.
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"

_TABLES = (
    """
    CREATE TABLE journal.action (
        run bigint NOT NULL,
        seq int NOT NULL,
        at timestamptz NOT NULL,
        path text NOT NULL,
        flow uuid NOT NULL,
        initiator uuid,
        principal uuid,
        run_rule text,
        fallback boolean NOT NULL,
        acting uuid,
        actor uuid,
        account text,
        connection uuid,
        reference text,
        lender uuid,
        rule text,
        connector text,
        operation text,
        status text NOT NULL,
        code text NOT NULL,
        attempt int NOT NULL,
        refused boolean NOT NULL,
        planned boolean NOT NULL,
        PRIMARY KEY (run, seq)
    )
    """,
    """
    CREATE TABLE rows.audit (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        by uuid,
        actor uuid,
        act text NOT NULL,
        target uuid NOT NULL,
        name text NOT NULL,
        about uuid,
        aboutname text,
        before jsonb,
        after jsonb
    )
    """,
    """
    CREATE FUNCTION rows.keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit is only ever added to';
    END $$
    """,
    """
    CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON rows.audit
    FOR EACH STATEMENT EXECUTE FUNCTION rows.keep_audit()
    """,
)
_OLD = """
INSERT INTO journal.action
SELECT run, seq, at, path, flow, initiator, principal, run_rule, fallback,
       (acting ->> 'principal')::uuid, (acting ->> 'actor')::uuid,
       nullif(acting ->> 'account', ''), (acting ->> 'connection')::uuid,
       acting ->> 'reference', (acting ->> 'lentBy')::uuid, acting ->> 'rule', NULL, NULL,
       CASE kind WHEN 'waiting' THEN 'Waiting' WHEN 'attempt-failed' THEN 'Failed'
            ELSE body ->> 'status' END,
       coalesce(body ->> 'code', ''),
       coalesce((acting ->> 'attempt')::int, (body ->> 'attempt')::int, 1),
       (acting ->> 'refused') IS NOT NULL,
       coalesce((acting ->> 'asPlanned')::boolean, true)
FROM (
    SELECT e.run, e.seq, e.at, e.kind, e.path, r.flow, r.initiator, r.principal,
           r.rule AS run_rule, r.fallback IS NOT NULL AS fallback,
           convert_from(e.data, 'UTF8')::json AS body,
           convert_from(e.data, 'UTF8')::json -> 'acting' AS acting
    FROM journal.entry e JOIN journal.run r ON r.id = e.run
    WHERE e.kind IN ('action-ended', 'attempt-failed', 'waiting')
      AND position(convert_to('"acting":{', 'UTF8') IN e.data) > 0
      AND position(convert_to('\\u0000', 'UTF8') IN e.data) = 0
    OFFSET 0
) old
WHERE (acting ->> 'sent') IS NOT NULL OR (acting ->> 'refused') IS NOT NULL
"""
_REFUSED = """
INSERT INTO journal.action (run, seq, at, path, flow, initiator, fallback, status, code, attempt,
    refused, planned)
SELECT id, 0, started, '', flow, initiator, false, status, coalesce(code, ''), 1, true, true
FROM journal.run WHERE principal IS NULL AND ended IS NOT NULL
"""
TAKEN_OVER = (_OLD, _REFUSED)
"""What fills the table from the runs that there are."""
_INDEXES = (
    "CREATE INDEX action_by_time ON journal.action (at, run, seq)",
    *(
        f"CREATE INDEX action_by_{column} ON journal.action ({column}, at)"
        for column in ("flow", "initiator", "principal", "acting", "account", "connection")
    ),
    *(
        f"CREATE INDEX action_by_{column} ON journal.action ({column}, at)"
        f" WHERE {column} IS NOT NULL"
        for column in ("reference", "lender", "actor")
    ),
    "CREATE INDEX action_by_connector ON journal.action (connector, at)",
    "CREATE INDEX action_by_operation ON journal.action (operation, at)",
    "CREATE INDEX action_by_run_rule ON journal.action (run_rule, at)"
    " WHERE run_rule <> 'instant.invoker' AND run_rule <> 'automated.owner'",
    "CREATE INDEX action_by_rule ON journal.action (rule, at) WHERE rule <> 'action.connection'",
    "CREATE INDEX action_by_status ON journal.action (status, at) WHERE status <> 'Succeeded'",
    "CREATE INDEX action_refused ON journal.action (at) WHERE refused",
    "CREATE INDEX action_fallback ON journal.action (at) WHERE fallback",
    "CREATE INDEX action_unplanned ON journal.action (at) WHERE NOT planned",
    *(
        f"CREATE INDEX audit_by_{one} ON rows.audit ({one}, id)"
        for one in ("by", "about", "target")
    ),
    "CREATE INDEX audit_by_act ON rows.audit (act, id)",
    "CREATE INDEX audit_by_time ON rows.audit (at)",
)


def upgrade() -> None:
    for statement in (*_TABLES, *TAKEN_OVER, *_INDEXES):
        op.execute(statement)
