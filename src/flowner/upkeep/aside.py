"""Runs that a restore has set aside: which they are, and letting them go on."""

from __future__ import annotations

from collections.abc import Sequence

from flowner.journal.aside import Aside, let_go_on, list_aside
from flowner.server import House
from flowner.values import RunId


async def listed(house: House, most: int) -> list[Aside]:
    """Return the newest runs that are set aside."""
    async with house.database.connection() as connection:
        return await list_aside(connection, most)


async def let_go(house: House, runs: Sequence[RunId] | None) -> list[RunId]:
    """Let runs go on, or all (None); answers which of them were set aside."""
    async with house.database.connection() as connection:
        return await let_go_on(connection, runs)
