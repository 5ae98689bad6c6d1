"""Paths: their text is a key in journals, so it never changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowner.runs import paths


@pytest.mark.parametrize(
    ("loops", "name", "text"),
    [
        pytest.param([], "Send", "Send", id="in no loop"),
        pytest.param([("Each", 3)], "Send", "Each[3]/Send", id="in one"),
        pytest.param([("A", 0), ("B", 12)], "Send", "A[0]/B[12]/Send", id="in two"),
        pytest.param([], "a/b[c]%", "a%2Fb%5Bc%5D%25", id="with the path's own characters"),
        pytest.param([], "Sénd (2)", "Sénd (2)", id="others stay"),
    ],
)
def test_text(loops: list[tuple[str, int]], name: str, text: str) -> None:
    assert _text(loops, name) == text


@given(
    st.lists(st.tuples(st.text(min_size=1), st.integers(0, 10**6)), max_size=4),
    st.text(min_size=1),
)
def test_text_reads_back(loops: list[tuple[str, int]], name: str) -> None:
    text = _text(loops, name)
    assert list(paths.parts(text)) == [*loops, (name, None)]
    prefix, key = paths.split(text)
    assert prefix + key == text
    assert paths.name_of(key) == name


def _text(loops: list[tuple[str, int]], name: str) -> str:
    prefix = ""
    for loop, index in loops:
        prefix = paths.iteration(prefix + paths.key(loop), index)
    return prefix + paths.key(name)
