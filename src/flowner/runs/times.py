"""Date, time, text and number actions (type Expression), and how long a Wait action waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flowner.errors import Invalid
from flowner.runs.compiled import Node
from flowner.runs.durations import later, moment, span
from flowner.runs.results import ActionFault, Result
from flowner.runs.templates import ItemScope, Template, compile_template
from flowner.values import Json, JsonObject

_MEMBER: Final = "item()?['{}']"

_KINDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "addtotime": ("addToTime", ("baseTime", "interval", "timeUnit")),
    "subtractfromtime": ("subtractFromTime", ("baseTime", "interval", "timeUnit")),
    "getfuturetime": ("getFutureTime", ("interval", "timeUnit")),
    "getpasttime": ("getPastTime", ("interval", "timeUnit")),
    "currenttime": ("utcNow", ()),
    "converttimezone": (
        "convertTimeZone",
        ("baseTime", "sourceTimeZone", "destinationTimeZone", "formatString"),
    ),
    "formatnumber": ("formatNumber", ("number", "format", "locale")),
    "indexof": ("indexOf", ("text", "searchText")),
    "substring": ("substring", ("text", "startPosition", "length")),
}
"""By kind: the function of the language, and the inputs it takes, in order."""


def _function(kind: str, count: int) -> Template:
    function, names = _KINDS[kind]
    arguments = ", ".join(_MEMBER.format(name) for name in names[:count])
    return compile_template(f"@{function}({arguments})")


_FUNCTIONS: Final = {
    (kind, count): _function(kind, count)
    for kind, (_, names) in _KINDS.items()
    for count in range(len(names) + 1)
}


def expression(node: Node, scope: ItemScope) -> Result:
    """Do what the function of the same name does."""
    kind = (node.action.kind or "").casefold()
    if kind not in _KINDS:
        raise ActionFault(
            f"the kind `{node.action.kind}` is not known; write one of AddToTime, "
            "SubtractFromTime, GetFutureTime, GetPastTime, CurrentTime, ConvertTimeZone, "
            "FormatNumber, IndexOf, Substring",
            error_code="ActionTypeNotSupported",
        )
    inputs = _object(node, scope)
    # What is left out at the end is an argument left out.
    count = max(
        (place for place, name in enumerate(_KINDS[kind][1], 1) if inputs.get(name) is not None),
        default=0,
    )
    with scope.at_item(inputs):
        body = _FUNCTIONS[kind, count].evaluate(scope)
    return Result(inputs=inputs, outputs={"body": body})


def wait_inputs(node: Node, scope: ItemScope, now: datetime) -> tuple[JsonObject, datetime]:
    """Return a Wait action's evaluated inputs and when it ends. Raises `ActionFault`."""
    inputs = _object(node, scope)
    interval, until = inputs.get("interval"), inputs.get("until")
    try:
        if isinstance(interval, dict):
            return inputs, later(now, span(interval.get("count"), interval.get("unit")))
        if isinstance(until, dict):
            return inputs, moment(str(until.get("timestamp")))
    except Invalid as error:
        raise ActionFault(error.message, error_code="InvalidWait", inputs=inputs) from None
    raise ActionFault(
        "a Wait action has an `interval` or an `until`", error_code="InvalidWait", inputs=inputs
    )


def _object(node: Node, scope: ItemScope) -> JsonObject:
    template = node.templates.get("inputs")
    inputs: Json = None if template is None else template.evaluate(scope)
    return inputs if isinstance(inputs, dict) else {}
