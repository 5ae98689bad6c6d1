"""Who waits, in this process, for what a run answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from flowner.runs.commands import Finish, Reply
from flowner.values import RunId


class Replies:
    """Hands a run's reply, or its end, to whoever waits for it here."""

    def __init__(self) -> None:
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

    def reply(self, run: RunId, reply: Reply) -> None:
        """Hand over the first reply; later ones have nobody left to hear them."""
        future = self._replies.get(run)
        if future is not None and not future.done():
            future.set_result(reply)

    def finish(self, run: RunId, finish: Finish) -> None:
        """Say that the run is over."""
        waiting = self._replies.get(run)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        ending = self._ends.get(run)
        if ending is not None and not ending.done():
            ending.set_result(finish)
