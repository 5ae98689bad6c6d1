"""Expressions as pills, in a real browser: written, moved, opened, and sent byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from flowner.values import FlowId
from portal.conftest import Fernwood
from portal.test_designer import card, draft
from portal.test_guard import form_token
from portal.test_pages import quiet, violations

ASKS = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {
    "type": "object", "properties": {"text": {"type": "string", "title": "Whom?"}}}}}}  # fmt: skip
HELLO = "Hello @{triggerBody()?['text']},\nsee @{ outputs( 'Made_up' ) } and @{concat('a', 'b')}."


def actions(text: Any = HELLO) -> dict[str, Any]:
    return {
        "Made_up": {"type": "Compose", "inputs": "x", "runAfter": {}},
        "Say": {"type": "Compose", "inputs": text, "runAfter": {"Made_up": ["Succeeded"]}},
    }


class Field:
    """The text of a card that is open."""

    def __init__(self, page: Any, name: str = "field:inputs") -> None:
        self.page, self._sent = page, page.locator(f'#panel textarea[name="{name}"]')
        self.box = page.locator(f'#panel textarea[name="{name}"] + .pills')
        self.box.wait_for()

    @property
    def sent(self) -> str:
        return str(self._sent.input_value())

    @property
    def pills(self) -> list[str]:
        return [str(one) for one in self.box.locator(".pill").all_inner_texts()]

    @property
    def focused(self) -> str | None:
        found: str | None = self.page.evaluate("document.activeElement.getAttribute('aria-label')")
        return found

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def read(self, count: int) -> None:
        """Wait until the server has told so many pills."""
        expect(self.box.locator(".pill .words")).to_have_count(count)

    def save(self, edits: int = 1) -> None:
        self.page.keyboard.press("Control+s")
        said = f"Draft, {edits} edit{'s' if edits > 1 else ''}"
        self.page.get_by_text(said, exact=True).wait_for()


@pytest.fixture
def say(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> Callable[..., tuple[FlowId, Field]]:
    """Open the field of a card that says something."""

    def open_card(text: Any = HELLO) -> tuple[FlowId, Field]:
        flow = made(ASKS, actions(text))
        page = desk(flow)
        card(page, "Say").locator(".head").click()
        field = Field(page)
        field.box.click(position={"x": 3, "y": 3})
        field.press("Control+End")
        return flow, field

    return open_card


def inputs(fernwood: Fernwood, flow: FlowId) -> Any:
    return draft(fernwood, flow).actions["Say"].inputs


def test_expressions_are_pills_that_say_what_they_are(say: Callable[..., Any]) -> None:
    _, field = say()
    assert field.pills == ["Whom?", "Made up · Outputs", "concat(…)"]
    assert field.box.get_attribute("aria-multiline") == "true"
    page = field.page
    page.get_by_role("textbox", name="Inputs").get_by_role("button", name="Whom?").wait_for()
    assert page.locator(".pill").first.get_attribute("aria-label") == "Whom?, from manual"
    assert page.locator(".pill .glyph").first.get_attribute("class") == "glyph instant"
    assert field.sent == HELLO


def test_text_is_written_around_pills_and_they_stay(
    fernwood: Fernwood, say: Callable[..., Any]
) -> None:
    flow, field = say()
    with quiet(field.page):
        field.type(" Bye")
        field.press("Enter")
        field.type("Ada")
        field.save()
    assert inputs(fernwood, flow) == HELLO + " Bye\nAda", "spaces in an expression, too"


def test_a_text_with_other_line_ends_keeps_them(
    fernwood: Fernwood, say: Callable[..., Any]
) -> None:
    text = "\r\nHello @{concat('a', '\r\n')}\r\n@{item()}\r\n"
    flow, field = say(text)
    field.type("x")
    field.save()
    assert inputs(fernwood, flow) == text + "x"


def test_arrows_step_onto_pills_and_backspace_removes_them(say: Callable[..., Any]) -> None:
    _, field = say()
    field.press("ArrowLeft", "ArrowLeft")
    assert field.focused == "formula concat(…)"
    field.press("ArrowLeft")
    field.type("!")
    assert field.sent == HELLO.replace(" and @", " and !@")
    field.press("ArrowRight", "ArrowRight")
    field.type("?")
    assert field.sent == HELLO.replace(" and @", " and !@").replace("'b')}.", "'b')}?.")
    field.press("Backspace", "Backspace")
    assert field.sent == HELLO.replace("@{concat('a', 'b')}", "!")
    field.press("Control+Home", *["ArrowRight"] * 7)
    assert field.focused == "Whom?, from manual"
    field.press("Delete")
    assert field.sent.startswith("Hello ,\n")
    assert field.focused is None, "the caret is in the text again"


def test_what_is_done_is_undone_and_done_again(say: Callable[..., Any]) -> None:
    _, field = say()
    field.press("Backspace", "Backspace")
    without = field.sent
    assert without.endswith("and ")
    field.type("more")
    field.press("Control+z")
    assert field.sent == without
    field.press("Control+z", "Control+z")
    assert field.sent == HELLO
    field.press("Control+y", "Control+y")
    assert field.sent == without
    assert field.pills == ["Whom?", "Made up · Outputs"]
    field.press("Control+z", "Control+z")
    field.read(3)
    assert field.pills == ["Whom?", "Made up · Outputs", "concat(…)"]


def test_a_pill_is_opened_and_its_expression_changed(
    fernwood: Fernwood, say: Callable[..., Any]
) -> None:
    flow, field = say()
    page = field.page
    field.press("ArrowLeft", "ArrowLeft", "Enter")
    text = page.get_by_role("dialog").get_by_label("Expression", exact=True)
    assert text.input_value() == "concat('a', 'b')"
    field.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    assert field.focused == "formula concat(…)"
    assert field.sent == HELLO, "what was only looked at is as it was"
    page.locator(".pill").last.click()
    text.fill("toUpper('a'")
    page.locator(".tokens .formula-wrong").wait_for()
    assert page.locator(".told code b").inner_text() == "text", "the argument that is written"
    page.get_by_role("button", name="Update").click()
    assert page.get_by_role("dialog").count() == 1, "what cannot be read is not taken"
    text.fill("toUpper('a')")
    page.get_by_role("button", name="Update").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert field.pills[2] == "toUpper(…)"
    field.save()
    assert inputs(fernwood, flow) == HELLO.replace("concat('a', 'b')", "toUpper('a')")


def test_pills_are_inserted_where_the_caret_was(say: Callable[..., Any]) -> None:
    _, field = say("Hello , bye")
    page = field.page
    field.press("Control+Home", *["ArrowRight"] * 6, "Control+/")
    page.get_by_label("Search dynamic content").fill("whom")
    page.locator(".token", has_text="Whom?").wait_for()
    page.locator(".token[title=\"outputs('Made_up')\"]").wait_for(state="detached")
    field.press("ArrowDown", "Enter")
    field.read(1)
    assert field.sent == "Hello @{triggerBody()?['text']}, bye"
    field.type(" and ")
    page.get_by_role("button", name="Insert…").click()
    page.get_by_label("Search dynamic content").fill("toUpper")
    page.locator(".token", has_text="toUpper(text)").first.click()
    field.type("outputs('Made_up')")
    field.press("Enter")
    field.read(2)
    assert field.sent == ("Hello @{triggerBody()?['text']} and @{toUpper(outputs('Made_up'))}, bye")


def test_a_value_that_is_one_expression_keeps_its_type(
    fernwood: Fernwood, say: Callable[..., Any]
) -> None:
    flow, field = say("@outputs('Made_up')")
    assert field.pills == ["Made up · Outputs"]
    field.type(" x")
    assert field.sent == "@{outputs('Made_up')} x"
    field.press("Backspace", "Backspace")
    assert field.sent == "@outputs('Made_up')"
    field.press("Backspace")
    assert field.sent == ""
    field.press("Control+/")
    field.page.locator(".token", has_text="Whom?").click()
    field.read(1)
    assert field.sent == "@triggerBody()?['text']"
    field.save()
    assert inputs(fernwood, flow) == "@triggerBody()?['text']"


def test_a_text_of_one_expression_stays_a_text(say: Callable[..., Any]) -> None:
    _, field = say("@{outputs('Made_up')}")
    field.type("x")
    field.press("Backspace")
    assert field.sent == "@{outputs('Made_up')}"


def test_pills_are_cut_copied_and_pasted(say: Callable[..., Any]) -> None:
    _, field = say()
    field.press("Control+a", "Control+x")
    assert field.sent == ""
    field.press("Control+v")
    field.read(3)
    assert field.sent == HELLO
    field.press("Control+v")
    field.read(6)
    assert field.sent == HELLO + HELLO
    field.press("ArrowLeft", "ArrowLeft", "Control+c", "ArrowRight", "Control+v")
    field.read(7)
    assert field.sent == HELLO + HELLO[:-1] + "@{concat('a', 'b')}."


def test_expressions_that_are_typed_become_pills(say: Callable[..., Any]) -> None:
    _, field = say("")
    field.type("Hi @{outputs('Made_up')} you")
    field.read(1)
    field.type("!")
    assert field.sent == "Hi @{outputs('Made_up')} you!"
    field.press("Control+a", "Delete")
    field.type("@outputs('Made_up')")
    field.press("Tab")
    field.read(1)
    assert field.sent == "@outputs('Made_up')"


def test_an_at_sign_before_a_pill_does_not_swallow_it(say: Callable[..., Any]) -> None:
    """``@@{`` would be a text; what is meant is an @ and then the value."""
    _, field = say("x@{outputs('Made_up')}")
    field.press("ArrowLeft", "ArrowLeft")
    field.type("@")
    assert field.sent == "x@{'@'}@{outputs('Made_up')}"


def test_what_is_wrong_is_said_with_the_field(say: Callable[..., Any]) -> None:
    _, field = say("")
    field.type("a @{concat('x'")
    wrong = field.page.locator("#panel .formula-wrong")
    wrong.wait_for()
    assert field.box.get_attribute("aria-invalid") == "true"
    assert field.box.get_attribute("aria-describedby") == wrong.get_attribute("id")
    field.type(", nobody())}")
    field.page.get_by_text("there is no function `nobody`").wait_for()
    field.press("Control+a", "Backspace")
    wrong.wait_for(state="detached")
    assert field.box.get_attribute("aria-invalid") is None


def test_a_pill_is_opened_while_another_is_being_written(say: Callable[..., Any]) -> None:
    """What the server says of the one meanwhile does not take the other away."""
    _, field = say("see @{item()} and ")
    field.type("@{outputs('Made_up')}")
    field.box.locator(".pill").first.click()
    text = field.page.get_by_role("dialog").get_by_label("Expression", exact=True)
    text.fill("item()?['x']")
    field.page.locator(".told").wait_for(state="attached")
    field.page.get_by_role("button", name="Update").click()
    field.read(2)
    assert field.sent == "see @{item()?['x']} and @{outputs('Made_up')}"


def test_a_door_for_formulas_takes_anything(
    fernwood: Fernwood, made: Callable[..., FlowId], client_as: Callable[[str], httpx.Client]
) -> None:
    address, client = f"{fernwood.address}/flows/{made(ASKS, actions())}/edit", client_as("ada")
    token = {"form_token": form_token(client, fernwood)}
    for given in ({}, {"text": "@{" * 5000}, {"expression": "", "at": "9" * 5000},
                  {"expression": "a(" * 5000}, {"text": "@{'<script>'}"}):  # fmt: skip
        answer = client.post(f"{address}/formula", data=token | given)
        assert answer.status_code == 200
        assert "<script>" not in answer.text


def test_pills_can_be_seen_and_heard_by_everybody(say: Callable[..., Any]) -> None:
    _, field = say()
    for scheme in ("light", "dark"):
        field.page.emulate_media(color_scheme=scheme)
        assert not violations(field.page)
        field.page.locator(".pill").last.click()
        field.page.locator(".tokens .token").first.wait_for()
        field.page.locator(".told code").wait_for()
        assert not violations(field.page)
        field.page.keyboard.press("Escape")
        field.page.get_by_role("dialog").wait_for(state="detached")
        field.page.locator('.pill:focus[aria-label="formula concat(…)"]').wait_for()
    field.page.emulate_media(color_scheme="light")


def test_without_script_the_plain_text_is_there_and_saved(
    fernwood: Fernwood, made: Callable[..., FlowId], client_as: Callable[[str], httpx.Client]
) -> None:
    flow, client = made(ASKS, actions()), client_as("ada")
    address = f"{fernwood.address}/flows/{flow}/edit"
    html = client.get(address, params={"card": "Say"}).text
    field = html.partition('name="field:inputs"')[2].partition("</textarea>")[0]
    assert "see @{ outputs( &#39;Made_up&#39; ) }" in field
    form = {"form_token": form_token(client, fernwood), "card": "Say", "drawn": "0",
            "field:inputs": "plain\r\n@{item()}"}  # fmt: skip
    answer = client.post(f"{address}/parameters", data=form)
    assert str(answer.url) == f"{address}?card=Say&tab=parameters"
    assert "Draft, 1 edit" in answer.text
    assert inputs(fernwood, flow) == "plain\n@{item()}"
    assert client.post(f"{address}/parameters", data=form).status_code == 409, "drawn too long ago"
