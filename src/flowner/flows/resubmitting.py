"""Running again what ran before, in the name it ran in: from the trigger, or from an action on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from flowner.clock import Clock
from flowner.database import Database
from flowner.errors import FlownerError
from flowner.flows.history import History
from flowner.identity.record import acting_record, refusal_record
from flowner.identity.verdict import Acting, Plan
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.rows.facts import read_principals
from flowner.runs.taking import Taking
from flowner.triggers.earlier import Earlier, GoOn
from flowner.triggers.published import Published
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
    by: PrincipalId
    """Who would be its initiator."""
    refused: FlownerError | None = None
    """Why it would not begin at all."""
    plan: Plan | None = None
    """None: it is refused."""
    differing: tuple[Differing, ...] = ()
    """Of actions that may act: not of those that are taken over."""
    taking: Taking | None = None
    """What it takes over, where it goes on from an action."""
    names: dict[str, str]
    """Of everybody whom the records speak of."""

    @property
    def version(self) -> int | None:
        """The version that it would run; None: none."""
        return None if self.plan is None else self.plan.version


class Resubmitting:
    """Resubmits runs. Whoever does it is the initiator; the principal stays the original one."""

    def __init__(
        self,
        history: History,
        starter: Starter,
        database: Database,
        journal: Journal,
        published: Published,
        clock: Clock,
    ) -> None:
        self._history, self._starter, self._database = history, starter, database
        self._earlier = Earlier(database, journal, published, clock)

    async def resubmit(
        self,
        earlier: RunId,
        by: PrincipalId,
        *,
        go_on: GoOn | None = None,
        run: RunId | None = None,
    ) -> RunId:
        """Run an earlier run again; answers the new run's id. The earlier run stays as it is.

        From the trigger, on the flow as it is now; or, where ``go_on`` says so, from an action on,
        taking over what the earlier run had done before. The original principal is proved again.
        Raises `NotFound` for a run that ``by`` may not see, `Refused` for one that only its own
        invoker may resubmit or of which nothing can be taken over so, `Conflict` while the run
        that is to be continued is under way.
        """
        await self._history.seen(by, earlier)
        occasion = await self._earlier.occasion(earlier, by, go_on)
        return await self._starter.start(replace(occasion, run=run))

    async def preview(
        self, earlier: RunId, by: PrincipalId, *, go_on: GoOn | None = None
    ) -> Preview:
        """Return in whose name it would run now, where that differs; starts and records nothing.

        `NotFound` for a run that ``by`` may not see.
        """
        header = await self._history.seen(by, earlier)
        taken = None
        try:
            occasion = await self._earlier.occasion(earlier, by, go_on)
            taken = occasion.takes_over
            plan = await self._starter.considered(occasion)
        except FlownerError as error:
            taking = None if taken is None else taken.taking
            names = await self._names([by])
            return Preview(header=header, by=by, refused=error, taking=taking, names=names)
        differing = _differing(header, plan, frozenset() if taken is None else taken.taking.settled)
        asked = [by, plan.running.principal, *_people(differing)]
        return Preview(
            header=header,
            by=by,
            plan=plan,
            differing=differing,
            taking=None if taken is None else taken.taking,
            names=await self._names(asked),
        )

    async def _names(self, asked: list[PrincipalId]) -> dict[str, str]:
        async with self._database.connection() as connection:
            known = await read_principals(connection, set(asked))
        return {str(id): one.name for id, one in known.items()}


_WHO: Final = ("principal", "actor", "account", "connection", "reference", "rule", "refused")
"""What tells one identity from another; its words may be others."""


def _people(differing: tuple[Differing, ...]) -> list[PrincipalId]:
    return [
        PrincipalId(id)
        for one in differing
        for record in (one.before, one.now)
        for part in ("principal", "actor", "lentBy", "ask")
        if record is not None and isinstance(id := record.get(part), str) and id
    ]


def _differing(header: RunHeader, plan: Plan, settled: frozenset[str]) -> tuple[Differing, ...]:
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
