"""Metadata told anew: labels, bounds and behaviors of what is there, and options of choices.

Labels are in one language: with ``MSCRM.MergeLabels: true`` what is said in others changes
nothing, else it takes the place of what was there.
Source: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/create-update-entity-definitions-using-web-api
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from flowner.errors import Code, Invalid, NotFound
from flowner.rows.associations import Association
from flowner.rows.catalogue import Table
from flowner.rows.describing import Kind, Option, Relation, metadata_id
from flowner.values import Json, JsonObject
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call
from flowner.webapi.defining import (
    details_of,
    label_of,
    made,
    object_of,
    options_of,
    require_administrator,
    text_of,
)
from flowner.webapi.labels import ENGLISH, SPACE, relation_id, show_column
from flowner.webapi.parameters import read_parameters
from flowner.webapi.relationships import cascade_of
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_LEVELS: Final = ("None", "Recommended", "ApplicationRequired")
_CHOSEN: Final = (Kind.CHOICE, Kind.CHOICES)


async def change_table(call: Call, table: Table) -> Answer:
    """Answer ``PUT EntityDefinitions(…)``: names and description."""
    await require_administrator(call)
    body, merge = call.request.json(), _merges(call)
    _require_same(body, {"LogicalName": table.name, "SchemaName": table.schema_name})
    await call.rooms.making.rename_table(
        table,
        display_name=_named(body, "DisplayName", table.display_name, merge),
        collection_name=_named(body, "DisplayCollectionName", table.collection_name, merge),
        description=_said(body.get("Description"), table.description, merge),
    )
    return made(call, f"EntityDefinitions({metadata_id(table.name)})")


async def change_column(call: Call, table: Table, column: str) -> Answer:
    """Answer ``PUT EntityDefinitions(…)/Attributes(…)``: names, level, lengths and bounds."""
    await require_administrator(call)
    body, merge, about = call.request.json(), _merges(call), table.about(column)
    shown = show_column(table, column)
    _require_same(body, {"LogicalName": column, "SchemaName": about.schema_name,
                         "AttributeType": str(shown["AttributeType"])})  # fmt: skip
    type = str(body.get("@odata.type") or shown["@odata.type"]).removeprefix("#")
    if type.removeprefix(SPACE).removeprefix("Complex") != str(shown["@odata.type"]).removeprefix(
        f"#{SPACE}"
    ):
        raise Invalid(f"`{column}` stays what it is, and is no `{type[:60]}`", code=Code.BAD_BODY)
    details = {**about.details, **details_of(body)}
    _require_bounds(details, about.details)
    changed = replace(
        about,
        display_name=_named(body, "DisplayName", about.display_name, merge),
        description=_said(body.get("Description"), about.description, merge),
        details=details,
    )
    await call.rooms.making.describe_column(table, column, changed)
    ids = metadata_id(table.name), metadata_id(table.name, column)
    return made(call, f"EntityDefinitions({ids[0]})/Attributes({ids[1]})")


async def change_relation(call: Call, one: Relation | Association) -> Answer:
    """Answer ``PUT RelationshipDefinitions(…)``: what a relationship carries on."""
    await require_administrator(call)
    body = call.request.json()
    _require_same(body, {"SchemaName": one.schema_name})
    if isinstance(one, Association):
        raise Invalid("a relationship of many to many carries nothing on", code=Code.BAD_BODY)
    _require_same(body, {"ReferencedEntity": one.referenced, "ReferencingEntity": one.referencing,
                         "ReferencingAttribute": one.attribute})  # fmt: skip
    cascade = {**one.cascade, **cascade_of(body.get("CascadeConfiguration"))}
    await call.rooms.making.carry(replace(one, cascade=cascade))
    return made(call, f"RelationshipDefinitions({relation_id(one)})")


async def change_choice(call: Call, name: str, display_name: str) -> Answer:
    """Answer ``PUT GlobalOptionSetDefinitions(…)``: the name that people read."""
    await require_administrator(call)
    body = call.request.json()
    _require_same(body, {"Name": name})
    title = _named(body, "DisplayName", display_name, _merges(call))
    await call.rooms.making.change_choice(name, display_name=title)
    return made(call, f"GlobalOptionSetDefinitions({metadata_id('choice', name)})")


async def insert_option(call: Call, segment: Segment) -> Answer:
    """Answer ``InsertOptionValue``: with the value that is given, or the next one."""
    body, options = await _options(call, segment)
    given: JsonObject = {"Value": body.get("Value"), "Label": body.get("Label")}
    known: list[Json] = [{"Value": one.value, "Label": one.label} for one in options]
    found = options_of([*known, given])
    await _write(call, body, found)
    said = f"{SPACE}InsertOptionValueResponse"
    content: JsonObject = {"@odata.context": context(call, said), "NewOptionValue": found[-1].value}
    return Answer(content=content)


async def update_option(call: Call, segment: Segment) -> Answer:
    """Answer ``UpdateOptionValue``: the label of an option."""
    body, options = await _options(call, segment)
    at, merge = _place(body, options), body.get("MergeLabels") is True
    label = _named(body, "Label", options[at].label, merge)
    options[at] = Option(options[at].value, label)
    await _write(call, body, options)
    return Answer(status=204)


async def delete_option(call: Call, segment: Segment) -> Answer:
    """Answer ``DeleteOptionValue``; rows that have the value keep it."""
    body, options = await _options(call, segment)
    del options[_place(body, options)]
    await _write(call, body, options)
    return Answer(status=204)


async def order_options(call: Call, segment: Segment) -> Answer:
    """Answer ``OrderOption``: every value once, in the order that is wanted."""
    body, options = await _options(call, segment)
    by_value, wanted = {one.value: one for one in options}, body.get("Values")
    values = wanted if isinstance(wanted, list) else []
    ordered = [by_value[one] for one in values if isinstance(one, int) and one in by_value]
    if len(ordered) != len(values) or {one.value for one in ordered} != set(by_value):
        raise Invalid("`Values` has not every value of the choice once", code=Code.BAD_BODY)
    await _write(call, body, ordered)
    return Answer(status=204)


async def _options(call: Call, segment: Segment) -> tuple[JsonObject, list[Option]]:
    read_parameters(call, segment, frozenset())
    await require_administrator(call)
    body = call.request.json()
    name = body.get("OptionSetName")
    if isinstance(name, str):
        choices = await call.rooms.making.choices(call.transaction)
        if name.lower() not in choices:
            raise NotFound("there is no such global choice", code=Code.ROW_NOT_FOUND)
        return body, [*choices[name.lower()][1]]
    table, column = await _column(call, body)
    about = table.about(column)
    if about.kind not in _CHOSEN:
        raise Invalid(f"`{column}` of `{table.name}` is no choice", code=Code.BAD_BODY)
    if about.choice is not None:
        raise Invalid(
            f"`{column}` has the options of the choice `{about.choice}`: name that by"
            " `OptionSetName`",
            code=Code.BAD_BODY,
        )
    return body, [*about.options]


async def _write(call: Call, body: JsonObject, options: Sequence[Option]) -> None:
    name = body.get("OptionSetName")
    if isinstance(name, str):
        await call.rooms.making.change_choice(name.lower(), options=options)
        return
    table, column = await _column(call, body)
    about = replace(table.about(column), options=tuple(options))
    await call.rooms.making.describe_column(table, column, about)


async def _column(call: Call, body: JsonObject) -> tuple[Table, str]:
    table = await call.named(text_of(body, "EntityLogicalName"))
    column = text_of(body, "AttributeLogicalName").lower()
    if column not in table.columns:
        raise NotFound(f"`{table.name}` has no column `{column[:60]}`", code=Code.ROW_NOT_FOUND)
    return table, column


def _place(body: JsonObject, options: Sequence[Option]) -> int:
    for at, one in enumerate(options):
        if one.value == body.get("Value"):
            return at
    raise NotFound(f"there is no option {str(body.get('Value'))[:20]}", code=Code.ROW_NOT_FOUND)


def _merges(call: Call) -> bool:
    given = (call.request.header("mscrm.mergelabels") or "false").lower()
    if given not in ("true", "false"):
        raise Invalid("`MSCRM.MergeLabels` is `true` or `false`", code=Code.BAD_BODY)
    return given == "true"


def _named(body: JsonObject, name: str, before: str, merge: bool) -> str:
    found = _said(body.get(name), before, merge)
    if not found:
        raise Invalid(f"`{name}` has no label", code=Code.BAD_BODY)
    return found


def _said(given: Json, before: str, merge: bool) -> str:
    """Return a label as it is from now on; one that is left out stays."""
    if given is None:
        return before
    labels = object_of(given, "a label").get("LocalizedLabels")
    for one in labels if isinstance(labels, list) else []:
        if isinstance(one, dict) and one.get("LanguageCode") == ENGLISH:
            return label_of({"LocalizedLabels": [one]}, before)
    return before if merge else label_of(given, "")


def _require_same(body: JsonObject, fixed: dict[str, str]) -> None:
    for name, value in fixed.items():
        given = body.get(name)
        if given is not None and str(given).lower() != value.lower():
            raise Invalid(f"`{name}` stays `{value}`", code=Code.BAD_BODY)


def _require_bounds(details: dict[str, Json], before: object) -> None:
    level = details.get("RequiredLevel", "None")
    if level not in _LEVELS and details != before:
        raise Invalid(f"`RequiredLevel` is one of {', '.join(_LEVELS)}", code=Code.BAD_BODY)
    low, high = details.get("MinValue"), details.get("MaxValue")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise Invalid(f"`MinValue` {low} is above `MaxValue` {high}", code=Code.BAD_BODY)
    most = details.get("MaxLength")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise Invalid("`MaxLength` is a whole number, at least 1", code=Code.BAD_BODY)
