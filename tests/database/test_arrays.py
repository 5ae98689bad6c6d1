"""Columns written by us are read by PostgreSQL as what they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowner.database import arrays

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
MOMENT = st.datetimes(
    datetime(1, 1, 3), datetime(9998, 1, 1),  # noqa: DTZ001 - the zone is drawn beside
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7, minutes=30))]),
)  # fmt: skip
KINDS = [
    pytest.param(arrays.bools, "bool", st.booleans(), id="bools"),
    pytest.param(arrays.blobs, "bytea", st.binary() | st.none(), id="blobs"),
    pytest.param(arrays.int4s, "int4", st.integers(-(2**31), 2**31 - 1) | st.none(), id="int4s"),
    pytest.param(arrays.int8s, "int8", st.integers(-(2**63), 2**63 - 1) | st.none(), id="int8s"),
    pytest.param(arrays.texts, "text", TEXT | st.none(), id="texts"),
    pytest.param(arrays.moments, "timestamptz", MOMENT | st.none(), id="moments"),
]


@pytest.mark.parametrize(("column", "type_name", "values"), KINDS)
def test_what_is_written_is_read(database, run, column, type_name: str, values) -> None:
    async def echo(given_values: list) -> tuple:
        async with database.connection() as connection:
            found = await connection.execute(
                "SELECT pg_typeof(%(c)b)::text AS of, (SELECT coalesce(array_agg(v ORDER BY at),"
                " '{}') FROM unnest(%(c)b) WITH ORDINALITY AS u(v, at)) AS v",
                {"c": column(given_values)},
            )
            row = await found.fetchone()
            return row["of"], row["v"]

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(values, max_size=20))
    def check(given_values: list) -> None:
        of, back = run(echo(given_values))
        assert back == given_values
        names = {"bool": "boolean", "int4": "integer", "int8": "bigint",
                 "timestamptz": "timestamp with time zone"}  # fmt: skip
        assert of == names.get(type_name, type_name) + "[]"

    check()


def test_a_text_that_no_database_holds_is_an_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        arrays.texts(["\ud800"])
