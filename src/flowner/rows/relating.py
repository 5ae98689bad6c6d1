"""Relating rows: Append on the row that points, AppendTo on the row that is pointed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowner.access.rights import Right
from flowner.rows.asking import Asking, fetch
from flowner.rows.catalogue import Type
from flowner.rows.shapes import bound_set
from flowner.values import JsonObject


@dataclass(frozen=True, slots=True)
class Pointer:
    """A lookup that a request sets."""

    column: str
    id: str
    target: Asking | None
    """The same call about the table pointed at; None: the lookup may point anywhere, and the
    request gave a bare id."""


async def pointers(
    asking: Asking, values: JsonObject, given: Mapping[str, object]
) -> list[Pointer]:
    """Return the lookups that a request sets to something. ``given``: its values, by column."""
    names = {
        column: name
        for wire, value in values.items()
        if (column := asking.table.navigated(wire.partition("@")[0])) is not None
        and (name := bound_set(value)) is not None
    }
    found = []
    for column, id in given.items():
        if asking.table.columns[column] is not Type.LOOKUP or id is None:
            continue
        if column in ("ownerid", asking.table.key):
            continue
        name = names.get(column) or await _only_target(asking, column)
        target = None if name is None else await asking.about(name)
        found.append(Pointer(column, str(id), target))
    return found


def require_privileges(asking: Asking, found: list[Pointer]) -> None:
    """Raise unless the caller has the privileges to set these lookups."""
    if found:
        asking.require(Right.APPEND)
    for pointer in found:
        if pointer.target is not None:
            pointer.target.require(Right.APPEND_TO)


async def require_targets(found: list[Pointer]) -> None:
    """Raise unless the rows pointed at are there and open to be pointed at."""
    for pointer in found:
        if pointer.target is not None:
            table = pointer.target.table
            await fetch(pointer.target, pointer.id, Right.APPEND_TO, [table.key])


async def require_association(one: tuple[Asking, str], other: tuple[Asking, str]) -> None:
    """Raise unless two rows may be related many-to-many, or that be ended: Append on both."""
    for asking, _ in (one, other):
        asking.require(Right.APPEND)
    for asking, id in (one, other):
        await fetch(asking, id, Right.APPEND, [asking.table.key])


async def _only_target(asking: Asking, column: str) -> str | None:
    parents = {
        one.parent
        for one in await asking.memory.relationships(asking.transaction)
        if (one.child, one.column) == (asking.table.name, column)
    }
    parents = parents or {one.referenced for one in asking.table.targets(column)}
    return parents.pop() if len(parents) == 1 else None
