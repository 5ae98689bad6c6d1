"""What a flow asks for: read from a definition and written back."""

from __future__ import annotations

from typing import Any

import pytest

from definitions.test_corpus import FLOWS, documents, flows  # noqa: F401 - fixtures
from flowner.definitions.asking import Input, InputKind, inputs_of, schema_of
from flowner.definitions.flow import Flow

ASKED = (
    Input(key="text", title="Whom?", description="An address", kind=InputKind.EMAIL),
    Input(key="boolean", title="Sure?", kind=InputKind.BOOLEAN, required=False, description="Say"),
    Input(key="text_1", title="Which", choices=("a", "b"), description="One"),
    Input(key="file", title="What", kind=InputKind.FILE, description="It"),
)


def test_questions_come_back_as_they_were_asked() -> None:
    schema = schema_of(ASKED)
    assert inputs_of(schema) == ASKED
    assert schema["required"] == ["text", "text_1", "file"]
    assert schema["properties"]["text"]["format"] == "email"
    assert schema["properties"]["file"]["properties"]["contentBytes"]["format"] == "byte"


def test_new_questions_get_keys_of_their_own() -> None:
    new = [Input(key="", title=title, kind=kind) for title, kind in (
        ("A", InputKind.TEXT), ("B", InputKind.TEXT), ("C", InputKind.BOOLEAN),
        ("", InputKind.TEXT))]  # fmt: skip
    schema = schema_of([*ASKED, *new])
    assert list(schema["properties"])[4:] == ["text_2", "text_3", "boolean_1"]


def test_what_else_a_schema_says_is_kept() -> None:
    before = {"type": "object", "x-other": 1,
              "properties": {"text": {"type": "string", "title": "Old", "x-mine": 2}}}  # fmt: skip
    schema = schema_of([Input(key="text", title="New")], before)
    assert (schema["x-other"], schema["properties"]["text"]["x-mine"]) == (1, 2)
    assert schema["properties"]["text"]["title"] == "New"


@pytest.mark.parametrize("schema", [None, {}, [], {"properties": 1}, {"properties": {"a": None}}])
def test_a_schema_that_asks_nothing_is_no_trouble(schema: Any) -> None:
    assert [one.title for one in inputs_of(schema)] == (
        ["a"] if schema == {"properties": {"a": None}} else [])  # fmt: skip


@pytest.mark.skipif(not FLOWS.is_dir(), reason="the corpus of real flows is not here")
def test_real_questions_come_back(flows: dict[str, Flow]) -> None:  # noqa: F811
    questions = 0
    for flow in flows.values():
        schema = (
            flow.trigger.inputs.get("schema") if isinstance(flow.trigger.inputs, dict) else None
        )
        asked = inputs_of(schema)
        assert [(one.key, one.title) for one in inputs_of(schema_of(asked, schema))] == [
            (one.key, one.title) for one in asked]  # fmt: skip
        questions += len(asked)
    assert questions > 300
