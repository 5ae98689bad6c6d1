"""Metadata told: tables, columns, keys and choices made from what clients send."""

from __future__ import annotations

from typing import Final

from flowner.errors import AccessDenied, Code, Invalid, NotFound
from flowner.rows.catalogue import Table
from flowner.rows.describing import Described, Kind, Option, metadata_id
from flowner.rows.making import NewTable
from flowner.rows.privileges import administers
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call
from flowner.webapi.labels import SPACE
from flowner.webapi.parameters import read_parameters
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
    await require_administrator(call)
    new = await _new_table(call, call.request.json())
    await call.rooms.making.create_table(new)
    return made(call, f"EntityDefinitions({metadata_id(new.schema_name.lower())})")


async def create_tables(call: Call) -> Answer:
    """Answer ``POST CreateEntities``: several tables at once, each by itself."""
    await require_administrator(call)
    call.request.options()
    given = call.request.json().get("Entities")
    if not isinstance(given, list) or not given:
        raise Invalid("`Entities` is a list of tables", code=Code.BAD_BODY)
    tables = [await _new_table(call, object_of(one, "Entities")) for one in given]
    for new in tables:
        await call.rooms.making.create_table(new)
    ids: list[Json] = [metadata_id(new.schema_name.lower()) for new in tables]
    said = f"{SPACE}CreateEntitiesResponse"
    return Answer(content={"@odata.context": context(call, said), "EntityIds": ids})


async def drop_table(call: Call, table: Table) -> Answer:
    """Answer ``DELETE EntityDefinitions(…)``."""
    await require_administrator(call)
    await call.rooms.making.drop_table(table)
    return Answer(status=204)


async def create_column(call: Call, table: Table) -> Answer:
    """Answer ``POST EntityDefinitions(…)/Attributes``."""
    await require_administrator(call)
    body = call.request.json()
    about = await _described(call, body)
    column = about.schema_name.lower()
    await call.rooms.making.add_column(table, column, about)
    ids = metadata_id(table.name), metadata_id(table.name, column)
    return made(call, f"EntityDefinitions({ids[0]})/Attributes({ids[1]})")


async def drop_column(call: Call, table: Table, column: str) -> Answer:
    """Answer ``DELETE EntityDefinitions(…)/Attributes(…)``."""
    await require_administrator(call)
    await call.rooms.making.drop_column(table, column)
    return Answer(status=204)


async def create_key(call: Call, table: Table) -> Answer:
    """Answer ``POST EntityDefinitions(…)/Keys``: its state says then how far its index has come."""
    await require_administrator(call)
    body = call.request.json()
    name, columns = text_of(body, "SchemaName"), body.get("KeyAttributes")
    if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise Invalid("`KeyAttributes` is a list of columns", code=Code.BAD_BODY)
    listed = [str(one).lower() for one in columns]
    names = name, label_of(body.get("DisplayName"), name)
    await call.rooms.making.keys.add(table, names, listed, call.caller)
    id = metadata_id(table.name, "key", name.lower())
    return made(call, f"EntityDefinitions(LogicalName='{table.name}')/Keys({id})")


async def drop_key(call: Call, table: Table, name: str) -> Answer:
    """Answer ``DELETE EntityDefinitions(…)/Keys(…)``."""
    await require_administrator(call)
    await call.rooms.making.keys.drop(table, name)
    return Answer(status=204)


async def reactivate_key(call: Call, segment: Segment) -> Answer:
    """Answer ``ReactivateEntityKey``: build the index of a key that failed, once more.

    Source: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/reactivateentitykey
    """
    read_parameters(call, segment, frozenset())
    await require_administrator(call)
    body = call.request.json()
    table = await call.named(text_of(body, "EntityLogicalName"))
    name = text_of(body, "EntityKeyLogicalName").lower()
    for schema_name in table.keys:
        if schema_name.lower() == name:
            await call.rooms.making.keys.reactivate(table, schema_name, call.caller)
            return Answer(status=204)
    raise NotFound(
        f"the table `{table.name}` has no alternate key `{name[:60]}`", code=Code.ROW_NOT_FOUND
    )


async def create_choice(call: Call) -> Answer:
    """Answer ``POST GlobalOptionSetDefinitions``."""
    await require_administrator(call)
    body = call.request.json()
    name = text_of(body, "Name")
    await call.rooms.making.add_choice(
        name, label_of(body.get("DisplayName"), name), options_of(body.get("Options"))
    )
    return made(call, f"GlobalOptionSetDefinitions({metadata_id('choice', name.lower())})")


async def _new_table(call: Call, body: JsonObject) -> NewTable:
    schema_name = text_of(body, "SchemaName")
    owned = body.get("OwnershipType", "UserOwned")
    if owned not in ("UserOwned", "OrganizationOwned", "None"):
        raise Invalid(
            f"a table is `UserOwned` or `OrganizationOwned`, not `{owned}`", code=Code.BAD_BODY
        )
    attributes = body.get("Attributes")
    given = [object_of(one, "Attributes") for one in attributes] if isinstance(
        attributes, list) else []  # fmt: skip
    columns = {about.schema_name.lower(): about for about in
               [await _described(call, one) for one in given]}  # fmt: skip
    primary = [text_of(one, "SchemaName").lower() for one in given if one.get("IsPrimaryName")]
    named = body.get("PrimaryNameAttribute")
    primary = primary or ([named] if isinstance(named, str) and named in columns else [])
    if len(primary) != 1:
        raise Invalid("one column has to be the primary name", code=Code.BAD_BODY)
    name = schema_name.lower()
    title = label_of(body.get("DisplayName"), schema_name)
    return NewTable(
        schema_name=schema_name,
        set_name=str(body.get("EntitySetName") or plural(name)).lower(),
        display_name=title,
        collection_name=label_of(body.get("DisplayCollectionName"), plural(title)),
        primary_name=primary[0],
        description=label_of(body.get("Description"), ""),
        owned=owned != "OrganizationOwned",
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
    schema_name = text_of(body, "SchemaName")
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
        display_name=label_of(body.get("DisplayName"), schema_name),
        description=label_of(body.get("Description"), ""),
        options=tuple(options),
        choice=choice,
        details=details_of(body),
    )


async def _choice(call: Call, body: JsonObject) -> tuple[list[Option], str | None]:
    given = body.get("OptionSet")
    bound = body.get("GlobalOptionSet@odata.bind")
    own = given if isinstance(given, dict) else {}
    if bound is None and own.get("IsGlobal") is not True:
        truth = [(1, own.get("TrueOption")), (0, own.get("FalseOption"))]
        if any(one for _, one in truth):
            said = [(value, object_of(one or {}, "OptionSet").get("Label")) for value, one in truth]
            return [Option(value, label_of(label, str(value))) for value, label in said], None
        return options_of(own.get("Options", [])), None
    choices = await call.rooms.making.choices(call.transaction)
    for name in choices:
        by_id = isinstance(bound, str) and metadata_id("choice", name) in bound.lower()
        by_name = isinstance(bound, str) and f"'{name}'" in bound.lower()
        if by_id or by_name or own.get("Name") == name:
            return [], name
    raise Invalid("there is no such global choice", code=Code.BAD_BODY)


def options_of(given: Json) -> list[Option]:
    """Return options; one without a value gets the next."""
    found: list[Option] = []
    for one in given if isinstance(given, list) else []:
        option = object_of(one, "Options")
        value = option.get("Value")
        if not isinstance(value, int) or isinstance(value, bool):
            value = max([_FIRST_VALUE - 1, *(one.value for one in found)]) + 1
        if not -(2**31) <= value < 2**31:
            raise Invalid(f"`{value}` is no value of an option", code=Code.BAD_BODY)
        found.append(Option(value, label_of(option.get("Label"), str(value))))
    if len({one.value for one in found}) < len(found):
        raise Invalid("two options have one value", code=Code.BAD_BODY)
    return found


def details_of(body: JsonObject) -> dict[str, Json]:
    """Return what a column's maker says of lengths, bounds and whether it has to be filled."""
    found = {name: body[name] for name in _KEPT if isinstance(body.get(name), int | float)}
    for name, key in (("RequiredLevel", "RequiredLevel"), ("FormatName", "Format")):
        said = body.get(name)
        if isinstance(said, dict) and isinstance(said.get("Value"), str):
            found[key] = said["Value"]
    if isinstance(body.get("IsSecured"), bool):
        found["IsSecured"] = body["IsSecured"]
    return found


async def require_administrator(call: Call) -> None:
    """Refuse unless the caller, and who acts for them, administers the environment."""
    if call.atomic:
        raise Invalid("tables are not changed within a change set", code=Code.BAD_QUERY)
    for one in (call.caller.acting_for, call.caller.actor):
        if one is not None and not await administers(call.transaction, one):
            raise AccessDenied(
                f"principal user (Id={one}) is missing the privilege to change tables",
                code=Code.PRIVILEGE_MISSING,
            )


def made(call: Call, what: str) -> Answer:
    """Return the answer that names what was made."""
    link = f"{call.request.service}{what}"
    return Answer(status=204, headers={"OData-EntityId": link, "Location": link})


def object_of(value: Json, what: str) -> JsonObject:
    """Return a JSON object. `Invalid` names the member that is none."""
    if not isinstance(value, dict):
        raise Invalid(f"`{what}` is no JSON object", code=Code.BAD_BODY)
    return value


def text_of(body: JsonObject, name: str) -> str:
    """Return a text that has to be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"`{name}` is missing", code=Code.BAD_BODY)
    return value


def label_of(given: Json, otherwise: str) -> str:
    """Return a label in the first language that it has."""
    if isinstance(given, str):
        return given
    labels = given.get("LocalizedLabels") if isinstance(given, dict) else None
    for one in labels if isinstance(labels, list) else []:
        text = one.get("Label") if isinstance(one, dict) else None
        if isinstance(text, str):
            return text
    return otherwise
