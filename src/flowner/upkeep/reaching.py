"""The database of the settings, reached without opening the house: it is not migrated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flowner.database.embedded import EmbeddedServer
from flowner.errors import NotFound
from flowner.settings import Settings


@asynccontextmanager
async def reached(settings: Settings, *, makes: bool = False) -> AsyncIterator[str]:
    """Yield the database's address; the embedded server runs while the block does.

    ``makes``: an embedded one that is not there yet is made. Otherwise raises `NotFound`.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    folder = settings.data_folder / "postgres"
    if not makes and not folder.exists():
        raise NotFound(f"there is no database in `{settings.data_folder}`: set `FLOWNER_DATA`")
    server = await asyncio.to_thread(EmbeddedServer, folder)
    try:
        yield server.url
    finally:
        await asyncio.to_thread(server.release)
