"""Conditions as rows and groups: read from a definition, changed, and written back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.test_corpus import FLOWS, documents, flows  # noqa: F401 - fixtures
from flowner.definitions.comparing import (
    CHANGES,
    COMPARISONS,
    Comparison,
    Joined,
    Part,
    Place,
    Written,
    part_at,
    read_condition,
    with_grouped,
    with_ungrouped,
    write_condition,
)
from flowner.definitions.flow import Flow

ROW = {"equals": ["@a", 1]}
SAID = Comparison("@a", ("equals",), 1)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (ROW, Joined("", (SAID,))),
        ({"not": {"contains": ["@a", "x"]}},
         Joined("", (Comparison("@a", ("not", "contains"), "x"),))),
        ({"or": [ROW, {"GREATER": [1, 2]}]},
         Joined("or", (SAID, Comparison(1, ("GREATER",), 2)))),
        ({"and": []}, Joined("and", ())),
        ({"And": [{"or": [ROW]}]}, Joined("And", (Joined("or", (SAID,)),))),
        ({"equals": [1]}, Joined("", (Written({"equals": [1]}),))),
        ({"equals": [1, 2], "less": [1, 2]},
         Joined("", (Written({"equals": [1, 2], "less": [1, 2]}),))),
        ({"not": {"not": ROW}}, Joined("", (Written({"not": {"not": ROW}}),))),
        ({"not": {"and": [ROW]}}, Joined("", (Written({"not": {"and": [ROW]}}),))),
        ({"not": {"greater": [1, 2]}}, Joined("", (Written({"not": {"greater": [1, 2]}}),))),
        ({"and": ["@true", ROW]}, Joined("and", (Written("@true"), SAID))),
        ({"and": "@x"}, Joined("", (Written({"and": "@x"}),))),
        ("@equals(1, 1)", None),
        ({}, None),
        (None, None),
    ],
)  # fmt: skip
def test_a_condition_is_rows_and_groups_or_a_formula(expression: Any, expected: Any) -> None:
    assert read_condition(expression) == expected


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner),
    max_leaves=6,
)
_NAMES = st.sampled_from([name.split()[-1] for name in COMPARISONS])
_SPELLED = _NAMES | _NAMES.map(str.upper) | _NAMES.map(str.title) | st.just("empty")
_ROWS = st.builds(lambda name, left, right: {name: [left, right]}, _SPELLED, JSON, JSON)
_GROUPS = st.sampled_from(["and", "or", "And", "OR"])
CONDITIONS = st.recursive(
    _ROWS | JSON,
    lambda inner: (
        st.builds(lambda name, parts: {name: parts}, _GROUPS, st.lists(inner, max_size=4))
        | st.builds(lambda one: {"not": one}, inner)
    ),
    max_leaves=12,
)


def exact(value: Any) -> str:
    """Return a value so that 1, 1.0 and True differ, and the order of members counts."""
    return json.dumps(value)


@given(CONDITIONS)
def test_what_is_read_is_written_as_it_was(expression: Any) -> None:
    found = read_condition(expression)
    if found is None:
        assert not isinstance(expression, dict) or not expression
    else:
        assert exact(write_condition(found)) == exact(expression)


def places(part: Part, at: Place = ()) -> list[Place]:
    """Return where every part of a condition stands, the outermost group last."""
    inner = part.parts if isinstance(part, Joined) else ()
    return [found for n, one in enumerate(inner) for found in places(one, (*at, n))] + [at]


def leaves(part: Part) -> list[Part]:
    """Return the rows and the parts as written, in their order."""
    if isinstance(part, Joined):
        return [leaf for one in part.parts for leaf in leaves(one)]
    return [part]


@given(CONDITIONS.filter(lambda one: isinstance(one, dict) and bool(one)), st.data())
def test_changes_lose_nothing(expression: Any, data: Any) -> None:
    """Whatever is done, every part that is not removed is there as it was."""
    before = read_condition(expression)
    assert before is not None
    change = data.draw(st.sampled_from(sorted(CHANGES)))
    place = data.draw(st.sampled_from(places(before)))
    try:
        after = CHANGES[change](before, place)
    except LookupError:
        return
    again = read_condition(write_condition(after))
    assert again is not None
    said = sorted(exact(write_condition(one)) for one in leaves(again))
    had = sorted(exact(write_condition(one)) for one in leaves(before))
    if change == "remove":
        gone = [exact(write_condition(one)) for one in leaves(part_at(before, place))]
        assert sorted(said + gone) == had
    elif change.startswith("add"):
        assert sorted([*had, exact({"equals": ["", ""]})]) == said
    else:
        assert said == had


@given(CONDITIONS.filter(lambda one: isinstance(one, dict) and bool(one)), st.data())
def test_what_is_grouped_and_ungrouped_is_as_it_was(expression: Any, data: Any) -> None:
    before = read_condition(expression)
    assert before is not None
    at = data.draw(st.sampled_from(places(before)))
    if at:
        after = with_ungrouped(with_grouped(before, at), at)
        assert leaves(after) == leaves(before)
        assert after.parts == before.parts


@pytest.mark.parametrize(
    ("change", "place", "expected"),
    [
        ("add-row", (1,), {"and": [ROW, {"or": [ROW, {"equals": ["", ""]}]}]}),
        ("add-group", (), {"and": [ROW, {"or": [ROW]}, {"or": [{"equals": ["", ""]}]}]}),
        ("remove", (1, 0), {"and": [ROW]}),
        ("remove", (0,), {"and": [{"or": [ROW]}]}),
        ("group", (0,), {"and": [{"and": [ROW]}, {"or": [ROW]}]}),
        ("ungroup", (1,), {"and": [ROW, ROW]}),
        ("up", (1,), {"and": [{"or": [ROW]}, ROW]}),
        ("down", (1,), {"and": [ROW, {"or": [ROW]}]}),
        ("ungroup", (0,), LookupError),
        ("add-row", (0,), LookupError),
        ("remove", (7,), LookupError),
        ("remove", (), LookupError),
        ("up", (), LookupError),
    ],
)
def test_a_change_does_what_it_says(change: str, place: Place, expected: Any) -> None:
    condition = read_condition({"and": [ROW, {"or": [ROW]}]})
    assert condition is not None
    if expected is LookupError:
        with pytest.raises(LookupError):
            CHANGES[change](condition, place)
    else:
        assert write_condition(CHANGES[change](condition, place)) == expected


def test_another_comparison_keeps_what_is_compared() -> None:
    row = Comparison("@a", ("EQUALS",), 1)
    assert row.compared_by("equals") is row
    assert write_condition(row.compared_by("not contains")) == {"not": {"contains": ["@a", 1]}}


@pytest.mark.skipif(not FLOWS.is_dir(), reason="the corpus of real flows is not here")
def test_real_conditions_come_back_and_are_rows(flows: dict[str, Flow]) -> None:  # noqa: F811
    conditions, rows = 0, 0
    for flow in flows.values():
        for action in flow.walk():
            expression = action.source.get("expression")
            if action.type != "If" or not isinstance(expression, dict):
                continue
            found = read_condition(expression)
            assert found is not None
            assert exact(write_condition(found)) == exact(expression)
            conditions += 1
            rows += all(isinstance(one, Comparison) for one in leaves(found))
    assert conditions > 100
    assert rows > conditions * 0.85, "nearly all real conditions are filled in as rows and groups"
