"""Approvals and sign-ins in a real browser: asked, answered, reassigned, chosen."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from flowner.demo.story import Story
from flowner.rows.callers import Caller
from flowner.values import FlowId, RunId
from portal.conftest import SCREENS, Fernwood
from portal.test_pages import quiet, violations
from worlds import written


async def _stands(house: Any, run: RunId, *statuses: str) -> Any:
    async with asyncio.timeout(20):
        while True:
            header = await house.journal.header(run)
            if header.status in statuses:
                return header
            await asyncio.sleep(0.02)


def _asked(fernwood: Fernwood, what: str) -> Any:
    """Let Bob ask before he buys something; return what Noor is asked."""
    house, noor = fernwood.house, fernwood.company.people["noor"]
    run = fernwood.do(Story(house, fernwood.company, fernwood.address).ask(what, 5))
    fernwood.do(_stands(house, run, "Waiting"))
    found = fernwood.do(house.approvals.of(noor))
    return next(one.approval for one in found if one.approval.run == run)


def test_noor_answers_with_a_comment(fernwood: Fernwood, page_as: Callable[..., Any]) -> None:
    approval = _asked(fernwood, "a kettle")
    page = page_as("noor")
    with quiet(page):
        page.goto(f"{fernwood.address}/approvals")
        page.get_by_role("link", name=approval.title).click()
        page.get_by_label("Comment").fill("We have one.")
        page.get_by_role("button", name="Reject").click()
        page.wait_for_url("**/approvals")
        assert "It is settled: Reject" in page.get_by_role("status").inner_text()
        assert page.get_by_role("link", name=approval.title).count() == 0
        page.get_by_role("link", name="History").click()
        page.get_by_role("link", name=approval.title).click()
        assert page.get_by_text("We have one.").is_visible()
        assert page.get_by_role("button", name="Reject").count() == 0
    header = fernwood.do(_stands(fernwood.house, approval.run, "Succeeded"))
    assert header.status == "Succeeded"


def test_noor_asks_mia_instead(fernwood: Fernwood, page_as: Callable[..., Any]) -> None:
    approval = _asked(fernwood, "a ladder")
    page = page_as("noor")
    page.goto(f"{fernwood.address}/approvals/{approval.id}")
    page.get_by_text("Ask somebody else").click()
    page.get_by_role("combobox", name="Somebody else").fill("mia")
    page.get_by_role("option", name="Mia Lindt").first.click()
    page.get_by_role("button", name="Reassign").click()
    page.wait_for_url("**/approvals")
    mia = page_as("mia")
    mia.goto(f"{fernwood.address}/approvals/{approval.id}")
    assert mia.get_by_text("on behalf of Noor Aziz").is_visible()
    mia.get_by_role("button", name="Approve").click()
    mia.wait_for_url("**/approvals")
    page.goto(f"{fernwood.address}/approvals/{approval.id}")
    assert page.get_by_text("on behalf of Noor Aziz").is_visible()


@pytest.fixture
def asking(fernwood: Fernwood) -> Any:
    """A flow of Ada's that sends as who adds a request; Noor has added one."""
    house, people = fernwood.house, fernwood.company.people
    name = f"own_{secrets.token_hex(3)}"
    references = {
        "mail": written.reference(written.MAIL, name, source="invoker"),
        "rows": written.reference(written.ROWS, "fern_rows"),
    }
    parameters = {"emailMessage/To": "x@example.com", "emailMessage/Subject": "s",
                  "emailMessage/Body": "b"}  # fmt: skip
    send = {"Send": written.call("mail", written.MAIL, "SendEmailV2", parameters)}
    trigger = written.row_trigger("fern_request", message=1, run_as=1)

    async def begin() -> tuple[FlowId, RunId]:
        package = written.package(trigger, send, references)
        flow = (await house.importer.bring_in(package, people["ada"])).flows[0].id
        await house.turning.on(flow, people["ada"])
        await house.store.create(Caller(people["noor"]), "fern_requests", {"fern_name": "A vase"})
        async with asyncio.timeout(20):
            while True:
                found = await house.journal.runs(flow=flow)
                if found and found[0].status == "Waiting":
                    return flow, found[0].id
                await asyncio.sleep(0.02)

    async def end(flow: FlowId) -> None:
        await house.turning.off(flow, people["ada"])
        await house.deleting.delete(flow, people["ada"])

    flow, run = fernwood.do(begin())
    yield flow, run
    fernwood.do(end(flow))


def test_noor_chooses_what_a_run_in_her_name_waits_for(
    fernwood: Fernwood, page_as: Callable[..., Any], asking: Any
) -> None:
    flow, run = asking
    stranger = page_as("mia")
    stranger.goto(f"{fernwood.address}/approvals")
    assert stranger.get_by_text("Sign-ins asked of you").count() == 0
    assert stranger.goto(f"{fernwood.address}/flows/{flow}/consent").status == 404
    page = page_as("noor")
    with quiet(page):
        page.goto(f"{fernwood.address}/approvals")
        assert page.get_by_text("Nobody else's will do").is_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENS / f"approvals-asked-{scheme}.png", full_page=True)
        assert not violations(page)
    with quiet(page):
        page.goto(f"{fernwood.address}/approvals")
        page.get_by_role("link", name="Choose").click()
        page.get_by_label("It will act as you, through").select_option("noor@fernwood.example")
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/approvals")
        assert page.get_by_text("Sign-ins asked of you").count() == 0
    header = fernwood.do(_stands(fernwood.house, run, "Succeeded", "Failed"))
    assert (header.status, header.principal) == ("Succeeded", fernwood.company.people["noor"])
    assert fernwood.mailbox.messages[-1].authenticated_as == "noor@fernwood.example"
