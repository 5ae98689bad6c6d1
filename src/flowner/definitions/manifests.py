"""What the manifest of a legacy package knows of its connections, beyond their names.

``manifest.json`` lists the package's resources, connections among them, titled as whoever made
them saw them: mostly with the account that they sign in as. A flow's ``connectionsMap.json`` says
which of its keys is which resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from flowner.definitions.bindings import account_in
from flowner.definitions.flow import Binding, Flow
from flowner.definitions.reading import member, text_at
from flowner.values import Json

MANIFEST: Final = "manifest.json"
CONNECTIONS_MAP: Final = "connectionsMap.json"
_CONNECTION: Final = "microsoft.powerapps/apis/connections"


def with_accounts(flow: Flow, manifest: Json, connections_map: Json) -> Flow:
    """Return the flow with the accounts that its package names for its connections.

    A title without an address (``My blog``) is no account; what does not fit is passed over.
    """
    found: dict[str, Binding] = {}
    for key, binding in flow.bindings.items():
        resource = member(manifest, "resources", text_at(connections_map, key) or "")
        account = _account(resource, binding.connector)
        found[key] = replace(binding, account=account) if account else binding
    return flow if found == flow.bindings else replace(flow, bindings=found)


def with_titles(flow: Flow, titles: Mapping[str, str]) -> Flow:
    """Return the flow with the accounts that the titles of its connection references contain.

    ``titles`` are by the reference's logical name, in lower case.
    """
    found: dict[str, Binding] = {}
    for key, binding in flow.bindings.items():
        title = titles.get((binding.reference or "").casefold(), "")
        account = binding.account or account_in(title, binding.connector)
        found[key] = replace(binding, account=account) if account else binding
    return flow if found == flow.bindings else replace(flow, bindings=found)


def _account(resource: Json, connector: str) -> str | None:
    if (text_at(resource, "type") or "").casefold() != _CONNECTION:
        return None
    return account_in(text_at(resource, "details", "displayName") or "", connector)
