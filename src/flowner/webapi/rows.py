"""One row: read, made, changed, removed, related."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flowner.errors import Code, Conflict, Invalid, NotFound
from flowner.odata.syntax import And, Column, Compare, Comparison, Predicate, Related
from flowner.rows.catalogue import Table, Type
from flowner.rows.compiling import related_by
from flowner.rows.describing import Relation
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import Segment
from flowner.webapi.associating import pair
from flowner.webapi.bodies import linked, read_values
from flowner.webapi.calls import Call, need
from flowner.webapi.deep import Nest
from flowner.webapi.lists import (
    Listing,
    answer_count,
    answer_list,
    applied,
    expanded,
    read_options,
)
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context, formatted


async def read_row(call: Call, table: Table, segment: Segment) -> Answer:
    """Answer ``GET accounts(guid)``; 304 where the client has this version already."""
    listing = _single(call, table)
    id = need(table, (await call.key(table, segment))[0])
    row = await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    known = call.request.header("if-none-match")
    if known is not None and not listing.expands and known == row["@odata.etag"]:
        return Answer(status=304, headers={"ETag": known})
    content = await _document(call, table, row, listing)
    return Answer(content=content, headers={"ETag": str(row["@odata.etag"]), **applied(call)})


async def create_row(call: Call, table: Table) -> Answer:
    """Answer ``POST accounts``: 204, or 201 with the row where that is preferred."""
    return await _create(call, table, {}, _single(call, table))


async def write_row(call: Call, table: Table, segment: Segment) -> Answer:
    """Answer ``PATCH accounts(guid)``, which makes the row when there is none.

    ``If-Match`` keeps it from making one, ``If-None-Match: *`` from changing one.
    """
    listing = _single(call, table)
    id, said = await call.key(table, segment)
    there = id is not None and await call.rooms.reading.exists(table, id, call.transaction)
    if_match = call.request.header("if-match")
    if there and call.request.header("if-none-match") == "*":
        raise Conflict("a record with matching key values already exists", code=Code.ROW_VERSION)
    if not there and if_match is not None:
        _absent(table, need(table, id))
    if not there or id is None:
        key: JsonObject = {} if id is None else {table.key: id}
        return await _create(call, table, {**said, **key}, listing)
    values = await read_values(call, table, call.request.json())
    for name, value in values.items():
        if name == table.key and str(value).lower() != id:
            raise Invalid("the id in the body is another than in the address", code=Code.BAD_BODY)
    row = await call.rooms.store.update(
        call.caller, table.name, id, values, if_match=if_match, within=call.transaction
    )
    return await _written(call, table, row, listing, 200)


async def delete_row(call: Call, table: Table, segment: Segment) -> Answer:
    """Answer ``DELETE accounts(guid)``."""
    _refuse_options(call)
    id = need(table, (await call.key(table, segment))[0])
    if_match = call.request.header("if-match")
    if if_match not in (None, "*"):
        row = await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
        if row["@odata.etag"] != if_match:
            raise Conflict(
                "the version of the existing record doesn't match the version given",
                code=Code.ROW_VERSION,
            )
    await call.rooms.store.delete(call.caller, table.name, id, within=call.transaction)
    return Answer(status=204)


async def read_column(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``GET accounts(guid)/name`` and, where it names a relationship, the rows behind."""
    row_segment, column_segment = path
    name = column_segment.name
    column = table.column(name)
    id = need(table, (await call.key(table, row_segment))[0])
    is_lookup = column is not None and table.columns[column] is Type.LOOKUP
    if column is None or (is_lookup and name == column and column != table.key):
        return await _navigate(call, table, id, name)
    _refuse_options(call)
    row = await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    shown = name if name in row else f"_{column}_value"
    if row.get(shown) is None:
        return Answer(status=204)
    content: JsonObject = {
        "@odata.context": context(call, f"{table.set_name}({id})/{name}"),
        "value": row[shown],
    }
    return Answer(content=content)


async def read_raw(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``GET accounts(guid)/name/$value``: the text alone."""
    answer = await read_column(call, table, path)
    if not isinstance(answer.content, dict):
        return answer
    if "value" not in answer.content or isinstance(answer.content["value"], list):
        name = path[1].name[:60]
        raise NotFound(f"`{name}` leads to rows, which have no `$value`", code=Code.NO_TABLE)
    value = answer.content["value"]
    text = value if isinstance(value, str) else formatted(table, path[1].name, value) or str(value)
    return Answer(content=text.encode(), media_type="text/plain")


async def write_column(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``PUT accounts(guid)/name`` with ``{"value": …}``, and ``DELETE`` of the same."""
    row_segment, column_segment = path
    column = table.column(column_segment.name)
    if column is None:
        raise NotFound(
            f"resource not found for the segment `{column_segment.name[:60]}`", code=Code.NO_TABLE
        )
    body: JsonObject = {} if call.request.method == "DELETE" else call.request.json()
    if call.request.method != "DELETE" and "value" not in body:
        raise Invalid("the body has no `value`", code=Code.BAD_BODY)
    values = await read_values(call, table, {column: body.get("value")})
    id = need(table, (await call.key(table, row_segment))[0])
    await call.rooms.store.update(
        call.caller, table.name, id, values, if_match="*", within=call.transaction
    )
    return Answer(status=204)


async def relate(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``…/$ref``: ``POST`` and ``PUT`` relate two rows, ``DELETE`` parts them.

    Where ``DELETE`` names the other row by ``$id``, it is `NotFound` unless it is that one.
    """
    row_segment, nav_segment = path
    association = table.associated(nav_segment.name) or table.association(nav_segment.name)
    if association is not None:
        return await pair(call, table, path, association)
    relations = _related(table, nav_segment.name)
    relation, backwards = relations[0]
    id = need(table, (await call.key(table, row_segment))[0])
    removing = call.request.method == "DELETE"
    options = call.request.options()
    given: Json = options.pop("$id", None)
    if options:
        raise Invalid("`$ref` takes no options but `$id`", code=Code.BAD_QUERY)
    if not removing:
        given = call.request.json().get("@odata.id")
    if removing and nav_segment.key is not None:
        given = f"{(await call.named(relation.referencing)).set_name}({nav_segment.key})"
    if not isinstance(given, str) and (backwards or not removing):
        raise Invalid("there is no link to the other row in `@odata.id`", code=Code.BAD_BODY)
    targets = {one.referencing if back else one.referenced for one, back in relations} - {""}
    link = await linked(call, given, targets) if isinstance(given, str) else None
    if backwards:
        await _set(call, relation.referencing, str(link), (relation.attribute, table, id), removing)
    else:
        if removing and link is not None:
            await _require_related(call, table, id, (relation.attribute, link))
        named = {one.navigation for one, _ in relations}
        bind = f"{nav_segment.name if nav_segment.name in named else relation.attribute}@odata.bind"
        await call.rooms.store.update(
            call.caller, table.name, id, {bind: None if removing else link},
            within=call.transaction,
        )  # fmt: skip
    return Answer(status=204)


def _related(table: Table, name: str) -> list[tuple[Relation, bool]]:
    """Return the relationships that two rows are related by.

    They are named by a navigation property, by their schema name, or by a lookup of which nobody
    has said where it points. `Invalid` where there is none.
    """
    found = [(one, False) for one in table.outgoing if one.schema_name == name]
    column = table.navigated(name)
    if column == name and table.columns[name] is Type.LOOKUP and not table.targets(name):
        return [(Relation(schema_name=name, referencing=table.name, attribute=name, referenced="",
                          navigation=name, collection=name), False)]  # fmt: skip
    if found and all(one.collection != name for one in table.incoming):
        return found
    return related_by(name, table)


async def _require_related(call: Call, table: Table, id: str, pointing: tuple[str, str]) -> None:
    attribute, link = pointing
    row = await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    if row.get(f"_{attribute}_value") != link.partition("(")[2].removesuffix(")"):
        raise NotFound("the two rows are not related so", code=Code.ROW_NOT_FOUND)


async def _set(
    call: Call, referencing: str, link: str, target: tuple[str, Table, str], removing: bool
) -> None:
    attribute, table, id = target
    other = link.partition("(")[2].removesuffix(")")
    if removing:
        row = await call.rooms.store.get(call.caller, referencing, other, within=call.transaction)
        if row.get(f"_{attribute}_value") != id:
            raise NotFound("the two rows are not related so", code=Code.ROW_NOT_FOUND)
    value = None if removing else f"/{table.set_name}({id})"
    await call.rooms.store.update(
        call.caller, referencing, other, {f"{attribute}@odata.bind": value},
        within=call.transaction,
    )  # fmt: skip


async def _navigate(call: Call, table: Table, id: str, name: str) -> Answer:
    """Answer the rows behind a navigation property of one row."""
    if _leads_to_many(table, name):
        return await _behind(call, table, id, name)
    found = await _target(call, table, id, name)
    if found is None:
        return Answer(status=204)
    return await read_row(call, found[0], Segment(found[0].set_name, found[1]))


def _leads_to_many(table: Table, name: str) -> bool:
    """Say whether a navigation property leads to many rows. `NotFound` where there is none."""
    if table.associated(name) is not None:
        return True
    try:
        return related_by(name, table)[0][1]
    except Invalid:
        raise NotFound(
            f"resource not found for the segment `{name[:60]}`", code=Code.NO_TABLE
        ) from None


async def step(call: Call, table: Table, path: tuple[Segment, Segment]) -> Segment:
    """Return the row that a path goes on at: behind a lookup, or one of those behind a row.

    `NotFound` where there is none, or none that may be read.
    """
    id, name = need(table, (await call.key(table, path[0]))[0]), path[1].name
    if not _leads_to_many(table, name):
        found = await _target(call, table, id, name)
        if found is None or path[1].key is not None:
            raise NotFound(f"`{name[:60]}` leads to no row", code=Code.ROW_NOT_FOUND)
        return Segment(found[0].set_name, found[1])
    if path[1].key is None:
        raise NotFound(f"`{name[:60]}` leads to many rows: name one", code=Code.NO_TABLE)
    await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    other, among = await collection(call, table, id, name)
    target = need(other, (await call.key(other, path[1]))[0])
    wanted = And((among, Compare(Comparison.EQ, Column(other.key), target)))
    if await call.rooms.reading.count(call.caller, other.name, wanted, call.transaction) == 0:
        _absent(other, target)
    return Segment(other.set_name, target)


async def _target(call: Call, table: Table, id: str, name: str) -> tuple[Table, str] | None:
    """Return the table and id of the row that a lookup of a row points at."""
    row = await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    for one, _ in related_by(name, table):
        target = row.get(f"_{one.attribute}_value")
        other = await call.named(one.referenced)
        if isinstance(target, str) and await call.rooms.reading.exists(
            other, target, call.transaction
        ):
            return other, target
    return None


async def _behind(call: Call, table: Table, id: str, name: str) -> Answer:
    """Answer the rows of a collection that belongs to one row."""
    await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    other, among = await collection(call, table, id, name)
    return await answer_list(call, other, among, f"{table.set_name}({id})/{name}")


async def collection(call: Call, table: Table, id: str, name: str) -> tuple[Table, Predicate]:
    """Return the table behind a navigation property of many rows, and which rows are of one."""
    association = table.associated(name)
    if association is not None:
        other = await call.named(association.other)
        own = Compare(Comparison.EQ, Column(table.key), id)
        return other, Related(association.back, own)
    if not _leads_to_many(table, name):
        raise NotFound(f"`{name[:60]}` leads to one row, not to many", code=Code.NO_TABLE)
    relation = related_by(name, table)[0][0]
    other = await call.named(relation.referencing)
    return other, Compare(Comparison.EQ, Column(relation.attribute), id)


_OF_LINKS: Final = frozenset({"$filter", "$orderby", "$top", "$count", "$skiptoken"})
"""What lists of links may be asked with; ``@p`` besides."""


async def read_references(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``GET …/$ref``: links to the rows behind, of those that may be read."""
    id, name = need(table, (await call.key(table, path[0]))[0]), path[1].name
    if _leads_to_many(table, name):
        _refuse_options(call, but=_OF_LINKS)
        answer = await _behind(call, table, id, name)
        other, _ = await collection(call, table, id, name)
        content = answer.content if isinstance(answer.content, dict) else {}
        rows = content.get("value")
        links: list[Json] = [
            {"@odata.id": f"{call.request.service}{other.set_name}({row[other.key]})"}
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict)
        ]
        content |= {"@odata.context": context(call, "Collection($ref)"), "value": links}
        return replace(answer, content=content)
    _refuse_options(call)
    found = await _target(call, table, id, name)
    if found is None:
        return Answer(status=204)
    other, target = found
    await call.rooms.store.get(call.caller, other.name, target, within=call.transaction)
    link = f"{call.request.service}{other.set_name}({target})"
    return Answer(content={"@odata.context": context(call, "$ref"), "@odata.id": link})


async def count_behind(call: Call, table: Table, path: tuple[Segment, Segment]) -> Answer:
    """Answer ``GET accounts(guid)/contact_customer_accounts/$count``."""
    id = need(table, (await call.key(table, path[0]))[0])
    await call.rooms.store.get(call.caller, table.name, id, within=call.transaction)
    other, among = await collection(call, table, id, path[1].name)
    return await answer_count(call, other, among)


async def _create(call: Call, table: Table, said: JsonObject, listing: Listing) -> Answer:
    row = await Nest(call).create(table, call.request.json(), said)
    return await _written(call, table, row, listing, 201)


async def _written(
    call: Call, table: Table, row: JsonObject, listing: Listing, status: int
) -> Answer:
    link = f"{call.request.service}{table.set_name}({row[table.key]})"
    headers = {"OData-EntityId": link, "ETag": str(row["@odata.etag"]), **applied(call)}
    if not call.prefers.representation:
        return Answer(status=204, headers={**headers, "Location": link})
    # What may be made or changed need not be open to be read.
    seen = await call.rooms.store.get(
        call.caller, table.name, str(row[table.key]), within=call.transaction
    )
    content = await _document(call, table, seen, listing)
    return Answer(status=status, content=content, headers={**headers, "Location": link})


async def _document(call: Call, table: Table, row: JsonObject, listing: Listing) -> JsonObject:
    (shown,) = await expanded(call, table, [row], listing)
    select = listing.options.get("$select")
    shape = f"{table.set_name}({select})" if select else table.set_name
    return {"@odata.context": context(call, f"{shape}/$entity"), **shown}


def _single(call: Call, table: Table) -> Listing:
    options = call.request.options()
    unknown = sorted(set(options) - {"$select", "$expand"})
    if unknown:
        raise Invalid(
            f"the query option `{unknown[0][:40]}` is not known for one row", code=Code.BAD_QUERY
        )
    return replace(read_options(options, table), options=options)


def _refuse_options(call: Call, *, but: frozenset[str] = frozenset()) -> None:
    options = sorted(
        one for one in call.request.options() if one not in but and not (but and one[:1] == "@")
    )
    if options:
        raise Invalid(
            f"the query option `{options[0][:40]}` is not known here", code=Code.BAD_QUERY
        )


def _absent(table: Table, id: str) -> None:
    raise NotFound(f"{table.name} with id = {id} does not exist", code=Code.ROW_NOT_FOUND)
