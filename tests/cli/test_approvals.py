"""Approvals on the command line: listed, reassigned and answered in somebody's name."""

from __future__ import annotations

import asyncio
from typing import Any

from approvals.conftest import APPROVALS, asks
from cli.conftest import Company, Terminal
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.server import House, at_work, open_house
from flowner.settings import Settings
from flowner.values import RunId
from worlds import written
from worlds.living import PATIENCE


async def _stands(house: House, run: RunId, status: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            header = await house.journal.header(run)
            if header.status == status:
                return header
            await asyncio.sleep(0.02)


async def _parked(settings: Settings) -> RunId:
    """Leave a run of Olga's that waits for Rik, and nobody at work."""
    async with open_house(settings) as house, at_work(house):
        olga = await house.running.somebody("olga")
        rik = await house.roster.person(await house.running.somebody("rik"))
        mine = await house.connections.make(
            NewConnection(connector=APPROVALS, account="olga@approvals"), olga
        )
        package = written.package(
            written.BUTTON, {"Ask": asks(to=rik.upn)},
            {"ask": written.reference(APPROVALS, "cli_ask")},
        )  # fmt: skip
        done = await house.importer.bring_in(package, olga, bind={"cli_ask": mine})
        await house.turning.on(done.flows[0].id, olga)
        run = await house.running.press(Press(flow=done.flows[0].id, by=olga, inputs={}))
        await _stands(house, run, "Waiting")
        return run


async def _ends(settings: Settings, run: RunId) -> Any:
    async with open_house(settings) as house, at_work(house):
        await _stands(house, run, "Succeeded")
        return await house.history.run(None, run)


def test_an_approval_is_answered_by_a_command(terminal: Terminal, company: Company) -> None:
    settings = Settings(database_url=company.url, data_folder=terminal.folder)
    run = asyncio.run(_parked(settings))
    (asked,) = terminal.says("approvals", "list", "--as", "rik")["approvals"]
    assert (asked["title"], asked["run"]) == ("May I?", str(run))
    assert "May I?" in terminal("approvals", "list", "--as", "olga", "--sent").stdout
    assert terminal.says("approvals", "list", "--as", "olga")["approvals"] == []
    id = asked["approvalId"]
    assert "not asked of you" in terminal.refuses("approvals", "respond", id, "Approve",
                                                  "--as", "olga")  # fmt: skip
    assert "say one of" in terminal.refuses("approvals", "respond", id, "Yes", "--as", "rik")
    assert terminal("approvals", "reassign", id, "olga", "--as", "rik").returncode == 0
    assert "no longer" in terminal.refuses("approvals", "respond", id, "Approve", "--as", "rik")
    done = terminal("approvals", "respond", id, "Approve", "--as", "olga", "--comments", "fine")
    assert "settled: Approve" in done.stdout
    assert "it is settled" in terminal.refuses("approvals", "respond", id, "Reject", "--as", "olga")
    (action,) = asyncio.run(_ends(settings, run))["actions"]
    (by,) = action["acting"]["answeredBy"]
    assert (by["via"], by["comments"]) == ("cli", "fine")
    assert terminal.says("approvals", "sign-ins", "--as", "rik") == {"sign_ins": []}
