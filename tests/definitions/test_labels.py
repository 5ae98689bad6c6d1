"""What people call an expression."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.definitions.flow import Flow
from flowner.definitions.labels import Labels
from flowner.expressions.parser import parse_whole
from worlds import written

TRIGGER = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {
    "type": "object", "properties": {"text": {"type": "string", "title": "Whom?"}}}}}}  # fmt: skip
ACTIONS: dict[str, Any] = {
    "Made_up": {"type": "Compose", "inputs": 1, "runAfter": {}},
    "Read": {"type": "ParseJson", "runAfter": {}, "inputs": {"content": "", "schema": {
        "type": "object", "properties": {"who": {"type": "string", "title": "The person"}}}}},
    "Each": {"type": "Foreach", "foreach": "@body('Read')", "actions": {}, "runAfter": {}},
    "Me": written.call("people", written.PEOPLE, "MyProfile_V2", {}),
}  # fmt: skip
FIELDS = {(written.PEOPLE, "MyProfile_V2"): (("displayName", "Display name"),)}


@pytest.fixture(scope="module")
def flow() -> Flow:
    references = {"people": written.reference(written.PEOPLE, "ref_labels")}
    (found,) = written.package(TRIGGER, ACTIONS, references).flows
    return found


@pytest.mark.parametrize(
    ("expression", "words", "source"),
    [
        ("triggerBody()?['text']", "Whom?", "manual"),
        ("triggerOutputs()?['body/text']", "Whom?", "manual"),
        ("triggerOutputs()['body']['TEXT']", "Whom?", "manual"),
        ("triggerBody()?['other']", "other", "manual"),
        ("triggerBody()", "manual · Body", "manual"),
        ("outputs('Made_up')", "Made up · Outputs", "Made up"),
        ("outputs('made_UP')", "Made up · Outputs", "Made up"),
        ("body('Read')?['who']", "The person", "Read"),
        ("body('Read')?['list'][0]?['who']", "who", "Read"),
        ("outputs('Me')?['body/displayName']", "Display name", "Me"),
        ("body('Me')?['displayName']", "Display name", "Me"),
        ("items('Each')", "Each · Current item", "Each"),
        ("items('Each')?['name']", "name", "Each"),
        ("item()?['name']", "name", "Item"),
        ("variables('Count')", "Count", "Variables"),
        ("parameters('Base')", "Base", "Parameters"),
    ],
)
def test_a_value_is_called_what_its_source_calls_it(
    expression: str, words: str, source: str, flow: Flow
) -> None:
    label = Labels(flow, FIELDS).of(parse_whole(expression))
    assert (label.words, label.source, label.is_formula) == (words, source, False)
    assert not label.missing


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("concat('a', 'b')", "concat(…)"),
        ("utcNow()", "utcNow()"),
        ("first(body('Read'))?['who']", "first(…)[who]"),
        ("body('Read')?[variables('key')]", "body(…)[…]"),
        ("outputs(concat('a', 'b'))", "outputs(…)"),
        ("'a text'", "'a text'"),
        ("42", "42"),
        ("true", "true"),
    ],
)
def test_what_is_made_is_called_by_its_function(expression: str, words: str, flow: Flow) -> None:
    label = Labels(flow, FIELDS).of(parse_whole(expression))
    assert (label.words, label.is_formula) == (words, True)


def test_an_action_that_is_not_there_is_named(flow: Flow) -> None:
    label = Labels(flow, FIELDS).of(parse_whole("outputs('No_more')?['body/x']"))
    assert (label.words, label.missing) == ("No more · x", "No_more")
