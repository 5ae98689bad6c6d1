"""What would differ, were a run resubmitted now: in whose name, on which version, from where on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flowner.errors import FlownerError
from flowner.identity.record import acting_record, refusal_record
from flowner.identity.verdict import Acting, Plan, Refusal
from flowner.journal.records import RunHeader
from flowner.runs.taking import Taking
from flowner.values import Json, JsonObject, PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """What would be otherwise about one action. A record, or None where there is no action."""

    action: str
    before: JsonObject | None
    now: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a run would be, were it resubmitted now."""

    header: RunHeader
    """The run that there was."""
    by: PrincipalId
    """Who would be its initiator."""
    refused: FlownerError | None = None
    """Why it would not begin at all."""
    plan: Plan | None = None
    """None: it is refused."""
    differing: tuple[Differing, ...] = ()
    """Of actions that may act: not of those that are taken over."""
    refusals: tuple[tuple[str, str], ...] = ()
    """Actions that would be refused now, whether or not they were then, with the reason."""
    taking: Taking | None = None
    """What it takes over, where it goes on from an action."""
    names: dict[str, str]
    """Of everybody whom the records speak of."""

    @property
    def version(self) -> int | None:
        """The version that it would run; None: none."""
        return None if self.plan is None else self.plan.version


_WHO: Final = (
    "principal", "actor", "account", "connection", "reference", "lentBy", "rule", "refused",
)  # fmt: skip
"""What tells one identity from another; its words may be others."""


def refusals_of(plan: Plan, settled: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Return the actions that would be refused now, with the reason; not those that are settled."""
    return tuple(
        (name, verdict.message)
        for name, verdict in plan.actions.items()
        if isinstance(verdict, Refusal) and name not in settled
    )


def people_of(differing: Sequence[Differing]) -> list[PrincipalId]:
    """Return everybody whom the differences speak of."""
    return [
        PrincipalId(id)
        for one in differing
        for record in (one.before, one.now)
        for part in ("principal", "actor", "lentBy", "ask")
        if record is not None and isinstance(id := record.get(part), str) and id
    ]


def differences(
    header: RunHeader, plan: Plan, settled: frozenset[str] = frozenset()
) -> tuple[Differing, ...]:
    """Return the actions that would act otherwise than was planned; not those that are settled."""
    recorded = header.plan.get("actions")
    before = recorded if isinstance(recorded, dict) else {}
    now: dict[str, JsonObject] = {
        name: acting_record(verdict) if isinstance(verdict, Acting) else refusal_record(verdict)
        for name, verdict in plan.actions.items()
    }
    found = []
    for name in dict.fromkeys([*now, *before]):
        old, new = _record(before.get(name)), now.get(name)
        same = [(old or {}).get(part) for part in _WHO] == [(new or {}).get(part) for part in _WHO]
        if not same and name not in settled:
            found.append(Differing(action=name, before=old, now=new))
    return tuple(found)


def _record(value: Json) -> JsonObject | None:
    return value if isinstance(value, dict) else None


def preview_json(preview: Preview) -> JsonObject:
    """Return a preview as programs read it."""
    header, plan, taking = preview.header, preview.plan, preview.taking
    error = preview.refused
    return {
        "run": str(header.id),
        "flow": header.flow_name,
        "initiator": preview.names.get(preview.by),
        "runs_as": None if plan is None else preview.names.get(plan.running.principal),
        "rule": None if plan is None else plan.running.rule.value,
        "version_then": header.flow_version,
        "version": preview.version,
        "refused": None
        if error is None
        else {"code": error.code.value, "message": error.message, "pointer": error.pointer},
        "differing": [
            {
                "action": one.action,
                "then": _told(one.before, preview.names),
                "now": _told(one.now, preview.names),
            }
            for one in preview.differing
        ],
        "would_be_refused": [{"action": name, "because": why} for name, why in preview.refusals],
        "goes_on_at": [] if taking is None else [*taking.goes_on_at],
        "taken_over": [] if taking is None else [*taking.taken],
        "run_again": [] if taking is None else [*taking.again],
    }


def _told(record: JsonObject | None, names: Mapping[str, str]) -> JsonObject | None:
    if record is None:
        return None
    if record.get("refused"):
        return dict.fromkeys(("acting_as", "actor", "account", "connection", "lent_by")) | {
            "because": record.get("message")
        }
    return {
        "acting_as": names.get(str(record.get("principal"))),
        "actor": names.get(str(record.get("actor"))),
        "account": record.get("account") or None,
        "connection": record.get("connection") or None,
        "lent_by": names.get(str(record.get("lentBy"))),
        "because": record.get("because"),
    }
