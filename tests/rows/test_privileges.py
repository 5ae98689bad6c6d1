"""Privileges are rows: one for each table and right, and one for each that a role gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.database import Database
from flowner.rows import registry
from flowner.rows.catalogue import SYSTEM_TABLES
from flowner.rows.seed import SYSTEM_ADMINISTRATOR
from flowner.rows.store import Store
from rows.stage import make_tables, staged


@pytest.fixture(scope="module")
def store(database: Database, run: Callable[..., Any]) -> Store:
    return run(make_tables(database))


def test_every_table_of_ours_is_registered(database: Database, run: Callable[..., Any]) -> None:
    async def registered() -> set[str]:
        async with database.transaction() as t:
            found = await t.execute("SELECT logicalname AS name FROM rows.systemtable")
            return {row["name"] for row in await found.fetchall()}

    assert run(registered()) == set(SYSTEM_TABLES)


def test_a_role_gives_what_its_rows_say(store: Store, database: Database, run: Any) -> None:
    async def story() -> None:
        async with staged(store, database) as s:
            await s.user("me", "bu1", {"account": {"Read": "Deep"}, "position": {"Read": "Global"}})
            role = (await registry.select(s.t, "role", {"name": "role of me"}))[0]["roleid"]

            async def given(role: str) -> dict[str, int]:
                rows = await store.list(s.who("admin"), "roleprivileges",
                                        {"$filter": f"roleid eq {role}"}, within=s.t)  # fmt: skip
                names = await store.list(s.who("admin"), "privilege", {}, within=s.t)
                known = {row["privilegeid"]: row["name"] for row in names["value"]}
                return {
                    known[row["_privilegeid_value"]]: row["privilegedepthmask"]
                    for row in rows["value"]
                }

            assert await given(role) == {"prvReadaccount": 4, "prvReadPosition": 8}
            everything = await given(SYSTEM_ADMINISTRATOR)
            assert {f"prv{right}account" for right in Right} <= set(everything)
            assert {f"prv{right}User" for right in Right if right not in (
                Right.ASSIGN, Right.SHARE)} <= set(everything)  # fmt: skip
            assert set(everything.values()) == {8}
            assert "prvActOnBehalfOfAnotherUser" in everything

    run(story())
