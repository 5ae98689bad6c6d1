"""Rows as answers: annotations that a client asks for, and what it never sees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from flowner.errors import AccessDenied
from flowner.rows.catalogue import Table, Type
from flowner.rows.describing import Kind
from flowner.rows.pictures import image_columns, thumbnails
from flowner.rows.reading import Asked
from flowner.values import Json, JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.requests import FORMATTED, LOGICAL_NAME, NAVIGATION

_SPACE: Final = "Microsoft.Dynamics.CRM"


async def present(
    call: Call, table: Table, rows: Sequence[JsonObject], columns: Sequence[str] | None
) -> list[JsonObject]:
    """Return rows with the annotations that the request prefers.

    Names of rows that lookups point at are told only to who may read those rows. Images are shown
    where ``columns`` name them: their thumbnails, in base64.
    """
    wants = call.prefers.wants
    names = await _names(call, table, rows) if wants(FORMATTED) or wants(LOGICAL_NAME) else {}
    images = frozenset(image_columns(table))
    keys = [str(row[table.key]) for row in rows if table.key in row]
    pictures = {
        name: await thumbnails(call.transaction, table.name, name, keys)
        for name in images.intersection(columns or ())
    }
    shown = []
    for row in rows:
        found: JsonObject = {"@odata.etag": row["@odata.etag"]}
        for name, value in row.items():
            if name.startswith("@") or (columns is not None and _hidden(name, columns, table)):
                continue
            if name in images:
                if name in pictures:
                    kept = pictures[name].get(str(row.get(table.key)))
                    found[name] = None if value is None else kept
                continue
            found |= _annotated(call, table, name, value, names)
            found[name] = value
        shown.append(found)
    return shown


def context(call: Call, what: str) -> str:
    """Return the address that says what an answer holds."""
    return f"{call.request.service}$metadata#{what}"


def _hidden(name: str, columns: Sequence[str], table: Table) -> bool:
    inner = table.column(name)
    return inner not in columns


def _annotated(
    call: Call, table: Table, name: str, value: Json, names: dict[str, tuple[str, str]]
) -> JsonObject:
    wants, column = call.prefers.wants, table.column(name)
    if value is None or column is None:
        return {}
    found: JsonObject = {}
    if column != name:
        target, title = names.get(str(value), ("", ""))
        relations = table.targets(column)
        relations = [one for one in relations if one.referenced == target] or relations
        if wants(FORMATTED) and title:
            found[f"{name}@{FORMATTED}"] = title
        if wants(NAVIGATION) and relations:
            found[f"{name}@{NAVIGATION}"] = relations[0].navigation
        if wants(LOGICAL_NAME) and (target or len(relations) == 1):
            found[f"{name}@{LOGICAL_NAME}"] = target or relations[0].referenced
        return found
    text = formatted(table, column, value) if wants(FORMATTED) else None
    return {} if text is None else {f"{name}@{FORMATTED}": text}


def formatted(table: Table, column: str, value: Json) -> str | None:
    """Return a value as people read it; None where that is the value itself."""
    about = table.about(column)
    labels = {option.value: option.label for option in about.options}
    if about.kind is Kind.CHOICES and isinstance(value, str):
        return "; ".join(labels.get(int(one), one) for one in value.split(",") if one.strip())
    if isinstance(value, bool):
        return labels.get(int(value), "Yes" if value else "No")
    if isinstance(value, int) and labels:
        return labels.get(value)
    type = table.columns[column]
    if isinstance(value, int | float) and column != "versionnumber":
        places = 0 if type in (Type.WHOLE, Type.BIG) else int(about.details.get("Precision", 2))
        return f"{value:,.{places}f}"
    if type in (Type.MOMENT, Type.DAY) and isinstance(value, str):
        return _date(value, with_time=type is Type.MOMENT)
    return None


def _date(value: str, *, with_time: bool) -> str:
    moment = datetime.fromisoformat(value)
    day = f"{moment.month}/{moment.day}/{moment.year}"
    return f"{day} {moment:%I:%M %p}".replace(" 0", " ") if with_time else day


async def _names(
    call: Call, table: Table, rows: Sequence[JsonObject]
) -> dict[str, tuple[str, str]]:
    """Return the table and the name of each row that the rows' lookups point at."""
    wanted: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            column = table.column(name)
            if column is not None and column != name and isinstance(value, str):
                for relation in table.targets(column):
                    wanted.setdefault(relation.referenced, set()).add(value)
    found: dict[str, tuple[str, str]] = {}
    for target, ids in wanted.items():
        other = call.rooms.store.catalogue.known(target)
        if other is None or other.primary_name not in other.columns:
            continue
        asked = Asked(columns=[other.key, other.primary_name, "versionnumber"], size=1)
        try:
            those = await call.rooms.reading.those(
                call.caller, target, (other.key, ids), asked, call.transaction
            )
        except AccessDenied:
            continue
        for id, (row,) in those.items():
            found[id] = (target, str(row[other.primary_name] or ""))
    return found
