"""A real PostgreSQL for the tests: one server, a fresh database for every module that asks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from flowner.database import Database
from flowner.database.connections import open_pool
from flowner.database.embedded import EmbeddedServer
from flowner.database.migrate import migrate
from flowner.server import House, at_work, open_house
from flowner.settings import Settings
from flowner.telemetry.logs import configure_logs
from worlds.databases import TEMPLATE, fresh_database, within
from worlds.temporal_server import TemporalServer

R = TypeVar("R")
configure_logs("text", "warning")
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a migrated database to copy."""
    given = os.environ.get("FLOWNER_TEST_DATABASE_URL")
    server = None if given else EmbeddedServer(tmp_path_factory.mktemp("postgres"))
    url = given or server.url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(within(url, TEMPLATE))
    yield url
    if server is not None:
        server.release()


@pytest.fixture(scope="session")
def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A real Temporal server; what asks for it is skipped where there is none."""
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["postgres", "temporal"])
def temporal(request: pytest.FixtureRequest) -> TemporalServer | None:
    """Who dispatches: what asks for it has to hold for both drivers. None: PostgreSQL."""
    if request.param == "postgres":
        return None
    server: TemporalServer = request.getfixturevalue("temporal_server")
    return server


@pytest.fixture(scope="module")
def database_url(server_url: str) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[[Coroutine[Any, Any, R]], R]]:
    """Run a coroutine to its end, on the module's own loop."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="module")
def database(database_url: str, run: Callable[..., Any]) -> Iterator[Database]:
    """An open pool on a fresh, migrated database; used from coroutines given to `run`."""
    opening = open_pool(database_url, pool_size=8)
    yield run(opening.__aenter__())
    run(opening.__aexit__(None, None, None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look at pages last: the browser's driver keeps a loop running in this thread."""
    items.sort(key=lambda item: item.path.parent.name == "portal")


@pytest.fixture(scope="module")
def house(database_url: str, run: Callable[..., Any], tmp_path_factory: Any) -> Iterator[House]:
    """A whole house on a fresh database. It is at work while the module runs."""
    settings = Settings(
        database_url=database_url,
        data_folder=tmp_path_factory.mktemp("house"),
        port=0,
        allow_private_addresses=True,
    )
    opening = open_house(settings)
    opened = run(opening.__aenter__())
    working = at_work(opened)
    run(working.__aenter__())
    yield opened
    run(working.__aexit__(None, None, None))
    run(opening.__aexit__(None, None, None))
