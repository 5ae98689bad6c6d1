"""A trigger tells nobody what they could not have read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.directory.people import NewPerson
from flowner.errors import AccessDenied, Code
from flowner.flows.connections import NewConnection
from flowner.rows import registry
from flowner.rows.callers import Caller
from flowner.rows.seed import BASIC_USER
from flowner.values import FlowId, PrincipalId
from worlds import written
from worlds.living import NOTE
from worlds.still import Still

RIGHTS = ("Create", "Read", "Write")


@pytest.fixture(scope="module")
def people(still: Still, run: Callable[..., Any]) -> dict[str, PrincipalId]:
    """Own and Wide read their own rows, and all; Blind reads none."""

    async def build() -> dict[str, PrincipalId]:
        house = still.house
        await house.metadata.create_table(
            "t_secret", set_name="t_secrets", primary_name="t_name", columns={}
        )
        own = await house.directory.add_role("Own", {("t_secret", r): 1 for r in RIGHTS})
        wide = await house.directory.add_role("Wide", {("t_secret", r): 8 for r in RIGHTS})
        return {
            name: await house.directory.add_person(
                NewPerson(name=name, upn=f"{name}@hear.example"), roles=(BASIC_USER, *roles)
            )
            for name, roles in (("own", (own,)), ("wide", (wide,)), ("blind", ()))
        }

    return run(build())


async def listening(still: Still, owner: PrincipalId, name: str) -> FlowId:
    house = still.house
    given = NewConnection(connector=written.ROWS, account=f"{name}@hear.example")
    connection = await house.connections.make(given, owner)
    package = written.package(
        written.row_trigger("t_secret", message=4), NOTE,
        {"rows": written.reference(written.ROWS, f"hear_{name}")},
    )  # fmt: skip
    done = await house.importer.bring_in(package, owner, bind={f"hear_{name}": connection})
    await house.turning.on(done.flows[0].id, owner)
    return done.flows[0].id


def test_a_trigger_hears_of_the_rows_that_its_flows_owner_may_read(still, run, people) -> None:
    async def story() -> None:
        store = still.house.store
        own = await listening(still, people["own"], "own")
        wide = await listening(still, people["wide"], "wide")
        mine = await store.create(Caller(people["own"]), "t_secret", {"t_name": "mine"})
        theirs = await store.create(Caller(people["wide"]), "t_secret", {"t_name": "theirs"})
        heard = await still.fed(own, wide)
        assert [len(runs) for runs in heard] == [1, 2]
        async with still.house.database.transaction() as transaction:
            share = {"tablename": "t_secret", "rowid": theirs["t_secretid"],
                     "principalid": people["own"], "accessmask": 1}  # fmt: skip
            await registry.insert(transaction, "rowshare", share, by=None)
        for row in (mine, theirs):
            await store.update(
                Caller(people["wide"]), "t_secret", row["t_secretid"], {"t_name": "x"}
            )
        assert [len(runs) for runs in await still.fed(own, wide)] == [2, 2]

    run(story())


def test_nobody_listens_to_a_table_that_they_may_not_read(still, run, people) -> None:
    with pytest.raises(AccessDenied, match="prvReadt_secret") as caught:
        run(listening(still, people["blind"], "blind"))
    assert caught.value.code is Code.PRIVILEGE_MISSING


def test_a_right_that_is_lost_is_lost_for_the_trigger(still, run, people) -> None:
    async def story() -> None:
        house = still.house
        flow = await listening(still, people["wide"], "again")
        await house.store.create(Caller(people["own"]), "t_secret", {"t_name": "before"})
        async with house.database.transaction() as transaction:
            await registry.delete(transaction, "roleassignment", {"principalid": people["wide"]})
        assert [len(runs) for runs in await still.fed(flow)] == [0]

    run(story())
