"""The change feed: written with the row for whoever listens, taken once, given back if need be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from flowner.rows import feed, registry
from flowner.rows.callers import Caller
from flowner.rows.catalogue import Type
from flowner.rows.metadata import Metadata

FLOW = "00000000-0000-4000-8000-00000000f100"


@pytest.fixture(scope="module")
def listens(company: Any, database: Any, run: Callable[..., Any]) -> Callable[..., None]:
    """Let a table be listened for by the name given, and by no other."""

    async def listen(name: str) -> None:
        async with database.transaction() as transaction:
            await registry.delete(transaction, "callbackregistration", {})
            row = {"workflowid": FLOW, "entityname": name, "message": 7, "scope": 4}
            await registry.insert(transaction, "callbackregistration", row, by=None)
            await transaction.execute("DELETE FROM rows.change")

    async def build() -> None:
        metadata = Metadata(database, company.store.catalogue)
        await metadata.create_table(
            "t_quiet", set_name="t_silence", primary_name="t_name", columns={"t_size": Type.WHOLE}
        )

    run(build())
    return lambda name: run(listen(name))


async def taken(database: Any) -> list[feed.Change]:
    async with database.transaction() as transaction:
        return await feed.take(transaction, 100)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("t_note", 1, id="its name"),
        pytest.param("t_notes", 1, id="its set's name"),
        pytest.param("t_quiet", 0, id="another's name"),
        pytest.param("t_silence", 0, id="another's set's name"),
    ],
)
def test_a_change_is_written_when_somebody_listens(
    company: Any, database: Any, run: Any, listens: Any, name: str, told: int
) -> None:
    listens(name)
    run(company.store.create(Caller(company.ann), "t_note", {"t_name": "x"}))
    assert len(run(taken(database))) == told


def test_a_change_says_who_made_it_and_whose_the_row_was(
    company: Any, database: Any, run: Any, listens: Any
) -> None:
    listens("t_note")

    async def story() -> list[feed.Change]:
        store, ann = company.store, Caller(company.ann)
        made = await store.create(ann, "t_note", {"t_name": "x", "t_size": 1})
        for_ann = Caller(company.ann, company.admin)
        id = made["t_noteid"]
        await store.update(for_ann, "t_note", id, {"t_size": 1, "ownerid": company.ben})
        crew = {"ownerid@odata.bind": f"/teams({company.crew})"}
        await store.update(Caller(company.admin), "t_note", id, crew)
        return await taken(database)

    first, second, third = run(story())
    assert (first.acting_for, first.actor, first.owner) == (company.ann, None, company.ann)
    assert (second.acting_for, second.actor) == (company.ann, company.admin)
    assert (second.owner, second.owner_type) == (company.ben, "systemuser")
    assert second.named == {"t_size", "ownerid"}
    assert (third.owner, third.owner_type) == (company.crew, "team")
    assert third.named == {"ownerid"}


def test_two_who_take_at_once_get_different_changes_and_none_is_lost(
    company: Any, database: Any, run: Any, listens: Any
) -> None:
    listens("t_note")
    took: list[list[int]] = []

    async def take(*, fails: bool) -> None:
        async with database.transaction() as transaction:
            changes = await feed.take(transaction, 10)
            took.append([one.row["t_size"] for one in changes])
            await met.wait()
            if fails:
                raise ZeroDivisionError

    async def story() -> None:
        for size in range(30):
            await company.store.create(
                Caller(company.ann), "t_note", {"t_name": "x", "t_size": size}
            )
        takers = (take(fails=fails) for fails in (True, False))
        await asyncio.gather(*takers, return_exceptions=True)

    met = asyncio.Barrier(2)
    run(story())
    assert all(sizes == sorted(sizes) and len(sizes) == 10 for sizes in took)
    assert set(took[0]) & set(took[1]) == set()
    left = [one.row["t_size"] for one in run(taken(database))]
    assert left == sorted(left)
    assert len(left) == 20
    gone = set(range(30)) - set(left)
    assert gone in (set(took[0]), set(took[1]))


def test_a_change_has_the_moment_of_its_own_statement(
    company: Any, database: Any, run: Any, listens: Any
) -> None:
    listens("t_note")

    async def story() -> tuple[datetime, datetime]:
        async with database.transaction() as transaction:
            begun = await (await transaction.execute("SELECT now() AS at")).fetchone()
            await transaction.execute("SELECT pg_sleep(0.05)")
            await company.store.create(
                Caller(company.ann), "t_note", {"t_name": "x"}, within=transaction
            )
        (change,) = await taken(database)
        return begun["at"], change.at

    begun, changed = run(story())
    assert (changed - begun).total_seconds() >= 0.05
