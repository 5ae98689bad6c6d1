"""From an action's flat keys to rows, references and query options. Nothing here waits."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid5

from flowner.sdk.context import File, OperationContext, Rejected, Rows
from flowner.values import Json, JsonObject

MAX_DEPTH: Final = 10
"""Levels of a row that is written with related rows inside."""

_STEPS: Final = UUID("6f1c9f0a-5b0e-5b52-9d39-27f4c1f0a7c1")
_OPTIONS: Final = (
    "$select", "$filter", "$orderby", "$top", "$expand", "$count", "$apply", "$skiptoken",
    "$search", "fetchXml",
)  # fmt: skip
_REFERENCE: Final = re.compile(r"(?:^|/)(?P<set>\w+)\((?P<id>[^()/]+)\)\s*$")
_TYPE: Final = re.compile(r"_(?P<lookup>\w+)_type$")
_OWN: Final = frozenset({"", "current", "default", "default.cds"})


def rows_of(context: OperationContext) -> Rows:
    """Return the rows in the acting identity's name.

    Raises:
        Rejected: this run was given none.
    """
    if context.rows is None:
        raise Rejected("there are no rows within reach of this action", status=403)
    return context.rows


def text(parameters: Mapping[str, Json], *names: str) -> str:
    """Return the first of the named parameters that is there, as a text that is not empty.

    Raises:
        Rejected: none is there, or it is empty, null or no text.
    """
    for name in names:
        value = parameters.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    raise Rejected(f"`{names[0]}` is empty; say which {_MEANINGS.get(names[0], 'value')} is meant")


_MEANINGS: Final = {
    "entityName": "table",
    "table": "table",
    "recordId": "row",
    "fileImageFieldName": "column",
    "id": "row",
    "associationEntityRelationship": "relationship",
}


def row_id(parameters: Mapping[str, Json], *names: str) -> str:
    """Return a row's id without the braces that some callers write around it."""
    return text(parameters, *names).removeprefix("{").removesuffix("}")


def row_values(parameters: Mapping[str, Json], *wholes: str) -> JsonObject:
    """Return the row that ``item`` and the ``item/…`` keys write; the keys win.

    ``wholes`` name further parameters that may hold the row as one object or as its JSON text.

    Raises:
        Rejected: a whole is no object, or the row is deeper than `MAX_DEPTH`.
    """
    found: JsonObject = {}
    for whole in ("item", *wholes):
        found.update(_object(parameters.get(whole), whole))
    for name, value in parameters.items():
        head, _, path = name.partition("/")
        if head == "item" and path:
            _put(found, path.split("/"), value)
    return _with_bound_owners(found)


def _object(value: Json, name: str) -> JsonObject:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Rejected(f"`{name}` is a text that is not JSON; write an object") from None
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise Rejected(f"`{name}` is not an object of columns")
    return value


def _put(row: JsonObject, path: list[str], value: Json) -> None:
    if len(path) > MAX_DEPTH:
        raise Rejected(f"`item/{'/'.join(path)[:100]}` is deeper than {MAX_DEPTH} levels")
    *heads, last = path
    for head in heads:
        inner = row.setdefault(head, {})
        if not isinstance(inner, dict):
            raise Rejected(f"`item/{'/'.join(path)[:100]}` writes into a value that is no object")
        row = inner
    row[last] = value


def _with_bound_owners(values: JsonObject) -> JsonObject:
    """Join each ``_name_type`` and its ``_name_value`` to one reference, as old flows mean it."""
    found = dict(values)
    for name, kind in values.items():
        match = _TYPE.match(name)
        if match is None:
            continue
        del found[name]
        lookup = match["lookup"]
        if isinstance(kind, str) and kind and found.get(f"_{lookup}_value"):
            found[f"{lookup}@odata.bind"] = f"/{kind}({found.pop(f'_{lookup}_value')})"
    return found


def content_of(file: File) -> JsonObject:
    """Return a file as flows hold it: ``{"$content-type", "$content"}`` in base64."""
    written = base64.b64encode(file.content).decode()
    return {"$content-type": file.media_type, "$content": written}


def file_of(parameters: Mapping[str, Json]) -> File:
    """Return the file that ``item`` holds: a file of a flow's, or a text as it is.

    Raises:
        Rejected: it is neither.
    """
    item, name = parameters.get("item"), text(parameters, "x-ms-file-name")
    kind = parameters.get("content-type")
    media_type = kind if isinstance(kind, str) and kind else "application/octet-stream"
    if isinstance(item, str):
        return File(name=name, media_type=media_type, content=item.encode())
    content = item.get("$content") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(content, str):
        raise Rejected("`item` is neither a file nor a text")
    try:
        raw = base64.b64decode(content, validate=True)
    except ValueError:
        raise Rejected("`$content` of `item` is not in base64") from None
    own = item.get("$content-type")
    return File(
        name=name,
        media_type=own if not kind and isinstance(own, str) and own else media_type,
        content=raw,
    )


def query_options(parameters: Mapping[str, Json]) -> dict[str, str]:
    """Return the query's options as text; what is empty is left out.

    Raises:
        Rejected: an option is an array or an object.
    """
    found: dict[str, str] = {}
    for name in _OPTIONS:
        value = parameters.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, (dict, list)):
            raise Rejected(f"`{name}` is not a text or a number")
        found[name] = value if isinstance(value, str) else json.dumps(value)
    return found


def reference(address: str) -> str:
    """Return ``accounts(guid)`` for a row's address, absolute or relative.

    Raises:
        Rejected: the address names no row.
    """
    match = _REFERENCE.search(address)
    if match is None:
        raise Rejected(f"`{address[:100]}` names no row; write it as `accounts(<id>)`")
    return f"{match['set']}({match['id']})"


def step_id(context: OperationContext) -> str:
    """Return the id of the row that this step creates: the same at every attempt."""
    return str(uuid5(_STEPS, context.idempotency_key))


def require_own(organization: Json, context: OperationContext) -> None:
    """Refuse to act here where the flow means another environment's rows.

    Raises:
        Rejected: ``organization`` is neither the current environment nor the connection's own.
    """
    asked = _plain(organization)
    if asked not in _OWN | {_plain(context.settings.get("organization"))}:
        raise Rejected(
            f"this connection reaches the rows of its own environment, not of `{asked[:100]}`",
            status=404,
            code="NotFound",
        )


def _plain(address: Json) -> str:
    written = address if isinstance(address, str) else ""
    return written.strip().casefold().removeprefix("https://").rstrip("/")


def addressed(row: JsonObject, table: str, id: str) -> JsonObject:
    """Return the row with its own address, which later steps hand to *relate rows*."""
    return {"@odata.id": f"{table}({id})", **row}


def next_page(body: JsonObject, parameters: JsonObject) -> JsonObject | None:
    """Return the parameters of the next page of a list; None: there is none."""
    link = body.get("@odata.nextLink")
    if not isinstance(link, str):
        return None
    found = parse_qs(urlsplit(link).query).get("$skiptoken")
    return {**parameters, "$skiptoken": found[0]} if found else None
