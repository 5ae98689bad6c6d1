"""Control actions: which branch, which items, once more or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flowner.definitions.flow import Branch
from flowner.errors import Invalid
from flowner.expressions.errors import ExpressionError
from flowner.runs.compiled import Node
from flowner.runs.conditions import evaluate, require_boolean
from flowner.runs.durations import duration, later
from flowner.runs.results import EVALUATION, ActionFault, type_name
from flowner.runs.templates import ItemScope
from flowner.values import Json

MAX_ITEMS: Final = 100_000
"""Items of one Foreach."""
MAX_ITERATIONS: Final = 5_000
"""Iterations of one Until; the default is 60."""
_DEFAULT_COUNT: Final = 60
_DEFAULT_TIMEOUT: Final = timedelta(hours=1)


class Mismatch(Exception):
    """A case cannot be compared with the value: everything in the Switch fails with this."""


def condition(node: Node, scope: ItemScope) -> bool:
    """Evaluate the condition of If or Until. Raises `ExpressionError`."""
    if node.condition is None:
        raise ExpressionError("the condition is missing")
    return require_boolean(evaluate(node.condition, scope))


def switch_value(node: Node, scope: ItemScope) -> Json:
    """Evaluate what a Switch compares: a text or a whole number.

    Raises `ExpressionError`, and `ActionFault` for any other type.
    """
    template = node.templates.get("expression")
    value = None if template is None else template.evaluate(scope)
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ActionFault(
        f"The execution of template action '{node.name}' failed: the result of the evaluation of "
        f"the switch expression is not valid. It is of type '{type_name(value)}' but is expected "
        "to be a value of type 'String, Integer'.",
        code=EVALUATION,
        error_code=EVALUATION,
    )


def chosen_case(branches: tuple[Branch, ...], value: Json) -> int:
    """Return the position of the first case that equals the value, or of the default.

    Raises `Mismatch` if any case is of another type than the value.
    """
    found = len(branches) - 1
    for position in range(len(branches) - 2, -1, -1):
        case = branches[position].case
        if type(case) is not type(value):
            raise Mismatch(
                "Template language function 'strongEquals' expects parameters of same type, but "
                f"found '{type_name(value)},{type_name(case)}' distinct types."
            )
        if case == value:
            found = position
    return found


def loop_items(node: Node, scope: ItemScope) -> list[Json]:
    """Evaluate what a Foreach goes through. Raises `ExpressionError` and `ActionFault`."""
    template = node.templates.get("foreach")
    value = None if template is None else template.evaluate(scope)
    written = node.action.source.get("foreach")
    if not isinstance(value, list):
        raise ActionFault(
            f"The execution of template action '{node.name}' failed: the result of the evaluation "
            f"of 'foreach' expression '{written}' is of type '{type_name(value)}'. The result "
            "must be a valid array.",
            code=EVALUATION,
            error_code=EVALUATION,
        )
    if len(value) > MAX_ITEMS:
        raise ActionFault(
            f"The action '{node.name}' has {len(value)} items to go through; at most {MAX_ITEMS}.",
            code=EVALUATION,
            error_code=EVALUATION,
        )
    return value


@dataclass(frozen=True, slots=True)
class UntilLimit:
    """How long an Until goes on at most."""

    count: int
    due: datetime


def until_limit(node: Node, scope: ItemScope, started: datetime) -> UntilLimit:
    """Evaluate the limits of an Until. Raises `ExpressionError` and `ActionFault`."""
    template = node.templates.get("limit")
    value = None if template is None else template.evaluate(scope)
    limit = value if isinstance(value, dict) else {}
    try:
        timeout = duration(str(limit["timeout"])) if "timeout" in limit else _DEFAULT_TIMEOUT
        count = int(str(limit.get("count", _DEFAULT_COUNT)))
    except (Invalid, ValueError) as error:
        raise ActionFault(str(error), error_code="InvalidUntilLimit") from None
    return UntilLimit(count=min(max(count, 1), MAX_ITERATIONS), due=later(started, timeout))
