"""What the audit is searched for, as addresses and the command line say it: names and texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from flowner.errors import Invalid
from flowner.identity.marks import RUN_RULES
from flowner.identity.verdict import ActRule
from flowner.journal.actions import Place, WantedActions
from flowner.rows.auditing import Act, WantedActs
from flowner.values import FlowId, PrincipalId

PEOPLE: Final = ("by", "as", "acting", "actor", "lender", "about")
"""Filters that name somebody, by their id."""
ACTIONS: Final = (
    "by", "as", "acting", "actor", "lender", "account", "flow", "status", "connection",
    "reference", "rule", "connector", "operation", "refused", "fallback", "unplanned", "from", "to",
)  # fmt: skip
"""What actions are filtered by."""
ACTS: Final = ("by", "about", "act", "target", "from", "to")
"""What acts of management are filtered by."""
STATUSES: Final = ("Succeeded", "Failed", "TimedOut", "Cancelled", "Waiting")
RULES: Final = (*RUN_RULES, *(rule.value for rule in ActRule if rule is not ActRule.NONE))


def wanted_actions(
    asked: Mapping[str, str], *, limit: int, before: Place | None = None
) -> WantedActions:
    """Read a search of actions: texts by the names of `ACTIONS`; those left out ask for all.

    People, connections and flows are named by id, moments are ISO 8601 and UTC where they do not
    say otherwise. `Invalid` says which text is none of these, or which value there is not.
    """
    return WantedActions(
        initiator=_person(asked, "by"),
        ran_as=_person(asked, "as"),
        acting=_person(asked, "acting"),
        actor=_person(asked, "actor"),
        lender=_person(asked, "lender"),
        account=asked.get("account"),
        connection=_id(asked, "connection"),
        reference=asked.get("reference"),
        rule=_one_of(asked, "rule", RULES),
        flow=None if (flow := _id(asked, "flow")) is None else FlowId(flow),
        connector=asked.get("connector"),
        operation=asked.get("operation"),
        status=_one_of(asked, "status", STATUSES),
        refused="refused" in asked,
        fallback="fallback" in asked,
        unplanned="unplanned" in asked,
        since=_moment(asked, "from"),
        until=_moment(asked, "to"),
        before=before,
        limit=limit,
    )


def wanted_acts(asked: Mapping[str, str], *, limit: int, before: int | None = None) -> WantedActs:
    """Read a search of acts: texts by the names of `ACTS`, as `wanted_actions`."""
    return WantedActs(
        by=_person(asked, "by"),
        about=_person(asked, "about"),
        act=_one_of(asked, "act", tuple(act.value for act in Act)),
        target=_id(asked, "target"),
        since=_moment(asked, "from"),
        until=_moment(asked, "to"),
        before=before,
        limit=limit,
    )


def read_moment(text: str) -> datetime:
    """Read a moment, as UTC; so is one without an offset. `Invalid` for anything else."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"`{text[:40]}` is no moment such as `2026-03-01T08:00`") from None


def _moment(asked: Mapping[str, str], name: str) -> datetime | None:
    return read_moment(asked[name]) if name in asked else None


def _person(asked: Mapping[str, str], name: str) -> PrincipalId | None:
    found = _id(asked, name)
    return None if found is None else PrincipalId(found)


def _id(asked: Mapping[str, str], name: str) -> str | None:
    try:
        return str(UUID(asked[name])) if name in asked else None
    except ValueError:
        raise Invalid(f"`{name}` is an id, and `{asked[name][:40]}` is none") from None


def _one_of(asked: Mapping[str, str], name: str, values: tuple[str, ...]) -> str | None:
    found = asked.get(name)
    if found is not None and found not in values:
        raise Invalid(f"`{name}` is one of {', '.join(f'`{one}`' for one in values)}")
    return found
