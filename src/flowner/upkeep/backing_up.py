"""A backup: the whole database at one moment, in one file, while the server works on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from flowner.database.dumping import dump, read_through, snapshot
from flowner.database.tools import fitting_tools
from flowner.journal.aside import count_open
from flowner.settings import Settings, environment_of_programs
from flowner.upkeep import key
from flowner.upkeep.archives import DUMP, KEY, Manifest, read, written
from flowner.upkeep.reaching import reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a file holds."""

    file: Path
    manifest: Manifest
    bytes: int
    with_key: bool


async def back_up(settings: Settings, file: Path, *, with_key: bool, replaces: bool) -> Backup:
    """Write a backup. Raises `Conflict` where the file is there, `Refused`, `Unavailable`.

    ``file``: a folder gets a file that is named by the moment.
    """
    keys = key.to_put_in(settings) if with_key else None
    async with reached(settings) as url, snapshot(url) as moment:
        tools = await asyncio.to_thread(fitting_tools, moment.server)
        if await asyncio.to_thread(file.is_dir):
            file /= f"flowner-{moment.at:%Y%m%dT%H%M%SZ}.backup"
        with written(file, replaces=replaces) as archive:
            pieces = dump(tools, moment, environment_of_programs())
            async with aclosing(pieces):
                await archive.add(DUMP, pieces)
            if keys is not None:
                await archive.add(KEY, _one(keys))
            manifest = Manifest(
                at=moment.at,
                flowner=version("flowner"),
                revision=moment.revision,
                postgresql=moment.server,
                tools=tools.version,
                open_runs=await count_open(moment.transaction),
                keys=await key.of_secrets(moment.transaction),
            )
            size = archive.finish(manifest)
    return Backup(file=file, manifest=manifest, bytes=size, with_key=with_key)


async def check(file: Path) -> Backup:
    """Read a whole backup, and have `pg_restore` read its dump, without a database.

    Raises `Invalid` for what is damaged or none, `Refused` for one of a later release.
    """
    with read(file) as archive:
        await asyncio.to_thread(archive.check)
        manifest = archive.manifest
        tools = await asyncio.to_thread(fitting_tools, manifest.tools)
        await read_through(tools, archive.pieces(DUMP))
        return Backup(
            file=file, manifest=manifest, bytes=archive.size, with_key=archive.key is not None
        )


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece
