"""What functions and actions are called with and answer, as ``$metadata`` tells it.

Source: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/about
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Named = tuple[tuple[str, str], ...]
"""Names with their types."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One function or action."""

    name: str
    parameters: Named = ()
    returns: str | None = None
    bound_to: str | None = None
    """The type of the row that it is called on; ``*``: the rows of every table."""
    is_function: bool = False


def _function(name: str, bound_to: str | None = None, **parameters: str) -> Signature:
    return Signature(name, tuple(parameters.items()), f"mscrm.{name}Response", bound_to, True)


def _action(
    name: str, returns: str | None = None, bound_to: str | None = None, **parameters: str
) -> Signature:
    return Signature(name, tuple(parameters.items()), returns, bound_to)


_ROW, _ROWS, _TEXT, _GUID = (
    "mscrm.crmbaseentity", "Collection(mscrm.crmbaseentity)", "Edm.String", "Edm.Guid",
)  # fmt: skip
_PRIVILEGES = "Collection(mscrm.RolePrivilege)"
_LABELS = "Collection(mscrm.OneToManyRelationshipMetadata)"
_CHOICE: Final = dict.fromkeys(
    ("OptionSetName", "EntityLogicalName", "AttributeLogicalName"), _TEXT
)
_OPTION: Final = {**_CHOICE, "Label": "mscrm.Label"}

SIGNATURES: Final = (
    _function("WhoAmI"),
    _function("RetrieveVersion"),
    _function("RetrieveAvailableLanguages"),
    _function("RetrieveCurrentOrganization", AccessType=_TEXT),
    _function("RetrieveTotalRecordCount", EntityNames=f"Collection({_TEXT})"),
    _function("RetrieveMetadataChanges", Query="mscrm.EntityQueryExpression"),
    _function("RetrieveSharedPrincipalsAndAccess", Target=_ROW),
    _function("RetrieveRolePrivilegesRole", RoleId=_GUID),
    _function("RetrievePrincipalAccess", "mscrm.principal", Target=_ROW),
    _function("RetrievePrincipalAccessInfo", "mscrm.principal", ObjectId=_GUID, EntityName=_TEXT),
    _function("RetrieveUserPrivileges", "mscrm.systemuser"),
    _function("RetrieveUserPrivilegeByPrivilegeName", "mscrm.systemuser", PrivilegeName=_TEXT),
    _function("RetrieveUserSetOfPrivilegesByNames", "mscrm.systemuser",
              PrivilegeNames=f"Collection({_TEXT})"),
    _function("RetrieveTeamPrivileges", "mscrm.team"),
    _action("GrantAccess", Target=_ROW, PrincipalAccess="mscrm.PrincipalAccess"),
    _action("ModifyAccess", Target=_ROW, PrincipalAccess="mscrm.PrincipalAccess"),
    _action("RevokeAccess", Target=_ROW, Revokee="mscrm.principal"),
    _action("AddMembersTeam", None, "mscrm.team", Members="Collection(mscrm.systemuser)"),
    _action("RemoveMembersTeam", None, "mscrm.team", Members="Collection(mscrm.systemuser)"),
    _action("AddPrivilegesRole", None, "mscrm.role", Privileges=_PRIVILEGES),
    _action("ReplacePrivilegesRole", None, "mscrm.role", Privileges=_PRIVILEGES),
    _action("RemovePrivilegeRole", None, "mscrm.role", PrivilegeId=_GUID),
    _action("InsertOptionValue", "mscrm.InsertOptionValueResponse", Value="Edm.Int32", **_OPTION),
    _action("UpdateOptionValue", Value="Edm.Int32", MergeLabels="Edm.Boolean", **_OPTION),
    _action("DeleteOptionValue", Value="Edm.Int32", **_CHOICE),
    _action("OrderOption", Values="Collection(Edm.Int32)", **_CHOICE),
    _action("ReactivateEntityKey", EntityLogicalName=_TEXT, EntityKeyLogicalName=_TEXT),
    _action("PublishXml", ParameterXml=_TEXT),
    _action("PublishAllXml"),
    _action("BulkDelete", "mscrm.BulkDeleteResponse", JobName=_TEXT,
            QuerySet="Collection(mscrm.QueryExpression)", StartDateTime="Edm.DateTimeOffset",
            RecurrencePattern=_TEXT, SendEmailNotification="Edm.Boolean"),
    _action("CreateEntities", "mscrm.CreateEntitiesResponse",
            Entities="Collection(mscrm.ComplexEntityMetadata)"),
    _action("CreateCustomerRelationships", "mscrm.CreateCustomerRelationshipsResponse",
            Lookup="mscrm.ComplexLookupAttributeMetadata", OneToManyRelationships=_LABELS),
    _action("CreateMultiple", "mscrm.CreateMultipleResponse", "*", Targets=_ROWS),
    _action("UpdateMultiple", None, "*", Targets=_ROWS),
    _action("UpsertMultiple", "mscrm.UpsertMultipleResponse", "*", Targets=_ROWS),
    _action("DeleteMultiple", None, "*", Targets=_ROWS),
)  # fmt: skip

STRUCTURES: Final[dict[str, Named]] = {
    "WhoAmIResponse": (
        ("BusinessUnitId", _GUID), ("UserId", _GUID), ("OrganizationId", _GUID)),
    "RetrieveVersionResponse": (("Version", _TEXT),),
    "RetrieveAvailableLanguagesResponse": (("LocaleIds", "Collection(Edm.Int32)"),),
    "RetrieveCurrentOrganizationResponse": (("Detail", "mscrm.OrganizationDetail"),),
    "OrganizationDetail": (
        ("OrganizationId", _GUID), ("FriendlyName", _TEXT), ("OrganizationVersion", _TEXT),
        ("EnvironmentId", _TEXT), ("UniqueName", _TEXT), ("UrlName", _TEXT), ("State", _TEXT),
        ("Endpoints", "mscrm.EndpointCollection")),
    "EndpointCollection": (
        ("Count", "Edm.Int32"), ("IsReadOnly", "Edm.Boolean"),
        ("Keys", f"Collection({_TEXT})"), ("Values", f"Collection({_TEXT})")),
    "RetrieveTotalRecordCountResponse": (
        ("EntityRecordCountCollection", "mscrm.EntityRecordCountCollection"),),
    "EntityRecordCountCollection": (
        ("Count", "Edm.Int32"), ("IsReadOnly", "Edm.Boolean"),
        ("Keys", f"Collection({_TEXT})"), ("Values", "Collection(Edm.Int64)")),
    "RetrieveSharedPrincipalsAndAccessResponse": (
        ("PrincipalAccesses", "Collection(mscrm.PrincipalAccess)"),),
    "PrincipalAccess": (("AccessMask", "mscrm.AccessRights"),),
    "RetrievePrincipalAccessResponse": (("AccessRights", "mscrm.AccessRights"),),
    "RetrievePrincipalAccessInfoResponse": (("AccessInfo", _TEXT),),
    **{
        f"{name}Response": (("RolePrivileges", "Collection(mscrm.RolePrivilege)"),)
        for name in ("RetrieveUserPrivileges", "RetrieveTeamPrivileges",
                     "RetrieveUserPrivilegeByPrivilegeName", "RetrieveUserSetOfPrivilegesByNames",
                     "RetrieveRolePrivilegesRole")
    },
    "RolePrivilege": (
        ("Depth", _TEXT), ("PrivilegeId", _GUID), ("BusinessUnitId", _GUID),
        ("PrivilegeName", _TEXT)),
    "InsertOptionValueResponse": (("NewOptionValue", "Edm.Int32"),),
    "BulkDeleteResponse": (("JobId", _GUID),),
    "CreateEntitiesResponse": (("EntityIds", f"Collection({_GUID})"),),
    "CreateCustomerRelationshipsResponse": (
        ("AttributeId", _GUID), ("RelationshipIds", f"Collection({_GUID})")),
    "CreateMultipleResponse": (("Ids", f"Collection({_GUID})"),),
    "UpsertMultipleResponse": (("Results", "Collection(mscrm.UpsertResponse)"),),
}  # fmt: skip
"""The members of what is answered and asked, by type."""

TO_ROWS: Final[dict[str, Named]] = {
    "PrincipalAccess": (("Principal", "mscrm.principal"),),
    "UpsertResponse": (("Target", _ROW),),
}
"""The members that lead to a row, by type."""

OPEN: Final = (
    "Label",    "QueryExpression", "EntityQueryExpression", "RetrieveMetadataChangesResponse",
    "ComplexEntityMetadata", "ComplexLookupAttributeMetadata", "OneToManyRelationshipMetadata",
)  # fmt: skip
"""Types whose members are those of a document that is read by itself."""
