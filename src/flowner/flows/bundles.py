"""Bundles of apps: an app's owner puts pages of their own in place of its forms."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Final

from flowner.clock import Clock
from flowner.database import Database
from flowner.definitions.bundles import Bundle, pack
from flowner.errors import NotFound
from flowner.flows.apps import require_open, require_own
from flowner.rows.bundles import (
    ShownBundle,
    bundle_file,
    bundle_files,
    delete_bundles,
    put_bundle,
    shown_bundle,
)
from flowner.values import AppId, PrincipalId

KEPT: Final = timedelta(hours=3)
"""How long files of a bundle that was replaced are served to pages that are open."""
_MOST_CHARACTERS: Final = 100
"""Of the name of a bundle's file, its last."""


class Bundles:
    """Keeps bundles for those who own an app, and hands their files to those who may open it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def put(self, app: AppId, bundle: Bundle, name: str, by: PrincipalId) -> ShownBundle:
        """Serve a bundle from now on, in place of the one before. ``name`` is its file's."""
        shown = ShownBundle(
            digest=bundle.digest,
            name="".join(filter(str.isprintable, name))[-_MOST_CHARACTERS:],
            by=by,
            at=self._clock.now(),
            files=len(bundle.files),
            size_bytes=sum(map(len, bundle.files.values())),
        )
        async with self._database.transaction() as transaction:
            await require_own(transaction, app, by)
            await put_bundle(transaction, app, shown, bundle.files, kept=KEPT)
        return shown

    async def remove(self, app: AppId, by: PrincipalId) -> bool:
        """Show the app's forms again; False where it had no bundle."""
        async with self._database.transaction() as transaction:
            await require_own(transaction, app, by)
            return await delete_bundles(transaction, app)

    async def packed(self, app: AppId, by: PrincipalId) -> bytes:
        """Return the bundle's files as a zip, for the app's owner."""
        async with self._database.transaction() as transaction:
            await require_own(transaction, app, by)
            shown = await shown_bundle(transaction, app)
            if shown is None:
                raise NotFound("the app has no bundle")
            return pack(await bundle_files(transaction, app, shown.digest))

    async def file(self, app: AppId, digest: str, path: str, person: PrincipalId) -> bytes:
        """Return one file for somebody who may open the app; `NotFound` otherwise: 3 queries."""
        known, found = unicodedata.normalize("NFC", path), None
        async with self._database.transaction() as transaction:
            await require_open(transaction, app, person)
            if known.isprintable():  # others are in no bundle
                found = await bundle_file(transaction, app, digest, known)
        if found is None:
            raise NotFound("there is no such file")
        return found
