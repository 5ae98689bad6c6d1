"""Where expressions live in JSON, and what becomes of their values in a text."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from flowner.expressions.context import Context
from flowner.expressions.errors import ExpressionError
from flowner.expressions.template import Named, compile_expression, compile_value
from flowner.expressions.text import to_json, to_text, type_name


def evaluate(template, **world):
    return compile_value(template).evaluate(Context(world))


@pytest.mark.parametrize(
    ("template", "value"),
    [
        pytest.param("plain", "plain", id="no expression"),
        pytest.param("", "", id="nothing"),
        pytest.param("@", "@", id="an @ alone"),
        pytest.param("a@b.c", "a@b.c", id="an address"),
        pytest.param(" @not(true)", " @not(true)", id="an @ after a space is no expression"),
        pytest.param("me@@you", "me@@you", id="two @ in the middle"),
        pytest.param("@@not(true)", "@not(true)", id="two @ at the start"),
        pytest.param(
            "@@{x}@{1}", "@{x}@{1}", id="after two @ at the start nothing is an expression"
        ),
        pytest.param("@@@", "@@", id="three @"),
        pytest.param("@not(true)", False, id="a whole expression keeps its type"),
        pytest.param("@ not ( true ) ", False, id="white space in a whole expression"),
        pytest.param("@1", 1, id="a literal"),
        pytest.param("@{1}", "1", id="an interpolation is a text"),
        pytest.param("@{ 1 }", "1", id="white space in an interpolation"),
        pytest.param("a@{1}b@{2}c", "a1b2c", id="several interpolations"),
        pytest.param("@{1}@{2}", "12", id="interpolations side by side"),
        pytest.param("a@@{1}", "a@{1}", id="an interpolation that is none"),
        pytest.param("a@@{'x'} @{1}", "a@{'x'} 1", id="one that is none, and one that is"),
        pytest.param("}@{1}{", "}1{", id="braces around"),
        pytest.param("@{'}'}", "}", id="a brace in quotes"),
        pytest.param("@{'it''s }'}", "it's }", id="a brace after quotes in quotes"),
        pytest.param("@{'@{1}'}", "@{1}", id="what looks like one in quotes"),
        pytest.param(1, 1, id="a number"),
        pytest.param(None, None, id="null"),
        pytest.param(
            ["@{1}", {"a": "@add(1, 1)"}], ["1", {"a": 2}], id="inside arrays and objects"
        ),
        pytest.param({"@{concat('k', 1)}": 1}, {"k1": 1}, id="in names"),
        pytest.param({"@@k": 1}, {"@k": 1}, id="two @ at the start of a name"),
    ],
)
def test_templates(template, value):
    found = evaluate(template)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("template", "said", "position"),
    [
        pytest.param("x@{1", "segment starting at position '1' is not terminated", 1, id="no end"),
        pytest.param("@{'a}", "position '0' is not terminated", 0, id="the end in quotes"),
        pytest.param("@{}", "expression '': expected token 'Identifier'", 2, id="nothing inside"),
        pytest.param("@{()}", "'Identifier' and actual 'LeftParenthesis'", 2, id="parentheses"),
        pytest.param("@{1 2}", "'EndOfData' and actual 'Number'", 4, id="two values"),
        pytest.param("@concat('a') x", "'EndOfData' and actual 'Identifier'", 13, id="text after"),
        pytest.param(
            {"@add(1, 1)": 1}, "the name of a member is a text", None, id="a number for a name"
        ),
    ],
)
def test_templates_that_are_refused(template, said, position):
    with pytest.raises(ExpressionError) as caught:
        evaluate(template)
    assert said in caught.value.message
    assert caught.value.position == position


CONTENT = {"$content-type": "text/plain;charset=utf-8", "$content": "w6k="}


@pytest.mark.parametrize(
    ("value", "text", "inside"),
    [
        pytest.param(None, "", "null", id="null"),
        pytest.param(True, "True", "true", id="true"),
        pytest.param(False, "False", "false", id="false"),
        pytest.param(-5, "-5", "-5", id="a whole number"),
        pytest.param(
            10**20, "1" + "0" * 20, "1" + "0" * 20, id="a whole number of more than 64 bits"
        ),
        pytest.param(1.0, "1", "1.0", id="a whole double"),
        pytest.param(1.5, "1.5", "1.5", id="a double"),
        pytest.param(-0.0, "-0", "-0.0", id="minus zero"),
        pytest.param(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004", id="the shortest"),
        pytest.param(0.0001, "0.0001", "0.0001", id="small, without an exponent"),
        pytest.param(0.00001, "1E-05", "1E-05", id="small, with one"),
        pytest.param(1e16, "10000000000000000", "10000000000000000.0", id="large, without one"),
        pytest.param(1.5e17, "1.5E+17", "1.5E+17", id="large, with one"),
        pytest.param(1e300, "1E+300", "1E+300", id="three digits of exponent"),
        pytest.param(math.nan, "NaN", '"NaN"', id="not a number"),
        pytest.param(-math.inf, "-Infinity", '"-Infinity"', id="endless"),
        pytest.param(Decimal("1.10"), "1.10", "1.10", id="a decimal keeps its zeros"),
        pytest.param(Decimal(5), "5", "5.0", id="a whole decimal"),
        pytest.param('a"\\\n', 'a"\\\n', '"a\\"\\\\\\n"', id="a text"),
        pytest.param("é\u2028💥", "é\u2028💥", '"é\\u2028💥"', id="a text with a line separator"),
        pytest.param([1, None, "a"], '[1,null,"a"]', '[1,null,"a"]', id="an array"),
        pytest.param({"b": 1.0, "a": {}}, '{"b":1.0,"a":{}}', '{"b":1.0,"a":{}}', id="an object"),
        pytest.param(
            CONTENT,
            "é",
            '{"$content-type":"text/plain;charset=utf-8","$content":"w6k="}',
            id="bytes with a media type",
        ),
    ],
)
def test_values_as_text(value, text, inside):
    assert to_text(value) == text
    assert to_json(value) == inside
    assert to_json([value]) == f"[{inside}]"
    if not isinstance(value, Decimal):
        assert evaluate("<@{item()}>", item=value) == f"<{text}>"


def test_a_media_type_may_have_parameters_in_quotes():
    part = {"$content-type": 'multipart/mixed; boundary="--=_1"; a=b', "$content": "YQ=="}
    assert to_text(part) == "a"


def test_bytes_that_are_no_text_are_marked():
    octets = {"$content-type": "application/octet-stream", "$content": "//4="}
    assert to_text(octets) == "\ufffd\ufffd"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"$content-type": "text/plain", "$content": "not base64"}, id="no base64"),
        pytest.param(
            {"$content-type": "text/plain;base64", "$content": "YQ=="}, id="no media type"
        ),
    ],
)
def test_content_that_cannot_be_text_is_refused(content):
    with pytest.raises(ExpressionError, match="cannot be converted to string"):
        evaluate("@{item()}", item=content)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "Null"),
        (True, "Boolean"),
        (1, "Integer"),
        (1.0, "Float"),
        (Decimal(1), "Float"),
        ("", "String"),
        ([], "Array"),
        ({}, "Object"),
    ],
)
def test_types_have_names(value, name):
    assert type_name(value) == name


def test_a_template_without_expressions_is_constant():
    assert compile_value({"a": ["plain", 1]}).is_constant
    assert not compile_value({"a": ["@{1}"]}).is_constant


def test_a_template_says_what_it_names():
    compiled = compile_value(
        {"a": "@outputs('X')?['b']", "b": "c @{items('L')} @{variables(item())}"}
    )
    assert set(compiled.references) >= {
        Named("outputs", "X", 1),
        Named("items", "L", 4),
        Named("variables", None, 18),
    }
    assert compile_expression("parameters('p')").references == (Named("parameters", "p", 0),)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        pytest.param("@if(true, 1, div(1, 0))", 1, id="the other branch"),
        pytest.param("@if(true, 1, nope())", 1, id="a function that there is not"),
        pytest.param("@if(true, 1, add(1))", 1, id="too few arguments"),
        pytest.param("@and(false, div(1, 0))", False, id="after a false"),
        pytest.param("@or(true, div(1, 0))", True, id="after a true"),
        pytest.param("@coalesce(1, div(1, 0))", 1, id="after a value"),
    ],
)
def test_what_is_not_needed_is_not_evaluated(template, value):
    assert evaluate(template) == value


def test_names_are_found_whatever_their_case():
    assert evaluate("@VARIABLES('Total')", variables={"tOTAL": 1}) == 1
    assert evaluate("@Body('FETCH')", outputs={"fetch": {"body": 2}}) == 2


def test_evaluating_leaves_the_world_as_it_was():
    world = {"item": {"a": [1]}}
    changed = compile_value("@setProperty(item(), 'a', union(item().a, createArray(2)))")
    assert changed.evaluate(Context(world)) == {"a": [1, 2]}
    assert world == {"item": {"a": [1]}}
