"""Relationships told: lookups of one table or several, and pairs of rows of two tables."""

from __future__ import annotations

from typing import Final

from flowner.errors import Code, Invalid
from flowner.rows.associations import Association, sides_of
from flowner.rows.catalogue import Table
from flowner.rows.describing import Described, Kind, Relation, metadata_id
from flowner.values import Json, JsonObject
from flowner.webapi.calls import Call
from flowner.webapi.defining import (
    details_of,
    label_of,
    made,
    object_of,
    require_administrator,
    text_of,
)
from flowner.webapi.labels import SPACE, association_id, relation_id
from flowner.webapi.requests import Answer
from flowner.webapi.shaping import context

_SPREADS: Final = ("NoCascade", "Cascade", "Active", "UserOwned")
_CASCADES: Final = {
    "Assign": _SPREADS,
    "Share": _SPREADS,
    "Unshare": _SPREADS,
    "Reparent": _SPREADS,
    "Merge": ("NoCascade", "Cascade"),
    "Delete": ("Cascade", "RemoveLink", "Restrict"),
}
"""What may be said of each behavior of a relationship.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/configure-entity-relationship-cascading-behavior
"""


async def relate(call: Call) -> Answer:
    """Answer ``POST RelationshipDefinitions``: a lookup, or pairs of rows of two tables."""
    await require_administrator(call)
    body = call.request.json()
    type = str(body.get("@odata.type", "")).removeprefix("#").removeprefix(SPACE)
    if type.removeprefix("Complex") == "ManyToManyRelationshipMetadata":
        association = await _association(call, body)
        await call.rooms.making.associate(association)
        return made(call, f"RelationshipDefinitions({association_id(association)})")
    if type.removeprefix("Complex") != "OneToManyRelationshipMetadata":
        raise Invalid(
            f"`@odata.type` is `{type[:60]}`: a relationship is a `OneToManyRelationshipMetadata`"
            " or a `ManyToManyRelationshipMetadata`",
            code=Code.BAD_BODY,
        )
    lookup = object_of(body.get("Lookup"), "Lookup")
    relation = await _relation(call, body, lookup, several=False)
    await _relate(call, lookup, [relation], Kind.LOOKUP)
    return made(call, f"RelationshipDefinitions({relation_id(relation)})")


async def unrelate(call: Call, one: Relation | Association) -> Answer:
    """Answer ``DELETE RelationshipDefinitions(…)``."""
    await require_administrator(call)
    if isinstance(one, Association):
        await call.rooms.making.part(one)
    else:
        await call.rooms.making.unrelate(one, await call.named(one.referencing))
    return Answer(status=204)


async def relate_customers(call: Call) -> Answer:
    """Answer ``POST CreateCustomerRelationships``: a lookup that may point into several tables."""
    await require_administrator(call)
    body = call.request.json()
    lookup, given = object_of(body.get("Lookup"), "Lookup"), body.get("OneToManyRelationships")
    if not isinstance(given, list) or not given:
        raise Invalid("`OneToManyRelationships` is a list", code=Code.BAD_BODY)
    relations = [
        await _relation(call, object_of(one, "OneToManyRelationships"), lookup, several=True)
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
    name = text_of(lookup, "SchemaName")
    about = Described(
        kind=kind,
        schema_name=name,
        display_name=label_of(lookup.get("DisplayName"), name),
        description=label_of(lookup.get("Description"), ""),
        details=details_of(lookup),
    )
    table = await call.named(relations[0].referencing)
    await call.rooms.making.relate(table, about, relations)


async def _association(call: Call, body: JsonObject) -> Association:
    schema_name = text_of(body, "SchemaName")
    one = await call.named(text_of(body, "Entity1LogicalName"))
    other = await call.named(text_of(body, "Entity2LogicalName"))
    kept = str(body.get("IntersectEntityName") or schema_name).lower()
    # From a table to itself, both sides need names of their own.
    same = one.name == other.name
    attributes = (f"{one.key}one", f"{one.key}two") if same else (one.key, other.key)
    back = f"Referenced{schema_name}" if same else schema_name
    there = str(body.get("Entity1NavigationPropertyName") or schema_name)
    here = str(body.get("Entity2NavigationPropertyName") or back)
    for table, name in ((one, there), (other, here)):
        if _navigates(table, name) or (same and there == here):
            raise Invalid(
                f"`{table.name}` has a navigation property `{name[:60]}` already",
                code=Code.BAD_BODY,
            )
    first, _ = sides_of(schema_name, (kept, kept), (one.name, other.name), attributes,
                        (there, here))  # fmt: skip
    return first


def _navigates(table: Table, name: str) -> bool:
    there = [one.navigation for one in table.outgoing] + [one.collection for one in table.incoming]
    return name in there or table.associated(name) is not None or name in table.columns


async def _relation(call: Call, body: JsonObject, lookup: JsonObject, *, several: bool) -> Relation:
    name, schema_name = text_of(lookup, "SchemaName"), text_of(body, "SchemaName")
    referenced = (await call.named(text_of(body, "ReferencedEntity"))).name
    referencing = (await call.named(text_of(body, "ReferencingEntity"))).name
    navigation = body.get("ReferencingEntityNavigationPropertyName")
    collection = body.get("ReferencedEntityNavigationPropertyName")
    return Relation(
        schema_name=schema_name,
        referencing=referencing,
        attribute=name.lower(),
        referenced=referenced,
        navigation=str(navigation or (f"{name}_{referenced}" if several else name)),
        collection=str(collection or schema_name),
        cascade=cascade_of(body.get("CascadeConfiguration")),
    )


def cascade_of(given: Json) -> dict[str, str]:
    """Return the behaviors that are said. `Invalid` names one that there is not."""
    if given is None:
        return {}
    said: dict[str, str] = {}
    for what, how in object_of(given, "CascadeConfiguration").items():
        known = _CASCADES.get(what)
        if known is None or how is None or what.startswith("@"):
            continue
        if how not in known:
            fitting = ", ".join(f"`{one}`" for one in known)
            raise Invalid(
                f"`{how}` is no behavior of `{what}`: take one of {fitting}",
                code=Code.BAD_BODY,
                pointer=f"/CascadeConfiguration/{what}",
            )
        said[what] = str(how)
    return said
