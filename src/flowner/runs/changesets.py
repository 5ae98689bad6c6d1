"""Changesets: requests that a connector carries out all together, or not at all.

A Changeset asks once, for the operation `ExecuteChangeset` of its children's connector, with
``{"requests": [{"name", "operation", "parameters"}]}``; the answer's body is a list with an answer
``{"statusCode", "headers", "body"}`` for each. What fails, fails for all.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from flowner.definitions.flow import Status
from flowner.runs import calls
from flowner.runs.compiled import CompiledFlow, Node
from flowner.runs.results import ActionFault, Result
from flowner.runs.viewing import RunScope
from flowner.values import Json


def requests_of(compiled: CompiledFlow, node: Node, scope: RunScope) -> list[Json]:
    """Evaluate the requests, in document order. Raises `ActionFault`, `ExpressionError`."""
    children = list(compiled.inside(node))
    bindings = {child.action.call.binding for child in children if child.action.call is not None}
    if any(child.action.call is None for child in children) or len(bindings) != 1:
        raise ActionFault(
            f"The changeset '{node.name}' must hold connector actions of one connection alone.",
            error_code="InvalidChangeset",
        )
    return [
        {
            "name": child.name,
            "operation": child.action.call.operation if child.action.call is not None else "",
            "inputs": calls.evaluated(child, scope),
        }
        for child in children
    ]


def answers_of(result: Result, inputs: object, count: int) -> list[Result]:
    """Share the answer out among the requests; what is absent takes the whole's."""
    requests = inputs.get("requests", []) if isinstance(inputs, dict) else []
    body = result.outputs.get("body") if isinstance(result.outputs, dict) else None
    parts = body if isinstance(body, list) else []
    found = []
    for place in range(count):
        asked = requests[place].get("inputs", UNSET) if place < len(requests) else UNSET
        found.append(_share(result, parts[place] if place < len(parts) else UNSET, asked))
    return found


def _share(result: Result, part: Json | UnsetType, asked: Json | UnsetType) -> Result:
    if result.status is not Status.SUCCEEDED or part is UNSET:
        return result._replace(inputs=asked)
    return result._replace(inputs=asked, outputs=part)
