"""Stopping runs that are under way, and the runs that they wait for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from flowner.access.decide import Permit, decide_flow
from flowner.access.vocabulary import FlowAction
from flowner.database import Database
from flowner.definitions.flow import Status
from flowner.errors import AccessDenied, Conflict, FlownerError
from flowner.flows.asking import principal
from flowner.flows.history import Asked, History
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.rows.facts import read_flow_facts
from flowner.runs.events import AnyEvent, decode
from flowner.runs.messages import ENCODER, CancelAsked
from flowner.values import FlowId, PrincipalId, RunId

_OPEN: Final = (Status.RUNNING, Status.WAITING)
_AT_A_TIME: Final = 200


class Cancelling:
    """Stops runs for whoever set them off, and for whoever may turn their flow off."""

    def __init__(self, database: Database, journal: Journal, history: History) -> None:
        self._database, self._journal, self._history = database, journal, history

    async def may(self, header: RunHeader, by: PrincipalId) -> bool:
        """Whether somebody who sees a run may stop it, were it under way."""
        if header.initiator == by:
            return True
        async with self._database.connection() as connection:
            who = (await principal(connection, by)).who
            facts = await read_flow_facts(connection, header.flow)
        return isinstance(decide_flow(who, FlowAction.TURN, facts), Permit)

    async def cancel(self, run: RunId, by: PrincipalId, *, reason: str = "") -> int:
        """Ask a run to stop, and every run that it called; answers how many were asked.

        The journal keeps who asked. A call that is out in the world is not called back: its run
        ends when it takes its answer in. Raises `NotFound` for a run that ``by`` may not see,
        `AccessDenied`, and `Conflict` when the run is over.
        """
        header = await self._history.seen(by, run)
        if not await self.may(header, by):
            raise AccessDenied(
                f"the run {run} is stopped by who set it off, or by an owner of"
                f" `{header.flow_name}`"
            )
        message = ENCODER.encode(CancelAsked(by=by, reason=reason))
        if not await self._journal.post(run, message):
            raise Conflict(f"the run {run} is over: there is nothing to stop")
        return 1 + await self._children(run, message, {run})

    async def cancel_each(
        self, runs: Sequence[RunId], by: PrincipalId, *, reason: str = ""
    ) -> list[tuple[RunId, int | FlownerError]]:
        """Ask runs to stop; answers how many each asking reached, or why it was refused.

        One that is refused holds the others not up.
        """
        found: list[tuple[RunId, int | FlownerError]] = []
        for run in runs:
            try:
                found.append((run, await self.cancel(run, by, reason=reason)))
            except FlownerError as error:
                found.append((run, error))
        return found

    async def open_runs(
        self, by: PrincipalId, *, flow: FlowId | None = None, status: Status | None = None
    ) -> list[RunId]:
        """Return the runs under way that somebody may stop, of one flow or of all, newest first.

        ``status``: only those that are running, or only those that wait.
        """
        found: list[RunId] = []
        for one in _OPEN if status is None else (status,):
            before: RunId | None = None
            while True:
                asked = Asked(flow=flow, status=one.value, before=before, limit=_AT_A_TIME)
                page = await self._history.page(by, asked)
                headers = [ran.header for ran in page.runs if ran.header.ended is None]
                found += [header.id for header in headers if await self.may(header, by)]
                if page.older is None:
                    break
                before = page.older
        return sorted(found, reverse=True)

    async def _children(self, run: RunId, message: bytes, asked: set[RunId]) -> int:
        events = [decode(one.entry.data) for one in await self._journal.entries(run)]
        stopped = 0
        for child in children_of(events):
            if child in asked:
                continue
            asked.add(child)
            with suppress(FlownerError):  # one that is gone holds no other up
                stopped += await self._journal.post(child, message)
                stopped += await self._children(child, message, asked)
        return stopped


def children_of(events: Iterable[AnyEvent]) -> list[RunId]:
    """Return the runs that a run has called itself, in the order it called them, each once."""
    found: dict[RunId, None] = {}
    for event in events:
        acting = None if event.taken_over_from else getattr(event, "acting", None)
        child = acting.get("child") if isinstance(acting, dict) else None
        if isinstance(child, str) and child.isdecimal():
            found[RunId(int(child))] = None
    return list(found)
