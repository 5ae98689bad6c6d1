"""The grammar, and where errors say that they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowner.expressions.context import Context
from flowner.expressions.errors import ExpressionError, caret
from flowner.expressions.parser import Access, CallNode, Literal, parse_whole
from flowner.expressions.template import compile_value

FLOWS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "flows"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("1", 1, id="a whole number"),
        pytest.param("-1", -1, id="a sign"),
        pytest.param("+1", 1, id="a needless sign"),
        pytest.param("007", 7, id="leading zeros"),
        pytest.param("1.", 1.0, id="a point makes a double"),
        pytest.param("+.5", 0.5, id="no digit before the point, after a sign"),
        pytest.param("1e3", 1000.0, id="an exponent makes a double"),
        pytest.param("9223372036854775807", 2**63 - 1, id="the largest"),
        pytest.param("-9223372036854775808", -(2**63), id="the least"),
        pytest.param("'it''s'", "it's", id="a quote in quotes"),
        pytest.param("''", "", id="nothing in quotes"),
        pytest.param("'\n\\n'", "\n\\n", id="no escapes"),
        pytest.param("TRUE", True, id="constants in any case"),
        pytest.param("Null", None, id="null"),
        pytest.param(" \t1\n ", 1, id="white space around"),
    ],
)
def test_literals(text, value):
    node = parse_whole(text)
    assert isinstance(node, Literal)
    assert node.value == value
    assert type(node.value) is type(value)


def test_calls_and_accesses_say_where_they_stand():
    assert parse_whole("a ( 'b' )?['c'].d[1]") == Access(
        Access(
            Access(CallNode("a", (Literal("b", 4),), 0), Literal("c", 11), safe=True, position=9),
            Literal("d", 16),
            safe=False,
            position=15,
        ),
        Literal(1, 18),
        safe=False,
        position=17,
    )


@pytest.mark.parametrize(
    ("text", "said", "position"),
    [
        pytest.param("", "expected token 'Identifier' and actual 'EndOfData'", 0, id="nothing"),
        pytest.param("a", "'LeftParenthesis' and actual 'EndOfData'", 1, id="a bare name"),
        pytest.param("a(", "'Identifier' and actual 'EndOfData'", 2, id="not closed"),
        pytest.param(
            "a(1", "'RightParenthesis' and actual 'EndOfData'", 3, id="arguments not closed"
        ),
        pytest.param("a(,1)", "'Identifier' and actual 'Comma'", 2, id="no first argument"),
        pytest.param(
            "a(1,)", "'Identifier' and actual 'RightParenthesis'", 4, id="no last argument"
        ),
        pytest.param("a())", "'EndOfData' and actual 'RightParenthesis'", 3, id="closed twice"),
        pytest.param("a()b", "'EndOfData' and actual 'Identifier'", 3, id="two in a row"),
        pytest.param("a()()", "'EndOfData' and actual 'LeftParenthesis'", 3, id="a call of a call"),
        pytest.param("a().1", "'Identifier' and actual 'Number'", 4, id="a number for a name"),
        pytest.param(
            "a()?", "'LeftSquareBracket' and actual 'EndOfData'", 4, id="a question alone"
        ),
        pytest.param("a()[", "'Identifier' and actual 'EndOfData'", 4, id="a bracket alone"),
        pytest.param(
            "a()[1", "'RightSquareBracket' and actual 'EndOfData'", 5, id="a bracket not closed"
        ),
        pytest.param("'a'.b", "'EndOfData' and actual 'Dot'", 3, id="access to a literal"),
        pytest.param("null?.x", "'EndOfData' and actual 'QuestionMark'", 4, id="access to null"),
        pytest.param(".5", "'Identifier' and actual 'Dot'", 0, id="no digit and no sign"),
        pytest.param("1e1.1", "'EndOfData' and actual 'Dot'", 3, id="a broken exponent"),
        pytest.param(
            'a("b")',
            "the string character '\"' at position '2' is not expected",
            2,
            id="double quotes",
        ),
        pytest.param(
            "a('b",
            "the string character ''' at position '2' is not expected",
            2,
            id="a text without end",
        ),
        pytest.param(
            "a(@b())", "the string character '@' at position '2' is not expected", 2, id="@ inside"
        ),
        pytest.param(
            "0x1", "the string character 'x' at position '1' is not expected", 1, id="hexadecimal"
        ),
        pytest.param(
            "1e",
            "the string character 'e' at position '1' is not expected",
            1,
            id="an empty exponent",
        ),
        pytest.param(
            "1 + 1",
            "the value '+' at position '2' cannot be converted to number",
            2,
            id="a sign alone",
        ),
        pytest.param(
            "1e+",
            "the value '1e+' at position '0' cannot be converted to number",
            0,
            id="a sign at the end",
        ),
        pytest.param("9223372036854775808", "cannot be converted to number", 0, id="too large"),
        pytest.param(
            "٣", "the string character '٣' at position '0' is not expected", 0, id="other digits"
        ),
    ],
)
def test_what_is_no_expression_is_refused_where_it_goes_wrong(text, said, position):
    with pytest.raises(ExpressionError) as caught:
        parse_whole(text)
    assert said in caught.value.message
    assert caught.value.position == position


def test_positions_count_from_the_beginning_of_the_template():
    with pytest.raises(ExpressionError) as caught:
        compile_value("Dear @{concat('a', )},")
    assert caught.value.position == 19
    assert "expression 'concat('a', )'" in caught.value.message


def test_an_error_of_the_evaluation_stands_at_the_call_that_failed():
    template = "@concat('a', div(1, 0))"
    with pytest.raises(ExpressionError) as caught:
        compile_value(template).evaluate(Context({}))
    assert caught.value.position == 13
    assert caret(template, 13) == f"{template}\n{' ' * 13}^"


def test_the_caret_stands_under_its_line():
    assert caret("one\ntwo three\nfour", 8) == "two three\n    ^"


@pytest.mark.parametrize(
    ("access", "value"),
    [
        pytest.param(".a", 1, id="a name"),
        pytest.param("['a']", 1, id="a name in quotes"),
        pytest.param(".A", 1, id="whatever the case"),
        pytest.param("['x y']", 2, id="a name with a space"),
        pytest.param(".list[0]", 3, id="an element"),
        pytest.param(".list?[9]", None, id="beyond the end, with a question"),
        pytest.param(".list?[-1]", None, id="before the beginning, with a question"),
        pytest.param("?.nope", None, id="no such name, with a question"),
        pytest.param("?.none?.more", None, id="beyond null, with questions"),
        pytest.param("['deep/er']", 4, id="a path"),
        pytest.param("?['deep/nope/more']", None, id="a path that ends, with a question"),
        pytest.param("['sl/ash']", 5, id="a name with a slash before a path"),
        pytest.param("[concat('a', '')]", 1, id="a name that is worked out"),
    ],
)
def test_accesses(access, value):
    world = {"a": 1, "x y": 2, "list": [3], "none": None, "deep": {"er": 4}, "sl/ash": 5}
    template = f"@item(){access}"
    assert compile_value(template).evaluate(Context({"item": world})) == value


@pytest.mark.parametrize(
    ("access", "said"),
    [
        pytest.param(
            ".nope",
            "property 'nope' doesn't exist, available properties are 'a, list'",
            id="no such name",
        ),
        pytest.param(".none.x", "property 'x' cannot be selected", id="of null"),
        pytest.param(".a.x", "not supported on values of type 'Integer'", id="of a number"),
        pytest.param(
            ".a?.x", "not supported on values of type 'Integer'", id="of a number, with a question"
        ),
        pytest.param("[0]", "can only be selected by names", id="a number of an object"),
        pytest.param(
            "?[0]", "can only be selected by names", id="a number of an object, with a question"
        ),
        pytest.param(".list.x", "using an integer index", id="a name of an array"),
        pytest.param(
            ".list[2]", "index '2' is outside bounds (0, 0) of array", id="beyond the end"
        ),
        pytest.param(".void[0]", "cannot be selected from empty array", id="of an empty array"),
        pytest.param(
            "?.nope.x", "property 'x' cannot be selected", id="a question guards its own step only"
        ),
    ],
)
def test_accesses_that_fail(access, said):
    world = {"a": 1, "list": [3], "none": None, "void": []}
    if access == ".nope":
        world = {"a": 1, "list": [3]}
    with pytest.raises(ExpressionError) as caught:
        compile_value(f"@item(){access}").evaluate(Context({"item": world}))
    assert said in caught.value.message


def broken(text: str) -> bool:
    """Say whether a text of a real flow is one that no engine reads.

    A template of the resource manager around it, parentheses that do not match, and an
    interpolation inside an expression are mistakes that people make.
    """
    outside = re.sub("'[^']*'", "", text)
    interpolated = text.startswith("@") and not text.startswith("@{") and "@{" in outside
    return text.startswith("[") or outside.count("(") != outside.count(")") or interpolated


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from texts(one)


@pytest.mark.skipif(not FLOWS.is_dir(), reason="the corpus of real flows is not here")
def test_every_expression_of_real_flows_is_read():
    seen: set[str] = set()
    refused: list[str] = []
    for path in sorted(FLOWS.glob("*.json")):
        for text in texts(json.loads(path.read_text(encoding="utf-8"))):
            if "@" not in text or text in seen:
                continue
            seen.add(text)
            try:
                compile_value(text)
            except ExpressionError:
                refused.append(text)
    assert len(seen) > 10_000
    assert [text for text in refused if not broken(text)] == []
    assert len(refused) < len(seen) / 1_000
