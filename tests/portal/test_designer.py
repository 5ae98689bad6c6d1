"""The designer, as a maker uses it: cards come, go and change, and say whose account it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from flowner.access.vocabulary import ConnectionRole
from flowner.definitions.steps import with_member
from flowner.flows.connections import NewConnection
from flowner.flows.running import Press
from flowner.values import FlowId
from portal.conftest import Fernwood
from worlds import written


def card(page: Any, title: str) -> Any:
    """Return a card by its title."""
    return page.locator("[data-node]").filter(has=page.locator(".title", has_text=title)).last


def add(page: Any, step: str, *, number: int = -1) -> None:
    """Add an action at a plus: the last one, unless it is named by its number."""
    page.locator(".plus").nth(number).click()
    page.get_by_label("Search actions").fill(step)
    page.locator(".offer:visible").filter(has=page.get_by_text(step, exact=True)).first.click()
    card(page, step).wait_for()


def publish(page: Any) -> None:
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("is published").wait_for()


def sent(page: Any, name: str) -> Any:
    """Return what a field of the panel would be sent as."""
    return page.locator(f'#panel [name="field:{name}"]').input_value()


def draft(fernwood: Fernwood, flow: FlowId) -> Any:
    ada = fernwood.company.people["ada"]
    return fernwood.do(fernwood.house.drafting.open(flow, ada)).flow


PROFILE = {"Me": written.call("people", written.PEOPLE, "MyProfile_V2", {})}
TWO = PROFILE | {"Me_too": written.call("people", written.PEOPLE, "MyProfile_V2", {}, "Me")}


def test_a_flow_is_made_card_by_card_and_runs(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    flow = made()
    page = desk(flow)
    add(page, "Compose")
    page.get_by_label("Inputs").fill("hello @{toUpper('you')}")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 2 edits").wait_for()
    add(page, "Condition")
    assert page.locator(".limb-label").all_inner_texts() == ["True", "False"]
    publish(page)
    page.get_by_role("button", name="Turn on").click()
    page.get_by_text("It is on.").wait_for()
    ada = fernwood.company.people["ada"]
    run = fernwood.do(fernwood.house.running.press(Press(flow=flow, by=ada, inputs={})))
    record = fernwood.do(_ended(fernwood, run))
    assert [one["action"] for one in record["actions"]][:1] == ["Compose"]
    assert record["actions"][0]["outputs"] == "hello YOU"


async def _ended(fernwood: Fernwood, run: Any) -> Any:
    for _ in range(200):
        record = await fernwood.house.history.run(fernwood.company.people["ada"], run)
        if record["ended"]:
            return record
        await asyncio.sleep(0.05)
    raise AssertionError("the run does not end")


def test_what_is_done_is_undone_and_done_again(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made())
    add(page, "Compose")
    page.get_by_role("button", name="Undo").click()
    card(page, "Compose").wait_for(state="detached")
    page.get_by_role("button", name="Redo").click()
    card(page, "Compose").wait_for()
    card(page, "Compose").locator(".head").click()
    page.get_by_role("textbox", name="Inputs").fill("x")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 2 edits").wait_for()
    page.locator(".canvas").focus()
    page.keyboard.press("Control+z")
    page.get_by_text("Draft, 1 edit").wait_for()
    assert page.get_by_role("textbox", name="Inputs").inner_text().strip() == ""
    page.keyboard.press("Control+z")
    card(page, "Compose").wait_for(state="detached")
    page.locator(".panel").wait_for(state="detached")


def test_a_renamed_card_keeps_what_names_it(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    flow = made(actions={
        "First": {"type": "Compose", "inputs": 1, "runAfter": {}},
        "Then": {"type": "Compose", "inputs": "@outputs('First')",
                 "runAfter": {"First": ["Succeeded"]}},
    })  # fmt: skip
    page = desk(flow)
    card(page, "First").locator(".head").focus()
    page.keyboard.press("F2")
    page.get_by_role("textbox", name="Name").fill("The number")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    card(page, "The number").wait_for()
    changed = draft(fernwood, flow)
    assert changed.actions["Then"].inputs == "@outputs('The_number')"
    assert set(changed.actions["Then"].run_after) == {"The_number"}


def test_cards_are_copied_moved_and_deleted(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    flow = made(actions={
        "A": {"type": "Compose", "inputs": 1, "runAfter": {}},
        "B": {"type": "Compose", "inputs": 2, "runAfter": {"A": ["Succeeded"]}},
    })  # fmt: skip
    page = desk(flow)
    card(page, "B").get_by_role("button", name="More for B").click()
    page.get_by_role("menuitem", name="Copy").click()
    card(page, "B 2").wait_for()
    card(page, "B 2").get_by_role("button", name="More for B 2").click()
    page.get_by_role("menuitem", name="Move").click()
    page.locator(".plus").first.click()
    page.get_by_text("Draft, 2 edits").wait_for()
    assert list(draft(fernwood, flow).actions) == ["B_2", "A", "B"]
    page.once("dialog", lambda dialog: dialog.accept())
    card(page, "A").locator(".head").focus()
    page.keyboard.press("Delete")
    page.get_by_text("Draft, 3 edits").wait_for()
    assert {n: set(a.run_after) for n, a in draft(fernwood, flow).actions.items()} == {
        "B_2": set(), "B": {"B_2"}}  # fmt: skip


def test_arrows_walk_from_card_to_card(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made(actions=dict(PROFILE), references={
        "people": written.reference(written.PEOPLE, "ref_walk")}))  # fmt: skip
    page.locator(".canvas").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.card") == "manual"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.card") == "Me"
    page.keyboard.press("Enter")
    page.locator('.panel[data-name="Me"]').wait_for()
    page.keyboard.press("Escape")
    page.locator(".panel").wait_for(state="detached")
    assert page.evaluate("document.activeElement.dataset.card") == "Me"


def test_one_cards_connection_is_changed_and_the_badge_follows(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    house, people = fernwood.house, fernwood.company.people
    given = NewConnection(connector=written.PEOPLE, account="noor@lent.example")
    lent = fernwood.do(house.connections.make(given, people["noor"]))
    fernwood.do(house.connections.share(lent, people["ada"], ConnectionRole.CAN_USE,
                                        people["noor"]))  # fmt: skip
    flow = made(actions=dict(TWO), references={
        "people": written.reference(written.PEOPLE, "ref_change")})  # fmt: skip
    page = desk(flow)
    assert "no connection" in card(page, "Me too").locator(".strip").inner_text()
    card(page, "Me too").get_by_role("button", name="More for Me too").click()
    page.get_by_role("menuitem", name="Change connection").click()
    page.get_by_label("noor@lent.example").check()
    page.get_by_label("this card only").check()
    page.get_by_role("button", name="Use this connection").click()
    page.get_by_text("Draft, 1 edit").wait_for()
    assert "Noor Aziz" in card(page, "Me too").locator(".strip").inner_text()
    assert "Noor" not in page.locator("[data-name='Me'] .strip").inner_text()
    changed = draft(fernwood, flow)
    keys = {name: action.call.binding for name, action in changed.actions.items()}
    assert keys["Me"] != keys["Me_too"]


def test_run_as_is_chosen_and_the_cards_say_so(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    rows = fernwood.company.connections["ada.rows"]
    ada = fernwood.company.people["ada"]
    name = fernwood.do(fernwood.house.wiring.reference_to(rows, ada))
    note = {"Note": written.call("rows", written.ROWS, "CreateRecord", {
        "entityName": "fern_notes", "item/fern_name": "x"})}  # fmt: skip
    flow = made(written.row_trigger("fern_request"), note,
                {"rows": written.reference(written.ROWS, name)})  # fmt: skip
    page = desk(flow)
    assert "Ada Brand" in card(page, "Note").locator(".strip").inner_text()
    card(page, "When a row changes").locator(".head").click()
    page.get_by_role("link", name="Runs as").click()
    page.get_by_label("Row owner").check()
    page.locator(".panel").get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 1 edit").wait_for()
    assert "row owner" in card(page, "Note").locator(".strip").inner_text()
    assert "row owner" in card(page, "When a row changes").locator(".strip").inner_text()
    assert draft(fernwood, flow).trigger.rows.run_as == "row_owner"


def test_a_schedule_offers_neither(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    clock = {"Every_day": {"type": "Recurrence",
                           "recurrence": {"frequency": "Day", "interval": 1}}}  # fmt: skip
    page = desk(made(clock))
    card(page, "Every day").locator(".head").click()
    page.get_by_role("link", name="Runs as").click()
    page.get_by_text("neither run-only users nor Run as").wait_for()
    assert page.get_by_label("Modifying user").count() == 0


def test_formulas_are_read_along_and_values_are_offered(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made(actions={
        "A": {"type": "Compose", "inputs": "x", "runAfter": {}},
        "B": {"type": "Compose", "inputs": "", "runAfter": {"A": ["Succeeded"]}},
    }))  # fmt: skip
    card(page, "B").locator(".head").click()
    field = page.get_by_label("Inputs")
    field.fill("@concat('a'")
    page.locator(".formula-wrong").wait_for()
    field.fill("")
    page.locator(".formula-wrong").wait_for(state="detached")
    page.get_by_role("button", name="Insert…").click()
    page.locator(".token").filter(has_text="Outputs").first.click()
    page.get_by_role("button", name="A · Outputs").wait_for()
    assert sent(page, "inputs") == "@outputs('A')"


def test_the_checker_leads_to_the_card(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made(actions={
        "Wrong": {"type": "Compose", "inputs": "@outputs('Nobody')", "runAfter": {}}}))  # fmt: skip
    page.get_by_role("button", name="Flow checker").click()
    page.locator("#panel").get_by_text("Nobody").first.wait_for()
    page.locator("#panel").get_by_role("link", name="Wrong").click()
    page.locator('.panel[data-name="Wrong"]').wait_for()


def test_a_condition_is_filled_in_as_rows(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    flow = made(actions={"Is it": {"type": "If", "runAfter": {}, "actions": {},
                                   "expression": {"equals": ["@triggerBody()", 1]}}})  # fmt: skip
    page = desk(flow)
    card(page, "Is it").locator(".head").click()
    page.get_by_label("Comparison", exact=True).first.select_option("is greater than")
    page.get_by_role("button", name="Add row").click()
    page.get_by_text("Draft, 1 edit").wait_for()
    page.get_by_label("Value", exact=True).nth(1).fill("x")
    page.get_by_label("Compared with").nth(1).fill("@{'y'}")
    page.get_by_label("All or any of them").select_option("Or: any is true")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 2 edits").wait_for()
    assert draft(fernwood, flow).actions["Is it"].source["expression"] == {
        "or": [{"greater": ["@triggerBody()", 1]}, {"equals": ["x", "@{'y'}"]}]}  # fmt: skip


def test_an_instant_flow_asks_what_its_maker_says(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    flow = made()
    page = desk(flow)
    card(page, "manual").locator(".head").click()
    page.get_by_label("Kind").first.select_option("Email")
    page.get_by_label("Title").first.fill("Whom?")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 1 edit").wait_for()
    page.get_by_label("Title").nth(1).fill("How many")
    page.get_by_label("Kind").nth(1).select_option("Number")
    page.get_by_label("needed").nth(1).uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 2 edits").wait_for()
    schema = draft(fernwood, flow).trigger.inputs["schema"]
    assert {key: one["title"] for key, one in schema["properties"].items()} == {
        "email": "Whom?", "number": "How many"}  # fmt: skip
    assert schema["required"] == ["email"]


def test_tables_and_columns_are_chosen_from_what_there_is(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made())
    add(page, "Add a new row")
    page.get_by_role("combobox", name="Table name").fill("note")
    page.get_by_role("option").filter(has_text="fern_notes").click()
    page.get_by_role("combobox", name="Column").fill("name")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_label("Value", exact=True).fill("a note")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 2 edits").wait_for()
    assert page.get_by_label("fern_name").inner_text().strip() == "a note"


def test_several_columns_are_chosen_before_the_table_is_saved(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    flow = made()
    page = desk(flow)
    add(page, "List rows")
    labels = page.locator(".panel .body label").all_inner_texts()
    assert labels[0] == "Table name", "what is required comes first"
    page.get_by_role("combobox", name="Table name").fill("request")
    page.get_by_role("option").filter(has_text="fern_requests").click()
    columns = page.get_by_role("combobox", name="Select columns")
    columns.press_sequentially("city")
    page.get_by_role("option").filter(has_text="fern_city").click()
    columns.press_sequentially(",own")
    page.get_by_role("option").filter(has_text="_ownerid_value").click()
    assert columns.input_value() == "fern_city,_ownerid_value"
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 2 edits").wait_for()
    inputs = draft(fernwood, flow).actions["List_rows"].call.parameters
    assert inputs == {"entityName": "fern_requests", "$select": "fern_city,_ownerid_value"}


def test_people_are_chosen_one_after_the_other(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made())
    add(page, "Send an email (V2)")
    to = page.get_by_role("combobox", name="To *", exact=True)
    to.press_sequentially("ada")
    page.get_by_role("option").filter(has_text="Ada Brand").click()
    to.press_sequentially("; noor")
    page.get_by_role("option").filter(has_text="Noor Aziz").click()
    assert to.input_value() == "ada@fernwood.example;noor@fernwood.example"
    page.get_by_role("button", name="Insert…").click()
    page.locator(".token", has_text="User email").click()
    page.get_by_role("button", name="manual · User email").wait_for()
    sent_to = page.locator('#panel [name="field:inputs/parameters/emailMessage~1To"]')
    assert sent_to.input_value() == (
        "ada@fernwood.example;noor@fernwood.example"
        "@{triggerOutputs()?['headers']['x-ms-user-email']}"
    )


def test_a_row_triggers_table_and_columns_are_chosen(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    references = {"rows": written.reference(written.ROWS, "ref_table")}
    flow = made(written.row_trigger("fern_note"), {}, references)
    page = desk(flow)
    card(page, "When a row changes").locator(".head").click()
    page.get_by_role("combobox", name="Table name").fill("request")
    page.get_by_role("option").filter(has_text="fern_request").first.click()
    columns = page.get_by_role("combobox", name="Select columns")
    columns.press_sequentially("city")
    page.get_by_role("option").filter(has_text="fern_city").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 1 edit").wait_for()
    rows = draft(fernwood, flow).trigger.rows
    assert (rows.table, rows.filtering_columns) == ("fern_request", {"fern_city"})


def test_the_runs_of_one_row_are_put_in_order_and_at_once_again(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    references = {"rows": written.reference(written.ROWS, "ref_table")}
    flow = made(written.row_trigger("fern_note"), {}, references)
    before = draft(fernwood, flow).trigger.source
    page = desk(flow)
    card(page, "When a row changes").locator(".head").click()
    page.get_by_role("link", name="Settings").click()
    for choice, order, edits in (("One after the other", "inOrder", 1), ("At the same", None, 2)):
        page.get_by_role("group", name="Runs for the same row").get_by_label(choice).check()
        page.locator(".panel").get_by_role("button", name="Save").click()
        page.get_by_text(f"Draft, {edits} edit").wait_for()
        written_now = draft(fernwood, flow).trigger.source
        assert (written_now.get("metadata") or {}).get("flownerSameRow") == order
    assert written_now == before


def test_two_editors_do_not_overwrite_one_another(
    fernwood: Fernwood, made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    flow = made(actions={"A": {"type": "Compose", "inputs": "x", "runAfter": {}}})
    page = desk(flow)
    card(page, "A").locator(".head").click()
    page.get_by_label("Inputs").fill("mine")
    ada = fernwood.company.people["ada"]
    fernwood.do(fernwood.house.drafting.edit(
        flow, ada, "Theirs", lambda one: _with_inputs(one, "theirs")))  # fmt: skip
    page.get_by_role("button", name="Save").click()
    page.get_by_text("meanwhile").wait_for()
    assert draft(fernwood, flow).actions["A"].inputs == "theirs"


def _with_inputs(flow: Any, value: str) -> Any:
    return with_member(flow, "A", ("inputs",), value)


def test_hundreds_of_cards_stay_quick(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    """400 cards are drawn, and an edit of one answers with it alone."""
    actions: dict[str, Any] = {}
    for number in range(400):
        after = {f"Step_{number - 1}": ["Succeeded"]} if number else {}
        actions[f"Step_{number}"] = {"type": "Compose", "inputs": number, "runAfter": after}
    page = desk(made(actions=actions))
    assert page.locator("[data-node]").count() == 401
    card(page, "Step 7").locator(".head").click()
    page.get_by_label("Inputs").fill("@{'changed'}")
    with page.expect_response("**/parameters*") as answered:
        page.get_by_role("button", name="Save").click()
    assert len(answered.value.body()) < 40_000, "what has not changed is not sent again"


def at(page: Any) -> str:
    """Return which card and tab the address names."""
    return str(page.evaluate("location.pathname.split('/').pop() + location.search"))


def test_the_address_leads_back_to_the_card_and_its_tab(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made(actions={
        "A": {"type": "Compose", "inputs": "x", "runAfter": {}},
        "B & C": {"type": "Compose", "inputs": "y", "runAfter": {"A": ["Succeeded"]}},
    }))  # fmt: skip
    opened = page.locator(".panel")
    card(page, "A").locator(".head").click()
    page.locator('.panel[data-name="A"]').wait_for()
    card(page, "B & C").locator(".head").click()
    page.locator('.panel[data-name="B & C"]').wait_for()
    page.get_by_role("link", name="Code").click()
    page.get_by_label("As the definition says it").wait_for()
    assert at(page) == "edit?card=B%20%26%20C&tab=code"
    page.reload()
    page.get_by_label("As the definition says it").wait_for()
    assert opened.get_attribute("data-name") == "B & C"
    page.go_back()
    page.get_by_role("textbox", name="Inputs").wait_for()
    assert at(page) == "edit?card=B%20%26%20C&tab=parameters"
    page.go_back()
    page.locator('.panel[data-name="A"]').wait_for()
    page.go_forward()
    page.locator('.panel[data-name="B & C"]').wait_for()
    page.go_back()
    page.go_back()
    opened.wait_for(state="detached")
    assert at(page) == "edit"


def test_the_address_follows_what_an_edit_makes_of_the_card(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> None:
    page = desk(made(actions={"A": {"type": "Compose", "inputs": "x", "runAfter": {}}}))
    card(page, "A").locator(".head").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Description").fill("why")
    page.locator(".panel").get_by_role("button", name="Save").click()
    page.get_by_text("Draft, 1 edit").wait_for()
    assert at(page) == "edit?card=A&tab=settings"
    card(page, "A").locator(".head").focus()
    page.keyboard.press("F2")
    page.get_by_role("textbox", name="Name").fill("Another")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    card(page, "Another").wait_for()
    page.wait_for_url("**/edit?card=Another&tab=parameters")
    page.once("dialog", lambda dialog: dialog.accept())
    card(page, "Another").locator(".head").focus()
    page.keyboard.press("Delete")
    page.get_by_text("Draft, 3 edits").wait_for()
    page.wait_for_url("**/edit")
