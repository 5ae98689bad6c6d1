"""The newest revision, told without loading what migrates."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory

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


def test_the_command_line_starts_without_what_migrates() -> None:
    asked = (
        "import sys, flowner.cli; print([m for m in ('alembic', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
