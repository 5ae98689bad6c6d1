"""Conditions of more than one level, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.values import FlowId
from portal.conftest import Fernwood
from portal.test_designer import card, draft
from portal.test_pages import quiet, violations

EMPTY = {"EMPTY": ["@triggerBody()"]}
NESTED = {"and": [
    {"equals": ["@triggerBody()?['text']", "5"]},
    {"or": [{"not": {"contains": ["@{triggerBody()} x", "a"]}}, {"greater": [1, 2]}, EMPTY]},
]}  # fmt: skip


@pytest.fixture
def opened(
    made: Callable[..., FlowId], desk: Callable[[FlowId], Any]
) -> Callable[[Any], tuple[FlowId, Any]]:
    """Open the panel of a condition."""

    def open_card(expression: Any) -> tuple[FlowId, Any]:
        source = {"type": "If", "runAfter": {}, "actions": {}, "expression": expression}
        flow = made(actions={"Is it": source})
        page = desk(flow)
        card(page, "Is it").locator(".head").click()
        page.get_by_role("group", name="Condition", exact=True).wait_for()
        return flow, page

    return open_card


def expression(fernwood: Fernwood, flow: FlowId) -> Any:
    return draft(fernwood, flow).actions["Is it"].source["expression"]


def edited(page: Any, edits: int) -> None:
    page.get_by_text(f"Draft, {edits} edit{'s' if edits > 1 else ''}", exact=True).wait_for()


def test_groups_within_groups_are_shown(opened: Callable[[Any], Any]) -> None:
    _, page = opened(NESTED)
    outer = page.get_by_role("group", name="Condition", exact=True)
    assert outer.get_by_label("All or any of them").input_value() == "and"
    inner = page.get_by_role("group", name="Group 2", exact=True)
    assert inner.get_by_label("All or any of group 2").input_value() == "or"
    row = page.get_by_role("group", name="Row 2.1", exact=True)
    assert row.get_by_label("Comparison").input_value() == "not contains"
    assert row.get_by_role("button", name="manual · Body").count() == 1
    code = page.get_by_role("group", name="Part 2.3, as code")
    assert "Rows cannot show this part" in code.inner_text()
    assert '"EMPTY"' in code.get_by_role("textbox").input_value()


def test_a_condition_is_built_of_rows_and_groups(
    fernwood: Fernwood, opened: Callable[[Any], Any]
) -> None:
    flow, page = opened({"equals": ["@triggerBody()", 1]})
    with quiet(page):
        page.get_by_role("button", name="Add group").click()
        edited(page, 1)
        # What is added is where one goes on writing.
        page.keyboard.type("left")
        page.keyboard.press("Tab")
        page.keyboard.press("s")
        page.keyboard.press("Tab")
        page.keyboard.type("7")
        page.get_by_role("group", name="Group 2").get_by_role("button", name="Add row").click()
        edited(page, 2)
        row = page.get_by_role("group", name="Row 2.2")
        row.get_by_label("Value", exact=True).fill("@{'y'}")
        row.get_by_label("Comparison").select_option("ends with")
        row.get_by_label("Compared with").fill("z")
        page.get_by_role("button", name="Save").click()
        edited(page, 3)
    assert expression(fernwood, flow) == {"and": [
        {"equals": ["@triggerBody()", 1]},
        {"or": [{"startsWith": ["left", 7]}, {"endsWith": ["@{'y'}", "z"]}]},
    ]}  # fmt: skip


def more(page: Any, part: str, what: str) -> None:
    page.get_by_role("button", name=f"More for {part}", exact=True).click()
    page.get_by_role("menuitem", name=what).click()


def test_parts_are_grouped_ungrouped_moved_and_removed(
    fernwood: Fernwood, opened: Callable[[Any], Any]
) -> None:
    flow, page = opened(NESTED)
    first, group = NESTED["and"]
    more(page, "row 1", "Make a group of it")
    edited(page, 1)
    assert expression(fernwood, flow) == {"and": [{"and": [first]}, group]}
    more(page, "group 1", "Ungroup")
    edited(page, 2)
    more(page, "group 2", "Move up")
    edited(page, 3)
    more(page, "row 1.2", "Remove")
    edited(page, 4)
    assert expression(fernwood, flow) == {"and": [{"or": [group["or"][0], EMPTY]}, first]}
    page.locator(".canvas").focus()
    for left in (3, 2, 1):
        page.keyboard.press("Control+z")
        edited(page, left)
    page.keyboard.press("Control+z")
    page.get_by_text("Version 1").wait_for()
    assert expression(fernwood, flow) == NESTED


def test_one_value_is_changed_and_all_else_stays_as_it_is_written(
    fernwood: Fernwood, opened: Callable[[Any], Any]
) -> None:
    flow, page = opened(NESTED)
    page.get_by_role("group", name="Row 2.2").get_by_label("Compared with").fill("3")
    page.get_by_label("All or any of group 2").select_option("And: all are true")
    page.get_by_role("button", name="Save").click()
    edited(page, 1)
    first, group = NESTED["and"]
    assert expression(fernwood, flow) == {"and": [first, {
        "and": [group["or"][0], {"greater": [1, 3]}, EMPTY]}]}  # fmt: skip


def test_a_part_as_code_is_changed_as_code(
    fernwood: Fernwood, opened: Callable[[Any], Any]
) -> None:
    flow, page = opened({"and": [EMPTY]})
    page.get_by_label("Code of part 1").fill("{")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("a part of the condition is no JSON").wait_for()
    page.get_by_label("Code of part 1").fill('{"equals": ["@{item()}", 2]}')
    page.get_by_role("button", name="Save").click()
    edited(page, 1)
    assert expression(fernwood, flow) == {"and": [{"equals": ["@{item()}", 2]}]}
    assert page.get_by_role("group", name="Row 1", exact=True).count() == 1


def test_conditions_can_be_seen_and_heard_by_everybody(opened: Callable[[Any], Any]) -> None:
    _, page = opened(NESTED)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert not violations(page)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(".group .group").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
