"""The contents of file columns. Who may see the row may see its files; callers ask before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowner.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file with its name and media type."""

    name: str
    media_type: str
    content: bytes


async def put_file(transaction: Transaction, place: tuple[str, str, str], file: StoredFile) -> str:
    """Keep a file in place of the one that is there; answers its id.

    ``place`` is table, column and the row's id.
    """
    found = await transaction.execute(
        "INSERT INTO rows.filecontent (tablename, columnname, rowid, filename, mediatype, content)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tablename, columnname, rowid) DO UPDATE"
        " SET fileid = gen_random_uuid(), filename = excluded.filename,"
        " mediatype = excluded.mediatype, content = excluded.content RETURNING fileid::text AS id",
        (*place, file.name, file.media_type, file.content),
    )
    row = await found.fetchone()
    return "" if row is None else str(row["id"])


async def read_file(transaction: Transaction, place: tuple[str, str, str]) -> StoredFile | None:
    """Return the file of a row's column; None: there is none."""
    found = await transaction.execute(
        "SELECT filename, mediatype, content FROM rows.filecontent"
        " WHERE (tablename, columnname, rowid) = (%s, %s, %s::uuid)",
        place,
    )
    row = await found.fetchone()
    if row is None:
        return None
    return StoredFile(
        name=row["filename"], media_type=row["mediatype"], content=bytes(row["content"])
    )


async def read_contents(
    transaction: Transaction, table: str, column: str, ids: Sequence[str]
) -> dict[str, bytes]:
    """Return the contents of one column's files, by the rows' ids; rows without one are not in."""
    found = await transaction.execute(
        "SELECT rowid::text AS id, content FROM rows.filecontent"
        " WHERE tablename = %s AND columnname = %s AND rowid = ANY(%s::uuid[])",
        (table, column, list(ids)),
    )
    return {row["id"]: bytes(row["content"]) for row in await found.fetchall()}


async def drop_files(transaction: Transaction, table: str, id: str, column: str | None) -> None:
    """Forget the file of a row's column; None: of every column."""
    await transaction.execute(
        "DELETE FROM rows.filecontent WHERE tablename = %s AND rowid = %s::uuid"
        " AND (%s::text IS NULL OR columnname = %s)",
        (table, id, column, column),
    )
