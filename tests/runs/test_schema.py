"""Parse JSON's schemas: what is wrong, in the words people know."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.runs.schema import MAX_ERRORS, schema_errors


@pytest.mark.parametrize(
    ("schema", "value", "message", "path"),
    [
        ({"type": "string"}, None, "Invalid type. Expected String but got Null.", ""),
        ({"type": "integer"}, 1.0, "Invalid type. Expected Integer but got Float.", ""),
        (
            {"type": ["string", "null"]},
            1,
            "Invalid type. Expected String, Null but got Integer.",
            "",
        ),
        (
            {"properties": {"a": {"items": {"type": "boolean"}}}},
            {"a": [True, 0]},
            "Invalid type. Expected Boolean but got Integer.",
            "a[1]",
        ),
        (
            {"required": ["a", "b", "c"]},
            {"b": 1},
            "Required properties are missing from object: a, c.",
            "",
        ),
        (
            {"additionalProperties": False, "properties": {"a": {}}},
            {"b": 1},
            (
                "Property 'b' has not been defined and the schema does not allow additional "
                "properties."
            ),
            "",
        ),
        ({"enum": ["a"]}, "b", 'Value "b" is not defined in enum.', ""),
        ({"minimum": 3}, 2, "Integer 2 is less than minimum value of 3.", ""),
        ({"maxLength": 1}, "ab", "String 'ab' exceeds maximum length of 1.", ""),
        ({"pattern": "^a"}, "b", "String 'b' does not match regex pattern '^a'.", ""),
        ({"minItems": 1}, [], "Array item count 0 is less than minimum count of 1.", ""),
        ({"anyOf": [{"type": "null"}]}, 1, "JSON does not match any schemas from 'anyOf'.", ""),
    ],
)
def test_messages(schema: Any, value: Any, message: str, path: str) -> None:
    found: Any = schema_errors(schema, value)
    assert [(error["message"], error["path"]) for error in found] == [(message, path)]


@pytest.mark.parametrize("schema", [None, {}, True, {"type": "integer"}, {"type": "number"}])
def test_no_error(schema: Any) -> None:
    assert schema_errors(schema, 1) == []


def test_errors_are_bounded() -> None:
    assert len(schema_errors({"items": {"type": "null"}}, [1] * 1_000)) == MAX_ERRORS


@pytest.mark.parametrize(
    "schema", [{"$ref": "https://elsewhere.example/s"}, {"type": 5}, {"pattern": "("}]
)
def test_a_schema_that_cannot_be_used(schema: Any) -> None:
    with pytest.raises(ValueError, match="the schema cannot be used"):
        schema_errors(schema, "text")
