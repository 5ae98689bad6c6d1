"""Functions and actions that are called with parameters: on the service, or bound to a row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from flowner.rows.catalogue import Table
from flowner.webapi import (
    associating,
    defining,
    giving,
    holding,
    overview,
    redefining,
    sharing,
)
from flowner.webapi.addresses import Segment
from flowner.webapi.calls import Call
from flowner.webapi.requests import Answer

_Unbound = Callable[[Call, Segment], Awaitable[Answer]]
_Bound = Callable[[Call, Table, tuple[Segment, Segment]], Awaitable[Answer]]

UNBOUND: Final[dict[str, tuple[str, _Unbound]]] = {
    "GrantAccess": ("POST", sharing.grant),
    "ModifyAccess": ("POST", sharing.modify),
    "RevokeAccess": ("POST", sharing.revoke),
    "RetrieveSharedPrincipalsAndAccess": ("GET", sharing.shared_with),
    "RetrieveRolePrivilegesRole": ("GET", holding.of_role),
    "InsertOptionValue": ("POST", redefining.insert_option),
    "UpdateOptionValue": ("POST", redefining.update_option),
    "DeleteOptionValue": ("POST", redefining.delete_option),
    "ReactivateEntityKey": ("POST", defining.reactivate_key),
    "OrderOption": ("POST", redefining.order_options),
    "RetrieveVersion": ("GET", overview.version),
    "RetrieveCurrentOrganization": ("GET", overview.organization),
    "RetrieveTotalRecordCount": ("GET", overview.totals),
}
"""By name: the method, and what answers it."""

_OF_PRINCIPALS: Final[dict[str, tuple[str, _Bound]]] = {
    "RetrievePrincipalAccess": ("GET", sharing.access_of),
    "RetrievePrincipalAccessInfo": ("GET", sharing.ways_of),
}
OF_ROWS: Final[dict[str, dict[str, tuple[str, _Bound]]]] = {
    "systemuser": {
        **_OF_PRINCIPALS,
        "RetrieveUserPrivileges": ("GET", holding.of_principal),
        "RetrieveUserPrivilegeByPrivilegeName": ("GET", holding.of_name),
        "RetrieveUserSetOfPrivilegesByNames": ("GET", holding.of_names),
    },
    "role": {
        "AddPrivilegesRole": ("POST", giving.add),
        "ReplacePrivilegesRole": ("POST", giving.replace),
        "RemovePrivilegeRole": ("POST", giving.remove),
    },
    "team": {
        **_OF_PRINCIPALS,
        "RetrieveTeamPrivileges": ("GET", holding.of_principal),
        "AddMembersTeam": ("POST", associating.add_members),
        "RemoveMembersTeam": ("POST", associating.remove_members),
    },
}
"""By table and name."""
