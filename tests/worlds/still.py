"""A house where nothing moves by itself: tests write, then feed and strike when they like."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from flowner.clock import HeldClock
from flowner.journal.records import RunHeader
from flowner.rows.seed import DELEGATE
from flowner.server import House
from flowner.values import ConnectionId, FlowId, PrincipalId, RunId
from worlds import written
from worlds.living import NOTE, Living

CLERK = "00000000-0000-4000-8000-0000000c1e4c"


@dataclass
class Still:
    """A house where nothing moves by itself, at a time that stands still."""

    house: House
    clock: HeldClock
    living: Living
    connections: dict[tuple[str, str], ConnectionId] = field(default_factory=dict)
    _known: set[RunId] = field(default_factory=set)

    async def person(self, name: str, *, delegate: bool = False) -> PrincipalId:
        """Return a clerk, who may do everything with the rows of the tests' tables."""
        return await self.living.person(name, CLERK, *([DELEGATE] if delegate else []))

    async def listener(
        self,
        owner: str,
        trigger: dict[str, Any],
        *,
        api: str = written.ROWS,
        key: str = "rows",
        on: bool = True,
    ) -> FlowId:
        """Return a flow of somebody's that listens for rows."""
        await self.person(owner)
        if (owner, api) not in self.connections:
            self.connections[owner, api] = await self.living.connection(owner, api)
        name = f"rows_{secrets.token_hex(4)}"
        flow: FlowId = await self.living.flow(
            owner, trigger, NOTE, {key: written.reference(api, name)},
            bind={name: self.connections[owner, api]}, on=on,
        )  # fmt: skip
        return flow

    async def fed(self, *flows: FlowId) -> list[list[RunHeader]]:
        """Feed all that waits; return what came of it, by flow."""
        while await self.house.row_changes.feed():
            pass
        return [await self.fresh(flow) for flow in flows]

    async def fresh(self, flow: FlowId) -> list[RunHeader]:
        """Return the runs of a flow that were not returned before, refused ones included."""
        found = await self.house.journal.runs(flow=flow)
        new = [one for one in found if one.id not in self._known]
        self._known |= {one.id for one in new}
        return new
