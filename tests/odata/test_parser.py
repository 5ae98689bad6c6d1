"""What a ``$filter`` reads as: precedence, literals, functions, and where it goes wrong."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from flowner.errors import Invalid
from flowner.odata import syntax
from flowner.odata.expanding import parse_apply, parse_expand
from flowner.odata.parser import parse_filter, parse_order, parse_select
from flowner.odata.syntax import (
    TRUE,
    And,
    Column,
    Compare,
    CompareColumns,
    Comparison,
    Function,
    In,
    Not,
    Or,
    Order,
    Predicate,
    Related,
    TextTest,
)
from flowner.odata.tokens import MAX_DEPTH, MAX_LENGTH
from odata.spelling import everything, spell

EQ, NE, GT = Comparison.EQ, Comparison.NE, Comparison.GT
CRM = "Microsoft.Dynamics.CRM."


def c(name: str) -> Column:
    return Column(name)


def bare(value: Any) -> Any:
    """Return a predicate with every position 0."""
    if isinstance(value, tuple):
        return tuple(bare(one) for one in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed = {one.name: bare(getattr(value, one.name)) for one in fields(value)}
    return replace(value, **(changed | ({"position": 0} if "position" in changed else {})))


A, B, C = (Compare(EQ, c(name), 1) for name in "abc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a eq 1 or b eq 1 and c eq 1", Or((A, And((B, C)))), id="and before or"),
        pytest.param("(a eq 1 or b eq 1) and c eq 1", And((Or((A, B)), C)), id="parentheses"),
        pytest.param("not a eq 1 and b eq 1", And((Not(A), B)), id="not before and"),
        pytest.param("not (a eq 1 and b eq 1)", Not(And((A, B))), id="not of parentheses"),
        pytest.param("not not a eq 1", Not(Not(A)), id="not of not"),
        pytest.param("a eq 1 or b eq 1 or c eq 1", Or((A, B, C)), id="three of a kind"),
        pytest.param("((((a eq 1))))", A, id="parentheses that do nothing"),
        pytest.param("  a   eq\t1 ", A, id="spaces"),
        pytest.param("a gt b", CompareColumns(GT, c("a"), c("b")), id="two columns"),
        pytest.param("a in (1,2)", In(c("a"), (1, 2)), id="in"),
        pytest.param("contains(a,'x')", syntax.Test(TextTest.CONTAINS, c("a"), "x"), id="contains"),
        pytest.param("up/a gt 1", Related("up", Compare(GT, c("a"), 1)), id="behind a lookup"),
        pytest.param(
            "up/to/a gt 1", Related("up", Related("to", Compare(GT, c("a"), 1))), id="two lookups"
        ),
        pytest.param(
            "up/a ne 1", Not(Related("up", A)), id="where there is nothing, it is not 1 either"
        ),
        pytest.param(
            "up/a eq null", Not(Related("up", Compare(NE, c("a"), None))), id="nothing is null"
        ),
        pytest.param("all/any()", Related("all", TRUE), id="any of all"),
        pytest.param("all/any(x:x/a eq 1)", Related("all", A), id="any"),
        pytest.param(
            "all/any(x:x/a ne 1)", Related("all", Compare(NE, c("a"), 1)),
            id="any that is not: one at least, and not none that is",
        ),
        pytest.param(
            "all/any(x:x/a eq null)", Related("all", Compare(EQ, c("a"), None)),
            id="any that is empty",
        ),
        pytest.param(
            "all/all(x:x/a eq 1)", Not(Related("all", Not(A, surely=False))), id="all: none else"
        ),
        pytest.param(
            "up/all/any(x:x/a eq 1)", Related("up", Related("all", A)), id="any behind a lookup"
        ),
        pytest.param(
            f"{CRM}Today(PropertyName='a')", Function("Today", c("a")), id="without a value"
        ),
        pytest.param(
            f"{CRM}In(PropertyName='a',PropertyValues=['1','2'])",
            Function("In", c("a"), ("1", "2")), id="with values",
        ),
        pytest.param(
            f"{CRM}On(PropertyName='up/a',PropertyValue=2024-01-01)",
            Related("up", Function("On", c("a"), (datetime(2024, 1, 1, tzinfo=UTC),))),
            id="a function behind a lookup",
        ),
    ],
)  # fmt: skip
def test_a_filter_reads_as(text: str, expected: Predicate) -> None:
    assert bare(parse_filter(text)) == expected


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'it''s'", "it's"), ("''", ""), ("'a and b'", "a and b"), ('"double"', "double"),
        ("7", 7), ("-7", -7), ("7.50", Decimal("7.50")), ("1e3", Decimal(1000)),
        ("true", True), ("false", False), ("null", None),
        ("ABCDEF01-0000-0000-0000-00000000000F", "abcdef01-0000-0000-0000-00000000000f"),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-02-29T10:30Z", datetime(2024, 2, 29, 10, 30, tzinfo=UTC)),
        ("2024-02-29T10:30:15.25+02:00",
         datetime(2024, 2, 29, 10, 30, 15, 250000, tzinfo=timezone(timedelta(hours=2)))),
    ],
)  # fmt: skip
def test_a_literal_is_a_value(literal: str, value: Any) -> None:
    found = parse_filter(f"a eq {literal}")
    assert bare(found) == Compare(EQ, c("a"), value)
    assert isinstance(found, Compare)
    assert type(found.value) is type(value)


def test_a_parameter_stands_for_its_value() -> None:
    assert bare(parse_filter("a eq @p1 or b eq @p1", {"@p1": "1"})) == Or((A, B))


@pytest.mark.parametrize(
    ("text", "position", "about"),
    [
        ("a eq", 4, "ends where a value"), ("a", 1, "a comparison"), ("", 0, "a column"),
        ("a like 'x'", 2, "`like` is no comparison"), ("a eq 1 b", 7, "the end"),
        ("(a eq 1", 7, "`)`"), ("a eq 'x", 5, "cannot be understood"), ("a eq #", 5, "`#`"),
        ("length(a) eq 1", 0, "`length` is not known"), ("contains(a)", 10, "`,`"),
        ("contains(a,1)", 0, "a text in quotes"), ("a eq @p", 5, "given no value"),
        (f"{CRM}Nope(PropertyName='a')", 0, "is not known"), ("a eq 2024-02-30", 5, "no date"),
        (f"{CRM}Today()", 29, "a parameter"), (f"{CRM}On(PropertyName='a')", 0, "0 values"),
        (f"{CRM}On(PropertyValue=1)", 0, "takes `PropertyName`"), ("a in ()", 6, "a value"),
        ("up/any(x:a eq 1)", 9, "does not begin with `x/`"), ("any(x:x/a eq 1)", 0, "a collection"),
        ("a eq up/b", 5, "within one row"), ("a add 1 eq 2", 2, "`add` is no comparison"),
        ("   b eq ?", 8, "`?`"), ("a eq 1 or", 9, "a column"), ("not", 3, "a column"),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what(text: str, position: int, about: str) -> None:
    with pytest.raises(Invalid) as told:
        parse_filter(text)
    assert told.value.position == position
    assert about in told.value.message


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_DEPTH + 5) + "a eq 1" + ")" * (MAX_DEPTH + 5),
        "not " * (MAX_DEPTH + 5) + "a eq 1",
        "".join(f"k/any(x{n}:x{n}/" for n in range(MAX_DEPTH + 5)),
        "a eq '" + "x" * MAX_LENGTH + "'",
    ],
    ids=["parentheses", "not", "any", "length"],
)
def test_what_is_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_filter(text)


@given(everything)
@settings(max_examples=400, deadline=None)
def test_what_is_spelled_reads_as_it_was(predicate: Predicate) -> None:
    assert bare(parse_filter(spell(predicate))) == predicate


def test_an_order_and_a_selection_are_lists() -> None:
    assert parse_order("a desc, up/b asc,c") == (
        Order(c("a"), descending=True), Order(c("up/b"), descending=False),
        Order(c("c"), descending=False),
    )  # fmt: skip
    assert parse_select("a, b") == ("a", "b")


@pytest.mark.parametrize("text", ["a up", "a desc desc", "a,,b", "", "a, "])
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_order(text)


def test_an_expand_keeps_its_options() -> None:
    one, two = parse_expand("a($select=x,y;$filter=z eq 'a;b)';$expand=c($top=1)),d")
    assert one.name == "a"
    assert one.options == {"$select": "x,y", "$filter": "z eq 'a;b)'", "$expand": "c($top=1)"}
    assert (two.name, two.options) == ("d", {})


@pytest.mark.parametrize(
    "text", ["a(", "a)", "a($select)", "a($nope=1)", "a b", ",", "a($top=1;$top=2)", "a('"]
)
def test_what_is_no_expand_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_expand(text)


def test_an_apply_is_filtered_grouped_and_added_up() -> None:
    apply = parse_apply(
        "filter(a eq 'x/y')/filter(b eq 1)/groupby((c,up/d),aggregate($count as n,e with sum as s))"
    )
    assert apply.filter == "(a eq 'x/y') and (b eq 1)"
    assert apply.by == ("c", "up/d")
    assert apply.aggregates == (("count", None, "n"), ("sum", "e", "s"))


@pytest.mark.parametrize(
    "text",
    [
        "", "groupby(a)", "groupby((a", "aggregate(a as b)", "aggregate(a with first as b)",
        "aggregate($count with sum as n)", "aggregate(a with sum as n,b with sum as n)",
        "filter(a eq 1)", "groupby((a))/groupby((b))", "groupby((a b))", "groupby((a),filter(b))",
    ],
)  # fmt: skip
def test_what_is_no_apply_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_apply(text)
