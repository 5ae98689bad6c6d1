"""Run only users, their consent, and whose mail arrives: through the front door."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from flowner.values import FlowId
from portal.conftest import Fernwood
from portal.test_pages import look_at
from worlds import written

_NUMBERS = itertools.count(1)
MAIL = {
    "Send": written.call("mail", written.MAIL, "SendEmailV2", {
        "emailMessage/To": "@triggerBody()?['email']", "emailMessage/Subject": "Hello",
        "emailMessage/Body": "<p>Hello</p>"}),
}  # fmt: skip
ASKS = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {
    "type": "object", "required": ["email"], "properties": {"email": {
        "type": "string", "format": "email", "title": "Whom to write to",
        "x-ms-content-hint": "EMAIL"}}}}}}  # fmt: skip


@pytest.fixture
def flow(fernwood: Fernwood) -> FlowId:
    """A flow of Ada's that is on and sends mail from the office's account."""
    ada = fernwood.company.people["ada"]
    house = fernwood.house
    office = fernwood.company.connections["office.mail"]
    name = fernwood.do(house.wiring.reference_to(office, ada))
    (made,) = written.package(ASKS, MAIL, {"mail": written.reference(written.MAIL, name)}).flows
    id = fernwood.do(house.publishing.create(made, ada))
    fernwood.do(house.publishing.rename(id, f"Write to somebody {next(_NUMBERS)}", ada))
    fernwood.do(house.turning.on(id, ada))
    return id


def sent_to(fernwood: Fernwood, address: str) -> list[str]:
    """Return from whom mail came to an address."""
    return [one.authenticated_as for one in fernwood.mailbox.messages if address in one.recipients]


def pick(page: Any, label: str, text: str) -> None:
    field = page.get_by_role("combobox", name=label)
    field.fill(text)
    page.get_by_role("option").filter(has_text=text).first.click()


def test_a_group_is_added_and_everybody_in_it_finds_the_flow(
    fernwood: Fernwood, flow: FlowId, known_pages: Callable[[str], Any]
) -> None:
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{flow}?pane=run-only")
    pick(page, "Add people and groups", "Sales")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Sales may run it, in their own name.").wait_for()
    assert "2 people in the group" in page.locator(".pane").inner_text()
    assert "2 people will act as Office mail" in page.locator(".seat").inner_text()
    bob = known_pages("bob")
    bob.goto(f"{fernwood.address}/flows?tab=runonly")
    bob.locator(f'a[href="/flows/{flow}"]').first.wait_for()
    page.get_by_role("button", name="Remove Sales").click()
    page.get_by_text("It is shared with them no more.").wait_for()
    bob.reload()
    assert bob.locator(f'a[href="/flows/{flow}"]').count() == 0


def share(fernwood: Fernwood, flow: FlowId, page: Any) -> None:
    page.goto(f"{fernwood.address}/flows/{flow}?pane=run-only")
    pick(page, "Add people and groups", "Sales")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Sales may run it").wait_for()


def run(page: Any, fernwood: Fernwood, flow: FlowId, to: str) -> None:
    page.goto(f"{fernwood.address}/flows/{flow}/run")
    page.get_by_label("Whom to write to").fill(to)
    page.get_by_role("button", name="Run flow").click()
    page.get_by_role("heading", name="What came of it").wait_for()


def test_use_this_connection_and_the_mail_is_from_its_account(
    fernwood: Fernwood, flow: FlowId, known_pages: Callable[[str], Any]
) -> None:
    share(fernwood, flow, known_pages("ada"))
    to = f"fixed-{secrets.token_hex(3)}@example.com"
    bob = known_pages("bob")
    run(bob, fernwood, flow, to)
    shown = bob.locator("main").inner_text()
    assert "Succeeded" in shown
    assert "ran as Bob Keller" in shown
    assert sent_to(fernwood, to) == ["office@fernwood.example"]


def test_provided_by_run_only_user_asks_once_and_the_mail_is_theirs(
    fernwood: Fernwood, flow: FlowId, known_pages: Callable[[str], Any]
) -> None:
    ada, bob = known_pages("ada"), known_pages("bob")
    share(fernwood, flow, ada)
    ada.get_by_label("Whose connection").select_option("Provided by run-only user")
    ada.get_by_text("each person uses their own").first.wait_for()
    assert "sign in once" in ada.locator(".seat").inner_text()
    bob.goto(f"{fernwood.address}/flows/{flow}/run")
    bob.wait_for_url("**/consent**")
    assert "It will act as you" in bob.locator("main").inner_text()
    go_on = bob.get_by_role("button", name="Continue")
    assert go_on.get_attribute("aria-disabled") == "true"
    assert (
        "Choose or sign in"
        in bob.locator(f"#{go_on.get_attribute('aria-describedby')}").inner_text()
    )
    look_at(bob, "consent-open")
    go_on.dispatch_event("click")
    assert bob.evaluate("document.activeElement.name").startswith("choice:"), "nothing is sent"
    bob.get_by_label("It will act as you").select_option("bob@fernwood.example")
    assert go_on.get_attribute("aria-disabled") == "false"
    assert go_on.get_attribute("aria-describedby") is None
    go_on.click()
    bob.wait_for_url("**/run")
    to = f"own-{secrets.token_hex(3)}@example.com"
    run(bob, fernwood, flow, to)
    assert sent_to(fernwood, to) == ["bob@fernwood.example"]
    bob.goto(f"{fernwood.address}/consents")
    row = bob.locator(".consent").filter(has=bob.locator(f'a[href="/flows/{flow}"]'))
    row.get_by_role("button", name="Withdraw").click()
    bob.get_by_text("You are asked again").wait_for()
    bob.goto(f"{fernwood.address}/flows/{flow}/run")
    bob.wait_for_url("**/consent**")


def test_the_lender_takes_back_and_the_flow_says_whom_to_ask(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    house, people = fernwood.house, fernwood.company.people
    mine = fernwood.company.connections["noor.mail"]
    noor = people["noor"]
    name = fernwood.do(house.wiring.reference_to(mine, noor))
    (made,) = written.package(ASKS, MAIL, {"mail": written.reference(written.MAIL, name)}).flows
    flow = fernwood.do(house.publishing.create(made, noor))
    fernwood.do(house.publishing.rename(flow, "Noor writes", noor))
    fernwood.do(house.turning.on(flow, noor))
    page = known_pages("noor")
    page.goto(f"{fernwood.address}/lent")
    page.get_by_role("button", name=re.compile("from Noor writes$")).click()
    page.get_by_text("Taken back.").wait_for()
    run(page, fernwood, flow, "nobody@example.com")
    shown = page.locator("main").inner_text()
    assert "Failed" in shown
    assert "ask Noor Aziz" in shown
    assert sent_to(fernwood, "nobody@example.com") == []


def test_a_flow_is_handed_over(
    fernwood: Fernwood, flow: FlowId, known_pages: Callable[[str], Any]
) -> None:
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{flow}?pane=owners")
    assert "No connection moves" in page.locator(".pane").inner_text()
    pick(page, "New primary owner", "Noor")
    page.get_by_role("button", name="Hand over").click()
    page.get_by_text("Noor Aziz owns it now.").wait_for()
    assert "You are a co-owner" in page.locator("main").inner_text()


def test_an_app_asks_once_and_its_flows_run_as_who_uses_it(
    fernwood: Fernwood, flow: FlowId, known_pages: Callable[[str], Any]
) -> None:
    ada = fernwood.company.people["ada"]
    fernwood.do(fernwood.house.audience.provide(flow, "mail", True, ada))
    page, bob = known_pages("ada"), known_pages("bob")
    page.goto(f"{fernwood.address}/apps")
    page.get_by_role("button", name="New app").click()
    name = f"Desk {secrets.token_hex(3)}"
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Create").click()
    page.get_by_label("Instant flow").select_option(value=str(flow))
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("from the app alone").first.wait_for()
    pick(page, "Share with", "Sales")
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_text("Sales may open it").wait_for()
    bob.goto(f"{fernwood.address}/apps")
    bob.get_by_role("link", name=name).click()
    bob.wait_for_url("**/consent**")
    bob.get_by_label("It will act as you").select_option("bob@fernwood.example")
    bob.get_by_role("button", name="Continue").click()
    to = f"app-{secrets.token_hex(3)}@example.com"
    bob.get_by_label("Whom to write to").fill(to)
    bob.get_by_role("button", name="Run", exact=True).click()
    bob.get_by_text("ran as").first.wait_for()
    assert sent_to(fernwood, to) == ["bob@fernwood.example"]
    bob.goto(f"{fernwood.address}/flows/{flow}/run")
    assert "Not found" in bob.locator("main").inner_text(), "from the app alone"
    bob.goto(f"{fernwood.address}/consents")
    mine = bob.locator(".consent", has_text=name)
    assert mine.get_by_role("link").count() == 1
    page.get_by_role("button", name="Share no more with Sales").click()
    page.get_by_text("It is shared with them no more.").wait_for()
    bob.reload()
    assert mine.get_by_role("link").count() == 0
    assert "It is not shared with you." in mine.inner_text()


def test_a_connection_is_made_shared_and_deleted(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    page = known_pages("bob")
    page.goto(f"{fernwood.address}/connections/new")
    page.get_by_role("link", name="People Reads").click()
    page.get_by_role("textbox", name="Account").fill("bob as himself")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("heading", name="bob as himself").wait_for()
    pick(page, "Share with", "Noor")
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_text("It is shared.").wait_for()
    noor = known_pages("noor")
    noor.goto(f"{fernwood.address}/connections?tab=others")
    noor.get_by_role("link", name="bob as himself").click()
    assert noor.get_by_role("button", name="Delete").count() == 0
    page.get_by_role("button", name="Share no more with Noor Aziz").click()
    page.get_by_text("shared with them no more").wait_for()
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("It is gone.").wait_for()
