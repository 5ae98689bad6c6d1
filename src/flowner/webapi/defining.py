"""Metadata told: tables, columns, keys, relationships and choices made from what clients send."""

from __future__ import annotations

from typing import Final

from flowner.errors import AccessDenied, Code, Invalid
from flowner.rows.catalogue import Table
from flowner.rows.describing import Described, Kind, Option, Relation, metadata_id
from flowner.rows.making import NewTable
from flowner.rows.privileges import administers
from flowner.values import Json, JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.labels import SPACE, relation_id
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_FIRST_VALUE: Final = 100_000_000
_KINDS: Final = {
    kind.value: kind
    for kind in (
        Kind.TEXT, Kind.MEMO, Kind.WHOLE, Kind.BIG, Kind.DECIMAL, Kind.MONEY, Kind.FLOAT,
        Kind.BOOLEAN, Kind.MOMENT, Kind.CHOICE, Kind.CHOICES, Kind.FILE,
        Kind.IMAGE,
    )
}  # fmt: skip
_KEPT: Final = (
    "MaxLength",
    "MinValue",
    "MaxValue",
    "Precision",
    "MaxSizeInKB",
    "CanStoreFullImage",
)


async def create_table(call: Call) -> Answer:
    """Answer ``POST EntityDefinitions``."""
    await _administrator(call)
    new = await _new_table(call, call.request.json())
    await call.rooms.making.create_table(new)
    return _made(call, f"EntityDefinitions({metadata_id(new.schema_name.lower())})")


async def create_tables(call: Call) -> Answer:
    """Answer ``POST CreateEntities``: several tables at once, each by itself."""
    await _administrator(call)
    call.request.options()
    given = call.request.json().get("Entities")
    if not isinstance(given, list) or not given:
        raise Invalid("`Entities` is a list of tables", code=Code.BAD_BODY)
    tables = [await _new_table(call, _object(one, "Entities")) for one in given]
    for new in tables:
        await call.rooms.making.create_table(new)
    ids: list[Json] = [metadata_id(new.schema_name.lower()) for new in tables]
    said = f"{SPACE}CreateEntitiesResponse"
    return Answer(content={"@odata.context": context(call, said), "EntityIds": ids})


async def drop_table(call: Call, table: Table) -> Answer:
    """Answer ``DELETE EntityDefinitions(…)``."""
    await _administrator(call)
    await call.rooms.making.drop_table(table)
    return Answer(status=204)


async def create_column(call: Call, table: Table) -> Answer:
    """Answer ``POST EntityDefinitions(…)/Attributes``."""
    await _administrator(call)
    body = call.request.json()
    about = await _described(call, body)
    column = about.schema_name.lower()
    await call.rooms.making.add_column(table, column, about)
    ids = metadata_id(table.name), metadata_id(table.name, column)
    return _made(call, f"EntityDefinitions({ids[0]})/Attributes({ids[1]})")


async def drop_column(call: Call, table: Table, column: str) -> Answer:
    """Answer ``DELETE EntityDefinitions(…)/Attributes(…)``."""
    await _administrator(call)
    await call.rooms.making.drop_column(table, column)
    return Answer(status=204)


async def create_key(call: Call, table: Table) -> Answer:
    """Answer ``POST EntityDefinitions(…)/Keys``."""
    await _administrator(call)
    body = call.request.json()
    name, columns = _text(body, "SchemaName"), body.get("KeyAttributes")
    if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise Invalid("`KeyAttributes` is a list of columns", code=Code.BAD_BODY)
    listed = [str(one).lower() for one in columns]
    await call.rooms.making.add_key(table, name, listed, _label(body.get("DisplayName"), name))
    id = metadata_id(table.name, "key", name.lower())
    return _made(call, f"EntityDefinitions(LogicalName='{table.name}')/Keys({id})")


async def drop_key(call: Call, table: Table, name: str) -> Answer:
    """Answer ``DELETE EntityDefinitions(…)/Keys(…)``."""
    await _administrator(call)
    await call.rooms.making.drop_key(table, name)
    return Answer(status=204)


async def create_choice(call: Call) -> Answer:
    """Answer ``POST GlobalOptionSetDefinitions``."""
    await _administrator(call)
    body = call.request.json()
    name = _text(body, "Name")
    await call.rooms.making.add_choice(
        name, _label(body.get("DisplayName"), name), _options(body.get("Options"))
    )
    return _made(call, f"GlobalOptionSetDefinitions({metadata_id('choice', name.lower())})")


async def relate(call: Call) -> Answer:
    """Answer ``POST RelationshipDefinitions``: a lookup, from many rows to one."""
    await _administrator(call)
    body = call.request.json()
    if not str(body.get("@odata.type", "")).endswith("OneToManyRelationshipMetadata"):
        raise Invalid("relationships are made from one row to many here", code=Code.BAD_BODY)
    lookup = _object(body.get("Lookup"), "Lookup")
    relation = await _relation(call, body, lookup, several=False)
    await _relate(call, lookup, [relation], Kind.LOOKUP)
    return _made(call, f"RelationshipDefinitions({relation_id(relation)})")


async def relate_customers(call: Call) -> Answer:
    """Answer ``POST CreateCustomerRelationships``: a lookup that may point into several tables."""
    await _administrator(call)
    body = call.request.json()
    lookup, given = _object(body.get("Lookup"), "Lookup"), body.get("OneToManyRelationships")
    if not isinstance(given, list) or not given:
        raise Invalid("`OneToManyRelationships` is a list", code=Code.BAD_BODY)
    relations = [
        await _relation(call, _object(one, "OneToManyRelationships"), lookup, several=True)
        for one in given
    ]
    await _relate(call, lookup, relations, Kind.CUSTOMER)
    column = relations[0].attribute
    content: JsonObject = {
        "@odata.context": context(call, f"{SPACE}CreateCustomerRelationshipsResponse"),
        "AttributeId": metadata_id(relations[0].referencing, column),
        "RelationshipIds": [relation_id(one) for one in relations],
    }
    return Answer(content=content)


async def _relate(call: Call, lookup: JsonObject, relations: list[Relation], kind: Kind) -> None:
    name = _text(lookup, "SchemaName")
    about = Described(
        kind=kind,
        schema_name=name,
        display_name=_label(lookup.get("DisplayName"), name),
        description=_label(lookup.get("Description"), ""),
        details=_details(lookup),
    )
    table = await call.named(relations[0].referencing)
    await call.rooms.making.relate(table, about, relations)


async def _relation(call: Call, body: JsonObject, lookup: JsonObject, *, several: bool) -> Relation:
    name, schema_name = _text(lookup, "SchemaName"), _text(body, "SchemaName")
    referenced = (await call.named(_text(body, "ReferencedEntity"))).name
    referencing = (await call.named(_text(body, "ReferencingEntity"))).name
    navigation = body.get("ReferencingEntityNavigationPropertyName")
    collection = body.get("ReferencedEntityNavigationPropertyName")
    cascade = body.get("CascadeConfiguration")
    given = cascade if isinstance(cascade, dict) else {}
    return Relation(
        schema_name=schema_name,
        referencing=referencing,
        attribute=name.lower(),
        referenced=referenced,
        navigation=str(navigation or (f"{name}_{referenced}" if several else name)),
        collection=str(collection or schema_name),
        cascade={key: str(value) for key, value in given.items() if isinstance(value, str)},
    )


async def _new_table(call: Call, body: JsonObject) -> NewTable:
    schema_name = _text(body, "SchemaName")
    owned = body.get("OwnershipType", "UserOwned")
    if owned not in ("UserOwned", "None"):
        raise Invalid(f"tables are `UserOwned` here, not `{owned}`", code=Code.BAD_BODY)
    attributes = body.get("Attributes")
    given = [_object(one, "Attributes") for one in attributes] if isinstance(
        attributes, list) else []  # fmt: skip
    columns = {about.schema_name.lower(): about for about in
               [await _described(call, one) for one in given]}  # fmt: skip
    primary = [_text(one, "SchemaName").lower() for one in given if one.get("IsPrimaryName")]
    named = body.get("PrimaryNameAttribute")
    primary = primary or ([named] if isinstance(named, str) and named in columns else [])
    if len(primary) != 1:
        raise Invalid("one column has to be the primary name", code=Code.BAD_BODY)
    name = schema_name.lower()
    title = _label(body.get("DisplayName"), schema_name)
    return NewTable(
        schema_name=schema_name,
        set_name=str(body.get("EntitySetName") or plural(name)).lower(),
        display_name=title,
        collection_name=_label(body.get("DisplayCollectionName"), plural(title)),
        primary_name=primary[0],
        description=_label(body.get("Description"), ""),
        columns=columns,
    )


def plural(name: str) -> str:
    """Return the English plural, as sets are called."""
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


async def _described(call: Call, body: JsonObject) -> Described:
    schema_name = _text(body, "SchemaName")
    named = str(body.get("@odata.type", "")).removeprefix("#").removeprefix(SPACE)
    kind = _KINDS.get(named.removeprefix("Complex").removesuffix("AttributeMetadata"))
    if kind is None:
        raise Invalid(f"`{named[:60]}` is no kind of column that is made here", code=Code.BAD_BODY)
    behaviour = body.get("DateTimeBehavior")
    if isinstance(behaviour, dict) and behaviour.get("Value") == "DateOnly":
        kind = Kind.DAY if kind is Kind.MOMENT else kind
    options, choice = await _choice(call, body)
    return Described(
        kind=kind,
        schema_name=schema_name,
        display_name=_label(body.get("DisplayName"), schema_name),
        description=_label(body.get("Description"), ""),
        options=tuple(options),
        choice=choice,
        details=_details(body),
    )


async def _choice(call: Call, body: JsonObject) -> tuple[list[Option], str | None]:
    given = body.get("OptionSet")
    bound = body.get("GlobalOptionSet@odata.bind")
    own = given if isinstance(given, dict) else {}
    if bound is None and own.get("IsGlobal") is not True:
        truth = [(1, own.get("TrueOption")), (0, own.get("FalseOption"))]
        if any(one for _, one in truth):
            return [Option(value, _label(_object(one or {}, "OptionSet").get("Label"), str(value)))
                    for value, one in truth], None  # fmt: skip
        return _options(own.get("Options", [])), None
    choices = await call.rooms.making.choices(call.transaction)
    for name in choices:
        by_id = isinstance(bound, str) and metadata_id("choice", name) in bound.lower()
        by_name = isinstance(bound, str) and f"'{name}'" in bound.lower()
        if by_id or by_name or own.get("Name") == name:
            return [], name
    raise Invalid("there is no such global choice", code=Code.BAD_BODY)


def _options(given: Json) -> list[Option]:
    found: list[Option] = []
    for one in given if isinstance(given, list) else []:
        option = _object(one, "Options")
        value = option.get("Value")
        if not isinstance(value, int) or isinstance(value, bool):
            value = max([_FIRST_VALUE - 1, *(one.value for one in found)]) + 1
        if not -(2**31) <= value < 2**31:
            raise Invalid(f"`{value}` is no value of an option", code=Code.BAD_BODY)
        found.append(Option(value, _label(option.get("Label"), str(value))))
    if len({one.value for one in found}) < len(found):
        raise Invalid("two options have one value", code=Code.BAD_BODY)
    return found


def _details(body: JsonObject) -> dict[str, Json]:
    found = {name: body[name] for name in _KEPT if isinstance(body.get(name), int | float)}
    for name, key in (("RequiredLevel", "RequiredLevel"), ("FormatName", "Format")):
        said = body.get(name)
        if isinstance(said, dict) and isinstance(said.get("Value"), str):
            found[key] = said["Value"]
    return found


async def _administrator(call: Call) -> None:
    """Refuse unless the caller, and who acts for them, administers the environment."""
    if call.atomic:
        raise Invalid("tables are not changed within a change set", code=Code.BAD_QUERY)
    for one in (call.caller.acting_for, call.caller.actor):
        if one is not None and not await administers(call.transaction, one):
            raise AccessDenied(
                f"principal user (Id={one}) is missing the privilege to change tables",
                code=Code.PRIVILEGE_MISSING,
            )


def _made(call: Call, what: str) -> Answer:
    link = f"{call.request.service}{what}"
    return Answer(status=204, headers={"OData-EntityId": link, "Location": link})


def _object(value: Json, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise Invalid(f"`{what}` is no JSON object", code=Code.BAD_BODY)
    return value


def _text(body: JsonObject, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"`{name}` is missing", code=Code.BAD_BODY)
    return value


def _label(given: Json, otherwise: str) -> str:
    if isinstance(given, str):
        return given
    labels = given.get("LocalizedLabels") if isinstance(given, dict) else None
    for one in labels if isinstance(labels, list) else []:
        text = one.get("Label") if isinstance(one, dict) else None
        if isinstance(text, str):
            return text
    return otherwise
