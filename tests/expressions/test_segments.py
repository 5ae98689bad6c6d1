"""Templates in pieces, and the call that is being written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.expressions.errors import ExpressionError
from flowner.expressions.hinting import hint
from flowner.expressions.segments import segments
from flowner.expressions.walking import trees


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("@outputs('x')", ["outputs('x')!"]),
        ("@{outputs('x')}", ["outputs('x')"]),
        ("a @{ item() } b", ["a ", " item() ", " b"]),
        ("@{item()}@{item()}", ["item()", "item()"]),
        ("@{concat('}', '@{')}", ["concat('}', '@{')"]),
        ("@@{item()}", ["@@{item()}"]),
        ("a @@{item()} @{item()}", ["a @@{item()} ", "item()"]),
        ("@@item()", ["@@item()"]),
        ("@", ["@"]),
        ("@maja hello", ["@maja hello"]),
        ("a @{item() and @{item()}", ["a ", "item() and @{item()?"]),
        ("a @{concat('x', ", ["a @{concat('x', "]),
        ("@{item(}x", ["item(?", "x"]),
        ("a\r\n@{item()}\r\n", ["a\r\n", "item()", "\r\n"]),
    ],
)
def test_a_template_is_cut_where_its_expressions_are(text: str, expected: list[str]) -> None:
    """``!`` marks what is the whole, ``?`` what cannot be read."""
    found = []
    for one in segments(text):
        marks = "!" * one.is_whole + "?" * bool(one.wrong)
        found.append(one.raw if one.expression is None else one.expression + marks)
    assert found == expected


_BITS = st.sampled_from(["@", "@@", "@{", "}", "'", "''", "item()", "concat('a', '}')", " ", "\r\n",
                         "é", "outputs('x')?['y']", "{"])  # fmt: skip
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)
TEMPLATES = st.lists(_BITS | _TEXTS, max_size=9).map("".join)


@given(TEMPLATES)
def test_the_pieces_are_the_template(text: str) -> None:
    assert "".join(one.raw for one in segments(text)) == text


@given(TEMPLATES)
def test_what_can_be_read_is_cut_as_it_is_evaluated(text: str) -> None:
    try:
        expected = [own for _, own in trees(text)]
    except ExpressionError:
        return
    found = [one for one in segments(text) if one.expression is not None]
    assert [one.expression for one in found] == expected
    assert not any(one.wrong for one in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("concat(", "concat([a], b, …)"),
        ("concat('a', ", "concat(a, [b], …)"),
        ("concat('a', 'b', 'c', ", "concat(a, [b], …)"),
        ("if(equals(1, 2), ", "if(condition, [whenTrue], whenFalse)"),
        ("if(equals(1, ", "equals(a, [b])"),
        ("toUpper(outputs('x, (')?['a", "toUpper([text])"),
        ("concat('it''s, (', ", "concat(a, [b], …)"),
        ("toUpper('a')", "toUpper([text])"),
        ("CONCAT(", "concat([a], b, …)"),
        ("nothing(toUpper(", "toUpper([text])"),
        ("nothing(", None),
        ("", None),
        ("))", None),
        ("'toUpper(", None),
    ],
)
def test_the_call_that_is_being_written_is_told(text: str, expected: str | None) -> None:
    found = hint(text, len(text))
    assert (None if found is None else "{}[{}]{}".format(*found.parts)) == expected


def test_the_place_counts() -> None:
    text = "concat(toUpper('a'), 'b')"
    found = hint(text, text.index("'a'"))
    assert found is not None
    assert found.function.name == "toUpper"


@given(TEMPLATES, st.integers(-3, 60))
def test_no_text_is_too_odd_for_a_hint(text: str, at: int) -> None:
    found = hint(text, at)
    if found is not None:
        assert "".join(found.parts) == found.function.signature
