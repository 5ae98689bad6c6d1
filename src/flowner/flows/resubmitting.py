"""Running again what ran before, in the name it ran in."""

from __future__ import annotations

from dataclasses import dataclass

from flowner.database import Database
from flowner.errors import FlownerError
from flowner.flows.history import History
from flowner.identity.record import acting_record, refusal_record
from flowner.identity.verdict import Acting, Plan
from flowner.journal.records import RunHeader
from flowner.rows.facts import read_principals
from flowner.triggers.start import Starter
from flowner.values import Json, JsonObject, PrincipalId, RunId


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
    refused: FlownerError | None
    """Why it would not begin at all."""
    version: int | None
    differing: tuple[Differing, ...]
    names: dict[str, str]
    """Of everybody whom the records speak of."""


class Resubmitting:
    """Resubmits runs. Whoever does it is the initiator; the principal stays the original one."""

    def __init__(self, history: History, starter: Starter, database: Database) -> None:
        self._history, self._starter, self._database = history, starter, database

    async def resubmit(self, earlier: RunId, by: PrincipalId, *, run: RunId | None = None) -> RunId:
        """Run the trigger of an earlier run again, on the flow as it is now.

        The original principal is proved again. Raises `NotFound` for a run that ``by`` may not
        see, `Refused` for one that only its own invoker may resubmit.
        """
        await self._history.seen(by, earlier)
        return await self._starter.again(earlier, by, run=run)

    async def preview(self, earlier: RunId, by: PrincipalId) -> Preview:
        """Return in whose name it would run now, where that differs; starts and records nothing.

        `NotFound` for a run that ``by`` may not see.
        """
        header = await self._history.seen(by, earlier)
        try:
            plan = await self._starter.considered(earlier, by)
        except FlownerError as error:
            return Preview(header=header, refused=error, version=None, differing=(), names={})
        differing = _differing(header, plan)
        asked = {
            PrincipalId(id)
            for one in differing
            for record in (one.before, one.now)
            for part in ("principal", "actor", "lentBy", "ask")
            if record is not None and isinstance(id := record.get(part), str)
        }
        async with self._database.connection() as connection:
            known = await read_principals(connection, asked)
        return Preview(
            header=header,
            refused=None,
            version=plan.version,
            differing=differing,
            names={str(id): one.name for id, one in known.items()},
        )


_WHO = ("principal", "actor", "account", "connection", "reference", "rule", "refused")
"""What tells one identity from another; its words may be others."""


def _differing(header: RunHeader, plan: Plan) -> tuple[Differing, ...]:
    recorded = header.plan.get("actions")
    before = recorded if isinstance(recorded, dict) else {}
    now: dict[str, JsonObject] = {
        name: acting_record(verdict) if isinstance(verdict, Acting) else refusal_record(verdict)
        for name, verdict in plan.actions.items()
    }
    found = []
    for name in dict.fromkeys([*now, *before]):
        old, new = _record(before.get(name)), now.get(name)
        if [(old or {}).get(part) for part in _WHO] != [(new or {}).get(part) for part in _WHO]:
            found.append(Differing(action=name, before=old, now=new))
    return tuple(found)


def _record(value: Json) -> JsonObject | None:
    return value if isinstance(value, dict) else None
