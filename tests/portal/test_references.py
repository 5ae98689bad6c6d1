"""A connection reference is pointed elsewhere, and its flows act as the other account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowner.access.vocabulary import ConnectionRole
from flowner.flows.keyring import Keyring
from portal.conftest import Fernwood
from portal.test_sharing import ASKS, MAIL, run, sent_to
from worlds import written


def test_a_reference_is_pointed_elsewhere_and_the_mail_is_from_there(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    house, people = fernwood.house, fernwood.company.people
    known = fernwood.company.connections
    noor, to = people["noor"], "moved@example.com"
    name = fernwood.do(house.wiring.reference_to(known["noor.mail"], noor))
    (made,) = written.package(ASKS, MAIL, {"mail": written.reference(written.MAIL, name)}).flows
    flow = fernwood.do(house.publishing.create(made, noor))
    fernwood.do(house.publishing.rename(flow, "Noor writes from the office", noor))
    fernwood.do(house.turning.on(flow, noor))
    office = known["office.mail"]
    fernwood.do(house.connections.share(office, noor, ConnectionRole.CAN_USE, people["office"]))
    page = known_pages("noor")
    page.goto(f"{fernwood.address}/connections/references")
    row = page.get_by_role("row").filter(has_text=name)
    assert "Noor writes from the office" in row.inner_text()
    row.get_by_role("combobox").select_option("office@fernwood.example")
    row.get_by_role("button", name="Move").click()
    page.get_by_text("is office@fernwood.example now. Moved:").wait_for()
    run(page, fernwood, flow, to)
    assert sent_to(fernwood, to) == ["office@fernwood.example"]
    fernwood.do(house.connections.point(name, known["noor.mail"], noor))
    fernwood.do(house.connections.unshare(office, noor, people["office"]))


def test_a_reference_is_its_owners_to_point(
    fernwood: Fernwood, client_as: Callable[[str], Any]
) -> None:
    house, ada = fernwood.house, fernwood.company.people["ada"]
    keyring = Keyring(house.database, house.published)
    (one, *_) = fernwood.do(keyring.references(ada))
    page = client_as("bob").get(f"{fernwood.address}/connections/references")
    assert one.name not in page.text
    token = page.text.split('name="form-token" content="')[1].split('"')[0]
    answer = client_as("bob").post(
        f"{fernwood.address}/connections/references",
        data={"form_token": token, "reference": one.name,
              "connection": fernwood.company.connections["bob.mail"]},
    )  # fmt: skip
    assert answer.status_code in (403, 409)
    assert one in fernwood.do(keyring.references(ada))
