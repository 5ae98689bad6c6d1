"""The doctor: looks at a house, says what is wrong and what to do, and mends what is safe."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from typing import Final

from flowner.clock import SystemClock
from flowner.database.condition import Fault, condition, revision_faults
from flowner.database.connections import revision_of
from flowner.database.embedded import EmbeddedServer
from flowner.flows.examining import Examining
from flowner.journal.faults import BY_ITSELF, CODES, journal_faults, mend_journal
from flowner.server import House
from flowner.settings import Settings

__all__ = ["Fault", "faults_inside", "faults_outside", "mend_inside", "mend_outside"]
_LEAST_ROOM: Final = 1 << 30
KEY_READABLE: Final = "key-readable"


async def faults_outside(settings: Settings) -> list[Fault]:
    """Return what keeps a house from being opened, or is changed by opening it.

    The database is not migrated; where there is none, there is nothing wrong with it.
    """
    return [*_key_faults(settings), *_room_faults(settings), *await _not_current(settings)]


async def faults_inside(house: House) -> list[Fault]:
    """Return what is wrong with a house's database, runs and flows."""
    async with house.database.connection() as connection:
        return [
            *await condition(connection, SystemClock().now()),
            *await journal_faults(connection),
            *await _examining(house).faults(connection),
        ]


def mend_outside(settings: Settings, fault: Fault) -> None:
    """Mend one of `faults_outside` that mends."""
    if fault.code == KEY_READABLE:
        (settings.data_folder / "key").chmod(0o600)


async def mend_inside(house: House, fault: Fault) -> None:
    """Mend one of `faults_inside` that mends, in a transaction of its own."""
    if fault.code in BY_ITSELF:
        async with house.database.connection() as connection:
            await mend_journal(connection, fault)
        return
    async with house.database.transaction() as transaction:
        if fault.code in CODES:
            await mend_journal(transaction, fault)
        else:
            await _examining(house).mend(transaction, fault)


def _examining(house: House) -> Examining:
    return Examining(house.published, house.clock)


def _key_faults(settings: Settings) -> Sequence[Fault]:
    file = settings.data_folder / "key"
    if settings.key is not None or os.name != "posix" or not file.exists():
        return []
    if not file.stat().st_mode & 0o077:
        return []
    return [
        Fault(
            code=KEY_READABLE,
            about="key",
            text="others can read the key file `key` in the data folder: whoever has it and the"
            " database can open every secret, and no process starts with it",
            advice="mending takes it from them; if somebody else uses this machine, give"
            " `flowner connections rotate-key` afterwards",
            mends=True,
        )
    ]


def _room_faults(settings: Settings) -> Sequence[Fault]:
    if not settings.data_folder.exists():
        return []
    free = shutil.disk_usage(settings.data_folder).free
    if free >= _LEAST_ROOM:
        return []
    return [
        Fault(
            code="disk-full",
            about="data folder",
            text=f"the disk of the data folder has {free >> 20} MB left",
            advice="make room, or keep runs for a shorter time: `FLOWNER_KEEP_RUNS_DAYS`",
        )
    ]


async def _not_current(settings: Settings) -> Sequence[Fault]:
    if settings.database_url is not None:
        return revision_faults(await revision_of(settings.database_url))
    folder = settings.data_folder / "postgres"
    if not folder.exists():
        return []
    server = await asyncio.to_thread(EmbeddedServer, folder)
    try:
        return revision_faults(await revision_of(server.url))
    finally:
        await asyncio.to_thread(server.release)
