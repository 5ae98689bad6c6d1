"""A house that is not at work, one per module, at a time that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from flowner.clock import HeldClock
from flowner.server import open_house
from flowner.settings import Settings
from worlds.living import Living
from worlds.still import Still

BEGINNING = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
"""A Monday."""


@pytest.fixture(scope="module")
def still(database_url: str, run: Callable[..., Any], tmp_path_factory: Any) -> Iterator[Still]:
    """A whole house on a fresh database. It is not at work."""
    clock = HeldClock(BEGINNING, seed=1)
    settings = Settings(
        database_url=database_url,
        data_folder=tmp_path_factory.mktemp("still"),
        port=0,
        allow_private_addresses=True,
    )
    opening = open_house(settings, clock=clock)
    house = run(opening.__aenter__())
    yield Still(house, clock, Living(house))
    run(opening.__aexit__(None, None, None))
