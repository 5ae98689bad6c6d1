"""Whatever is asked, an answer or an `ExpressionError` comes, soon."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowner.expressions.catalogue import CATALOGUE
from flowner.expressions.context import Context
from flowner.expressions.errors import ExpressionError
from flowner.expressions.evaluate import evaluate_line
from flowner.expressions.lenient_json import MAX_DEPTH as MAX_JSON_DEPTH
from flowner.expressions.lenient_json import read_lenient
from flowner.expressions.parser import MAX_DEPTH, MAX_LENGTH
from flowner.expressions.reference import SAMPLE
from flowner.expressions.template import compile_value
from flowner.expressions.text import to_json, to_text
from flowner.expressions.xml_json import json_to_xml, xml_to_json
from flowner.expressions.xml_tree import Unreadable, read_xml, read_xml_bytes
from flowner.expressions.xml_writing import write_xml

SOON = settings(
    deadline=timedelta(seconds=2), max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)
MARKS = st.text(alphabet="@{}()[]'\",.?+-0123456789eE/ \n\tabcdtfnulxé💥\\", max_size=60)
NAMES = sorted(one.name for one in CATALOGUE.values())
ODD_TEXTS = [
    "",
    "a",
    "-1",
    "1e400",
    "9" * 40,
    "2018-03-15T13:27:36Z",
    "9999-12-31T23:59:59.9999999Z",
    "0001-01-01",
    "yyyy-MM-dd",
    "N2",
    "0.0#E+0",
    "Day",
    "Month",
    "Pacific Standard Time",
    "UTC",
    "de-DE",
    "xx-bad",
    '{"a":[1,{"b":null}]}',
    '<a x="1"><b/>t</a>',
    "//b",
    "data:,a",
    "aGk=",
    "https://a.b:1/c?d#e",
    "%zz",
    "\ud800",
    "💥",
    "Infinity",
    "NaN",
    "\x00",
    "Form",
    "Fetch",
    "Each",
]
LITERALS = st.one_of(
    st.sampled_from(ODD_TEXTS).map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.text(max_size=8).map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.integers(min_value=-(2**63), max_value=2**63 - 1).map(str),
    st.sampled_from(["0", "-1", "1.5", "1e308", "-0.0", "true", "false", "null"]),
)
SEEDS = st.sampled_from(
    [
        "createArray(1,'a',null)",
        "json('[]')",
        'json(\'{"a":1,"B":[2]}\')',
        "xml('<a><b>1</b></a>')",
        "binary('hi')",
        "decimal('1.10')",
        "float('NaN')",
        "float('∞')",
        "range(0,3)",
        "item()",
    ]
)


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda name, arguments, access: f"{name}({','.join(arguments)}){access}",
        st.sampled_from(NAMES),
        st.lists(inner, max_size=4),
        st.sampled_from(["", "", "", "?.a", "['a/b']", "?[0]", "[-1]"]),
    )


EXPRESSIONS = st.recursive(st.one_of(LITERALS, SEEDS), calls, max_leaves=12)


def answer(template: object) -> None:
    with contextlib.suppress(ExpressionError):
        value = compile_value(template).evaluate(Context(SAMPLE))
        to_json(value)
        to_text(value)


@SOON
@given(st.one_of(st.text(max_size=100), MARKS))
def test_any_text_is_answered(text):
    answer(text)
    answer("@" + text)
    answer("@{" + text + "}")


@SOON
@given(EXPRESSIONS)
def test_any_call_is_answered(expression):
    answer("@" + expression)
    answer(f"<@{{{expression}}}>")


@SOON
@given(st.sampled_from(NAMES), st.lists(st.one_of(LITERALS, SEEDS), min_size=1, max_size=4))
def test_every_function_answers_any_arguments(name, arguments):
    answer(f"@{name}({','.join(arguments)})")


@SOON
@given(st.one_of(st.text(max_size=80), MARKS))
def test_any_line_is_answered_with_a_line(text):
    assert "\n" not in evaluate_line(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@SOON
@given(JSON)
def test_json_that_we_write_is_read_again(value):
    assert read_lenient(to_json(value)) == value


@SOON
@given(JSON)
def test_the_lenient_reader_agrees_with_the_strict_one(value):
    """What follows the value makes the strict reader give up; the lenient one goes on."""
    text = json.dumps(value, indent=1)
    assert to_json(read_lenient(f"{text} and more")) == to_json(read_lenient(text))


@SOON
@given(st.one_of(st.text(max_size=80), MARKS))
def test_any_json_is_read_or_refused(text):
    with contextlib.suppress(ExpressionError):
        to_json(read_lenient(text))


XML_NAMES = st.sampled_from(["a", "b", "n:c"])
ELEMENTS = st.recursive(
    st.sampled_from(["t", "<a/>", "<b></b>", "<!--c-->", "<![CDATA[<]]>", "<?p i?>", "&lt;", " "]),
    lambda inner: st.builds(
        lambda name, parts: f'<{name} x="1" xmlns:n="u">{"".join(parts)}</{name}>',
        XML_NAMES,
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@SOON
@given(ELEMENTS)
def test_xml_that_we_write_is_read_again(inner):
    document = read_xml(f"<r>{inner}</r>")
    written = write_xml(document)
    assert write_xml(read_xml(written)) == written
    xml_to_json(document)


@SOON
@given(JSON)
def test_any_object_is_xml_or_refused(value):
    with contextlib.suppress(Unreadable):
        written = write_xml(json_to_xml({"root": value}))
        with contextlib.suppress(Unreadable):
            xml_to_json(read_xml(written))


@SOON
@given(st.binary(max_size=60), st.text(alphabet="<>/!?[]-=\"'& \nabxCDATMLOYPE:;#1", max_size=60))
def test_any_xml_is_read_or_refused(data, text):
    with contextlib.suppress(Unreadable):
        read_xml_bytes(data)
    with contextlib.suppress(Unreadable):
        xml_to_json(read_xml(text))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        pytest.param(
            "@" + "not(" * (MAX_DEPTH + 2) + "true" + ")" * (MAX_DEPTH + 2),
            "nested",
            id="deep calls",
        ),
        pytest.param("@item()" + ".a" * (MAX_DEPTH + 1), "in a row", id="many accesses"),
        pytest.param("@item()" + "[" * 3_000, "expected token", id="open brackets"),
        pytest.param("@item()" + "[item()" * 1_000, "nested", id="nested brackets"),
        pytest.param("@" + "(" * 8_000, "expected token", id="open parentheses"),
        pytest.param("@'" + "a" * MAX_LENGTH + "'", "longer than", id="too long"),
        pytest.param("x@{'" + "a" * MAX_LENGTH + "'}", "longer than", id="too long inside"),
        pytest.param("@json('" + "[" * 4_000 + "')", "MaxDepth", id="deep JSON"),
        pytest.param("@" + "1" * 5_000, "cannot be converted to number", id="a long number"),
        pytest.param(
            "@json('" + "1" * 5_000 + "')", "too large to parse", id="a long number in JSON"
        ),
        pytest.param("@xml('" + "<a>" * 400 + "')", "nested more than", id="deep XML"),
        pytest.param(
            "@xml('<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>')", "entities", id="entities"
        ),
        pytest.param(
            "@xml('<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>&b;</a>')", "ntit", id="files"
        ),
        pytest.param("@range(0, 100001)", "from 0 to 100000", id="a long range"),
        pytest.param(
            "@addDays('2018-01-01', 9223372036854775807)", "outside the years", id="far away"
        ),
        pytest.param("@formatNumber(1, 'N999999999')", "not valid", id="many digits"),
        pytest.param(
            "@xpath(xml(concat('<a>', join(range(0, 3000), '<b/>'), '</a>')),"
            " '//*[count(//*[count(//*) > 0]) > 0]')",
            "too many nodes",
            id="a path that looks everywhere for everything",
        ),
    ],
)
def test_limits_are_clear(template, said):
    began = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        compile_value(template).evaluate(Context(SAMPLE))
    assert said in caught.value.message
    assert time.perf_counter() - began < 2


def test_what_doubles_at_every_step_is_stopped():
    """A text of a hundred million characters is refused, not made."""
    expression = "'aaaaaaaaaa'"
    for _ in range(12):
        expression = f"replace({expression}, 'a', 'aaaaaaaaaa')"
    with pytest.raises(ExpressionError, match="more than 104857600 characters"):
        compile_value("@" + expression).evaluate(Context({}))


@pytest.mark.parametrize(
    ("grow", "start"),
    [
        pytest.param("base64({})", "'a'", id="base64"),
        pytest.param("dataUri({})", "'a'", id="data URIs"),
        pytest.param("string(createArray({}))", "'\"'", id="quotes in quotes"),
    ],
)
def test_what_grows_by_nesting_is_stopped(grow, start):
    expression = start
    for _ in range(MAX_DEPTH // grow.count("(")):
        expression = grow.format(expression)
    with pytest.raises(ExpressionError, match="more than 104857600 characters"):
        compile_value("@" + expression).evaluate(Context({}))


def test_json_at_the_limit_of_depth_is_read():
    text = "[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH
    assert to_json(read_lenient(text)) == text
    with pytest.raises(ExpressionError):
        read_lenient(f"[{text}]")
