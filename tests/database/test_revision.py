"""The newest revision, told without loading what migrates."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from flowner.database import migrate, open_database

MIGRATIONS = Path(migrate.__file__).with_name("migrations")


def test_it_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.newest_revision()]


def test_an_empty_database_is_migrated_and_a_migrated_one_is_left(server_url, tmp_path) -> None:
    name = f"empty_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, mark, tail = server_url.partition("?")
    url = f"{head.rsplit('/', 1)[0]}/{name}{mark}{tail}"

    async def revision() -> str:
        async with open_database(url, tmp_path) as database, database.connection() as connection:
            found = await connection.execute("SELECT version_num FROM public.revision")
            return str((await found.fetchone())["version_num"])

    for _ in range(2):
        assert asyncio.run(revision()) == migrate.newest_revision()
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


BEFORE = """
INSERT INTO rows.systemuser (systemuserid, fullname, domainname, businessunitid)
    SELECT '00000000-0000-4000-8000-00000000ada1', 'Ada', 'ada@old.example', businessunitid
    FROM rows.businessunit;
INSERT INTO rows.systemuser (systemuserid, fullname, domainname, businessunitid)
    SELECT '00000000-0000-4000-8000-00000000bob1', 'Bob', 'bob@old.example', businessunitid
    FROM rows.businessunit;
INSERT INTO rows.role (roleid, name) VALUES ('00000000-0000-4000-8000-00000000c0de', 'Clerk');
INSERT INTO rows.workflow (workflowid, name, category, type, ownerid, statecode, statuscode,
                           currentversion)
    VALUES ('00000000-0000-4000-8000-00000000f10e', 'Old', 5, 1,
            '00000000-0000-4000-8000-00000000ada1', 0, 1, 1);
INSERT INTO rows.flowversion (flowversionid, workflowid, number, definition)
    VALUES (gen_random_uuid(), '00000000-0000-4000-8000-00000000f10e', 1, '{"properties": {}}');
INSERT INTO rows.flowshare (workflowid, principalid, principaltype, role)
    VALUES ('00000000-0000-4000-8000-00000000f10e', '00000000-0000-4000-8000-00000000bob1',
            'systemuser', 1);
INSERT INTO rows.environmentvariabledefinition (environmentvariabledefinitionid, schemaname, type,
                                                createdby)
    VALUES ('00000000-0000-4000-8000-00000000e0e0', 'new_where', 100000000,
            '00000000-0000-4000-8000-00000000ada1');
INSERT INTO rows.environmentvariablevalue (environmentvariabledefinitionid, value, createdby)
    VALUES ('00000000-0000-4000-8000-00000000e0e0', 'here', '00000000-0000-4000-8000-00000000ada1');
CREATE TABLE rows.old_thing (old_thingid uuid PRIMARY KEY, modifiedon timestamptz,
                             ownerid uuid, owningbusinessunit uuid);
INSERT INTO rows.tablemetadata (logicalname, entitysetname, displayname, primaryname)
    VALUES ('old_thing', 'old_things', 'Old thing', 'old_name');
""".replace("bob1", "b0b1")
AFTER = """
SELECT (SELECT count(*) FROM rows.teammembership m JOIN rows.team USING (teamid)
        WHERE isdefault) AS members,
       (SELECT parentrootroleid = roleid FROM rows.role WHERE name = 'Clerk') AS rooted,
       (SELECT clientdata FROM rows.workflow) AS data,
       (SELECT owningbusinessunit IS NOT NULL FROM rows.workflow) AS placed,
       (SELECT count(*) FROM rows.rowshare WHERE tablename = 'workflow') AS shares,
       (SELECT schemaname FROM rows.environmentvariablevalue) AS named,
       (SELECT count(*) FROM pg_indexes WHERE schemaname = 'rows' AND tablename = 'old_thing'
        AND indexdef LIKE '%modifiedon%') AS indexes,
       (SELECT count(*) FROM rows.privilege WHERE name = 'prvReadold_thing') AS privileges
"""


def test_rows_of_an_earlier_revision_are_brought_along(server_url) -> None:
    """Of one from before flows, units and roles were written as rows."""
    name = f"earlier_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, mark, tail = server_url.partition("?")
    url = f"{head.rsplit('/', 1)[0]}/{name}{mark}{tail}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool, future=True
    )
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0012")
        connection.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BEFORE)
    migrate.migrate(url)
    with psycopg.connect(url) as connection:
        found = connection.execute(AFTER).fetchone()
    assert found == (2, True, '{"properties": {}}', True, 1, "new_where", 3, 1)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_command_line_starts_without_what_migrates() -> None:
    asked = (
        "import sys, flowner.cli; print([m for m in ('alembic', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
