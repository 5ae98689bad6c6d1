"""Predicates written as ``$filter`` again, and random ones."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never

from hypothesis import strategies as st

from flowner.odata.syntax import (
    And,
    Column,
    Compare,
    CompareColumns,
    Comparison,
    Function,
    In,
    Like,
    Not,
    Or,
    Predicate,
    Related,
    Shared,
    Test,
    TextTest,
    Value,
)

TEXTS = ("name", "note")
NUMBERS = ("size", "price")
BOOLEANS = ("done",)
MOMENTS = ("due",)


def spell(predicate: Predicate, variable: str = "") -> str:
    """Return a filter that reads as this predicate; what has no spelling is a `ValueError`."""
    match predicate:
        case Compare(op, column, value):
            return f"{variable}{column.name} {op} {literal(value)}"
        case CompareColumns(op, column, other):
            return f"{variable}{column.name} {op} {variable}{other.name}"
        case Test(test, column, text):
            return f"{test}({variable}{column.name},{literal(text)})"
        case In(column, values):
            listed = ",".join(literal(value) for value in values)
            return f"{variable}{column.name} in ({listed})"
        case And(parts):
            return " and ".join(f"({spell(part, variable)})" for part in parts)
        case Or(parts):
            return " or ".join(f"({spell(part, variable)})" for part in parts)
        case Not(Related(path, Not(part, False))):
            return f"{variable}{path}/all(y:{spell(part, 'y/')})"
        case Not(part):
            return f"not ({spell(part, variable)})"
        case Related(path, part):
            return f"{variable}{path}/any(x:{spell(part, 'x/')})"
        case Function(name, column, values):
            listed = ",".join(literal(value) for value in values)
            given = f",PropertyValues=[{listed}]" if values else ""
            named = f"{variable}{column.name}"
            return f"Microsoft.Dynamics.CRM.{name}(PropertyName='{named}'{given})"
        case Like() | Shared():
            raise ValueError("has no spelling in a query")
        case _:
            assert_never(predicate)


def literal(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case Decimal():
            text = f"{value:f}"
            return text if "." in text else f"{text}.0"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return str(value)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
numbers = st.one_of(
    st.integers(-1000, 1000),
    st.decimals(-100, 100, places=2).map(lambda one: one + Decimal("0.00")),
)
moments = st.datetimes(
    datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
).map(lambda one: one.replace(microsecond=0))  # fmt: skip
ops = st.sampled_from(Comparison)
columns = st.sampled_from((*TEXTS, *NUMBERS, *BOOLEANS, *MOMENTS)).map(Column)


def compared(names: tuple[str, ...], values: st.SearchStrategy[Value]) -> st.SearchStrategy:
    return st.builds(Compare, ops, st.sampled_from(names).map(Column), st.none() | values)


tests = st.one_of(
    compared(TEXTS, texts),
    compared(NUMBERS, numbers),
    compared(MOMENTS, moments),
    st.builds(
        Compare,
        st.sampled_from((Comparison.EQ, Comparison.NE)),
        st.sampled_from(BOOLEANS).map(Column),
        st.none() | st.booleans(),
    ),
    st.builds(Test, st.sampled_from(TextTest), st.sampled_from(TEXTS).map(Column), texts),
    st.builds(
        In, st.sampled_from(TEXTS).map(Column), st.lists(texts, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(CompareColumns, ops, st.just(Column("size")), st.just(Column("price"))),
    st.builds(CompareColumns, ops, st.just(Column("name")), st.just(Column("note"))),
)


def _combined(inner: st.SearchStrategy) -> st.SearchStrategy:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, parts), st.builds(Or, parts), st.builds(Not, inner))


predicates = st.recursive(tests, _combined, max_leaves=6)
"""About one row alone."""
everything = st.recursive(
    st.one_of(
        tests,
        st.builds(Function, st.sampled_from(("Today", "EqualUserId")), columns),
        st.builds(
            Function, st.sampled_from(("In", "ContainValues")), columns,
            st.lists(texts, min_size=1, max_size=3).map(tuple),
        ),
    ),
    lambda inner: st.one_of(
        _combined(inner),
        st.builds(Related, st.sampled_from(("children", "parts")), inner),
        st.builds(
            lambda path, part: Not(Related(path, Not(part, surely=False))),
            st.sampled_from(("children", "parts")), inner,
        ),
    ),
    max_leaves=6,
)  # fmt: skip
"""With related rows and functions."""
rows = st.fixed_dictionaries(
    {
        **dict.fromkeys(TEXTS, st.none() | texts),
        "size": st.none() | st.integers(-1000, 1000),
        "price": st.none() | st.integers(-100, 100).map(lambda one: one / 4),
        "done": st.none() | st.booleans(),
        "due": st.none() | moments.map(lambda one: one.isoformat().replace("+00:00", "Z")),
    }
)
