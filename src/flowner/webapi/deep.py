"""Rows made with the rows around them: parents and children nested in one body.

Every row is made by the store, under the law, within the transaction of the request: all of them
or none. Source:
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/create-entity-web-api
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from flowner.errors import Code, Invalid
from flowner.rows.associations import Association
from flowner.rows.catalogue import Table
from flowner.rows.compiling import related_by
from flowner.rows.describing import Relation
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import read_link
from flowner.webapi.associating import tie
from flowner.webapi.bodies import linked, read_values
from flowner.webapi.calls import Call

MOST_DEEP: Final = 10
MOST_ROWS: Final = 1000
"""Rows that one body makes at most."""
_BIND: Final = "@odata.bind"


@dataclass(slots=True)
class _Parts:
    """A body taken apart: what is of the row itself, and the rows nested in it."""

    own: JsonObject = field(default_factory=dict)
    above: list[tuple[str, JsonObject]] = field(default_factory=list)
    """Rows that it points at, by navigation property."""
    below: list[tuple[Relation, list[JsonObject]]] = field(default_factory=list)
    """Rows that are to point at it."""
    bound: list[tuple[Relation, list[str]]] = field(default_factory=list)
    """Links to rows that are there and are to point at it."""
    beside: list[tuple[Association, list[JsonObject]]] = field(default_factory=list)
    """Rows that it is to be related to, many to many."""
    tied: list[tuple[Association, list[str]]] = field(default_factory=list)
    """Links to rows that are there and that it is to be related to, many to many."""


class Nest:
    """One body with what is nested in it."""

    def __init__(self, call: Call) -> None:
        self._call, self._made = call, 0

    async def create(
        self, table: Table, body: JsonObject, said: JsonObject | None = None, depth: int = 0
    ) -> JsonObject:
        """Make a row and those nested in it; return it. ``said``: values that go before the body's.

        Parents are made first, then the row, then its children in order. `Invalid` for more than
        `MOST_ROWS` rows or `MOST_DEEP` levels.
        """
        self._made += 1
        if self._made > MOST_ROWS or depth > MOST_DEEP:
            raise Invalid(
                f"a body makes at most {MOST_ROWS} rows, {MOST_DEEP} deep", code=Code.BAD_BODY
            )
        call, parts = self._call, _taken_apart(table, body)
        for name, inner in parts.above:
            if f"{name}{_BIND}" in parts.own:
                raise Invalid(f"`{name}` is given and bound", code=Code.BAD_BODY)
            other = await self._pointed_at(table, name, inner)
            row = await self.create(other, inner, None, depth + 1)
            parts.own[f"{name}{_BIND}"] = f"/{other.set_name}({row[other.key]})"
        values = {**await read_values(call, table, parts.own), **(said or {})}
        row = await call.rooms.store.create(
            call.caller, table.name, values, within=call.transaction
        )
        await self._below(f"/{table.set_name}({row[table.key]})", parts, depth)
        await self._beside(str(row[table.key]), parts, depth)
        return row

    async def _below(self, link: str, parts: _Parts, depth: int) -> None:
        for relation, bodies in parts.below:
            other = await self._call.named(relation.referencing)
            for one in bodies:
                pointing = {**one, f"{relation.navigation}{_BIND}": link}
                await self.create(other, pointing, None, depth + 1)
        for relation, links in parts.bound:
            await self._bind(relation, links, link)

    async def _beside(self, id: str, parts: _Parts, depth: int) -> None:
        call = self._call
        for association, bodies in parts.beside:
            other = await call.named(association.other)
            for one in bodies:
                row = await self.create(other, one, None, depth + 1)
                await tie(call, association, id, str(row[other.key]))
        for association, links in parts.tied:
            for link in links:
                found = read_link(await linked(call, link, {association.other}))
                await tie(call, association, id, found.guid or "")

    async def _bind(self, relation: Relation, links: list[str], link: str) -> None:
        call, other = self._call, relation.referencing
        for one in links:
            found = await linked(call, one, {other})
            id = found.partition("(")[2].removesuffix(")")
            values: JsonObject = {f"{relation.navigation}{_BIND}": link}
            await call.rooms.store.update(call.caller, other, id, values, within=call.transaction)

    async def _pointed_at(self, table: Table, name: str, body: JsonObject) -> Table:
        """Return the table of a nested row; one of several has to say so in ``@odata.type``."""
        tables = [one.referenced for one, _ in related_by(name, table)]
        said = str(body.get("@odata.type", "")).rpartition(".")[2]
        if said:
            tables = [one for one in tables if one == said]
        if len(tables) != 1:
            raise Invalid(
                f"`{name}` may point into several tables: write the navigation property of one",
                code=Code.BAD_BODY,
            )
        return await self._call.named(tables[0])


def _taken_apart(table: Table, body: JsonObject) -> _Parts:
    parts = _Parts()
    for given, value in body.items():
        name, at, annotation = given.partition("@")
        relations, association = _relations(table, name), table.associated(name)
        inner = _bodies(value)
        if at and annotation != "odata.bind":
            parts.own[given] = value
        elif association is not None:
            _take_associated(parts, association, given, value)
        elif not relations:
            parts.own[given] = value
        elif relations[0][1] and not at and isinstance(value, list) and len(inner) == len(value):
            parts.below.append((relations[0][0], inner))
        elif relations[0][1] and at:
            parts.bound.append((relations[0][0], _links(given, value)))
        elif relations[0][1]:
            raise Invalid(f"`{name}` is a list of rows", code=Code.BAD_BODY)
        elif isinstance(value, dict) and not at:
            parts.above.append((name, value))
        else:
            parts.own[given] = value
    return parts


def _take_associated(parts: _Parts, one: Association, given: str, value: Json) -> None:
    inner = _bodies(value)
    if given.endswith(_BIND):
        parts.tied.append((one, _links(given, value)))
    elif isinstance(value, list) and len(inner) == len(value):
        parts.beside.append((one, inner))
    else:
        raise Invalid(f"`{given}` is a list of rows", code=Code.BAD_BODY)


def _relations(table: Table, name: str) -> list[tuple[Relation, bool]]:
    try:
        return related_by(name, table)
    except Invalid:
        return []


def _bodies(value: Json) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _links(given: str, value: Json) -> list[str]:
    found = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(found) != len(value):
        raise Invalid(f"`{given}` is a list of links", code=Code.BAD_BODY)
    return found
