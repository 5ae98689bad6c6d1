"""A machine whose processes share one fresh database, and a service that they call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flowner.server import House, open_house
from flowner.settings import Settings
from serving.processes import Machine, Outside, outside

R = TypeVar("R")
InHouse = Callable[[Callable[[House], Coroutine[Any, Any, R]]], R]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder, with the key that secrets in the module's database are sealed with."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def machine(database_url: str, folder: Path, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(folder, tmp_path, {"FLOWNER_DATABASE_URL": database_url})
    yield machine
    machine.end()


@pytest.fixture
def service() -> Iterator[Outside]:
    with outside() as service:
        yield service


@pytest.fixture
def in_house(machine: Machine, database_url: str, run: Callable[..., Any]) -> InHouse[Any]:
    """Work in a house of the test's own, which moves no runs."""

    async def opened(work: Callable[[House], Coroutine[Any, Any, R]]) -> R:
        settings = Settings(database_url=database_url, data_folder=machine.data)
        async with open_house(settings) as house:
            return await work(house)

    return lambda work: run(opened(work))
