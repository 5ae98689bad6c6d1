"""What happens at Fernwood: every kind of flow, set off by whoever would set it off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from flowner.demo.company import FLOWS, Company
from flowner.errors import FlownerError
from flowner.flows.explain import Explanation, Supposed
from flowner.flows.running import Press
from flowner.journal.records import RunHeader
from flowner.rows.callers import Caller
from flowner.server import House
from flowner.values import AppId, FlowId, JsonObject, PrincipalId, RunId

_PATIENCE = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One thing that happened, with what was expected of it."""

    title: str
    flow: FlowId
    expected: Explanation | None
    """What the resolver said before; None where it could not be asked."""
    run: RunId | None
    """None: refused before there was a run."""
    refusal: FlownerError | None = None
    initiator: str = ""


class Story:
    """Tells the story, scene by scene."""

    def __init__(self, house: House, company: Company, address: str) -> None:
        self._house, self._company, self._address = house, company, address
        self._ran: set[RunId] = set()

    async def scenes(self) -> AsyncIterator[Scene]:
        """Let everything happen, in order."""
        yield await self._greet("bob", "run-only through the group Sales")
        yield await self._greet("mia", "run-only through a group in the group")
        yield await self._announce("Use this connection: Ada's")
        await self._point_to_service_account()
        yield await self._announce("after the reference was changed to a service account")
        yield await self._visit()
        async for scene in self._row_changes():
            yield scene
        yield await self._clock()
        yield await self._website()
        yield await self._buy()
        yield await self._press("remind", "bob", {"text": "client@example.com"},
                                "the connection's owner has left")  # fmt: skip
        yield await self._press("greet", "noor", {"text": "client@example.com", "text_1": "Cleo"},
                                "not shared with her")  # fmt: skip

    async def _greet(self, who: str, why: str) -> Scene:
        person = self._company.people[who]
        for key, connector in (("shared_office365", "mail"), ("shared_office365users", "people")):
            mine = self._company.connections[f"{who}.{connector}"]
            await self._house.consent.choose(person, FLOWS["greet"], key, mine)
        inputs: JsonObject = {"text": "client@example.com", "text_1": "Cleo"}
        return await self._press("greet", who, inputs, f"Provided by run-only user; {why}")

    async def _announce(self, why: str) -> Scene:
        inputs: JsonObject = {"text": "everybody@example.com", "text_1": "we are open"}
        return await self._press("announce", "bob", inputs, why)

    async def _point_to_service_account(self) -> None:
        office, ada = self._company.connections["office.mail"], self._company.people["ada"]
        await self._house.connections.point("fern_officemail", office, ada)

    async def _visit(self) -> Scene:
        mia, app = self._company.people["mia"], self._company.app
        await self._house.consent.choose(
            mia, app, "shared_office365", self._company.connections["mia.mail"], for_app=True
        )
        inputs: JsonObject = {"text": "Lyon", "text_1": "client@example.com"}
        return await self._press("visit", "mia", inputs, "from within the app", app=app)

    async def _row_changes(self) -> AsyncIterator[Scene]:
        people = self._company.people
        bobs = await self._request(Caller(people["bob"]), {"fern_name": "New chairs"})
        teams = await self._request(
            Caller(people["ada"]),
            {"fern_name": "Night lamps", "ownerid@odata.bind": f"/teams({self._company.team})"},
        )
        async for scene in self._changed(bobs, people["bob"], "Noor closes Bob's request"):
            yield scene
        async for scene in self._changed(teams, self._company.team, "Noor closes a team's request"):
            yield scene

    async def _request(self, caller: Caller, values: JsonObject) -> str:
        row = await self._house.store.create(caller, "fern_requests", values | {"fern_status": 1})
        return str(row["fern_requestid"])

    async def _changed(self, row: str, owner: PrincipalId, title: str) -> AsyncIterator[Scene]:
        noor = self._company.people["noor"]
        supposed = Supposed(modified_by=noor, row_owner=owner)
        names = ("as_owner", "as_modifier", "as_row_owner")
        expected = {name: await self._house.explain.who(FLOWS[name], supposed) for name in names}
        done: JsonObject = {"fern_status": 2}
        await self._house.store.update(Caller(noor), "fern_requests", row, done)
        for name in names:
            header = await self._next(FLOWS[name])
            yield Scene(
                title=title, flow=FLOWS[name], expected=expected[name], run=header.id,
                initiator=noor,
            )  # fmt: skip

    async def _clock(self) -> Scene:
        expected = await self._house.explain.who(FLOWS["summary"], Supposed())
        await self._house.clock_strikes.bring_forward(FLOWS["summary"])
        header = await self._next(FLOWS["summary"])
        return Scene(
            title="the clock strikes", flow=FLOWS["summary"], expected=expected, run=header.id
        )

    async def _website(self) -> Scene:
        flow = FLOWS["intake"]
        expected = await self._house.explain.who(flow, Supposed())
        url = f"{self._address}/hooks/{flow}"
        signed = {"sig": self._house.signature(flow)}
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            asked = {"name": "A garden bench", "city": "Ghent"}
            answer = await client.post(url, params=signed, json=asked)
            answer.raise_for_status()
        header = await self._next(flow)
        return Scene(
            title="a signed address is called", flow=flow, expected=expected, run=header.id
        )

    async def _buy(self) -> Scene:
        """Let Bob ask, and Noor answer while his run waits."""
        flow, bob, noor = FLOWS["buy"], self._company.people["bob"], self._company.people["noor"]
        expected = await self._house.explain.who(flow, Supposed(as_person=bob))
        await self.ask("an oak bench", 900)

        async def asked() -> str | None:
            found = await self._house.approvals.of(noor)
            return found[0].approval.id if found else None

        await self._house.answers.respond(
            await _until(asked), noor, "Approve", comments="From the May budget.", via="portal"
        )
        header = await self._next(flow)
        return Scene(
            title="Noor approves while it waits", flow=flow, expected=expected, run=header.id,
            initiator=bob,
        )  # fmt: skip

    async def ask(self, what: str, price: int) -> RunId:
        """Let Bob ask before he buys something; his run waits for Noor."""
        inputs: JsonObject = {"text": what, "number": price}
        press = Press(flow=FLOWS["buy"], by=self._company.people["bob"], inputs=inputs)
        return await self._house.running.press(press)

    async def _press(
        self, name: str, who: str, inputs: JsonObject, why: str, *, app: AppId | None = None
    ) -> Scene:
        flow, person = FLOWS[name], self._company.people[who]
        expected = await self._house.explain.who(flow, Supposed(as_person=person, app=app))
        run = self._house.running.fresh_run()
        press = Press(flow=flow, by=person, inputs=inputs, app=app)
        with self._house.replies.expect(run) as (_, end):
            try:
                await self._house.running.press(press, run=run, answers=True)
            except FlownerError as error:
                return Scene(
                    title=why, flow=flow, expected=expected, run=None, refusal=error,
                    initiator=person,
                )  # fmt: skip
            async with asyncio.timeout(_PATIENCE):
                await end
        self._ran.add(run)
        return Scene(title=why, flow=flow, expected=expected, run=run, initiator=person)

    async def _next(self, flow: FlowId) -> RunHeader:
        """Wait for the flow's next run that has not been told of, and for its end."""

        async def one() -> RunHeader | None:
            for header in await self._house.journal.runs(flow=flow):
                if header.id not in self._ran and header.ended is not None:
                    return header
            return None

        header = await _until(one)
        self._ran.add(header.id)
        return header


async def _until(ask: Callable[[], Awaitable[T | None]]) -> T:
    async with asyncio.timeout(_PATIENCE):
        while (found := await ask()) is None:  # noqa: ASYNC110 - the journal tells nobody
            await asyncio.sleep(0.05)
        return found
