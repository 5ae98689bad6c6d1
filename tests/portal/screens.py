"""The pages that there are: looked at by the tests, and by people in ``build/screens``.

Whoever makes a page adds it here: by whom it is seen, and at which address. Addresses may name
flows of the demo (``{flow[greet]}``) and runs (``{run[greet]}``), people (``{people[ada]}``), and
the approvals of its story (``{approval[open]}``).
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
    "references": ("ada", "/connections/references"),
    "connection": ("ada", "/connections/{connections[ada.mail]}"),
    "connection-new": ("bob", "/connections/new"),
    "connection-new-sign-in": ("bob", "/connections/new?connector=shared_webcontents"),
    "connection-new-mail": ("bob", "/connections/new?connector=shared_office365"),
    "pane-run-only": ("ada", "/flows/{flow[announce]}?pane=run-only"),
    "pane-owners": ("ada", "/flows/{flow[announce]}?pane=owners"),
    "run-it": ("bob", "/flows/{flow[greet]}/run"),
    "consent": ("bob", "/flows/{flow[greet]}/consent"),
    "consents": ("bob", "/consents"),
    "lent": ("ada", "/lent"),
    "apps": ("mia", "/apps"),
    "app": ("mia", "/apps/{app}"),
    "app-owner": ("ada", "/apps/{app}"),
    "app-consent": ("mia", "/apps/{app}/consent"),
    "runs": ("ada", "/runs"),
    "runs-flow": ("bob", "/flows/{flow[greet]}/runs"),
    "run": ("ada", "/flows/{flow[as_modifier]}/runs/{run[as_modifier]}"),
    "run-panel": ("ada", "/flows/{flow[as_modifier]}/runs/{run[as_modifier]}?card=Add_note"),
    "run-failed": ("bob", "/flows/{flow[remind]}/runs/{run[remind]}?card=Send_reminder"),
    "run-again": ("ada", "/flows/{flow[as_row_owner]}/runs/{run[as_row_owner]}/resubmit"),
    "approvals": ("noor", "/approvals"),
    "approvals-sent": ("ada", "/approvals?tab=sent"),
    "approvals-history": ("noor", "/approvals?tab=history"),
    "approval": ("noor", "/approvals/{approval[open]}"),
    "approval-settled": ("bob", "/approvals/{approval[settled]}"),
    "approval-link": ("noor", "{approval[link]}"),
    "run-approved": ("ada", "/flows/{flow[buy]}/runs/{approval[run]}?card=Ask_the_desk"),
    "who-instant": ("ada", "/flows/{flow[greet]}/who?as={people[mia]}"),
    "who-row": (
        "ada",
        "/flows/{flow[as_modifier]}/who?modified={people[noor]}&owner={people[bob]}",
    ),
    "who-clock": ("ada", "/flows/{flow[summary]}/who"),
    "new-flow": ("ada", "/flows/new"),
    "import": ("ada", "/flows/import"),
    "versions": ("ada", "/flows/{flow[greet]}/versions"),
    "code": ("ada", "/flows/{flow[greet]}/code"),
    "ownership": ("ada", "/admin/ownership"),
    "ownership-table": ("ada", "/admin/ownership?view=table&filter=orphaned"),
    "people": ("ada", "/admin/people"),
    "person": ("ada", "/admin/people/{people[leo]}"),
    "applications": ("ada", "/admin/apps"),
    "not-found": ("ada", "/nowhere"),
}
