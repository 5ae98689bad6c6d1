"""Who waits, in this process, for what a run answers, whichever process moves the run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice

from flowner.definitions.flow import Status
from flowner.errors import NotFound
from flowner.journal.records import RunHeader
from flowner.journal.store import Journal
from flowner.runs.commands import Finish, Reply
from flowner.runs.events import ActionEnded, Fault, decode
from flowner.runs.replies import RESPONSE, reply
from flowner.triggers.published import Published
from flowner.values import RunId

_AT_ONCE = 100
"""Runs that `look_again` looks at: those that are waited for longest."""


class Replies:
    """Hands a run's reply, or its end, to whoever waits for it here.

    A worker of this process says it at once. Of other processes' runs the journal says it, where
    `look` is asked to read it: when they notify, and now and then in case a word got lost.
    """

    def __init__(self, journal: Journal, published: Published) -> None:
        self._journal, self._published = journal, published
        self._replies: dict[RunId, asyncio.Future[Reply | None]] = {}
        self._ends: dict[RunId, asyncio.Future[Finish]] = {}

    @contextmanager
    def expect(
        self, run: RunId
    ) -> Iterator[tuple[asyncio.Future[Reply | None], asyncio.Future[Finish]]]:
        """Wait for a run that is about to begin: its reply (None: it ended without) and its end."""
        loop = asyncio.get_running_loop()
        self._replies[run], self._ends[run] = loop.create_future(), loop.create_future()
        try:
            yield self._replies[run], self._ends[run]
        finally:
            self._replies.pop(run, None)
            self._ends.pop(run, None)

    def reply(self, run: RunId, reply: Reply) -> bool:
        """Hand over the first reply; False when nobody here waits for the run.

        Later ones have nobody left to hear them.
        """
        future = self._replies.get(run)
        if future is not None and not future.done():
            future.set_result(reply)
        return future is not None

    def finish(self, run: RunId, finish: Finish) -> bool:
        """Say that the run is over; False when nobody here waits for it."""
        waiting = self._replies.get(run)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        ending = self._ends.get(run)
        if ending is not None and not ending.done():
            ending.set_result(finish)
        return ending is not None

    def let_go(self) -> None:
        """Have nobody wait for a reply any longer: the process ends, the runs go on elsewhere."""
        for future in self._replies.values():
            if not future.done():
                future.set_result(None)

    async def look(self, run: RunId) -> None:
        """Read in the journal what a run that is waited for here has answered: 3 queries at most.

        Nothing happens when nobody waits for it, or nothing is there yet.
        """
        waiting, ending = self._replies.get(run), self._ends.get(run)
        if waiting is None or ending is None or ending.done():
            return
        try:
            header = await self._journal.header(run)
        except NotFound:
            return
        if not waiting.done():
            said = await self._said(header)
            if said is not None:
                self.reply(run, said)
        if header.ended is not None:
            fault = Fault(header.code or "", header.error) if header.error else None
            status = Status(header.status)
            self.finish(run, Finish(status=status, code=header.code or "", error=fault))

    async def look_again(self) -> None:
        """Look at the runs that are waited for; at the oldest hundred, where there are more."""
        for run in list(islice(self._ends, _AT_ONCE)):
            await self.look(run)

    async def hear(self, payload: str) -> None:
        """Look at the run that another process names; at all of them where it names none."""
        if not payload:
            await self.look_again()
            return
        with suppress(ValueError):
            await self.look(RunId(int(payload)))

    async def _said(self, header: RunHeader) -> Reply | None:
        """Return the reply that stands in the journal: what the Response action ended with."""
        version = await self._published.get(header.flow, header.flow_version)
        keys = [node.key for node in version.compiled.nodes if node.type == RESPONSE]
        for entry in await self._journal.ends_of(header.id, keys) if keys else ():
            event = decode(entry.data)
            if (
                isinstance(event, ActionEnded)
                and event.status is Status.SUCCEEDED
                and not event.taken_over_from
                and isinstance(event.outputs, dict)
            ):
                return reply(entry.path, event.outputs)
        return None
