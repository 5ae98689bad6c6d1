"""The facts that identity answers from, fresh and cheap.

Facts are read once per flow, running principal and *epoch*: a number that the database moves in
the same transaction as any change they may depend on. Whoever asks learns the epoch from a read
that began after they asked, so nothing stale is ever answered; all who ask meanwhile share it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from flowner.access.vocabulary import FlowFacts
from flowner.database import Database
from flowner.identity.world import World
from flowner.rows.facts import read_flow_facts, read_world
from flowner.rows.versions import current_epoch
from flowner.values import FlowId, PrincipalId

_KEPT = 2000
_Key = tuple[FlowId, frozenset[PrincipalId], frozenset[str]]


class Facts:
    """Reads and remembers what the resolver needs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._epoch = -1
        self._known: OrderedDict[_Key, tuple[FlowFacts, World]] = OrderedDict()
        self._running: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    async def about(
        self, flow: FlowId, people: Iterable[PrincipalId], references: Iterable[str]
    ) -> tuple[FlowFacts, World]:
        """Return the flow's facts and its world, true at a moment after this call began."""
        key = (flow, frozenset(people), frozenset(references))
        epoch = await self._fresh_epoch()
        if epoch != self._epoch:
            self._known.clear()
            self._epoch = epoch
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        answer = await self._read(key)
        if self._epoch == epoch:
            self._known[key] = answer
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return answer

    async def _read(self, key: _Key) -> tuple[FlowFacts, World]:
        flow, people, references = key
        async with self._database.transaction() as transaction:
            facts = await read_flow_facts(transaction, flow)
            return facts, await read_world(transaction, facts, people, references)

    async def _fresh_epoch(self) -> int:
        """Join the next read of the epoch: one in flight, one waiting, however many ask."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_epoch(self._running))
        return await asyncio.shield(self._next)

    async def _read_epoch(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        async with self._database.connection() as connection:
            return await current_epoch(connection)
