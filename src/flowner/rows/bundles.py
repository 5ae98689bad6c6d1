"""Bundles of apps: their files, under the digest of all of them. Callers ask who may, before.

A bundle that was replaced is kept for a while: pages that are open go on with the files that they
began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowner.database import Transaction
from flowner.values import AppId, PrincipalId

_SHOWN = """
SELECT b.digest, b.filename AS name, b.uploadedby::text AS by, b.uploadedon AS at,
       count(*)::int AS files, sum(length(f.content))::bigint AS size_bytes
FROM rows.appbundle b JOIN rows.appbundlefile f USING (canvasappid, digest)
WHERE b.canvasappid = %s AND b.replacedon IS NULL
GROUP BY b.canvasappid, b.digest
"""
_PUT = """
INSERT INTO rows.appbundle (canvasappid, digest, filename, uploadedby, uploadedon)
VALUES (%(app)s, %(digest)s, %(name)s, %(by)s, %(at)s)
ON CONFLICT (canvasappid, digest) DO UPDATE SET filename = excluded.filename,
    uploadedby = excluded.uploadedby, uploadedon = excluded.uploadedon, replacedon = NULL
"""
_FILE = """
INSERT INTO rows.appbundlefile (canvasappid, digest, path, content) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBundle:
    """The bundle that an app serves."""

    digest: str
    name: str
    """Of the file that was uploaded."""
    by: PrincipalId
    at: datetime
    files: int
    size_bytes: int
    """Of all files, unpacked."""


async def put_bundle(
    transaction: Transaction,
    app: AppId,
    bundle: ShownBundle,
    files: Mapping[str, bytes],
    *,
    kept: timedelta,
) -> None:
    """Serve a bundle in place of the one before; those replaced longer ago than ``kept`` go."""
    # Whoever uploads at the same time waits: there is one that is shown.
    await transaction.execute(
        "SELECT 1 FROM rows.canvasapp WHERE canvasappid = %s FOR UPDATE", (app,)
    )
    await transaction.execute(
        "UPDATE rows.appbundle SET replacedon = %s WHERE canvasappid = %s AND replacedon IS NULL",
        (bundle.at, app),
    )
    await transaction.execute(
        "DELETE FROM rows.appbundle WHERE canvasappid = %s AND replacedon < %s",
        (app, bundle.at - kept),
    )
    row = {"app": app, "digest": bundle.digest, "name": bundle.name, "by": bundle.by}
    await transaction.execute(_PUT, row | {"at": bundle.at})
    async with transaction.cursor() as cursor:
        rows = [(app, bundle.digest, path, content) for path, content in files.items()]
        await cursor.executemany(_FILE, rows)


async def delete_bundles(transaction: Transaction, app: AppId) -> bool:
    """Remove an app's bundle, with those before it; False where there was none."""
    done = await transaction.execute("DELETE FROM rows.appbundle WHERE canvasappid = %s", (app,))
    return done.rowcount > 0


async def shown_bundle(transaction: Transaction, app: AppId) -> ShownBundle | None:
    """Return what an app serves; None: it has no bundle."""
    row = await (await transaction.execute(_SHOWN, (app,))).fetchone()
    return None if row is None else ShownBundle(**row)


async def bundle_files(transaction: Transaction, app: AppId, digest: str) -> dict[str, bytes]:
    """Return every file of a bundle by its path."""
    found = await transaction.execute(
        "SELECT path, content FROM rows.appbundlefile WHERE canvasappid = %s AND digest = %s"
        " ORDER BY path",
        (app, digest),
    )
    return {row["path"]: bytes(row["content"]) for row in await found.fetchall()}


async def bundle_file(transaction: Transaction, app: AppId, digest: str, path: str) -> bytes | None:
    """Return one file of a bundle; None: it has no such file, or there is no such bundle."""
    found = await transaction.execute(
        "SELECT content FROM rows.appbundlefile"
        " WHERE (canvasappid, digest, path) = (%s::uuid, %s, %s)",
        (app, digest, path),
    )
    row = await found.fetchone()
    return None if row is None else bytes(row["content"])
