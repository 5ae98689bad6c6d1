"""JSON as bytes: what is understood, and where what is not goes wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.definitions.documents import parse, parse_object, pointer
from flowner.errors import Code, Invalid

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(value=anything, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_json_is_read_as_it_was_written(value, encoding):
    assert json.dumps(parse(json.dumps(value).encode(encoding))) == json.dumps(value)


def test_numbers_keep_what_they_say():
    assert json.dumps(parse(b"[2, 2.0, 123456789012345678901234567890]")) == (
        "[2, 2.0, 123456789012345678901234567890]"
    )


@pytest.mark.parametrize(
    ("data", "says", "position", "place"),
    [
        pytest.param(b'{"a": }', "line 1, column 7", 6, None, id="nothing where a value belongs"),
        pytest.param(b'{\n"a": 1,}', "line 2, column 8", 9, None, id="a trailing comma"),
        pytest.param(b"", "line 1, column 1", 0, None, id="nothing at all"),
        pytest.param(b'{"a": 1} x', "extra data", 9, None, id="more than one value"),
        pytest.param(b'{"a": NaN}', "`NaN` is not a JSON number", None, None, id="not a number"),
        pytest.param(b'"\xff"', "byte 1 is not utf-8 text", 1, None, id="not text"),
        pytest.param(
            b'{"a": {"b/c": [1, {"d": 1, "e": 2, "d": 3}]}}',
            "written twice",
            None,
            "/a/b~1c/1/d",
            id="a member that is written twice",
        ),
        pytest.param(b"[" * 5000 + b"]" * 5000, "nested deeper", None, None, id="very deep"),
        pytest.param(b"1" * 5000, "is not JSON", None, None, id="a number without end"),
    ],
)
def test_broken_json_is_refused(data, says, position, place):
    with pytest.raises(Invalid) as caught:
        parse(data, file="Late.json")
    error = caught.value
    assert says in error.message
    assert (error.position, error.pointer, error.file) == (position, place, "Late.json")
    assert error.code is Code.INVALID_JSON


@pytest.mark.parametrize("data", [b"[]", b'"x"', b"3", b"null", b"true"])
def test_only_an_object_is_a_document(data):
    with pytest.raises(Invalid, match="where a JSON object is expected"):
        parse_object(data)


def test_pointers_escape_their_tokens():
    assert pointer("/a", "b/c", "~d", 0) == "/a/b~1c/~0d/0"
