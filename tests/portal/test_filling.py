"""What a form says, and what becomes of what it does not say: nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.test_comparing import CONDITIONS, exact
from expressions.test_segments import TEMPLATES
from flowner.definitions import palette
from flowner.definitions.comparing import Comparison, Joined, Part, Written
from flowner.definitions.flow import Flow
from flowner.errors import Invalid
from flowner.portal.conditions import coded, said
from flowner.portal.filling import changed_condition, fields_of, filled
from flowner.portal.newlines import as_sent, kept
from flowner.portal.pills import Pills
from flowner.portal.rendering import words
from flowner.server import connectors
from worlds import written


def flow_of(action: Any) -> Flow:
    (found,) = written.package(written.BUTTON, {"It": action | {"runAfter": {}}}, {}).flows
    return found


def source_of(flow: Flow) -> Any:
    return flow.actions["It"].source


def compose(text: Any) -> Flow:
    return flow_of({"type": "Compose", "inputs": text})


@given(TEMPLATES)
def test_pills_put_together_are_the_text(text: str) -> None:
    """As the browser does it: pieces to texts and marks, one after the other."""
    pieces = Pills(compose(""), {}).of(text)
    assert "".join(
        one.text if one.expression is None
        else f"@{one.expression}" if one.is_whole else f"@{{{one.expression}}}"
        for one in pieces
    ) == text  # fmt: skip


@given(TEMPLATES)
def test_what_was_not_touched_stays_byte_for_byte(text: str) -> None:
    flow = compose(text)
    shown = fields_of(flow.actions["It"], None)
    after = filled(flow, "It", shown, {"inputs": as_sent(text)}, {})
    assert source_of(after) == source_of(flow)


LINES = st.lists(st.sampled_from(["a", "b", "", "@{item()}", "long line"]), max_size=6)


@given(LINES, LINES, st.sampled_from(["\r\n", "\n"]))
def test_lines_keep_their_ends(before: list[str], after: list[str], end: str) -> None:
    old, new = end.join(before), "\n".join(after)
    assert as_sent(kept(old, new)) == new
    if "\r" in old and len(before) > 2:
        assert kept(old, new) == end.join(after)
    assert kept(old, as_sent(old)) == old


def test_an_edit_leaves_the_other_lines_ends() -> None:
    assert kept("a\r\n@{x('\r\n')}\nb\rc", "a\n@{x('\n')}\nB\nc") == "a\r\n@{x('\r\n')}\nB\r\nc"


def form_of(part: Part, at: str = "") -> dict[str, str]:
    """Return what a form sends of a condition in which nothing was touched."""
    match part:
        case Comparison():
            return {f"expression:{at}:how": part.how, f"expression:{at}:left": said(part.left),
                    f"expression:{at}:right": said(part.right)}  # fmt: skip
        case Written(source):
            return {f"expression:{at}:code": coded(source)}
        case Joined(_, parts):
            found = {f"expression:{at}:joined": part.how}
            for number, one in enumerate(parts):
                found |= form_of(one, f"{at}.{number}" if at else str(number))
            return found


def condition(expression: Any) -> tuple[Flow, Any]:
    flow = flow_of({"type": "If", "actions": {}, "expression": expression})
    return flow, fields_of(flow.actions["It"], None)


@given(CONDITIONS.filter(lambda one: isinstance(one, dict) and bool(one)))
def test_a_condition_that_was_not_touched_stays_as_it_was(expression: Any) -> None:
    flow, shown = condition(expression)
    sent = {name: as_sent(text) for name, text in form_of(shown[0].condition).items()}
    after = filled(flow, "It", shown, {}, sent)
    assert exact(source_of(after)["expression"]) == exact(expression)


NESTED: dict[str, Any] = {
    "And": [
        {"equals": ["5", 5]},
        {"or": [{"EMPTY": ["@a"]}, {"not": {"contains": ["x", "1"]}}]},
    ]
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"0:right": "6"}, {"And": [{"equals": ["5", 6]}, NESTED["And"][1]]}),
        ({"0:right": "true"}, {"And": [{"equals": ["5", True]}, NESTED["And"][1]]}),
        ({"0:how": "not equals"}, {"And": [{"not": {"equals": ["5", 5]}}, NESTED["And"][1]]}),
        ({"1.1:left": "@{item()}"}, {"And": [NESTED["And"][0], {"or": [
            {"EMPTY": ["@a"]}, {"not": {"contains": ["@{item()}", "1"]}}]}]}),
        ({"1:joined": "and", ":joined": "or"}, {"or": [NESTED["And"][0], {
            "and": NESTED["And"][1]["or"]}]}),
        ({"1.0:code": '{"empty": ["@b"]}'}, {"And": [NESTED["And"][0], {"or": [
            {"empty": ["@b"]}, {"not": {"contains": ["x", "1"]}}]}]}),
        ({"1.0:code": "@empty(1)"}, {"And": [NESTED["And"][0], {"or": [
            "@empty(1)", {"not": {"contains": ["x", "1"]}}]}]}),
    ],
)  # fmt: skip
def test_only_what_was_touched_is_changed(changed: dict[str, str], expected: Any) -> None:
    flow, shown = condition(NESTED)
    sent = form_of(shown[0].condition) | {f"expression:{at}": one for at, one in changed.items()}
    assert exact(source_of(filled(flow, "It", shown, {}, sent))["expression"]) == exact(expected)


@pytest.mark.parametrize("changed", [{"0:how": "like"}, {"1.0:code": "{"}])
def test_what_no_condition_can_say_is_refused(changed: dict[str, str]) -> None:
    flow, shown = condition(NESTED)
    sent = {f"expression:{at}": one for at, one in changed.items()}
    with pytest.raises(Invalid):
        filled(flow, "It", shown, {}, sent)


def test_one_and_true_are_not_the_same() -> None:
    flow, shown = condition({"equals": ["@a", 1]})
    after = filled(flow, "It", shown, {}, {"expression:0:right": "true"})
    assert json.dumps(source_of(after)["expression"]) == '{"equals": ["@a", true]}'


@pytest.mark.parametrize(
    "change",
    [
        "add-row 7 expression",
        "nonsense - expression",
        "add-row - other",
        "remove x expression",
        "",
        f"remove {'9' * 5000} expression",
    ],
)
def test_changes_that_no_page_sends_are_refused(change: str) -> None:
    flow, shown = condition(NESTED)
    with pytest.raises(Invalid):
        changed_condition(flow, "It", shown, change)


def test_a_row_is_added_to_a_group_within() -> None:
    flow, shown = condition(NESTED)
    after = changed_condition(flow, "It", shown, "add-row 1 expression")
    assert source_of(after)["expression"]["And"][1]["or"][2] == {"equals": ["", ""]}


def test_what_is_required_comes_first() -> None:
    """In the forms of every operation of every connector."""
    forms = 0
    for id, connector in connectors().items():
        for operation in connector.operations.values():
            action = written.call("x", id, operation.id, {})
            (flow,) = written.package(
                written.BUTTON, {"It": action}, {"x": written.reference(id, "ref_x")}
            ).flows
            required = [one.field.required for one in fields_of(flow.actions["It"], operation)]
            assert required == sorted(required, reverse=True), operation.title
            forms += 1
    assert forms > 10


@pytest.mark.parametrize("step", palette.ACTIONS, ids=lambda one: one.id)
def test_a_fresh_action_says_itself_again(step: Any) -> None:
    """Every form that is saved as it is shown changes nothing."""
    flow = flow_of(dict(step.source))
    shown = fields_of(flow.actions["It"], None)
    given = {one.id: as_sent(one.text) for one in shown}
    assert source_of(filled(flow, "It", shown, given, {})) == source_of(flow)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a `b` of `c`", "a <code>b</code> of <code>c</code>"),
        ("<i>`<b>`", "&lt;i&gt;<code>&lt;b&gt;</code>"),
        ("one ` alone", "one ` alone"),
    ],
)
def test_code_in_a_sentence_is_shown_as_code(text: str, shown: str) -> None:
    assert str(words(text)) == shown
