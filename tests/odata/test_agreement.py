"""A row answers a filter read off it exactly where PostgreSQL finds it, nulls included."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowner.clock import SystemClock
from flowner.odata.evaluate import holds
from flowner.odata.parser import parse_filter
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.metadata import Metadata
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.rows.store import Store
from flowner.values import PrincipalId
from odata.spelling import predicates, rows, spell

COLUMNS = {"note": Type.TEXT, "size": Type.WHOLE, "price": Type.DECIMAL, "done": Type.BOOLEAN,
           "due": Type.MOMENT}  # fmt: skip


class Forgotten(Exception):
    """Ends the transaction."""


@pytest.fixture(scope="module")
def store(database, run) -> tuple[Store, Caller]:
    async def build() -> tuple[Store, Caller]:
        store = Store(database, SystemClock())
        await Metadata(database, store.catalogue).create_table(
            "o_row", set_name="o_rows", primary_name="name", columns=COLUMNS
        )
        async with database.transaction() as t:
            person = {"fullname": "admin", "domainname": "admin@odata.example"}
            id = await registry.insert(t, "systemuser", person, by=None)
            role = {"roleid": SYSTEM_ADMINISTRATOR, "principalid": id}
            await registry.insert(t, "roleassignment", role, by=None)
        return store, Caller(PrincipalId(id))

    return run(build())


@given(data=st.lists(rows, min_size=1, max_size=6), predicate=predicates)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_filter_means_the_same_twice(store, database, run, data: Any, predicate: Any) -> None:
    async def story() -> None:
        rows, caller = store
        async with database.transaction() as t:
            made = [await rows.create(caller, "o_row", dict(one), within=t) for one in data]
            text = spell(predicate)
            expected = [one["o_rowid"] for one in made if holds(parse_filter(text), one)]
            answer = await rows.list(caller, "o_row", {"$filter": text}, within=t)
            assert sorted(one["o_rowid"] for one in answer["value"]) == sorted(expected), text
            raise Forgotten

    with pytest.raises(Forgotten):
        run(story())


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("size eq '3'", True), ("size eq '003'", True), ("size gt '10'", False),
        ("size lt '10'", True),
        ("price eq '1.50'", True), ("price ne '2'", True), ("done eq 'true'", True),
        ("done eq '0'", False), ("name eq '3'", False), ("name eq '03'", True),
    ],
)  # fmt: skip
def test_a_text_is_read_as_what_the_column_holds(store, database, run, filter, found) -> None:
    async def story() -> None:
        rows, caller = store
        async with database.transaction() as t:
            values = {"name": "03", "size": 3, "price": 1.5, "done": True}
            made = await rows.create(caller, "o_row", values, within=t)
            answer = await rows.list(caller, "o_row", {"$filter": filter}, within=t)
            assert bool(answer["value"]) is found
            assert holds(parse_filter(filter), made) is found
            raise Forgotten

    with pytest.raises(Forgotten):
        run(story())
