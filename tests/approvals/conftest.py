"""A town of people who approve, and flows that ask them."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from flowner.flows.running import Press
from flowner.values import FlowId, PrincipalId, RunId
from worlds import written
from worlds.living import BUTTON, PATIENCE, Living

APPROVALS = "shared_approvals"
WAITING = "WebhookApprovalCreationInput"


def asks(kind: str = "Basic", to: str = "bob@living.example", **more: Any) -> dict[str, Any]:
    """Return an action that asks and waits; ``limit`` and ``after`` as actions have them."""
    limit, after = more.pop("limit", None), more.pop("after", None)
    given = {"title": "May I?", "assignedTo": to, **more}
    parameters = {"approvalType": kind, **{f"{WAITING}/{n}": v for n, v in given.items()}}
    action = written.call("ask", APPROVALS, "StartAndWaitForAnApproval", parameters, after)
    action["type"] = "OpenApiConnectionWebhook"
    return action | ({"limit": {"timeout": limit}} if limit else {})


@dataclass
class Town:
    """Olga owns the flows; Ann, Bob and Cem answer."""

    living: Living

    @property
    def house(self) -> Any:
        return self.living.house

    async def person(self, name: str) -> PrincipalId:
        return await self.living.person(name)

    async def asking(self, actions: dict[str, Any], **more: Any) -> FlowId:
        """Return a flow of Olga's with these actions, bound to her own connection."""
        name = f"ask_{secrets.token_hex(4)}"
        references = {"ask": written.reference(APPROVALS, name)} | more.pop("references", {})
        bound = {name: await self.living.connection("olga", APPROVALS)} | more.pop("bind", {})
        trigger = more.pop("trigger", BUTTON)
        return await self.living.flow("olga", trigger, actions, references, bind=bound, **more)

    async def parked(self, flow: FlowId, by: str = "olga") -> RunId:
        """Press a flow and wait until its run waits."""
        run = self.house.running.fresh_run()
        press = Press(flow=flow, by=await self.person(by), inputs={})
        await self.house.running.press(press, run=run)
        return await self.waits(run)

    async def waits(self, run: RunId) -> RunId:
        """Return when a run waits."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if (await self.house.journal.header(run)).status == "Waiting":
                    return run
                await asyncio.sleep(0.01)

    async def received(self, name: str, run: RunId) -> list[Any]:
        """Return what a run asks somebody now."""
        found = await self.house.approvals.of(await self.person(name))
        return [one for one in found if one.approval.run == run]

    async def approval(self, run: RunId) -> Any:
        """Return the one approval that a run made."""
        ((found, _),) = await self.house.approvals.of_run(run)
        return found

    async def respond(self, run: RunId, name: str, response: str, comments: str = "") -> Any:
        found = await self.approval(run)
        return await self.house.answers.respond(
            found.id, await self.person(name), response, comments=comments
        )

    async def ended(self, run: RunId, action: str = "Ask") -> Any:
        """Wait for a run's end, and return how an action of it ended."""
        await self.living.ended_run(run)
        return (await self.living.actions(run))[action]


@pytest.fixture(scope="module")
def town(house, run) -> Town:
    found = Town(Living(house))
    for name in ("olga", "ann", "bob", "cem"):
        run(found.person(name))
    return found
