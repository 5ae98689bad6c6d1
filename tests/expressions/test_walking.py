"""Walking syntax trees: what is read is what compiling reads, and which parts are constant."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowner.expressions.errors import ExpressionError
from flowner.expressions.template import compile_value
from flowner.expressions.walking import calls, constants, trees

SIGNS = ["@", "@@", "{", "}", "@{", "'", "''", "a", " ", "\n", "(", ")", ",", "1", "[0]", "?", ".b"]
PARTS = ["outputs('X')", "add(1, 2)", "@{utcNow()}", "@concat(", "'}'"]
texts = st.lists(st.sampled_from([*SIGNS, *PARTS]), max_size=8).map("".join)


def compiled(text: str) -> object:
    try:
        return sorted((one.function, one.position) for one in compile_value(text).references)
    except ExpressionError as error:
        return error.position


def walked(text: str) -> object:
    try:
        found = [call for node, _ in trees(text) for call, _ in calls(node)]
    except ExpressionError as error:
        return error.position
    return sorted((call.name.lower(), call.position) for call in found)


@given(texts)
@example("@@{x}@{1}")
@example("a@@{b}@{add(1, 2)}")
@example("@{'}'}")
@example("@{a")
def test_a_template_is_walked_as_it_is_compiled(text):
    assert walked(text) == compiled(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@1", []),
        ("@add(1, 2)", [("add", True)]),
        ("@add(1, mul(2, 3))", [("add", True)]),
        ("@add(variables('x'), mul(2, 3))", [("mul", True)]),
        ("@concat(int('1'), utcNow(), int('2'))", [("int", True), ("int", True)]),
        ("@if(variables('x'), int('a'), concat('b', guid()))", [("int", False)]),
        ("@if(equals(1, 2), variables('x'), 1)", [("equals", True)]),
        ("@coalesce(null, length('a'), variables('x'))", [("length", False)]),
        ("@nope(int('1'))", [("int", True)]),
        ("@length()", []),
        ("@outputs('A')[add(0, 1)]", [("add", True)]),
        ("@{float('1')}@{float('2')}", [("float", True), ("float", True)]),
    ],
)
def test_constants(text, expected):
    found = [(part.name, sure) for node, _ in trees(text) for part, sure in constants(node)]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@body('A')", {"body": False}),
        ("@body('A')['x']", {"body": True}),
        ("@body('A').x", {"body": True}),
        ("@body('A')?['x']['y']", {"body": False}),
        ("@if(item()[0], body('A').x, 1)", {"if": False, "item": True, "body": False}),
        ("@item()[body('A')]", {"item": True, "body": False}),
    ],
)
def test_what_fails_where_a_call_gives_null(text, expected):
    assert {
        call.name: strict for node, _ in trees(text) for call, strict in calls(node)
    } == expected


def test_no_depth_is_too_deep():
    text = "@" + "a(" * 40 + "b()" + (".x" * 99 + ")") * 40
    ((node, own),) = trees(text)
    assert own == text[1:]
    assert len(list(calls(node))) == 41
    assert list(constants(node)) == []
