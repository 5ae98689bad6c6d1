"""Connection references and environment variables as rows: what flows are set up by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from flowner.access.vocabulary import ConnectionAction
from flowner.errors import Code, Conflict, Invalid, NotFound, Refused
from flowner.flows.asking import connection_permit
from flowner.flows.pointing import point, using
from flowner.rows import registry
from flowner.rows.asking import Asking
from flowner.rows.auditing import Act, note
from flowner.rows.keeping import Keeper, Row
from flowner.rows.writing import read_back
from flowner.triggers.published import Published
from flowner.values import ConnectionId, JsonObject

_CONNECTION: Final = ("connectionid", "connectioninstanceid")
_TYPES: Final = range(100_000_000, 100_000_006)
_NUMBER, _BOOLEAN, _JSON = 100_000_001, 100_000_002, 100_000_003


@dataclass(frozen=True, kw_only=True)
class References(Keeper):
    """Keeps connection references. ``connectionid`` points at one of the caller's connections."""

    published: Published

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a reference; it may point at a connection that the caller may use."""
        for name in ("connectionreferencelogicalname", "connectorid"):
            if not row.get(name):
                raise Invalid(f"a connection reference has a `{name}`")
        connector = str(row["connectorid"]).rstrip("/").rpartition("/")[2]
        name, to = str(row["connectionreferencelogicalname"]), _pointed(row)
        known = await registry.select(asking.transaction, "connectionreference", {})
        if name.lower() in {one["connectionreferencelogicalname"].lower() for one in known}:
            raise Conflict(f"there is a reference `{name}` already", code=Code.ROW_DUPLICATE)
        plain = _plain(row) | {"connectorid": connector}
        document = await super().create(asking, plain)
        if to is None:
            return document
        return await self._point(asking, document, to)

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a reference. Another connection moves every flow that uses it."""
        for name in ("connectionreferencelogicalname", "connectorid"):
            if str(change.get(name, before[name])).rpartition("/")[2] != before[name]:
                raise Refused(f"`{name}` stays: flows name the reference by it")
        document = await super().change(asking, before, _plain(change))
        if not any(name in change for name in _CONNECTION):
            return document
        to = _pointed(change)
        if str(to) == str(before["connectioninstanceid"]):
            return document
        if to is not None:
            return await self._point(asking, document, to)
        key = str(before["connectionreferenceid"])
        await note(
            asking.transaction,
            Act.REFERENCE_POINTED,
            key,
            by=asking.caller,
            after={"account": None},
        )
        return await super().change(asking, before, {"connectioninstanceid": None})

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a reference that no flow uses."""
        name = before["connectionreferencelogicalname"]
        flows = await using(asking.transaction, self.published, name)
        if flows:
            raise Refused(f"{len(flows)} flows use the reference `{name}`",
                          code=Code.ROW_REFERENCED)  # fmt: skip
        key = str(before["connectionreferenceid"])
        await note(asking.transaction, Act.REFERENCE_DELETED, key, by=asking.caller)
        await super().remove(asking, before)

    async def _point(
        self, asking: Asking, document: JsonObject, connection: ConnectionId
    ) -> JsonObject:
        t, caller = asking.transaction, asking.caller
        name = str(document["connectionreferencelogicalname"])
        if caller.actor is not None:
            # Acting for somebody is no leave to use what is theirs.
            await connection_permit(t, caller.actor, ConnectionAction.USE, connection)
        by, actor = caller.acting_for, caller.actor
        await point(t, self.published, name, connection, by, actor=actor)
        return await read_back(asking, str(document["connectionreferenceid"]))


class Variables(Keeper):
    """Keeps environment variables. Flows name one by its ``schemaname``, which stays."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Add a variable of one of the six types."""
        if not row.get("schemaname"):
            raise Invalid("an environment variable has a `schemaname`")
        if row.get("type") not in _TYPES:
            raise Invalid(f"`type` is {_TYPES.start} (text) to {_TYPES.stop - 1} (secret)")
        _require_value(row["type"], row.get("defaultvalue"))
        return await super().create(asking, row)

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a variable; runs that start from then on see it."""
        for name in ("schemaname", "type"):
            if change.get(name, before[name]) != before[name]:
                raise Refused(f"`{name}` of the variable {before['schemaname']} stays")
        _require_value(before["type"], change.get("defaultvalue"))
        return await super().change(asking, before, change)

    async def remove(self, asking: Asking, before: Mapping[str, Any]) -> None:
        """Remove a variable with its value."""
        key = asking.table.key
        value = {key: str(before[key])}
        await registry.delete(asking.transaction, "environmentvariablevalue", value)
        await super().remove(asking, before)


class Values(Keeper):
    """Keeps the values of environment variables: one each, in place of the default."""

    async def create(self, asking: Asking, row: Row) -> JsonObject:
        """Set a variable that has no value yet."""
        of = {_VARIABLE: row.get(_VARIABLE)}
        t = asking.transaction
        found = await registry.select(t, "environmentvariabledefinition", of)
        if not found:
            raise Invalid("a value is bound to its variable, in `EnvironmentVariableDefinitionId`")
        if await registry.select(t, "environmentvariablevalue", of):
            name = found[0]["schemaname"]
            raise Conflict(f"the variable {name} has a value", code=Code.ROW_DUPLICATE)
        _require_value(found[0]["type"], row.get("value"))
        return await super().create(asking, row | {"schemaname": found[0]["schemaname"]})

    async def change(self, asking: Asking, before: Mapping[str, Any], change: Row) -> JsonObject:
        """Change a value; runs that start from then on see it."""
        of = str(before[_VARIABLE])
        if str(change.get(_VARIABLE, of)) != of or "schemaname" in change:
            raise Refused("a value stays with its variable")
        where = {_VARIABLE: of}
        t = asking.transaction
        for one in await registry.select(t, "environmentvariabledefinition", where):
            _require_value(one["type"], change.get("value"))
        return await super().change(asking, before, change)


_VARIABLE: Final = "environmentvariabledefinitionid"


def keepers_of(published: Published) -> dict[str, Keeper]:
    """Return who writes what flows refer to, by table."""
    return {
        "connectionreference": References(published=published),
        "environmentvariabledefinition": Variables(),
        "environmentvariablevalue": Values(),
    }


def _plain(row: Row) -> Row:
    return {name: row[name] for name in row if name not in _CONNECTION}


def _pointed(row: Row) -> ConnectionId | None:
    """Return the connection that a row names, by id or by its whole address."""
    given = next((row[name] for name in _CONNECTION if row.get(name)), None)
    if given is None:
        return None
    try:
        return ConnectionId(str(UUID(str(given).rstrip("/").rpartition("/")[2])))
    except ValueError:
        raise NotFound(f"there is no connection `{given}`") from None


def _require_value(type: int, value: object) -> None:
    """Raise `Invalid` where a text is no value of the variable's type."""
    if value is None:
        return
    text = str(value)
    try:
        if type == _NUMBER:
            float(text)
        elif type == _JSON:
            json.loads(text)
        elif type == _BOOLEAN and text.lower() not in ("yes", "no", "true", "false"):
            raise ValueError
    except ValueError:
        raise Invalid(f"`{text[:60]}` is no value for a variable of type {type}") from None
