"""Tables, columns, keys, relationships and choices as the metadata of the Web API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flowner.rows.associations import Association
from flowner.rows.catalogue import KEPT, STAMPS, Table, Type
from flowner.rows.describing import Described, Kind, Option, Relation, metadata_id
from flowner.rows.pictures import SIDE, USUAL_KB, image_columns
from flowner.rows.privileges import Privilege, privileges_on
from flowner.values import Json, JsonObject

SPACE: Final = "Microsoft.Dynamics.CRM."
ENGLISH: Final = 1033
_TYPE_NAMES: Final = {Kind.DAY: "DateTime", Kind.MONEY: "Money", Kind.JSON: "Memo"}
_ATTRIBUTES: Final = {
    Kind.CHOICES: "Virtual",
    Kind.FILE: "Virtual",
    Kind.IMAGE: "Virtual",
    Kind.DAY: "DateTime",
    Kind.JSON: "Memo",
}
_CLASSES: Final = {
    Kind.KEY: "AttributeMetadata",
    Kind.OWNER: "LookupAttributeMetadata",
    Kind.CUSTOMER: "LookupAttributeMetadata",
    Kind.DAY: "DateTimeAttributeMetadata",
    Kind.JSON: "MemoAttributeMetadata",
}
_LENGTHS: Final = {Kind.TEXT: 4000, Kind.MEMO: 1_048_576, Kind.JSON: 1_048_576, Kind.NAME: 4000}
_BOUNDS: Final[dict[Kind, tuple[float, float]]] = {
    Kind.WHOLE: (-2_147_483_648, 2_147_483_647),
    Kind.BIG: (-(2**63), 2**63 - 1),
    Kind.DECIMAL: (-100_000_000_000, 100_000_000_000),
    Kind.MONEY: (-922_337_203_685_477, 922_337_203_685_477),
    Kind.FLOAT: (-100_000_000_000, 100_000_000_000),
}
_CHOSEN: Final = frozenset({Kind.CHOICE, Kind.CHOICES, Kind.STATE, Kind.STATUS})


def label(text: str) -> JsonObject:
    """Return a text in the one language that there is."""
    one: JsonObject = {
        "Label": text,
        "LanguageCode": ENGLISH,
        "IsManaged": False,
        "MetadataId": metadata_id("label", text),
        "HasChanged": None,
    }
    return {"LocalizedLabels": [one], "UserLocalizedLabel": dict(one)}


def _managed(value: Json) -> JsonObject:
    return {"Value": value, "CanBeChanged": False, "ManagedPropertyLogicalName": "none"}


def show_table(table: Table) -> JsonObject:
    """Return one table, without its columns and relationships."""
    return {
        "MetadataId": metadata_id(table.name),
        "LogicalName": table.name,
        "SchemaName": table.schema_name,
        "EntitySetName": table.set_name,
        "LogicalCollectionName": table.set_name,
        "CollectionSchemaName": table.set_name,
        "PrimaryIdAttribute": table.key,
        "PrimaryNameAttribute": table.primary_name,
        "PrimaryImageAttribute": next(iter(sorted(image_columns(table))), None),
        "DisplayName": label(table.display_name),
        "DisplayCollectionName": label(table.collection_name),
        "Description": label(table.description),
        "ObjectTypeCode": 10_000 + int(metadata_id(table.name)[:4], 16),
        "OwnershipType": "UserOwned" if table.owned else "OrganizationOwned",
        "TableType": "Standard",
        "IsCustomEntity": not table.is_system,
        "IsManaged": table.is_system,
        "IsActivity": False,
        "IsPrivate": False,
        "IsIntersect": False,
        "IsLogicalEntity": False,
        "IsChildEntity": False,
        "IsEnabledForCharts": False,
        "IsValidForAdvancedFind": True,
        "HasActivities": False,
        "HasNotes": False,
        "ChangeTrackingEnabled": not table.is_system,
        "IsOptimisticConcurrencyEnabled": True,
        "Privileges": [_privilege(one) for one in privileges_on(table)],
        "IsAuditEnabled": _managed(False),
        "IsCustomizable": _managed(not table.is_system),
        "CanCreateAttributes": _managed(not table.is_system),
        "IntroducedVersion": "1.0",
        "DataProviderId": None,
        "ExternalName": None,
    }


def _privilege(one: Privilege) -> JsonObject:
    return {
        "CanBeBasic": one.deep,
        "CanBeDeep": one.deep,
        "CanBeGlobal": True,
        "CanBeLocal": one.deep,
        "Name": one.name,
        "PrivilegeId": one.id,
        "PrivilegeType": one.right.value,
    }


# over budget: it is one document, member by member
def show_column(table: Table, name: str) -> JsonObject:
    """Return one column, with what its kind adds."""
    about = table.about(name)
    key, own = name == table.key, not table.is_system and name not in STAMPS
    written = own or (table.name in KEPT and name not in STAMPS)
    kind_name = _TYPE_NAMES.get(about.kind, about.kind.value)
    found: JsonObject = {
        "@odata.type": f"#{SPACE}{_class(about.kind)}",
        "MetadataId": metadata_id(table.name, name),
        "LogicalName": name,
        "SchemaName": about.schema_name,
        "EntityLogicalName": table.name,
        "AttributeType": _ATTRIBUTES.get(about.kind, about.kind.value),
        "AttributeTypeName": {"Value": f"{kind_name}Type"},
        "DisplayName": label(about.display_name),
        "Description": label(about.description),
        "IsPrimaryId": key,
        "IsPrimaryName": name == table.primary_name,
        "IsCustomAttribute": name in table.described,
        "IsManaged": table.is_system,
        "IsLogical": False,
        "IsValidForCreate": written,
        "IsValidForRead": True,
        "IsValidForUpdate": written and not key,
        "IsValidODataAttribute": True,
        "IsSecured": about.details.get("IsSecured") is True,
        "CanBeSecuredForRead": own and not key,
        "CanBeSecuredForCreate": own and not key,
        "CanBeSecuredForUpdate": own and not key,
        "IsSearchable": False,
        "IsFilterable": True,
        "IsSortableEnabled": _managed(True),
        "IsCustomizable": _managed(own),
        "IsAuditEnabled": _managed(False),
        "RequiredLevel": {
            "Value": "SystemRequired" if key else _required(about),
            "CanBeChanged": own,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "AttributeOf": about.details.get("AttributeOf"),
        "ColumnNumber": sorted(table.columns).index(name) + 1,
        "IntroducedVersion": "1.0",
        "SourceType": 0,
    }
    return found | _of_kind(table, name, about)


def show_option_set(table: Table, name: str) -> JsonObject:
    """Return the options of a choice column."""
    about = table.about(name)
    own = f"{table.name}_{name}"
    return show_choice(about.choice or own, about.display_name, about.options, about.choice)


def show_choice(
    name: str, display_name: str, options: Sequence[Option], is_global: object
) -> JsonObject:
    """Return a choice with its options."""
    return {
        "@odata.type": f"#{SPACE}OptionSetMetadata",
        "MetadataId": metadata_id("choice", name),
        "Name": name,
        "DisplayName": label(display_name),
        "Description": label(""),
        "IsGlobal": bool(is_global),
        "IsCustomOptionSet": True,
        "IsManaged": False,
        "OptionSetType": "Picklist",
        "Options": [_option(one) for one in options],
    }


def show_truth(about: Described) -> JsonObject:
    """Return the two options of a truth."""
    labels = {one.value: one.label for one in about.options}
    return {
        "@odata.type": f"#{SPACE}BooleanOptionSetMetadata",
        "IsGlobal": False,
        "OptionSetType": "Boolean",
        "TrueOption": _option(Option(1, labels.get(1, "Yes"))),
        "FalseOption": _option(Option(0, labels.get(0, "No"))),
    }


def has_options(kind: Kind) -> bool:
    """Say whether a column of this kind has an ``OptionSet``."""
    return kind in _CHOSEN or kind is Kind.BOOLEAN


def show_key(table: Table, schema_name: str) -> JsonObject:
    """Return an alternate key."""
    key = table.keys[schema_name]
    return {
        "MetadataId": metadata_id(table.name, "key", schema_name.lower()),
        "LogicalName": schema_name.lower(),
        "SchemaName": schema_name,
        "EntityLogicalName": table.name,
        "DisplayName": label(key.display_name),
        "KeyAttributes": [*key.columns],
        "EntityKeyIndexStatus": key.state.value,
        "IsManaged": False,
        "IsSecondaryKey": False,
        "IntroducedVersion": "1.0",
    }


def show_relation(relation: Relation, referenced_key: str) -> JsonObject:
    """Return a relationship between the rows of two tables."""
    return {
        "@odata.type": f"#{SPACE}OneToManyRelationshipMetadata",
        "MetadataId": relation_id(relation),
        "SchemaName": relation.schema_name,
        "RelationshipType": "OneToManyRelationship",
        "ReferencedEntity": relation.referenced,
        "ReferencedAttribute": referenced_key,
        "ReferencedEntityNavigationPropertyName": relation.collection,
        "ReferencingEntity": relation.referencing,
        "ReferencingAttribute": relation.attribute,
        "ReferencingEntityNavigationPropertyName": relation.navigation,
        "CascadeConfiguration": {
            "Assign": "NoCascade",
            "Delete": "RemoveLink",
            "Merge": "NoCascade",
            "Reparent": "NoCascade",
            "Share": "NoCascade",
            "Unshare": "NoCascade",
            **relation.cascade,
        },
        "IsCustomRelationship": True,
        "IsManaged": False,
        "IsHierarchical": relation.referencing == relation.referenced,
        "IsValidForAdvancedFind": True,
        "SecurityTypes": "Append",
        "IntroducedVersion": "1.0",
    }


def show_association(one: Association) -> JsonObject:
    """Return a relationship of many to many; the second side says the same as the first."""
    ends = [*zip((one.table, one.other), one.pair, (one.navigation, one.back), strict=True)]
    found: JsonObject = {
        "@odata.type": f"#{SPACE}ManyToManyRelationshipMetadata",
        "MetadataId": association_id(one),
        "SchemaName": one.schema_name,
        "RelationshipType": "ManyToManyRelationship",
        "IntersectEntityName": one.intersect,
        "IsCustomRelationship": not one.is_system,
        "IsManaged": one.is_system,
        "IsValidForAdvancedFind": True,
        "SecurityTypes": "None",
        "IntroducedVersion": "1.0",
    }
    for at, (table, column, navigation) in enumerate(ends if one.is_first else ends[::-1], 1):
        found[f"Entity{at}LogicalName"] = table
        found[f"Entity{at}IntersectAttribute"] = column
        found[f"Entity{at}NavigationPropertyName"] = navigation
    return found


def association_id(one: Association) -> str:
    """Return the id of a relationship of many to many."""
    return metadata_id("association", one.schema_name.lower())


def relation_id(relation: Relation) -> str:
    """Return a relationship's id."""
    names = (relation.schema_name.lower(), relation.referencing, relation.referenced)
    return metadata_id("relationship", *names)


def _option(one: Option) -> JsonObject:
    return {
        "Value": one.value,
        "Label": label(one.label),
        "Description": label(""),
        "Color": None,
        "IsManaged": False,
    }


def _class(kind: Kind) -> str:
    return _CLASSES.get(kind, f"{kind.value}AttributeMetadata")


def _required(about: Described) -> str:
    return str(about.details.get("RequiredLevel", "None"))


def _of_kind(table: Table, name: str, about: Described) -> JsonObject:
    kind, said = about.kind, about.details
    found: JsonObject = {}
    if kind in _LENGTHS:
        found["MaxLength"] = said.get("MaxLength", _LENGTHS[kind])
        found["Format"] = "Text"
        found["FormatName"] = {"Value": said.get("Format", "Text")}
    if kind in _BOUNDS:
        low, high = _BOUNDS[kind]
        found["MinValue"], found["MaxValue"] = said.get("MinValue", low), said.get("MaxValue", high)
    if table.columns[name] in (Type.DECIMAL, Type.FLOAT):
        found["Precision"] = said.get("Precision", 2)
    if kind in (Kind.MOMENT, Kind.DAY):
        found["Format"] = "DateOnly" if kind is Kind.DAY else "DateAndTime"
        found["DateTimeBehavior"] = {"Value": "DateOnly" if kind is Kind.DAY else "UserLocal"}
    if kind is Kind.IMAGE:
        found |= {"MaxHeight": SIDE, "MaxWidth": SIDE, "IsPrimaryImage": False,
                  "MaxSizeInKB": said.get("MaxSizeInKB", USUAL_KB),
                  "CanStoreFullImage": bool(said.get("CanStoreFullImage"))}  # fmt: skip
    if kind in (Kind.LOOKUP, Kind.OWNER, Kind.CUSTOMER):
        found["Targets"] = [one.referenced for one in table.targets(name)]
    return found
