"""Triggers: what sets a flow off.

Our extensions of a trigger stand in its ``metadata``, where Power Automate keeps what it does not
know: ``"metadata": {"flownerWhenUnavailable": "fail" | "owner" | "wait", "flownerSameRow": "atOnce"
| "inOrder"}``. Absent means `WhenUnavailable.OWNER` and `SameRow.AT_ONCE`, which is what an
imported flow did where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flowner.definitions.calls import CALL_TYPES, read_call
from flowner.definitions.documents import pointer
from flowner.definitions.flow import Binding, Call, FlowKind, SameRow, Trigger, WhenUnavailable
from flowner.definitions.reading import Reading, member
from flowner.definitions.row_triggers import read_subscription
from flowner.values import JsonObject

WHEN_UNAVAILABLE: Final = "flownerWhenUnavailable"
"""The member of a trigger's ``metadata`` that says what to do without a principal."""
SAME_ROW: Final = "flownerSameRow"
"""The member of a row trigger's ``metadata`` that says how the runs of one row go."""

_SCHEDULED: Final = frozenset({"Recurrence", "SlidingWindow"})
KNOWN_TYPES: Final = CALL_TYPES | _SCHEDULED | {"Request", "Http", "HttpWebhook", "Manual"}
"""Every trigger type of Power Automate's cloud flows."""

_SERVICE_KINDS: Final = frozenset(
    {"", "http", "eventgrid", "alert", "azuremonitoralert", "securitycenteralert"}
)
_PERSON_KINDS: Final = frozenset(
    {
        "apiconnection",
        "button",
        "geofence",
        "powerapp",
        "powerappv2",
        "powerpages",
        "skills",
        "virtualagent",
    }
)
KNOWN_KINDS: Final = _SERVICE_KINDS | _PERSON_KINDS
"""The kinds of a ``Request`` trigger, in lower case; '' is a Logic Apps request, as Http."""

_SPELLINGS: Final = {name.casefold(): name for name in KNOWN_TYPES}


def read_trigger(
    name: str, source: JsonObject, at: str, *, bindings: Mapping[str, Binding], reading: Reading
) -> Trigger:
    """Read the one trigger. ``bindings`` tell which connector a legacy call means."""
    written = reading.text(source, "type", at)
    if not written:
        reading.fault(at, f"trigger `{name}` has no type", "add `type`")
    type_ = _SPELLINGS.get((written or "").casefold(), written or "")
    kind = reading.text(source, "kind", at)
    call, rows = None, None
    if type_ in CALL_TYPES:
        call = read_call(source, at, reading)
        if call is not None:
            connector = _connector(call, bindings)
            rows = read_subscription(call, connector, pointer(at, "inputs"), reading)
    elif _is_hybrid(type_, kind) and member(source, "inputs", "host") is not None:
        call = read_call(source, at, reading)
    return Trigger(
        name=name,
        type=type_,
        kind=kind,
        inputs=source.get("inputs"),
        flow_kind=_flow_kind(type_, kind),
        rows=rows,
        call=call,
        when_unavailable=_when_unavailable(source, at, reading),
        same_row=_same_row(source, rows is not None, at, reading),
        pointer=at,
        source=source,
    )


def _is_hybrid(type_: str, kind: str | None) -> bool:
    """A person selects a row or a file, and a connector shows it."""
    return type_ == "Request" and (kind or "").casefold() == "apiconnection"


def _connector(call: Call, bindings: Mapping[str, Binding]) -> str:
    binding = bindings.get(call.binding)
    return binding.connector if binding else ""


def _flow_kind(type_: str, kind: str | None) -> FlowKind:
    if type_ in _SCHEDULED:
        return FlowKind.SCHEDULED
    if type_ == "Request":
        # A kind that we do not know is taken for a person's: its caller has to say who it is.
        by_service = (kind or "").casefold() in _SERVICE_KINDS
        return FlowKind.HTTP if by_service else FlowKind.INSTANT
    return FlowKind.INSTANT if type_ == "Manual" else FlowKind.AUTOMATED


def _when_unavailable(source: JsonObject, at: str, reading: Reading) -> WhenUnavailable:
    written = member(source, "metadata", WHEN_UNAVAILABLE)
    if written is None:
        return WhenUnavailable.OWNER
    try:
        return WhenUnavailable(str(written))
    except ValueError:
        reading.fault(
            pointer(at, "metadata", WHEN_UNAVAILABLE),
            f"`{str(written)[:40]}` is not what to do without a principal",
            "write `fail`, `owner` or `wait`",
        )
        return WhenUnavailable.FAIL


def _same_row(source: JsonObject, has_rows: bool, at: str, reading: Reading) -> SameRow:
    written = member(source, "metadata", SAME_ROW)
    if written is None:
        return SameRow.AT_ONCE
    place = pointer(at, "metadata", SAME_ROW)
    if not has_rows:
        reading.fault(
            place,
            "the trigger is not set off by rows, so that its runs have no row's order",
            "leave it out",
        )
        return SameRow.AT_ONCE
    try:
        return SameRow(str(written))
    except ValueError:
        reading.fault(
            place,
            f"`{str(written)[:40]}` is not how the runs of one row go",
            "write `atOnce` or `inOrder`",
        )
        return SameRow.AT_ONCE
