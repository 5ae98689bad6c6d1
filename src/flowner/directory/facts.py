"""The facts that identity answers from, fresh and cheap.

Facts are read once per flow, people and *epoch*: a number that the database moves in the same
transaction as any change they may depend on. Whoever asks learns the epoch from a read that began
after they asked, so nothing stale is ever answered; all who ask meanwhile share that read.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flowner.access.vocabulary import FlowFacts
from flowner.database import Database
from flowner.identity.world import World
from flowner.rows.facts import read_flow_facts, read_settings, read_world
from flowner.rows.versions import current_epoch
from flowner.values import ConnectionId, FlowId, JsonObject, PrincipalId

_KEPT = 20_000
T = TypeVar("T")


@dataclass(slots=True)
class Moment:
    """What was true at one epoch, or later: read when asked for, then remembered."""

    database: Database
    epoch: int
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    async def flow(self, flow: FlowId) -> FlowFacts:
        """Return who owns a flow and with whom it is shared; `NotFound` when there is none."""
        known: FlowFacts | None = self._kept.get(flow)
        if known is None:
            async with self.database.connection() as connection:
                known = await read_flow_facts(connection, flow)
            self._keep(flow, known)
        return known

    async def world(
        self, facts: FlowFacts, people: Iterable[PrincipalId], references: frozenset[str]
    ) -> World:
        """Return what the answer about a flow and these people may depend on."""
        key = (facts.id, frozenset(people), references)
        known: World | None = self._kept.get(key)
        if known is None:
            async with self.database.connection() as connection:
                known = await read_world(connection, facts, key[1], references)
            self._keep(key, known)
        return known

    async def settings(self, connection: ConnectionId) -> JsonObject:
        """Return a connection's settings that are not secret."""
        key = ("settings", connection)
        known: JsonObject | None = self._kept.get(key)
        if known is None:
            async with self.database.connection() as transaction:
                known = await read_settings(transaction, connection)
            self._keep(key, known)
        return known

    def remembered(self, key: Hashable, answer: Callable[[], T]) -> T:
        """Return a pure answer from this moment's facts, worked out once."""
        known: T | None = self._kept.get(key)
        if known is None:
            known = answer()
            self._keep(key, known)
        return known

    def _keep(self, key: Hashable, value: object) -> None:
        self._kept[key] = value
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


class Facts:
    """Hands out the present moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._moment = Moment(database, -1)
        self._running: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    async def now(self) -> Moment:
        """Return facts that were true after this call began: at most one read of one number."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_epoch(self._running))
        epoch = await asyncio.shield(self._next)
        if epoch > self._moment.epoch:
            self._moment = Moment(self._database, epoch)
        return self._moment

    async def _read_epoch(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        async with self._database.connection() as connection:
            return await current_epoch(connection)
