"""Conditions as rows, and what a flow asks for: read from a definition and written back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.test_corpus import FLOWS, documents, flows  # noqa: F401 - fixtures
from flowner.definitions.asking import Input, InputKind, inputs_of, schema_of
from flowner.definitions.comparing import (
    COMPARISONS,
    Compared,
    Comparison,
    compared,
    expression_of,
)
from flowner.definitions.flow import Flow


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"equals": ["@a", 1]}, Compared("and", (Comparison("@a", "equals", 1),))),
        ({"not": {"contains": ["@a", "x"]}},
         Compared("and", (Comparison("@a", "not contains", "x"),))),
        ({"or": [{"less": [1, 2]}, {"GREATER": [1, 2]}]},
         Compared("or", (Comparison(1, "less", 2), Comparison(1, "greater", 2)))),
        ({"and": []}, Compared("and", ())),
        ("@equals(1, 1)", None),
        ({"and": [{"or": [{"equals": [1, 1]}]}]}, None),
        ({"equals": [1]}, None),
        ({"equals": [1, 2], "less": [1, 2]}, None),
        ({"not": {"not": {"equals": [1, 1]}}}, None),
        ({"not": {"greater": [1, 2]}}, None),
        ({"empty": ["@a"]}, None),
        (None, None),
    ],
)  # fmt: skip
def test_a_condition_is_rows_or_a_formula(expression: Any, expected: Any) -> None:
    assert compared(expression) == expected


_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_ROWS = st.builds(Comparison, _VALUES, st.sampled_from(sorted(COMPARISONS)), _VALUES)


@given(st.lists(_ROWS, min_size=1, max_size=4), st.sampled_from(["and", "or"]))
def test_rows_come_back_as_they_were_written(rows: list[Comparison], joined: str) -> None:
    expected = "and" if len(rows) == 1 else joined
    assert compared(expression_of(rows, joined)) == Compared(expected, tuple(rows))


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
def test_real_questions_and_conditions_come_back(flows: dict[str, Flow]) -> None:  # noqa: F811
    questions, conditions, rows = 0, 0, 0
    for flow in flows.values():
        schema = (
            flow.trigger.inputs.get("schema") if isinstance(flow.trigger.inputs, dict) else None
        )
        asked = inputs_of(schema)
        assert [(one.key, one.title) for one in inputs_of(schema_of(asked, schema))] == [
            (one.key, one.title) for one in asked]  # fmt: skip
        questions += len(asked)
        for action in flow.walk():
            if action.type == "If":
                conditions += 1
                found = compared(action.source.get("expression"))
                if found is not None and found.rows:
                    rows += 1
                    assert compared(expression_of(found.rows, found.joined)).rows == found.rows
    assert questions > 300
    assert rows > conditions * 0.6, "most real conditions can be filled in as rows"
