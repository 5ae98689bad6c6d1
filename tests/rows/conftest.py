"""A small company with one table of its own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from flowner.clock import SystemClock
from flowner.directory.people import Directory, NewPerson
from flowner.rows import registry, seed
from flowner.rows.catalogue import Type
from flowner.rows.metadata import Metadata
from flowner.rows.store import Store
from flowner.values import PrincipalId

CLERK = "00000000-0000-4000-8000-00000000c1e4"
RIGHTS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share")


@dataclass
class Company:
    store: Store
    directory: Directory
    admin: PrincipalId
    ann: PrincipalId
    ben: PrincipalId
    guest: PrincipalId
    leaver: PrincipalId
    crew: PrincipalId


@pytest.fixture(scope="module")
def company(database, run) -> Company:
    """Ann and Ben are clerks: their own rows; both may act for others.

    The guest has a role that opens nothing.
    """

    async def build() -> Company:
        store = Store(database, SystemClock())
        directory = Directory(database)
        await Metadata(database, store.catalogue).create_table(
            "t_note",
            set_name="t_notes",
            primary_name="t_name",
            columns={
                "t_size": Type.WHOLE,
                "t_price": Type.DECIMAL,
                "t_done": Type.BOOLEAN,
                "t_due": Type.MOMENT,
                "t_about": Type.LOOKUP,
            },
        )
        async with database.transaction() as t:
            await registry.insert(t, "role", {"roleid": CLERK, "name": "Clerk"}, by=None)
            for right in RIGHTS:
                row = {"roleid": CLERK, "tablename": "t_note", "rightname": right, "depth": 1}
                await registry.insert(t, "roleprivilege", row, by=None)

        async def add(name: str, *roles: str) -> PrincipalId:
            return await directory.add_person(
                NewPerson(name=name, upn=f"{name}@t.example"), roles=roles
            )

        people = {
            "admin": await add("admin", seed.SYSTEM_ADMINISTRATOR),
            "ann": await add("ann", CLERK, seed.DELEGATE),
            "ben": await add("ben", CLERK, seed.DELEGATE),
            "guest": await add("guest", seed.BASIC_USER),
            "leaver": await add("leaver", CLERK),
        }
        await directory.set_enabled(people["leaver"], enabled=False)
        crew = await directory.add_team("crew")
        await directory.give_role(crew, CLERK)
        async with database.transaction() as t:
            row = {"teamid": crew, "systemuserid": people["ben"]}
            await registry.insert(t, "teammembership", row, by=None)
        return Company(store=store, directory=directory, crew=crew, **people)

    return run(build())
