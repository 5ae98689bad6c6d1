"""The connector before: the same rows under ``dataset``, ``table`` and ``id``, often by path."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from flowner.connectors.dataverse.operations import create, delete, operations
from flowner.connectors.dataverse.values import (
    addressed,
    next_page,
    query_options,
    require_own,
    row_id,
    row_values,
    rows_of,
    text,
)
from flowner.sdk.connector import Connector, Credentials, ParameterForm, Repeat, SignIn
from flowner.sdk.context import Answer, OperationContext
from flowner.values import JsonObject

_PATH: Final = re.compile(
    r"(?:/v2)?/datasets/(?P<dataset>[^/]*)/tables/(?P<table>[^/]+)/items(?:/(?P<id>[^/]+))?/?",
    re.IGNORECASE,
)
_ADDRESSED: Final = {"GET": "GetItem_V2", "PATCH": "PatchItem_V2", "DELETE": "DeleteItem"}
_WHOLE: Final = {"GET": "GetItems_V2", "POST": "PostItem_V2"}
_FIRST_ID: Final = re.compile(r"\((?P<id>[^()]+)\)$")


def _route(method: str, path: str) -> tuple[str, JsonObject] | None:
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    # Flows encode each segment twice.
    named: JsonObject = {
        name: unquote(unquote(value)) for name, value in match.groupdict().items() if value
    }
    operation = (_ADDRESSED if "id" in named else _WHOLE).get(method)
    return (operation, named) if operation else None


connector: Final = Connector(
    ids=("shared_commondataserviceforapps", "shared_commondataservice"),
    title="Dataverse",
    summary="Reads and writes rows with exactly the rights of whom it acts as.",
    credentials=(Credentials(id="own", title="My own identity", sign_in=SignIn.OWN_IDENTITY),),
    legacy_route=_route,
    next_page=next_page,
    operations=operations.operations,
)

_PLACE: Final = (
    ParameterForm(name="dataset", title="Environment", description="`default.cds`"),
    ParameterForm(name="table", title="Entity name", required=True),
)
_ID: Final = ParameterForm(name="id", title="Item identifier", required=True)
_ITEM: Final = ParameterForm(
    name="item", title="Columns", type="object", description="each column as `item/name`"
)


def _table(parameters: JsonObject, context: OperationContext) -> str:
    require_own(parameters.get("dataset"), context)
    return text(parameters, "table")


def _known(row: JsonObject) -> JsonObject:
    """Return the row with ``ItemInternalId``, by which old flows name it in later steps."""
    address = row.get("@odata.id")
    match = _FIRST_ID.search(address) if isinstance(address, str) else None
    return {**row, "ItemInternalId": match["id"]} if match else row


@connector.operation(
    "GetItems_V2",
    title="List records",
    repeat=Repeat.HARMLESS,
    parameters=(
        *_PLACE,
        ParameterForm(name="$filter", title="Filter query"),
        ParameterForm(name="$orderby", title="Order by"),
        ParameterForm(name="$top", title="Top count", type="integer"),
        ParameterForm(name="$expand", title="Expand query"),
    ),
)
async def get_items(parameters: JsonObject, context: OperationContext) -> Answer:
    """Answer the rows of a table that the query asks for and the acting identity may read.

    Called twice: it reads twice.
    """
    table = _table(parameters, context)
    page = await rows_of(context).list(table, query_options(parameters))
    rows = page.get("value")
    value = (
        [_known(row) if isinstance(row, dict) else row for row in rows or []]
        if isinstance(rows, list)
        else []
    )
    return Answer(body={**page, "value": value})


@connector.operation(
    "GetItem_V2", title="Get record", repeat=Repeat.HARMLESS, parameters=(*_PLACE, _ID)
)
async def get_item(parameters: JsonObject, context: OperationContext) -> Answer:
    """Answer one row.

    Called twice: it reads twice.
    """
    table, id = _table(parameters, context), row_id(parameters, "id")
    return Answer(body=_known(addressed(await rows_of(context).get(table, id), table, id)))


@connector.operation(
    "PostItem_V2",
    title="Create a new record",
    repeat=Repeat.WITH_KEY,
    parameters=(*_PLACE, _ITEM),
)
async def post_item(parameters: JsonObject, context: OperationContext) -> Answer:
    """Add a row and answer it.

    Called twice: as for ``CreateRecord``, the second call finds the row of the first.
    """
    table = _table(parameters, context)
    row = await create(table, row_values(parameters, "body"), context)
    return Answer(status=201, body=_known(row))


@connector.operation(
    "PatchItem_V2",
    title="Update a record",
    repeat=Repeat.WITH_KEY,
    parameters=(*_PLACE, _ID, _ITEM),
)
async def patch_item(parameters: JsonObject, context: OperationContext) -> Answer:
    """Set columns of a row and answer it; refuse where there is none.

    Called twice: as for ``UpdateRecord``, the same values are written a second time.
    """
    table, id = _table(parameters, context), row_id(parameters, "id")
    row = await rows_of(context).update(table, id, row_values(parameters, "body"), upsert=False)
    return Answer(body=_known(addressed(row, table, id)))


@connector.operation(
    "DeleteItem", title="Delete a record", repeat=Repeat.WITH_KEY, parameters=(*_PLACE, _ID)
)
async def delete_item(parameters: JsonObject, context: OperationContext) -> Answer:
    """Delete a row.

    Called twice: as for ``DeleteRecord``, gone already is success for a repeated attempt.
    """
    await delete(_table(parameters, context), row_id(parameters, "id"), context)
    return Answer(has_body=False)
