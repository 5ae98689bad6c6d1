"""Running again what ran before, in the name it ran in: from the trigger, or from an action on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flowner.clock import Clock
from flowner.database import Database
from flowner.errors import FlownerError
from flowner.flows.differences import Preview, differences, people_of, refusals_of
from flowner.flows.history import History
from flowner.journal.store import Journal
from flowner.rows.facts import read_principals
from flowner.triggers.earlier import Earlier, GoOn
from flowner.triggers.published import Published
from flowner.triggers.start import Starter
from flowner.values import PrincipalId, RunId


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

    async def resubmit_each(
        self, runs: Sequence[RunId], by: PrincipalId
    ) -> list[tuple[RunId, RunId | FlownerError]]:
        """Resubmit runs, one after the other; answers what each became, or why it was refused.

        One that is refused holds the others not up.
        """
        found: list[tuple[RunId, RunId | FlownerError]] = []
        for run in runs:
            try:
                found.append((run, await self.resubmit(run, by)))
            except FlownerError as error:
                found.append((run, error))
        return found

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
        settled = frozenset[str]() if taken is None else taken.taking.settled
        differing = differences(header, plan, settled)
        asked = [by, plan.running.principal, *people_of(differing)]
        return Preview(
            header=header,
            by=by,
            plan=plan,
            differing=differing,
            refusals=refusals_of(plan, settled),
            taking=None if taken is None else taken.taking,
            names=await self._names(asked),
        )

    async def _names(self, asked: list[PrincipalId]) -> dict[str, str]:
        async with self._database.connection() as connection:
            known = await read_principals(connection, set(asked))
        return {str(id): one.name for id, one in known.items()}
