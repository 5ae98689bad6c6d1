"""Rows as the Web API shows them, and as it is told them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from flowner.errors import Invalid
from flowner.rows.catalogue import STAMPS, Table, Type
from flowner.values import Json, JsonObject

_PLAIN = frozenset({Type.TEXT, Type.WHOLE, Type.BIG, Type.FLOAT, Type.BOOLEAN, Type.JSON})
_BOUND = re.compile(r"/?(?P<set>[a-z0-9_]+)\((?P<id>[0-9a-fA-F-]{36})\)$")


def shown(row: Mapping[str, Any], table: Table) -> JsonObject:
    """Return a stored row as JSON: lookups as ``_name_value``, moments in UTC with ``Z``.

    ``@odata.id`` (``accounts(guid)``) is there whenever the key is: flows relate rows by it.
    """
    return all_shown([row], table)[0]


def all_shown(rows: Sequence[Mapping[str, Any]], table: Table) -> list[JsonObject]:
    """Return stored rows that have the same columns as JSON, each as `shown` does.

    What a statement added for itself (``@…``) is left out.
    """
    if not rows:
        return []
    names = [name for name in rows[0] if not name.startswith("@")]
    key, places = table.key, [(name, *_place(name, table)) for name in names]
    has_key, set_name = key in rows[0], table.set_name
    found = []
    for row in rows:
        document: JsonObject = {"@odata.etag": f'W/"{row["versionnumber"]}"'}
        if has_key:
            document["@odata.id"] = f"{set_name}({row[key]})"
        for name, called, plain in places:
            value = row[name]
            document[called] = value if plain is None or value is None else plain(value)
        found.append(document)
    return found


def _place(name: str, table: Table) -> tuple[str, Callable[[Any], Json] | None]:
    """Return what a column is called in JSON, and what makes its values JSON; None: they are."""
    type = table.columns.get(name)
    if type is Type.LOOKUP:
        return name if name == table.key else f"_{name}_value", str
    if type is Type.MOMENT:
        return name, _second
    return name, None if type in _PLAIN else _json


def without(document: JsonObject, columns: Collection[str]) -> JsonObject:
    """Return a shown row with these columns null."""
    dark = {*columns, *(f"_{column}_value" for column in columns)}
    return {name: None if name in dark else value for name, value in document.items()}


def stored(values: JsonObject, table: Table) -> dict[str, Any]:
    """Return what to write, by column, from what a caller gave.

    ``name@odata.bind`` (``/accounts(guid)``) sets a lookup; other annotations, and a key that is
    null or equal to the row's, are passed over. `Invalid` names a column that is not there, may
    not be written, or cannot hold the value.
    """
    found: dict[str, Any] = {}
    for given, value in values.items():
        name, at, annotation = given.partition("@")
        if at and annotation != "odata.bind":
            continue
        column = table.navigated(name) if at else table.column(name)
        if column is None:
            raise Invalid(f"could not find a property named `{name}` on the table `{table.name}`")
        if column in STAMPS:
            raise Invalid(f"the column `{name}` is written by the store itself")
        if at:
            found[column], kind = _bound(given, value)
            if column == "ownerid":
                found["owneridtype"] = kind
        else:
            found[column] = _value(name, value, table.columns[column])
    return found


def named(values: JsonObject, table: Table) -> list[str]:
    """Return the columns that a request names, changed or not."""
    return sorted(
        {
            column
            for given in values
            if (column := table.navigated(given.partition("@")[0])) is not None
        }
    )


def bound_set(value: Json) -> str | None:
    """Return the set that a bound row is of; None for what is not bound."""
    match = _BOUND.search(value) if isinstance(value, str) else None
    return None if match is None else match["set"]


def _bound(given: str, value: Json) -> tuple[str | None, str]:
    if value is None:
        return None, "systemuser"
    match = _BOUND.search(value) if isinstance(value, str) else None
    if match is None:
        raise Invalid(f"`{given}` is not bound to a row: write `/accounts(<guid>)`")
    return match["id"].lower(), match["set"].removesuffix("s")


def _value(name: str, value: Json, type: Type) -> Any:
    if value is None or value == "":
        return None if type is not Type.TEXT else value
    try:
        return _READ[type](value)
    except (ValueError, ArithmeticError, KeyError):
        pass
    raise Invalid(f"`{str(value)[:60]}` is no value for the column `{name}`, which holds {type}")


def _whole(value: Json) -> int:
    if isinstance(value, bool) or float(str(value)) != int(float(str(value))):
        raise ValueError
    return int(float(str(value)))


def _boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]


def _json(value: Any) -> Json:
    match value:
        case datetime():
            return _second(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Decimal():
            return float(value)
        case _:
            found: Json = value
            return found


def _second(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()[:19] + "Z"


def _moment(value: Json) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_READ: dict[Type, Callable[[Json], Any]] = {
    Type.TEXT: lambda value: value if isinstance(value, str) else json.dumps(value),
    Type.WHOLE: _whole,
    Type.BIG: _whole,
    Type.DECIMAL: lambda value: Decimal(str(value)),
    Type.FLOAT: lambda value: float(str(value)),
    Type.BOOLEAN: _boolean,
    Type.MOMENT: _moment,
    Type.DAY: lambda value: _moment(value).date(),
    Type.LOOKUP: lambda value: str(UUID(str(value))),
    Type.JSON: Jsonb,
}
