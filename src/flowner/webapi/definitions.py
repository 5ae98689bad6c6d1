"""Metadata asked for: tables, columns, keys, relationships, choices; and what the service has."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from flowner.errors import Code, Invalid, NotFound
from flowner.rows.associations import Association
from flowner.rows.catalogue import Table
from flowner.rows.describing import Relation, metadata_id
from flowner.values import Json, JsonObject
from flowner.webapi import defining, redefining, relationships
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call, no_method
from flowner.webapi.documents import take_one, take_some
from flowner.webapi.labels import (
    SPACE,
    has_options,
    show_association,
    show_choice,
    show_column,
    show_key,
    show_option_set,
    show_relation,
    show_table,
    show_truth,
)
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_MESSAGES: Final = (
    "Create", "CreateMultiple", "Delete", "Retrieve", "RetrieveMultiple", "Update",
    "UpdateMultiple", "Upsert", "UpsertMultiple",
)  # fmt: skip
_PARTS: Final = ("Attributes", "Keys", "OneToManyRelationships", "ManyToOneRelationships",
                 "ManyToManyRelationships")  # fmt: skip
_RESTRICTED: Final = re.compile(r"Microsoft\.Dynamics\.CRM\.\w+'")


async def answer_tables(call: Call, path: list[Segment]) -> Answer:
    """Answer ``EntityDefinitions`` and everything below it."""
    if path[0].key is None:
        if len(path) > 1:
            raise _nothing(path[1])
        if call.request.method == "POST":
            return await defining.create_table(call)
        if call.request.method != "GET":
            return no_method(call.request)
        tables = await call.rooms.store.catalogue.tables(call.transaction)
        shown = [await _table(call, table) for table in tables]
        return _some(call, "EntityDefinitions", shown)
    table = await table_of(call, path[0])
    if len(path) == 1:
        match call.request.method:
            case "GET":
                return _one(call, "EntityDefinitions", await _table(call, table))
            case "PUT":
                return await redefining.change_table(call, table)
            case "DELETE":
                return await defining.drop_table(call, table)
            case _:
                return no_method(call.request)
    return await _part(call, table, path[1:])


async def answer_relations(call: Call, path: list[Segment]) -> Answer:
    """Answer ``RelationshipDefinitions``."""
    if call.request.method == "POST" and len(path) == 1 and path[0].key is None:
        return await relationships.relate(call)
    found = await _every_relation(call)
    types = [one.name.removeprefix(SPACE) for one in path if one.name.startswith(SPACE)]
    while path and path[-1].name.startswith(SPACE):
        path = path[:-1]
    if call.request.method not in ("GET", "PUT", "DELETE") or len(path) > 1:
        return no_method(call.request)
    shown = [await _relation(call, one) for one in found]
    if path[0].key is None and call.request.method != "GET":
        return no_method(call.request)
    if path[0].key is None:
        of_type = [one for one in shown if not types or one["@odata.type"] == f"#{SPACE}{types[0]}"]
        return _some(call, path[0].name, of_type)
    names = {} if path[0].guid else path[0].named_keys()
    for one, document in zip(found, shown, strict=True):
        if document["MetadataId"] == path[0].guid or document["SchemaName"] == names.get(
            "SchemaName"
        ):
            if call.request.method == "DELETE":
                return await relationships.unrelate(call, one)
            if call.request.method == "PUT":
                return await redefining.change_relation(call, one)
            return _one(call, path[0].name, document)
    raise NotFound("there is no such relationship", code=Code.ROW_NOT_FOUND)


async def answer_choices(call: Call, path: list[Segment]) -> Answer:
    """Answer ``GlobalOptionSetDefinitions``."""
    if call.request.method == "POST" and path[0].key is None:
        return await defining.create_choice(call)
    found = await call.rooms.making.choices(call.transaction)
    shown = [show_choice(name, *about, True) for name, about in found.items()]
    while path and path[-1].name.startswith(SPACE):
        path = path[:-1]
    method = call.request.method
    if method not in ("GET", "PUT") or len(path) > 1 or (method == "PUT" and path[0].key is None):
        return no_method(call.request)
    if path[0].key is None:
        return _some(call, path[0].name, shown)
    names = {} if path[0].guid else path[0].named_keys()
    for one in shown:
        if path[0].guid == one["MetadataId"] or (names.get("Name") or "").lower() == one["Name"]:
            if method == "PUT":
                name = str(one["Name"])
                return await redefining.change_choice(call, name, found[name][0])
            return _one(call, path[0].name, one)
    raise NotFound("there is no such choice", code=Code.ROW_NOT_FOUND)


async def answer_messages(call: Call, path: list[Segment]) -> Answer:
    """Answer ``sdkmessagefilters``: which messages each table understands."""
    if call.request.method != "GET" or len(path) > 1 or path[0].key is not None:
        return no_method(call.request)
    shown: list[JsonObject] = [
        {
            "sdkmessagefilterid": metadata_id("message", table.name, message),
            "primaryobjecttypecode": table.name,
            "isvalid": True,
            "sdkmessageid": {"sdkmessageid": metadata_id("message", message), "name": message},
        }
        for table in await call.rooms.store.catalogue.tables(call.transaction)
        for message in _MESSAGES
        if not table.is_system or message.startswith("Retrieve")
    ]
    return _some(call, "sdkmessagefilters", shown)


async def answer_changes(call: Call, path: list[Segment]) -> Answer:
    """Answer ``RetrieveMetadataChanges``: the parts of tables and columns that are asked for."""
    if call.request.method != "GET" or len(path) > 1:
        return no_method(call.request)
    given = call.request.options().get("@p1") or call.request.options().get("@Query")
    try:
        query = json.loads(given or "")
    except ValueError:
        raise Invalid("`Query` is no JSON object", code=Code.BAD_QUERY) from None
    if not isinstance(query, dict):
        raise Invalid("`Query` is no JSON object", code=Code.BAD_QUERY)
    shown: list[Json] = []
    for table in await call.rooms.store.catalogue.tables(call.transaction):
        document = await _table(call, table)
        if _criteria(query, document):
            found = _projected(query, document)
            found["Attributes"] = _queried(query, table)
            shown.append(found)
    content: JsonObject = {
        "@odata.context": context(call, f"{SPACE}RetrieveMetadataChangesResponse"),
        "EntityMetadata": shown,
        "ServerVersionStamp": "",
        "DeletedMetadata": None,
    }
    return Answer(content=content)


async def answer_service(call: Call) -> Answer:
    """Answer the root: the sets that there are."""
    if call.request.method != "GET":
        return no_method(call.request)
    tables = await call.rooms.store.catalogue.tables(call.transaction)
    names = [*(table.set_name for table in tables), "EntityDefinitions"]
    value: list[Json] = [{"name": name, "kind": "EntitySet", "url": name} for name in names]
    return Answer(content={"@odata.context": context(call, "").rstrip("#"), "value": value})


async def answer_description(call: Call, path: list[Segment]) -> Answer:
    """Answer ``$metadata``: the same for everybody who is signed in."""
    if call.request.method != "GET" or len(path) > 1:
        return no_method(call.request)
    unknown = sorted(set(call.request.options()) - {"annotations"})
    if unknown:
        raise Invalid(f"`{unknown[0][:40]}` is not known here", code=Code.BAD_QUERY)
    catalogue = call.rooms.store.catalogue
    tables = {table.name: table for table in await catalogue.tables(call.transaction)}
    document = call.rooms.description.document(tables, catalogue.state)
    return Answer(content=document, media_type="application/xml")


async def table_of(call: Call, segment: Segment) -> Table:
    """Return the table that ``EntityDefinitions(…)`` addresses, by its id or its name."""
    tables = await call.rooms.store.catalogue.tables(call.transaction)
    name = None if segment.guid else segment.named_keys().get("LogicalName")
    for table in tables:
        if segment.guid == metadata_id(table.name) or table.name == name:
            return table
    raise NotFound(
        f"could not find an entity with name `{(name or segment.key or '')[:60]}`",
        code=Code.ROW_NOT_FOUND,
    )


async def _part(call: Call, table: Table, path: list[Segment]) -> Answer:
    first, method = path[0], call.request.method
    if first.name not in _PARTS:
        raise _nothing(first)
    if first.name == "Attributes":
        return await _columns(call, table, path)
    if first.name == "Keys":
        return await _keys(call, table, first)
    if method != "GET":
        return no_method(call.request)
    shown = await _relations(call, table, first.name)
    return _some(call, first.name, shown) if first.key is None else _keyed(call, first, shown)


def _keyed(call: Call, segment: Segment, shown: Sequence[JsonObject]) -> Answer:
    names = {} if segment.guid else segment.named_keys()
    for one in shown:
        if one["MetadataId"] == segment.guid or one["SchemaName"] == names.get("SchemaName"):
            return _one(call, segment.name, one)
    raise NotFound("there is no such relationship", code=Code.ROW_NOT_FOUND)


async def _columns(call: Call, table: Table, path: list[Segment]) -> Answer:
    first, method = path[0], call.request.method
    wanted = [one.name.removeprefix(SPACE) for one in path[1:]]
    if first.key is None and method == "POST" and not wanted:
        return await defining.create_column(call, table)
    shown = [_column(table, name) for name in sorted(table.columns)]
    if wanted:
        shown = [one for one in shown if one["@odata.type"] == f"#{SPACE}{wanted[0]}"]
        if len(wanted) > 1 or not path[1].name.startswith(SPACE):
            raise _nothing(path[-1])
    if first.key is None:
        return _some(call, "Attributes", shown) if method == "GET" else no_method(call.request)
    name = None if first.guid else first.named_keys().get("LogicalName")
    for one in shown:
        if one["MetadataId"] == first.guid or one["LogicalName"] == name:
            if method == "DELETE":
                return await defining.drop_column(call, table, str(one["LogicalName"]))
            if method == "PUT":
                return await redefining.change_column(call, table, str(one["LogicalName"]))
            return _one(call, "Attributes", one) if method == "GET" else no_method(call.request)
    raise NotFound("there is no such column", code=Code.ROW_NOT_FOUND)


async def _keys(call: Call, table: Table, segment: Segment) -> Answer:
    method = call.request.method
    if segment.key is None:
        if method == "POST":
            return await defining.create_key(call, table)
        if method != "GET":
            return no_method(call.request)
        return _some(call, "Keys", [show_key(table, name) for name in table.keys])
    names = {} if segment.guid else segment.named_keys()
    wanted = names.get("LogicalName") or names.get("SchemaName") or ""
    for name in table.keys:
        shown = show_key(table, name)
        if shown["MetadataId"] == segment.guid or wanted.lower() == name.lower():
            if method == "DELETE":
                return await defining.drop_key(call, table, name)
            return _one(call, "Keys", shown) if method == "GET" else no_method(call.request)
    raise NotFound("there is no such key", code=Code.ROW_NOT_FOUND)


def _column(table: Table, name: str) -> JsonObject:
    shown, about = show_column(table, name), table.about(name)
    if has_options(about.kind):
        truth = shown["AttributeType"] == "Boolean"
        shown["OptionSet"] = show_truth(about) if truth else show_option_set(table, name)
        if about.choice:
            shown["GlobalOptionSet"] = show_option_set(table, name)
    return shown


async def _table(call: Call, table: Table) -> JsonObject:
    shown = show_table(table)
    if "$expand" in call.request.query or "%24expand" in call.request.query:
        shown["Attributes"] = [_column(table, name) for name in sorted(table.columns)]
        shown["Keys"] = [show_key(table, name) for name in table.keys]
        for name in _PARTS[2:]:
            shown[name] = [*await _relations(call, table, name)]
    return shown


async def _relations(call: Call, table: Table, name: str) -> list[JsonObject]:
    pairs = [one for one in table.associations if one.is_first or one.other != table.name]
    found: dict[str, Sequence[Relation | Association]] = {
        "OneToManyRelationships": table.incoming,
        "ManyToOneRelationships": table.outgoing,
        "ManyToManyRelationships": pairs,
    }
    return [await _relation(call, one) for one in found[name]]


async def _every_relation(call: Call) -> list[Relation | Association]:
    tables = await call.rooms.store.catalogue.tables(call.transaction)
    pairs = (one for table in tables for one in table.associations if one.is_first)
    return [*(one for table in tables for one in table.outgoing), *pairs]


async def _relation(call: Call, one: Relation | Association) -> JsonObject:
    if isinstance(one, Association):
        return show_association(one)
    return show_relation(one, (await call.named(one.referenced)).key)


def _some(call: Call, name: str, shown: Sequence[JsonObject]) -> Answer:
    options = _options(call)
    content: JsonObject = {"@odata.context": context(call, name), "value": []}
    found = take_some(shown, options)
    if options.get("$count") == "true":
        content["@odata.count"] = len(found)
    content["value"] = [*found]
    return Answer(content=content)


def _one(call: Call, name: str, shown: JsonObject) -> Answer:
    found = take_one(shown, _options(call))
    return Answer(content={"@odata.context": context(call, f"{name}/$entity"), **found})


def _options(call: Call) -> dict[str, str]:
    options = call.request.options()
    options.pop("LabelLanguages", None)
    if "$filter" in options:
        options["$filter"] = _RESTRICTED.sub("'", options["$filter"])
    return options


def _criteria(query: JsonObject, document: JsonObject) -> bool:
    criteria = query.get("Criteria")
    conditions = criteria.get("Conditions", []) if isinstance(criteria, dict) else []
    for one in conditions if isinstance(conditions, list) else []:
        value = one.get("Value") if isinstance(one, dict) else None
        wanted = value.get("Value") if isinstance(value, dict) else value
        name = one.get("PropertyName") if isinstance(one, dict) else None
        if not isinstance(one, dict) or one.get("ConditionOperator") not in ("Equals", "NotEquals"):
            raise Invalid("only `Equals` and `NotEquals` are known here", code=Code.BAD_QUERY)
        if (document.get(str(name)) == wanted) != (one["ConditionOperator"] == "Equals"):
            return False
    return True


def _projected(query: JsonObject, document: JsonObject) -> JsonObject:
    properties = query.get("Properties")
    if not isinstance(properties, dict) or properties.get("AllProperties") is True:
        return dict(document)
    names = properties.get("PropertyNames")
    wanted = names if isinstance(names, list) else []
    always = ("@odata.type", "MetadataId", "LogicalName")
    return {name: one for name, one in document.items() if name in wanted or name in always}


def _queried(query: JsonObject, table: Table) -> list[Json]:
    asked = query.get("AttributeQuery")
    inner = asked if isinstance(asked, dict) else {}
    documents = [_column(table, name) for name in sorted(table.columns)]
    return [_projected(inner, one) for one in documents if _criteria(inner, one)]


def _nothing(segment: Segment) -> NotFound:
    return NotFound(f"resource not found for the segment `{segment.name[:80]}`", code=Code.NO_TABLE)


ANSWERERS: Final[dict[str, Callable[[Call, list[Segment]], Awaitable[Answer]]]] = {
    "$metadata": answer_description,
    "EntityDefinitions": answer_tables,
    "RelationshipDefinitions": answer_relations,
    "GlobalOptionSetDefinitions": answer_choices,
    "RetrieveMetadataChanges": answer_changes,
    "sdkmessagefilters": answer_messages,
}
