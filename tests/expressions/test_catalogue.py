"""Every function has a meaning, a source, examples that hold and errors that are raised."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from expressions.reference_page import PAGE
from flowner.expressions.catalogue import CATALOGUE, Function, arity_problem
from flowner.expressions.compiling import compile_node
from flowner.expressions.context import Context
from flowner.expressions.errors import ExpressionError
from flowner.expressions.evaluate import evaluate_line
from flowner.expressions.parser import parse_whole
from flowner.expressions.reference import SAMPLE, reference_text

ENTRIES = sorted(CATALOGUE.values(), key=lambda one: one.name)
EXAMPLES = [(expression, value) for one in ENTRIES for expression, value in one.examples]
ERRORS = [(expression, part) for one in ENTRIES for expression, part in one.errors]


def evaluate(expression: str):
    return compile_node(parse_whole(expression), expression)(Context(SAMPLE))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
def test_entries_are_whole(entry: Function):
    assert entry.signature.startswith(f"{entry.name}(")
    assert entry.summary.endswith(".")
    assert entry.source.startswith("https://")
    assert entry.errors
    assert entry.examples or entry.name == "triggerMultipartBody"


def test_examples_are_of_the_function_they_stand_at():
    for one in ENTRIES:
        for expression, _ in (*one.examples, *one.errors):
            assert f"{one.name}(" in expression


@pytest.mark.parametrize(("expression", "value"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_examples_hold(expression, value):
    found = evaluate(expression)
    if isinstance(found, Decimal):
        assert found == Decimal(str(value))
    else:
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(("expression", "part"), ERRORS, ids=[one[0] for one in ERRORS])
def test_errors_are_raised_where_they_stand(expression, part):
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression)
    assert part in caught.value.message
    assert caught.value.position is not None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
def test_too_few_and_too_many_arguments_are_refused(entry: Function):
    counts = [] if entry.maximum is None else [entry.maximum + 1]
    for given in ([entry.minimum - 1] if entry.minimum else []) + counts:
        problem = arity_problem(entry, given)
        assert problem is not None
        expression = f"{entry.name}({', '.join(['1'] * given)})"
        with pytest.raises(ExpressionError) as caught:
            evaluate(expression)
        assert caught.value.message == problem
    assert arity_problem(entry, entry.minimum) is None


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        pytest.param({"expression": "@add(1, 1)"}, '{"value":2}', id="a whole number"),
        pytest.param(
            {"expression": "@add(1, 1.0)"}, '{"value":2.0}', id="a double keeps its point"
        ),
        pytest.param({"expression": "@decimal('2')"}, '{"value":2.0}', id="a decimal has one too"),
        pytest.param(
            {"expression": "@variables('x')", "context": {"variables": {"X": [1]}}},
            '{"value":[1]}',
            id="a context",
        ),
        pytest.param(
            {"expression": "@nope()"},
            '{"error":"The template function \'nope\' is not defined or not valid."}',
            id="an error",
        ),
    ],
)
def test_evaluate_answers_a_line_with_a_line(line, answer):
    assert evaluate_line(json.dumps(line)) == answer


@pytest.mark.parametrize("line", ["", "[]", "{}", "{", '{"expression": "@("}', "null", "1e999"])
def test_evaluate_answers_anything(line):
    assert "error" in json.loads(evaluate_line(line))


def test_the_reference_is_written_from_the_catalogue():
    assert PAGE.read_text(encoding="utf-8") == reference_text()
