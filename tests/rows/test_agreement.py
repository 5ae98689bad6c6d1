"""The law's two statements agree: what is decided of each row is what the predicate finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from flowner.access.listing_shape import Served, Shape
from flowner.access.rights import Right, RowFacts
from flowner.access.row_filter import decide_row, row_filter, ways_in
from flowner.odata.syntax import Column, Order
from flowner.rows import registry
from flowner.rows.asking import Asking, ask, facts_of
from flowner.rows.compiling import Around, compile_predicate
from flowner.rows.counting import among, counting_statement
from flowner.rows.lawful import law_text, law_values, shape_of
from flowner.rows.listing import Listing, listing_statement
from flowner.rows.ordering import Place, after, after_values
from flowner.rows.standing import Standings
from rows.stage import DEPTHS, EVERY, Stage, make_tables, staged

UNITS = ("root", "bu1", "bu2", "buX")
PEOPLE = ("ann", "ben", "cas", "dee")
TEAMS = {"crew": 0, "record": 1, "staff": 2}
HOLDERS = (*PEOPLE, "crew", "staff")
OWNERS = (*PEOPLE, "crew")
ORDERS = (
    (),
    (Order(Column("modifiedon"), True),),
    (Order(Column("ssn"), True), Order(Column("modifiedon"), False)),
    (Order(Column("ssn"), False),),
)

DEPTH = st.sampled_from(("Basic", "Basic", *DEPTHS))
rights = st.one_of(
    DEPTH.map(lambda depth: dict.fromkeys(EVERY, depth)),
    st.dictionaries(st.sampled_from(EVERY), DEPTH, min_size=2, max_size=8),
)
roles = st.lists(
    st.tuples(st.sampled_from(HOLDERS), rights, st.sampled_from(UNITS), st.booleans()),
    min_size=2,
    max_size=5,
)
rows = st.lists(
    st.tuples(
        st.sampled_from(OWNERS),
        st.sampled_from(UNITS),
        st.lists(
            st.tuples(st.sampled_from((*PEOPLE, *TEAMS, "root")), st.sampled_from(EVERY)),
            unique_by=lambda share: share[0],
            max_size=2,
        ),
        st.booleans(),
    ),
    min_size=4,
    max_size=8,
)
worlds = st.fixed_dictionaries(
    {
        "units": st.tuples(*(st.sampled_from(UNITS) for _ in PEOPLE)),
        "modes": st.tuples(*(st.sampled_from((0, 0, 0, 2, 4)) for _ in PEOPLE)),
        "members": st.lists(
            st.tuples(st.sampled_from(("crew", "record")), st.sampled_from(PEOPLE)),
            unique=True,
            min_size=2,
        ),
        "staff": st.lists(st.sampled_from(PEOPLE), unique=True),
        "roles": roles,
        "rows": rows,
        "hierarchy": st.sampled_from((None, "manager", "position")),
        "depth": st.integers(1, 3),
        "above": st.tuples(*(st.sampled_from((None, *PEOPLE)) for _ in PEOPLE)),
        "excluded": st.sampled_from((False, False, True)),
    }
)


@pytest.fixture(scope="module")
def store(database, run):
    return run(make_tables(database))


@given(world=worlds)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_law_is_the_same_twice(store, database, run, world: dict[str, Any]) -> None:
    run(_compare(store, database, world))


async def _compare(store: Any, database: Any, world: dict[str, Any]) -> None:
    async with staged(store, database) as stage:
        ids = await _build(stage, world)
        asking = await ask(stage.t, store.catalogue, Standings(), stage.who("admin"), "account")
        facts = {id: await facts_of(asking, id) for id in ids}
        standings = Standings()
        for who in (*PEOPLE, "crew", "admin"):
            standing = await standings.of(stage.ids[who], stage.t)
            for right in Right:
                decided = {
                    id
                    for id, row in facts.items()
                    if decide_row(standing, "account", right, row).allowed
                }
                law = row_filter(standing, "account", right, owned=True)
                ways = [ways_in(standing, "account", right, owned=True)]
                said = [
                    (compile_predicate(law, asking.table), {}),
                    (
                        law_text(shape_of(ways), "account", "accountid"),
                        law_values(ways, "account", right),
                    ),
                ]
                for text, values in said:
                    statement = sql.SQL("SELECT accountid::text AS id FROM rows.account r WHERE {}")
                    found = await stage.t.execute(statement.format(text), values)
                    assert {row["id"] for row in await found.fetchall()} == decided, (who, right)
            await _listed(replace(asking, standings=[standing], memory=standings), facts)
        pair = [await standings.of(stage.ids[who], stage.t) for who in PEOPLE[:2]]
        await _listed(replace(asking, standings=pair, memory=standings), facts)


async def _listed(asking: Asking, facts: dict[str, RowFacts]) -> None:
    """Every shape of the list's statement finds what is decided, page after page, in order."""
    decided = {id for id, row in facts.items() if asking.allows(Right.READ, row)}
    for order in ORDERS:
        parts = (*order, Order(Column("accountid"), False))
        places = [Place.of(one, asking.table, Around()) for one in parts]
        lists = [await _pages(asking, places, chosen) for chosen in (*Shape, None)]
        assert set(lists[0]) == decided
        assert len(lists[0]) == len(decided)
        assert all(one == lists[0] for one in lists), order
    await _counted(asking, decided)


async def _counted(asking: Asking, decided: set[str]) -> None:
    """The count up to a bound is that of what is decided, and groups are over the same rows."""
    where = sql.SQL("true")
    for most in (None, 1, 2, 100):
        statement = counting_statement(asking, where, most, Around())
        row = await (await asking.transaction.execute(*statement)).fetchone()
        assert row["count"] == min(len(decided), most or len(decided)), most
    found, values = among(asking, where, 100, Around())
    text = sql.SQL("SELECT r.accountid::text AS id FROM rows.account r WHERE {}").format(found)
    rows = await (await asking.transaction.execute(text, values)).fetchall()
    assert sorted(row["id"] for row in rows) == sorted(decided)


async def _pages(asking: Asking, places: list[Place], chosen: Shape | None) -> list[str]:
    found: list[str] = []
    last = None
    while True:
        listing = Listing(
            columns=sql.SQL("r.name"),
            places=places,
            where=after(places, last),
            served=Served.NOWHERE,
            size=3,
        )
        text, values = listing_statement(asking, listing, Around(), chosen=chosen)
        statement = text, {**values, **after_values(last)}
        rows = await (await asking.transaction.execute(*statement)).fetchall()
        if not rows:
            return found
        last = tuple(rows[-1][f"@{at}"] for at in range(len(places)))
        found += [row[f"@{len(places) - 1}"] for row in rows]


async def _build(s: Stage, world: dict[str, Any]) -> list[str]:
    for name, unit, mode in zip(PEOPLE, world["units"], world["modes"], strict=True):
        await s.user(name, unit, accessmode=mode)
    group = await s.insert("securitygroup", name="staff")
    for name, kind in TEAMS.items():
        await s.team(name, "bu1", kind=kind, **({"securitygroupid": group} if kind == 2 else {}))
    for team, name in world["members"]:
        await s.join(team, name)
    for name in world["staff"]:
        await s.insert(
            "groupmembership",
            securitygroupid=group,
            memberid=s.ids[name],
            membertype="systemuser",
        )
    for holder, held, unit, own in world["roles"]:
        await s.role(holder, {"account": held}, unit=unit, own=own)
    if world["hierarchy"] is not None:
        await _hierarchy(s, world)
    return [await _row(s, *row) for row in world["rows"]]


async def _hierarchy(s: Stage, world: dict[str, Any]) -> None:
    by_position = world["hierarchy"] == "position"
    await s.organization(
        ishierarchicalsecuritymodelenabled=True,
        usepositionhierarchy=by_position,
        maxdepthforhierarchicalsecuritymodel=world["depth"],
    )
    if world["excluded"]:
        await s.insert("hierarchyexclusion", tablename="account")
    above = dict(zip(PEOPLE, world["above"], strict=True))
    places = {name: await s.insert("position", name=name) for name in PEOPLE}
    for name, higher in above.items():
        over = None if higher is None else (places if by_position else s.ids)[higher]
        changed = {"positionid": places[name]} if by_position else {"parentsystemuserid": over}
        await registry.update(s.t, "systemuser", s.ids[name], changed, by=None)
        if by_position:
            under = {"parentpositionid": over}
            await registry.update(s.t, "position", places[name], under, by=None)


async def _row(
    s: Stage, owner: str, unit: str, shared: list[tuple[str, str]], inherited: bool
) -> str:
    ssn = None if inherited else owner
    id = await s.row("account", owner, owningbusinessunit=s.ids[unit], ssn=ssn)
    for holder, right in shared:
        mask = Right(right).mask
        await s.insert(
            "rowshare", tablename="account", rowid=id, principalid=s.ids[holder],
            accessmask=0 if inherited else mask, inheritedmask=mask if inherited else 0,
        )  # fmt: skip
    return id
