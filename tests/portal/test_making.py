"""New flows, their versions and their code, as a maker comes by them."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from typing import Any

from flowner.definitions.beginnings import BEGINNINGS, begun
from flowner.definitions.codec import write_flow
from flowner.definitions.packages import Package
from flowner.flows.connections import NewConnection
from flowner.values import FlowId
from portal.conftest import Fernwood
from portal.test_pages import look_at, quiet
from worlds import written


def _made(fernwood: Fernwood, beginning: str, name: str) -> FlowId:
    ada = fernwood.company.people["ada"]
    return fernwood.do(fernwood.house.publishing.create(begun(beginning, name), ada))


def test_every_beginning_is_made_and_opened(
    fernwood: Fernwood, client_as: Callable[[str], Any]
) -> None:
    for one in BEGINNINGS:
        flow = _made(fernwood, one.id, f"From {one.id}")
        answer = client_as("ada").get(f"{fernwood.address}/flows/{flow}/edit")
        assert answer.status_code == 200, one.id


def test_a_flow_is_made_from_a_template_and_opened(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/new")
    page.get_by_label("Name", exact=True).fill("Summary of mine")
    page.get_by_role("radio", name="A summary every day").check()
    page.get_by_role("button", name="Create").click()
    page.wait_for_url("**/edit")
    page.locator(".canvas[data-ready]").wait_for()
    assert page.locator(".title", has_text="Send the summary").count() == 1


def test_versions_are_compared_and_one_is_restored(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    house, ada = fernwood.house, fernwood.company.people["ada"]
    flow = _made(fernwood, "http-intake", "Taken in")
    fernwood.do(house.publishing.publish(flow, begun("app-answer", "Taken in"), ada))
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{flow}/versions")
    assert page.locator(".diff .add", has_text="Respond_to_the_app").count() == 1
    assert page.locator(".diff .cut", has_text='"What_was_sent": {').count() == 1
    page.get_by_role("button", name="Restore version 1").click()
    page.wait_for_url("**/edit")
    draft = fernwood.do(house.drafting.open(flow, ada))
    assert list(draft.flow.actions) == ["What_was_sent", "Answer"]


def test_the_code_is_edited_into_the_draft_or_says_what_is_wrong(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    house, ada = fernwood.house, fernwood.company.people["ada"]
    flow = _made(fernwood, "http-intake", "As code")
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/{flow}/code")
    source = page.get_by_label("The draft's definition")
    before = source.input_value()
    source.fill(before.replace('"statusCode": 202', '"statusCode": 201'))
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_text("The draft is saved.").wait_for()
    draft = fernwood.do(house.drafting.open(flow, ada))
    assert '"statusCode": 201' in source.input_value()
    assert "201" in str(write_flow(draft.flow))


def test_code_that_is_no_flow_is_kept_on_the_page_and_changes_nothing(
    fernwood: Fernwood, client_as: Callable[[str], Any]
) -> None:
    flow = _made(fernwood, "http-intake", "Not quite code")
    client, address = client_as("ada"), f"{fernwood.address}/flows/{flow}/code"
    token = client.get(address).text.split('name="form-token" content="')[1].split('"')[0]
    sent = {"form_token": token, "seen": "0", "source": '{"my": "half a thought"}'}
    answer = client.post(address, data=sent)
    assert answer.status_code == 400
    assert "half a thought" in answer.text
    draft = fernwood.do(fernwood.house.drafting.open(flow, fernwood.company.people["ada"]))
    assert not draft.is_changed


def test_a_package_is_imported_mapped_and_turned_on(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    house, ada = fernwood.house, fernwood.company.people["ada"]
    actions = {"Me": written.call("people", written.PEOPLE, "MyProfile_V2", {})}
    references = {"people": written.reference(written.PEOPLE, "brought_people")}
    (flow,) = written.package(written.BUTTON, actions, references).flows
    file = {
        "name": f"Brought-{flow.guid}.json",
        "mimeType": "application/json",
        "buffer": json.dumps(write_flow(flow)).encode(),
    }
    account = NewConnection(connector=written.PEOPLE, account="brought@fernwood.example")
    connection = fernwood.do(house.connections.make(account, ada))
    page = known_pages("ada")
    for heading in ("new", "here already"):
        page.goto(f"{fernwood.address}/flows/import")
        page.get_by_label("Solution, package or definition").set_input_files(file)
        page.get_by_role("button", name="Read it").click()
        page.get_by_text(heading).first.wait_for()
        page.get_by_label("brought_people").select_option(value=connection)
        page.get_by_role("button", name="Import", exact=True).click()
        page.wait_for_url(f"**/flows/{flow.guid}")
    page.get_by_role("button", name="Turn on").click()
    page.get_by_text("It is on.").wait_for()
    opened = fernwood.do(house.portfolio.open(FlowId(str(flow.guid)), ada))
    assert (opened.listed.facts.on, opened.listed.facts.version) == (True, 2)
    assert page.get_by_text("brought@fernwood.example").count()


def test_what_an_import_would_do_can_be_seen_and_heard_by_everybody(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    """A file that is here already and comes changed, with a reference that is bound and one not."""
    house, ada = fernwood.house, fernwood.company.people["ada"]
    bound, open_ = f"seen_{secrets.token_hex(3)}", f"open_{secrets.token_hex(3)}"
    mine = fernwood.do(
        house.connections.make(NewConnection(connector=written.PEOPLE, account="ada looks"), ada)
    )
    guid = str(uuid.uuid4())

    def package(operation: str, **references: dict[str, Any]) -> Package:
        actions = {"Me": written.call("people", written.PEOPLE, operation, {})}
        return written.package(written.BUTTON, actions, references, guid=guid)

    people = written.reference(written.PEOPLE, bound)
    fernwood.do(
        house.importer.bring_in(package("MyProfile_V2", people=people), ada, bind={bound: mine})
    )
    mail = written.reference(written.MAIL, open_)
    (flow,) = package("Manager_V2", people=people, mail=mail).flows
    file = {
        "name": f"Weekly-{guid}.json",
        "mimeType": "application/json",
        "buffer": json.dumps(write_flow(flow)).encode(),
    }
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/import")
    page.get_by_label("Solution, package or definition").set_input_files(file)
    with quiet(page):
        page.get_by_role("button", name="Read it").click()
        page.get_by_text("becomes version 2").wait_for()
    page.get_by_text("What changes").click()
    assert "Manager_V2" in page.get_by_role("region", name="What changes in").inner_text()
    assert page.get_by_label(bound).locator("option").first.inner_text().startswith("Keep")
    assert page.get_by_label(open_).count() == 1
    look_at(page, "import-map")


def test_a_file_that_is_no_package_says_what_is_wrong_and_where(
    fernwood: Fernwood, known_pages: Callable[[str], Any]
) -> None:
    page = known_pages("ada")
    page.goto(f"{fernwood.address}/flows/import")
    wrong = {"properties": {"definition": {"triggers": {}, "actions": {}}}}
    file = {"name": "wrong.json", "mimeType": "application/json",
            "buffer": json.dumps(wrong).encode()}  # fmt: skip
    page.get_by_label("Solution, package or definition").set_input_files(file)
    page.get_by_role("button", name="Read it").click()
    said = page.get_by_role("alert")
    said.wait_for()
    assert "wrong.json#/properties/definition/triggers" in said.inner_text()
