"""Secured columns: who may write them, and what is taken out of a row before it is shown.

Reading a list or a row hides them in the statement itself, see ``compiling``.
Source: https://learn.microsoft.com/power-platform/admin/field-level-security
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from flowner.access.rights import ColumnRights, Right
from flowner.errors import AccessDenied, Code, Conflict, Invalid
from flowner.rows.asking import Asking, fetch, guid
from flowner.rows.describing import metadata_id
from flowner.rows.shapes import without
from flowner.values import JsonObject, PrincipalId


def require_created(asking: Asking, columns: Iterable[str]) -> None:
    """Raise unless the caller may give the secured ones of these columns to a new row."""
    for column in columns:
        if not _rights(asking, column).create:
            raise AccessDenied(
                f"{asking.standings[0].name} does not have create permission for the secured"
                f" column `{column}` of `{asking.table.name}`",
                code=Code.COLUMN_CREATE_MISSING,
            )


async def require_updated(asking: Asking, key: str, columns: Iterable[str]) -> None:
    """Raise unless the caller may change the secured ones of these columns in this row."""
    for column in columns:
        if _rights(asking, column).update or await _shared(asking, key, column, "updateaccess"):
            continue
        raise AccessDenied(
            f"{asking.standings[0].name} does not have update permission for the secured column"
            f" `{column}` of `{asking.table.name}`, nor is it shared with them in this row",
            code=Code.COLUMN_UPDATE_MISSING,
        )


async def as_seen(asking: Asking, document: JsonObject) -> JsonObject:
    """Return a written row as its writer may see it."""
    hidden = asking.table.hidden.columns
    if not hidden:
        return document
    key = str(document[asking.table.key])
    dark = {c for c in hidden if not await _shared(asking, key, c, "readaccess")}
    return without(document, dark)


async def share_column(
    asking: Asking, id: str, column: str, principal: PrincipalId, *, read: bool, update: bool
) -> None:
    """Share a secured column of one row. Whoever shares it may do themselves what they share.

    `Conflict` (0x8004f50b) when it is shared with the principal already.
    """
    await require_sharing(asking, id, column, read=read, update=update)
    key = guid(id, asking.table)
    await require_unshared(asking, key, column, principal)
    await asking.transaction.execute(
        "INSERT INTO rows.principalobjectattributeaccess (objecttypecode, objectid,"
        " attributelogicalname, attributeid, principalid, readaccess, updateaccess)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            asking.table.name, key, column, metadata_id(asking.table.name, column), principal,
            read, update,
        ),
    )  # fmt: skip


async def require_sharing(
    asking: Asking, id: str, column: str, *, read: bool, update: bool
) -> None:
    """Raise unless the caller may share a secured column of a row for this.

    They may share the row, and do themselves what they share.
    """
    asking.require(Right.SHARE)
    await fetch(asking, id, Right.SHARE, [asking.table.key])
    if (asking.table.name, column) not in asking.standings[0].columns:
        raise Invalid(f"the column `{column}` of `{asking.table.name}` is not secured")
    key = guid(id, asking.table)
    held = _rights(asking, column)
    if update:
        await require_updated(asking, key, [column])
    if read and not held.read and not await _shared(asking, key, column, "readaccess"):
        raise AccessDenied(
            f"{asking.standings[0].name} may not read the secured column `{column}`",
            code=Code.COLUMN_READ_MISSING,
        )


async def require_unshared(asking: Asking, key: str, column: str, principal: str) -> None:
    """Raise where the column of the row is shared with the principal already."""
    found = await asking.transaction.execute(
        "SELECT 1 AS one FROM rows.principalobjectattributeaccess WHERE objecttypecode = %s"
        " AND objectid = %s AND attributelogicalname = %s AND principalid = %s",
        (asking.table.name, key, column, principal),
    )
    if await found.fetchone() is not None:
        raise Conflict(
            f"the column `{column}` of this row is shared with `{principal}` already",
            code=Code.COLUMN_SHARED_TWICE,
        )


def _rights(asking: Asking, column: str) -> ColumnRights:
    free = ColumnRights(read=True, create=True, update=True)
    return asking.standings[0].columns.get((asking.table.name, column), free)


async def _shared(asking: Asking, key: str, column: str, what: str) -> bool:
    found = await asking.transaction.execute(
        sql.SQL(
            "SELECT 1 AS one FROM rows.principalobjectattributeaccess WHERE objecttypecode = %s"
            " AND objectid = %s AND attributelogicalname = %s AND {}"
            " AND principalid = ANY(%s::uuid[])"
        ).format(sql.Identifier(what)),
        (asking.table.name, key, column, sorted(asking.standings[0].holders)),
    )
    return await found.fetchone() is not None
