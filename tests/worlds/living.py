"""A living world for tests: people, connections and flows in a real house.

No mail server is needed: connections are to rows and to the directory, which says in `seen` whom
it took the caller for.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

from flowner.directory.people import NewPerson
from flowner.flows.connections import NewConnection
from flowner.flows.importing import Imported
from flowner.flows.running import Press
from flowner.journal.records import RunHeader
from flowner.rows.seed import BASIC_USER
from flowner.runs.events import ActionEnded, decode
from flowner.server import House
from flowner.values import AppId, ConnectionId, FlowId, PrincipalId, RunId
from worlds import written

PATIENCE = 20.0
READER = "00000000-0000-4000-8000-000000004ead"
BUTTON = written.BUTTON
RECURRENCE = {
    "Recurrence": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}
}
NOTE = {"Note": {"runAfter": {}, "type": "Compose", "inputs": 1}}
PROFILE = {"Me": written.call("people", written.PEOPLE, "MyProfile_V2", {})}


def http(**inputs: Any) -> dict[str, Any]:
    """Return the trigger of a flow that is called over HTTP."""
    return {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}, **inputs}}}


def responds(body: Any, status: int = 200) -> dict[str, Any]:
    """Return a Response action alone."""
    inputs = {"statusCode": status, "body": body}
    return {"Answer": {"runAfter": {}, "type": "Response", "kind": "Http", "inputs": inputs}}


def embedded(reference: str) -> dict[str, Any]:
    """Return references with one fixed connection to the directory, under the key ``people``."""
    return {"people": written.reference(written.PEOPLE, reference)}


def provided() -> dict[str, Any]:
    """Return references with one connection that each run-only user provides."""
    return {"people": written.reference(written.PEOPLE, "ref_provided", source="invoker")}


async def reader_role(house: House) -> str:
    """Return the role that reads every row: whoever listens to a table has to read it."""
    if READER not in {role["id"] for role in await house.listing.roles()}:
        await house.directory.add_role("Reader", {("*", "Read"): 8}, id=READER)
    return READER


@dataclass
class Living:
    """Makes people, connections and flows, with names that nobody else has."""

    house: House
    people: dict[str, PrincipalId] = field(default_factory=dict)

    async def person(self, name: str, *roles: str) -> PrincipalId:
        """Return somebody of this name, made when asked for first."""
        if name not in self.people:
            new = NewPerson(name=name, upn=f"{name}@living.example")
            held = (BASIC_USER, await reader_role(self.house), *roles)
            self.people[name] = await self.house.directory.add_person(new, roles=held)
        return self.people[name]

    async def connection(self, owner: str, connector: str = written.PEOPLE) -> ConnectionId:
        """Return a new connection of somebody's."""
        id = await self.person(owner)
        given = NewConnection(connector=connector, account=f"{owner}@{connector}")
        return await self.house.connections.make(given, id)

    async def bring(
        self,
        owner: str,
        trigger: dict[str, Any] | None = None,
        actions: dict[str, Any] | None = None,
        references: dict[str, Any] | None = None,
        **more: Any,
    ) -> Imported:
        """Import one flow; ``bind`` and ``guid`` as they are given."""
        guid = more.pop("guid", None)
        package = written.package(trigger or BUTTON, actions or NOTE, references or {}, guid=guid)
        return await self.house.importer.bring_in(package, await self.person(owner), **more)

    async def flow(self, owner: str, *parts: Any, on: bool = True, **more: Any) -> FlowId:
        """Import one flow and turn it on."""
        flow = (await self.bring(owner, *parts, **more)).flows[0].id
        if on:
            await self.house.turning.on(flow, await self.person(owner))
        return flow

    async def borrowed(self, owner: str, lender: str) -> tuple[FlowId, str, ConnectionId]:
        """Return a flow, off, that reads its profile through ``lender``'s connection.

        Besides the flow: its connection reference, and the connection.
        """
        name = f"ref_{secrets.token_hex(4)}"
        connection = await self.connection(lender)
        flow = await self.flow(
            owner, BUTTON, PROFILE, embedded(name), on=False, bind={name: connection}
        )
        return flow, name, connection

    async def press(self, flow: FlowId, by: str, app: AppId | None = None) -> RunHeader:
        """Press a flow and return its run when it has ended."""
        return await self.house.journal.header(await self.pressed(flow, by, app))

    async def pressed(self, flow: FlowId, by: str, app: AppId | None = None) -> RunId:
        """Press a flow, wait for its end and return the run's id."""
        run = self.house.running.fresh_run()
        press = Press(flow=flow, by=await self.person(by), inputs={}, app=app)
        with self.house.replies.expect(run) as (_, end):
            await self.house.running.press(press, run=run)
            await asyncio.wait_for(end, PATIENCE)
        return run

    async def ended(self, flow: FlowId) -> RunHeader:
        """Wait for a run of the flow to end."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for header in await self.house.journal.runs(flow=flow):
                    if header.ended is not None:
                        return header
                await asyncio.sleep(0.01)

    async def ended_run(self, run: RunId) -> RunHeader:
        """Wait for this run to end."""
        async with asyncio.timeout(PATIENCE):
            while True:
                header = await self.house.journal.header(RunId(int(run)))
                if header.ended is not None:
                    return header
                await asyncio.sleep(0.01)

    async def actions(self, run: RunId) -> dict[str, ActionEnded]:
        """Return how each action of a run ended."""
        events = [decode(one.entry.data) for one in await self.house.journal.entries(run)]
        return {event.path: event for event in events if isinstance(event, ActionEnded)}
