"""Row triggers: what they listen for, in the present spelling and in the legacy ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from flowner.definitions.documents import pointer
from flowner.definitions.flow import Call, Message, RowScope, RowSubscription, RunAs
from flowner.definitions.reading import Reading, text_at
from flowner.errors import Code
from flowner.values import Json, JsonObject

T = TypeVar("T")

ROW_TRIGGER: Final = "SubscribeWebhookTrigger"
"""The operation of the row trigger that offers Run as."""
RUN_AS: Final = "subscriptionRequest/runas"
"""The flat parameter that holds its Run as."""

# Source of the numbers: the `callbackregistration` table,
# https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/callbackregistration
RUN_AS_NUMBERS: Final[Mapping[RunAs, int]] = {
    RunAs.MODIFYING_USER: 1,
    RunAs.ROW_OWNER: 2,
    RunAs.FLOW_OWNER: 3,
}
"""What stands on the wire for each Run as."""

_CREATE, _UPDATE, _DELETE = Message.CREATE, Message.UPDATE, Message.DELETE
_MESSAGES: Final[Mapping[int, frozenset[Message]]] = {
    1: frozenset({_CREATE}),
    2: frozenset({_DELETE}),
    3: frozenset({_UPDATE}),
    4: frozenset({_CREATE, _UPDATE}),
    5: frozenset({_CREATE, _DELETE}),
    6: frozenset({_UPDATE, _DELETE}),
    7: frozenset({_CREATE, _UPDATE, _DELETE}),
}
_MESSAGE_ADVICE: Final = (
    "write 1 added, 2 deleted, 3 modified, 4 added or modified, 5 added or deleted, "
    "6 modified or deleted, 7 any of them"
)
_SCOPES: Final[Mapping[int, RowScope]] = {
    1: RowScope.USER,
    2: RowScope.BUSINESS_UNIT,
    3: RowScope.PARENT_CHILD,
    4: RowScope.ORGANIZATION,
}
_SCOPE_ADVICE: Final = (
    "write 1 user, 2 business unit, 3 parent and child business units, 4 organization"
)
_RUN_AS_ADVICE: Final = (
    "write 1 modifying user, 2 row owner, 3 flow owner, or leave it out for the flow owner"
)

_LEGACY_CONNECTORS: Final = frozenset({"shared_commondataservice", "shared_dynamicscrmonline"})
_LEGACY_OPERATION: Final = re.compile(
    r"^(?:Subscribe|Get)On(New|Updated|Deleted)Items(?:_V\d)?$", re.IGNORECASE
)
_LEGACY_PATH: Final = re.compile(
    r"/tables/(?:@\{encodeURIComponent\(encodeURIComponent\('(?P<quoted>(?:[^']|'')*)'\)\)\}"
    r"|(?P<plain>[^/]*))/on(?P<what>new|updated?|deleted?)items(?:webhook)?$",
    re.IGNORECASE,
)
_LEGACY_MESSAGES: Final[Mapping[str, Message]] = {"n": _CREATE, "u": _UPDATE, "d": _DELETE}
_LEGACY_SCOPES: Final[Mapping[str, RowScope]] = {
    "user": RowScope.USER,
    "businessunit": RowScope.BUSINESS_UNIT,
    "parentchildbusinessunit": RowScope.PARENT_CHILD,
    "parentchildbusinessunits": RowScope.PARENT_CHILD,
    "organization": RowScope.ORGANIZATION,
}


def read_subscription(
    call: Call, connector: str, at: str, reading: Reading
) -> RowSubscription | None:
    """Read what a trigger listens for; None when it is not a row trigger.

    ``connector`` is that of the binding, for calls that do not name one; ``at`` is the pointer of
    the trigger's inputs. A legacy trigger names an entity set where the present one names a
    table, and never says Run as.
    """
    if call.operation == ROW_TRIGGER:
        return _present(_Parameters(call.parameters, pointer(at, "parameters"), reading))
    if (call.connector or connector) in _LEGACY_CONNECTORS:
        return _legacy(call, at, reading)
    return None


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The flat slash keys below ``subscriptionRequest/``."""

    members: JsonObject
    at: str
    reading: Reading

    def text(self, name: str) -> str | None:
        return self.reading.text(self.members, f"subscriptionRequest/{name}", self.at) or None

    def number(self, name: str) -> Json:
        return self.members.get(f"subscriptionRequest/{name}")

    def fault(self, name: str, message: str, advice: str, code: Code) -> None:
        place = pointer(self.at, f"subscriptionRequest/{name}")
        self.reading.fault(place, message, advice, code=code)


def _present(parameters: _Parameters) -> RowSubscription:
    table = parameters.text("entityname")
    if table is None:
        advice = "set it to the table's logical name"
        parameters.fault(
            "entityname", "the trigger names no table", advice, Code.INVALID_DEFINITION
        )
    columns = parameters.text("filteringattributes") or ""
    return RowSubscription(
        table=table or "",
        messages=_required(parameters, "message", _MESSAGES, _MESSAGE_ADVICE) or frozenset(),
        scope=_required(parameters, "scope", _SCOPES, _SCOPE_ADVICE) or RowScope.USER,
        run_as=_run_as(parameters),
        filtering_columns=frozenset(
            name for name in (column.strip() for column in columns.split(",")) if name
        ),
        filter_expression=parameters.text("filterexpression"),
        postpone_until=parameters.text("postponeuntil"),
    )


def _run_as(parameters: _Parameters) -> RunAs | None:
    if RUN_AS not in parameters.members:
        return None
    written = parameters.number("runas")
    by_number = {number: run_as for run_as, number in RUN_AS_NUMBERS.items()}
    run_as = _chosen(written, by_number)
    if run_as is None:
        parameters.fault(
            "runas", f"`{_shown(written)}` is not a Run as", _RUN_AS_ADVICE, Code.INVALID_RUN_AS
        )
    return run_as


def _required(
    parameters: _Parameters, name: str, choices: Mapping[int, T], advice: str
) -> T | None:
    written = parameters.number(name)
    chosen = _chosen(written, choices)
    if chosen is None:
        message = (
            f"the trigger does not say its {name}"
            if written is None
            else f"`{_shown(written)}` is not a {name} of a row trigger"
        )
        parameters.fault(name, message, advice, Code.INVALID_DEFINITION)
    return chosen


def _chosen(written: Json, choices: Mapping[int, T]) -> T | None:
    # JSON's `true` is an int to Python, and 1 to a mapping.
    if isinstance(written, bool) or not isinstance(written, int):
        return None
    return choices.get(written)


def _legacy(call: Call, at: str, reading: Reading) -> RowSubscription | None:
    path = _LEGACY_PATH.search(text_at(call.parameters, "path") or "")
    operation = _LEGACY_OPERATION.match(call.operation)
    what = operation[1] if operation else path["what"] if path else None
    if what is None:
        return None
    table = text_at(call.parameters, "table")
    if not table and path:
        table = path["plain"] or (path["quoted"] or "").replace("''", "'")
    if not table:
        reading.fault(at, "the trigger names no table", "set `table` to the table's name")
    return RowSubscription(
        table=table or "",
        messages=frozenset({_LEGACY_MESSAGES[what[0].lower()]}),
        scope=_legacy_scope(call, at, reading),
        run_as=None,
        filtering_columns=frozenset(),
        filter_expression=text_at(call.parameters, "$filter")
        or text_at(call.parameters, "queries", "$filter"),
        postpone_until=None,
    )


def _legacy_scope(call: Call, at: str, reading: Reading) -> RowScope:
    """Read the scope's name; without one the trigger heard of every row."""
    written = text_at(call.parameters, "scope") or text_at(call.parameters, "queries", "scope")
    if written is None:
        return RowScope.ORGANIZATION
    scope = _LEGACY_SCOPES.get(re.sub(r"[^a-z]", "", written.casefold()))
    if scope is None:
        reading.fault(
            at,
            f"`{_shown(written)}` is not a scope of a row trigger",
            "write `User`, `Business unit`, `Parent: Child business unit` or `Organization`",
        )
    return scope or RowScope.USER


def _shown(value: Json) -> str:
    return str(value)[:40]
