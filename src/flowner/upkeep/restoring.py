"""Restoring a backup: all of it, or the database stays as it was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from flowner.database.connections import open_pool
from flowner.database.dumping import Load, Target, analyze, load, look_at
from flowner.database.migrate import known_revisions, migrate
from flowner.database.tools import fitting_tools
from flowner.errors import Conflict, Refused
from flowner.journal.aside import GIVE_UP_LEASES, SET_ASIDE
from flowner.rows.tracking import FORGET
from flowner.settings import Settings, environment_of_programs
from flowner.upkeep import key
from flowner.upkeep.archives import DUMP, Manifest, Reader, read
from flowner.upkeep.reaching import reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came of a restore."""

    manifest: Manifest
    set_aside: int
    """Runs that had not ended, and wait for somebody to let them go on."""
    key_added: bool
    """Whether the backup brought a key that was not here."""
    closed: int
    """Connections whose secrets no key that is here opens."""


async def restore(settings: Settings, file: Path, *, replaces: bool, goes_on: bool) -> Restored:
    """Restore a backup, and bring it to this release.

    ``replaces``: what the database holds goes; ``goes_on``: runs that had not ended go on, as if
    nothing had happened since. Raises `Invalid` for a file that is damaged, `Refused` for one of a
    later release and while somebody is connected, `Conflict` where there is something already. All
    that is changed before it ends is one transaction, and then the migrations.
    """
    with read(file) as archive:
        _of_this_release(archive.manifest)
        await asyncio.to_thread(archive.check)
        async with reached(settings, makes=True) as url:
            await _load(url, archive, replaces=replaces, goes_on=goes_on)
            await asyncio.to_thread(migrate, url)
            await analyze(url)
            brought = archive.key
            added = brought is not None and key.take_in(settings, brought)
            async with open_pool(url, pool_size=2) as database:
                closed = await key.that_do_not_open(settings, database)
        return Restored(
            manifest=archive.manifest,
            set_aside=0 if goes_on else archive.manifest.open_runs,
            key_added=added,
            closed=closed,
        )


async def holds_something(settings: Settings) -> bool:
    """Say whether there is something that a restore would have to replace."""
    if settings.database_url is None and not (settings.data_folder / "postgres").exists():
        return False
    async with reached(settings) as url:
        return (await look_at(url)).holds_something


async def _load(url: str, archive: Reader, *, replaces: bool, goes_on: bool) -> None:
    target = await look_at(url)
    _may_be_loaded(target, replaces=replaces)
    newest = max(archive.manifest.tools, target.server)
    tools = await asyncio.to_thread(fitting_tools, newest)
    what = Load(
        pieces=archive.pieces(DUMP),
        revision=archive.manifest.revision,
        replaces=replaces,
        afterwards=(GIVE_UP_LEASES if goes_on else SET_ASIDE, *FORGET),
    )
    await load(url, tools, what, environment_of_programs())


def _may_be_loaded(target: Target, *, replaces: bool) -> None:
    if target.others:
        raise Refused(
            f"somebody is connected to the database ({', '.join(target.others)}): stop every"
            " `flowner serve` and `flowner worker` first, and whatever else works on it"
        )
    if target.holds_something and not replaces:
        raise Conflict(
            "there is something in the database: restore into an empty one, or give `--replace`,"
            " which drops all that Flowner has in it"
        )


def _of_this_release(manifest: Manifest) -> None:
    if manifest.revision not in known_revisions():
        raise Refused(
            f"the backup is at revision {manifest.revision}, which this release does not know: it"
            f" was made by Flowner {manifest.flowner}, take that or a later one"
        )
