"""What would differ, summed over several runs: who runs, what acts otherwise, what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flowner.flows.differences import Preview
from flowner.values import JsonObject


@dataclass(slots=True)
class Summed:
    """Each is counted in runs, the most frequent first where it is shown."""

    begin: list[Preview] = field(default_factory=list)
    """The runs that would be run again."""
    run_as: Counter[str] = field(default_factory=Counter)
    versions: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """By flow, the version that ran and another one that would."""
    differing: Counter[tuple[str, str, tuple[str, str], tuple[str, str]]] = field(
        default_factory=Counter
    )
    """By flow and action: who acted and why, who would and why."""
    refusals: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By flow and action: why the action would be refused."""
    refused: dict[tuple[str, str], list[Preview]] = field(default_factory=dict)
    """By message and code: the runs that would not begin."""


def summed(previews: Iterable[Preview]) -> Summed:
    """Return what the previews say together."""
    found = Summed()
    for one in previews:
        flow = one.header.flow_name
        if one.plan is None:
            error = one.refused
            why = ("", "") if error is None else (error.message, error.code.value)
            found.refused.setdefault(why, []).append(one)
            continue
        found.begin.append(one)
        found.run_as[one.names.get(one.plan.running.principal, "somebody unknown")] += 1
        if one.plan.version != one.header.flow_version:
            found.versions[flow, one.header.flow_version, one.plan.version] += 1
        for action, before, now in said_of(one):
            found.differing[flow, action, before, now] += 1
        for action, why_not in one.refusals:
            found.refusals[flow, action, why_not] += 1
    return found


def said_of(preview: Preview) -> list[tuple[str, tuple[str, str], tuple[str, str]]]:
    """Return what would differ for people: each action, who acted and why, who would and why."""
    return [
        (one.action, _said(preview.names, one.before), _said(preview.names, one.now))
        for one in preview.differing
    ]


def _said(names: dict[str, str], record: JsonObject | None) -> tuple[str, str]:
    """Return who a record names, and why; for people."""
    if record is None:
        return "no such action", ""
    if record.get("refused"):
        return "nobody", str(record.get("message") or "")
    who = names.get(str(record.get("principal")), "somebody unknown")
    if account := record.get("account"):
        who += f" ({account})"
    because, lender = str(record.get("because") or ""), record.get("lentBy")
    if lender and lender != record.get("principal") and because:
        because += f"; lent by {names.get(str(lender), 'somebody unknown')}"
    return who, because
