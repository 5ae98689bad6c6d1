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
