"""The pages that there are: looked at by the tests, and by people in ``build/screens``.

Whoever makes a page adds it here: by whom it is seen, and at which address. Addresses may name
flows of the demo (``{flow[greet]}``) and runs (``{run[greet]}``), people (``{people[ada]}``).
"""

from __future__ import annotations

PAGES: dict[str, tuple[str, str]] = {
    "flows-mine": ("ada", "/flows?tab=mine"),
    "flows-run-only": ("bob", "/flows?tab=runonly"),
    "flows-all": ("ada", "/flows?tab=all"),
    "flow-instant": ("ada", "/flows/{flow[announce]}"),
    "flow-run-only": ("bob", "/flows/{flow[greet]}"),
    "designer": ("ada", "/flows/{flow[greet]}/edit"),
    "designer-panel": (
        "ada",
        "/flows/{flow[as_modifier]}/edit?card=When_a_request_changes&tab=runs-as",
    ),
    "connections": ("ada", "/connections"),
    "connections-others": ("ada", "/connections?tab=others"),
    "connection": ("ada", "/connections/{connections[ada.mail]}"),
    "connection-new": ("bob", "/connections/new"),
    "connection-new-sign-in": ("bob", "/connections/new?connector=shared_webcontents"),
    "connection-new-mail": ("bob", "/connections/new?connector=shared_office365"),
    "pane-run-only": ("ada", "/flows/{flow[announce]}?pane=run-only"),
    "pane-owners": ("ada", "/flows/{flow[announce]}?pane=owners"),
    "run": ("bob", "/flows/{flow[greet]}/run"),
    "consent": ("bob", "/flows/{flow[greet]}/consent"),
    "consents": ("bob", "/consents"),
    "lent": ("ada", "/lent"),
    "apps": ("mia", "/apps"),
    "app": ("mia", "/apps/{app}"),
    "app-owner": ("ada", "/apps/{app}"),
    "app-consent": ("mia", "/apps/{app}/consent"),
    "not-found": ("ada", "/nowhere"),
}
