"""What administrators see and do: whose flows there are, and what happens when somebody leaves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from flowner.directory.people import NewPerson
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.rows.seed import BASIC_USER
from flowner.values import FlowId, PrincipalId
from portal.conftest import Fernwood
from worlds import written

_NUMBERS = itertools.count(1)


@pytest.fixture
def leaver(fernwood: Fernwood) -> tuple[PrincipalId, str, FlowId]:
    """Return somebody with a flow that is on and acts through their account."""
    house, name = fernwood.house, f"Pat Going {next(_NUMBERS)}"
    upn = f"{name.replace(' ', '.').lower()}@fernwood.example"
    person = fernwood.do(
        house.directory.add_person(NewPerson(name=name, upn=upn), roles=(BASIC_USER,))
    )
    reference = name.replace(" ", "_").lower()
    package = written.package(
        written.BUTTON,
        {"Me": written.call("people", written.PEOPLE, "MyProfile_V2", {})},
        {"people": written.reference(written.PEOPLE, reference)},
    )
    account = NewConnection(connector=written.PEOPLE, account=upn)
    connection = fernwood.do(house.connections.make(account, person))
    bind = {reference: connection}
    (flow,) = fernwood.do(house.importer.bring_in(package, person, bind=bind)).flows
    fernwood.do(house.publishing.rename(flow.id, f"Flow of {name}", person))
    fernwood.do(house.turning.on(flow.id, person))
    return person, name, flow.id


async def _ended(fernwood: Fernwood, run: Any) -> Any:
    for _ in range(200):
        record = await fernwood.house.history.run(fernwood.company.people["ada"], run)
        if record["ended"]:
            return record
        await asyncio.sleep(0.05)
    raise AssertionError("the run does not end")


def test_somebody_leaves_and_what_acts_through_them_fails_and_says_why(
    fernwood: Fernwood, known_pages: Callable[[str], Any], leaver: tuple[PrincipalId, str, FlowId]
) -> None:
    person, name, flow = leaver
    house, ada = fernwood.house, fernwood.company.people["ada"]
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/admin/people/{person}")
    page.get_by_text("nobody answers for it").wait_for()
    page.get_by_text("acts through").wait_for()
    fernwood.do(house.sharing.hand_over(flow, ada, person))
    page.get_by_role("button", name=f"Disable {name}").click()
    page.get_by_role("heading", name="What has stopped").wait_for()
    record = fernwood.do(
        _ended(fernwood, fernwood.do(house.running.press(Press(flow=flow, by=ada, inputs={}))))
    )
    assert record["status"] == "Failed"
    assert name in str(record["actions"][0]["error"])


def test_an_orphan_is_shown_and_handed_over(
    fernwood: Fernwood, known_pages: Callable[[str], Any], leaver: tuple[PrincipalId, str, FlowId]
) -> None:
    person, _, flow = leaver
    house, ada = fernwood.house, fernwood.company.people["ada"]
    fernwood.do(house.administering.set_enabled(person, ada, enabled=False))
    page = known_pages("ada")
    page.set_viewport_size({"width": 1360, "height": 860})
    page.goto(f"{fernwood.address}/admin/ownership?person={person}")
    orphan = page.locator(f'.estate a.bad[href="/flows/{flow}"]')
    assert "orphaned" in orphan.locator(".detail").text_content()
    page.locator(f'.estate a[href="/admin/people/{person}"]').click()
    page.get_by_role("combobox", name="To").fill("Noor")
    page.get_by_role("option", name="Noor Aziz").click()
    page.get_by_role("button", name="Hand over all").click()
    page.get_by_text("1 flow is Noor").wait_for()
    opened = fernwood.do(house.portfolio.open(flow, ada))
    assert opened.listed.facts.owner == fernwood.company.people["noor"]


@pytest.mark.parametrize(
    "path", ["ownership", "people", "apps", "people/5eed0000-0000-4000-8000-000000000005"]
)
def test_only_administrators_come_in(
    path: str, fernwood: Fernwood, client_as: Callable[[str], Any]
) -> None:
    assert client_as("bob").get(f"{fernwood.address}/admin/{path}").status_code == 403
