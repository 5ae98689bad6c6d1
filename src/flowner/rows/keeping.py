"""Tables of ours that are written as rows: each by the keeper of its rules.

The store asks the row law first, in the caller's name, and then hands the row to the keeper of its
table. A keeper asks for what the law does not know, and writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flowner.access.rights import Right
from flowner.errors import AccessDenied, Code
from flowner.rows import cascading, shares
from flowner.rows.asking import Asking
from flowner.rows.catalogue import Table
from flowner.rows.writing import insert, update
from flowner.values import JsonObject

Row = dict[str, Any]
"""Values by column."""


class Keeper:
    """Writes the rows of one table. This one has no rules but the law: the user's own tables."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a row, given with its owner and stamps; return it whole."""
        return await insert(asking, row)

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a row that the law opens, given as it stands and locked; return it whole."""
        return await update(asking, str(before[asking.table.key]), change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a row that the law opens, and by its relationships what points at it."""
        await cascading.remove(asking, str(before[asking.table.key]), set())

    async def share(
        self, asking: Asking, id: str, holder: str, rights: Iterable[Right], *, adds: bool
    ) -> None:
        """Share a row: ``adds`` to what is shared with the holder, or takes its place."""
        await shares.share(asking, id, holder, rights, adds=adds)

    async def unshare(self, asking: Asking, id: str, holder: str) -> None:
        """End what a row is shared with a holder for."""
        await shares.unshare(asking, id, holder)


_OTHERWISE: Final = {
    "callbackregistration": "turning a flow on or off writes them",
    "flowrun": "runs of flows write them",
    "securitygroup": "`flowner groups` writes them",
    "canvasapp": "`flowner apps` writes them",
}


def keeper_of(keepers: Mapping[str, Keeper], table: Table) -> Keeper:
    """Return who writes a table. `AccessDenied` for one of ours that nobody writes as rows."""
    if not table.is_system:
        return _PLAIN
    found = keepers.get(table.name)
    if found is None:
        said = _OTHERWISE.get(table.name, "the server itself writes them")
        raise AccessDenied(
            f"rows of `{table.name}` are not written here: {said}", code=Code.PRIVILEGE_MISSING
        )
    return found


_PLAIN: Final = Keeper()
