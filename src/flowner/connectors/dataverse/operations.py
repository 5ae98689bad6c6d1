"""The operations of the Dataverse connector, each in the acting identity's name.

Every operation has a twin ``…WithOrganization`` that also names the environment; the connector
answers for its own alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flowner.connectors.dataverse.values import (
    addressed,
    content_of,
    file_of,
    query_options,
    reference,
    require_own,
    row_id,
    row_values,
    rows_of,
    step_id,
    text,
)
from flowner.sdk.connector import Connector, Lookup, Operation, ParameterForm, Perform, Repeat
from flowner.sdk.context import Answer, OperationContext, Rejected
from flowner.values import Json, JsonObject

DUPLICATE: Final = "0x80040237"
"""Dataverse's code for a row, or a relation between two rows, that is there already."""
ABSENT: Final = "0x80040217"
"""Dataverse's code for a row that is not there."""

operations: Final = Connector(ids=(), title="Dataverse")

_TABLE: Final = ParameterForm(
    name="entityName", title="Table name", required=True, lookup=Lookup.TABLES
)
_ROW: Final = ParameterForm(name="recordId", title="Row ID", required=True)
_ITEM: Final = ParameterForm(
    name="item",
    title="Columns",
    type="object",
    description="each column as `item/name`",
    lookup=Lookup.COLUMNS,
)
_SELECT: Final = ParameterForm(
    name="$select", title="Select columns", lookup=Lookup.COLUMN_NAMES, separator=","
)
_EXPAND: Final = ParameterForm(name="$expand", title="Expand query")
_PARTITION: Final = ParameterForm(
    name="partitionId", title="Partition ID", description="passed over: no table has partitions"
)
_FILE: Final = ParameterForm(name="fileImageFieldName", title="Column name", required=True)
_ACTION: Final = ParameterForm(name="actionName", title="Action name", required=True)
_VALUES: Final = ParameterForm(
    name="item", title="Parameters", type="object", description="each parameter as `item/name`"
)
_RELATIONSHIP: Final = ParameterForm(
    name="associationEntityRelationship", title="Relationship", required=True
)
_QUERY: Final = (
    _SELECT,
    ParameterForm(name="$filter", title="Filter rows"),
    ParameterForm(name="$orderby", title="Sort by", lookup=Lookup.COLUMN_NAMES, separator=","),
    _EXPAND,
    ParameterForm(name="fetchXml", title="Fetch XML query"),
    ParameterForm(name="$apply", title="Aggregate transformation"),
    ParameterForm(name="$top", title="Row count", type="integer"),
    ParameterForm(name="$skiptoken", title="Skip token"),
    _PARTITION,
)


@operations.operation(
    "ListRecords",
    title="List rows",
    repeat=Repeat.HARMLESS,
    parameters=(_TABLE, *_QUERY),
    answers=(("value[]", "List of items"), ("@odata.nextLink", "Next link")),
)
async def list_records(parameters: JsonObject, context: OperationContext) -> Answer:
    """Answer the rows of a table that the query asks for and the acting identity may read.

    Called twice: it reads twice.
    """
    table = text(parameters, "entityName")
    return Answer(body=await rows_of(context).list(table, query_options(parameters)))


@operations.operation(
    "GetItem",
    title="Get a row by ID",
    repeat=Repeat.HARMLESS,
    parameters=(_TABLE, _ROW, _SELECT, _EXPAND, _PARTITION),
)
async def get_item(parameters: JsonObject, context: OperationContext) -> Answer:
    """Answer one row.

    Called twice: it reads twice.
    """
    table, id = text(parameters, "entityName"), row_id(parameters, "recordId")
    options = query_options(parameters)
    row = await rows_of(context).get(
        table, id, select=options.get("$select"), expand=options.get("$expand")
    )
    return Answer(body=addressed(row, table, id))


@operations.operation(
    "CreateRecord", title="Add a new row", repeat=Repeat.WITH_KEY, parameters=(_TABLE, _ITEM)
)
async def create_record(parameters: JsonObject, context: OperationContext) -> Answer:
    """Add a row and answer it.

    Called twice: the row's id comes from the step, so the second call finds the row and answers
    it as it stands. Where the flow chooses the id itself, the second call is refused as a
    duplicate. Only if somebody deleted the row in between is it added again.
    """
    table = text(parameters, "entityName")
    return Answer(status=201, body=await create(table, row_values(parameters), context))


async def create(table: str, values: JsonObject, context: OperationContext) -> JsonObject:
    """Add a row under the step's own id, or answer the one that an earlier attempt added."""
    rows, id = rows_of(context), step_id(context)
    try:
        row = await rows.create(table, values, id=id)
    except Rejected as duplicate:
        if duplicate.code != DUPLICATE:
            raise
        try:
            row = await rows.get(table, id)
        except Rejected as absent:
            # The other row is not ours: the flow's own key, or a unique column, was taken.
            raise (duplicate if absent.status == 404 else absent) from None
    return row


@operations.operation(
    "UpdateRecord",
    title="Update a row",
    repeat=Repeat.WITH_KEY,
    parameters=(_TABLE, _ROW, _ITEM),
)
async def update_record(parameters: JsonObject, context: OperationContext) -> Answer:
    """Set columns of a row and answer it; add it under the id given where there is none.

    Called twice: the row holds the same values, written a second time. Flows that wait for
    changes of the row may start twice, and what others wrote to these columns in between is
    overwritten.
    """
    return await _update(parameters, context, upsert=True)


@operations.operation(
    "UpdateOnlyRecord",
    title="Update a row that exists",
    repeat=Repeat.WITH_KEY,
    parameters=(_TABLE, _ROW, _ITEM),
)
async def update_only_record(parameters: JsonObject, context: OperationContext) -> Answer:
    """Set columns of a row and answer it; refuse where there is none.

    Called twice: as for ``UpdateRecord``.
    """
    return await _update(parameters, context, upsert=False)


async def _update(parameters: JsonObject, context: OperationContext, *, upsert: bool) -> Answer:
    table, id = text(parameters, "entityName"), row_id(parameters, "recordId")
    row = await rows_of(context).update(table, id, row_values(parameters), upsert=upsert)
    return Answer(body=addressed(row, table, id))


@operations.operation(
    "DeleteRecord", title="Delete a row", repeat=Repeat.WITH_KEY, parameters=(_TABLE, _ROW)
)
async def delete_record(parameters: JsonObject, context: OperationContext) -> Answer:
    """Delete a row.

    Called twice: the row is gone already, which is success for a repeated attempt and a refusal
    (404) for a first one.
    """
    table, id = text(parameters, "entityName"), row_id(parameters, "recordId")
    await delete(table, id, context)
    return Answer(status=204, has_body=False)


async def delete(table: str, id: str, context: OperationContext) -> None:
    """Delete a row; gone already is success for a repeated attempt."""
    try:
        await rows_of(context).delete(table, id)
    except Rejected as absent:
        if not (context.repeated and absent.code == ABSENT):
            raise


@operations.operation(
    "AssociateEntities",
    title="Relate rows",
    repeat=Repeat.WITH_KEY,
    parameters=(
        _TABLE,
        _ROW,
        _RELATIONSHIP,
        ParameterForm(name="item/@odata.id", title="Relate with", required=True),
    ),
)
async def associate_entities(parameters: JsonObject, context: OperationContext) -> Answer:
    """Relate one row to another.

    Called twice: the two are related already, which is success for a repeated attempt.
    """
    table, id = text(parameters, "entityName"), row_id(parameters, "recordId")
    relationship = text(parameters, "associationEntityRelationship")
    other = reference(text(parameters | row_values(parameters), "item/@odata.id", "@odata.id"))
    try:
        await rows_of(context).associate(table, id, relationship, other)
    except Rejected as duplicate:
        if not (context.repeated and duplicate.code == DUPLICATE):
            raise
    return Answer(status=204, has_body=False)


@operations.operation(
    "DisassociateEntities",
    title="Unrelate rows",
    repeat=Repeat.WITH_KEY,
    parameters=(
        _TABLE,
        _ROW,
        _RELATIONSHIP,
        ParameterForm(name="$id", title="Unrelate with", required=True),
    ),
)
async def disassociate_entities(parameters: JsonObject, context: OperationContext) -> Answer:
    """End the relation of one row to another.

    Called twice: the relation is gone already, which is success for a repeated attempt.
    """
    table, id = text(parameters, "entityName"), row_id(parameters, "recordId")
    relationship = text(parameters, "associationEntityRelationship")
    other = reference(text(parameters, "$id"))
    try:
        await rows_of(context).disassociate(table, id, relationship, other)
    except Rejected as absent:
        # The row, the other row or the relation is gone: there is nothing left to end.
        if not (context.repeated and absent.status == 404):
            raise
    return Answer(status=204, has_body=False)


@operations.operation(
    "PerformUnboundAction",
    title="Perform an unbound action",
    repeat=Repeat.NEVER,
    parameters=(_ACTION, _VALUES),
)
async def perform_unbound_action(parameters: JsonObject, context: OperationContext) -> Answer:
    """Call an action of the Web API that is bound to no table.

    Called twice: what it does, it does twice.
    """
    return _acted(
        await rows_of(context).act(text(parameters, "actionName"), row_values(parameters))
    )


@operations.operation(
    "PerformBoundAction",
    title="Perform a bound action",
    repeat=Repeat.NEVER,
    parameters=(_TABLE, _ACTION, ParameterForm(name="recordId", title="Row ID"), _VALUES),
)
async def perform_bound_action(parameters: JsonObject, context: OperationContext) -> Answer:
    """Call an action of the Web API that is bound to a table or, with an id, to one of its rows.

    Called twice: what it does, it does twice.
    """
    id = row_id(parameters, "recordId") if parameters.get("recordId") else None
    table, action = text(parameters, "entityName"), text(parameters, "actionName")
    return _acted(await rows_of(context).act(action, row_values(parameters), table=table, id=id))


def _acted(answer: JsonObject) -> Answer:
    return Answer(body=answer) if answer else Answer(status=204, has_body=False)


@operations.operation(
    "GetEntityFileImageFieldContent",
    title="Download a file or an image",
    repeat=Repeat.HARMLESS,
    parameters=(
        _TABLE,
        _ROW,
        _FILE,
        ParameterForm(name="size", title="Image size", description="`full`, or the thumbnail"),
    ),
)
async def get_file(parameters: JsonObject, context: OperationContext) -> Answer:
    """Answer the file or image of a row's column.

    Called twice: it reads twice.
    """
    table, id = text(parameters, "entityName"), row_id(parameters, "recordId")
    column, whole = text(parameters, "fileImageFieldName"), parameters.get("size") == "full"
    file = await rows_of(context).read_file(table, id, column, whole=whole)
    if file is None:
        return Answer(status=204, has_body=False)
    return Answer(
        headers={"Content-Type": file.media_type, "x-ms-file-name": file.name},
        body=content_of(file),
    )


@operations.operation(
    "UpdateEntityFileImageFieldContent",
    title="Upload a file or an image",
    repeat=Repeat.WITH_KEY,
    parameters=(
        _TABLE,
        _ROW,
        _FILE,
        ParameterForm(name="item", title="Content", required=True),
        ParameterForm(name="x-ms-file-name", title="Content name", required=True),
        ParameterForm(name="content-type", title="Content type"),
    ),
)
async def update_file(parameters: JsonObject, context: OperationContext) -> Answer:
    """Keep a file or image in a row's column, in place of the one that is there.

    Called twice: the same content is written a second time.
    """
    table, id = text(parameters, "entityName"), row_id(parameters, "recordId")
    column = text(parameters, "fileImageFieldName")
    await rows_of(context).write_file(table, id, column, file_of(parameters))
    return Answer(status=204, has_body=False)


@operations.operation(
    "ExecuteChangeset",
    title="Perform a changeset request",
    repeat=Repeat.WITH_KEY,
    parameters=(ParameterForm(name="requests", title="Requests", type="array", required=True),),
)
async def execute_changeset(parameters: JsonObject, context: OperationContext) -> Answer:
    """Carry out several writes, in order, all of them or none; answer a list of their answers.

    Called twice: each of them as when it is called twice by itself.
    """
    requests = parameters.get("requests")
    answers: list[Json] = []
    async with rows_of(context).together() as rows:
        for request in requests if isinstance(requests, list) else []:
            operation, given, key = _request(request, context)
            inner = replace(context, rows=rows, idempotency_key=key)
            answer = await operation.perform(given, inner)
            told: JsonObject = {"statusCode": answer.status, "headers": {**answer.headers}}
            answers.append(told | ({"body": answer.body} if answer.has_body else {}))
    return Answer(body=answers)


def _request(request: Json, context: OperationContext) -> tuple[Operation, JsonObject, str]:
    """Return a request's operation, its parameters, and the key of its own."""
    found = request if isinstance(request, dict) else {}
    name, given = str(found.get("operation")), found.get("parameters")
    operation = operations.operations.get(name.removesuffix("WithOrganization"))
    if operation is None or operation.repeat is Repeat.HARMLESS or name == "ExecuteChangeset":
        raise Rejected(f"`{name[:60]}` is no write that a changeset carries out")
    key = f"{context.idempotency_key}/{found.get('name')}"
    return operations.operations.get(name, operation), given if isinstance(given, dict) else {}, key


def _within_organization(perform: Perform) -> Perform:
    async def checked(parameters: JsonObject, context: OperationContext) -> Answer:
        require_own(parameters.get("organization"), context)
        return await perform(parameters, context)

    checked.__doc__ = perform.__doc__
    return checked


for _twin in tuple(operations.operations.values()):
    operations.operation(
        f"{_twin.id}WithOrganization",
        title=f"{_twin.title} from selected environment",
        repeat=_twin.repeat,
        parameters=(
            ParameterForm(
                name="organization",
                title="Environment",
                required=True,
                description="`current`, or the connection's own `organization`",
            ),
            *_twin.parameters,
        ),
    )(_within_organization(_twin.perform))
