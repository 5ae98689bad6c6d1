"""Random requests over random worlds, through the front door: a short run of ``make fuzz``.

And, one row each, what longer runs have found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from psycopg import Error

from flowner.directory.people import NewPerson
from flowner.rows.seed import BASIC_USER
from flowner.server import House
from flowner.serving import serve
from flowner.values import PrincipalId
from webapi.conftest import Door, refused
from webapi.fuzz import Client, Fuzz
from webapi.random_requests import Asked
from worlds.complaints import Complaints

REQUESTS = 600


def test_no_request_fails_shows_or_changes_what_it_may_not(
    house: House, run: Callable[..., Any]
) -> None:
    async def story() -> Fuzz:
        async with serve(house) as address:
            client = Client("127.0.0.1", int(address.rpartition(":")[2]))
            fuzz = Fuzz(house, client, Random(20261125))
            await fuzz.begin()
            await fuzz.run(REQUESTS, per_world=REQUESTS // 4)
            await client.close()
            return fuzz

    fuzz = run(story())
    assert not fuzz.findings, "\n".join(fuzz.findings[:5])
    assert fuzz.checked > REQUESTS / 6
    assert fuzz.statuses[200] > REQUESTS / 5


def test_small_answers_are_not_held_back(door: Door, run: Callable[..., Any]) -> None:
    async def quickest() -> float:
        client = Client("127.0.0.1", int(door.address.rpartition(":")[2]))
        headers = {"Authorization": f"Bearer {door.tokens['ann']}"}
        times = []
        for _ in range(12):
            begun = time.perf_counter()
            await client.ask(Asked("GET", "WhoAmI", "ann"), headers)
            times.append(time.perf_counter() - begun)
        await client.close()
        return min(times[1:])

    assert run(quickest()) < 0.035


def test_a_statement_put_together_wrong_is_noticed(door: Door, run: Callable[..., Any]) -> None:
    async def story() -> list[str]:
        complaints = await Complaints.of(door.house.database)
        if not complaints.path.is_file():
            pytest.skip("the database's log is not here")
        for text in ("SELECT FROM WHERE", "SELECT 'a'::uuid"):
            with suppress(Error):
                async with door.house.database.transaction() as t:
                    await t.execute(text.encode())
        return complaints.mistakes()

    (mistake,) = run(story())
    assert mistake.startswith("syntax error")


TABLE = "EntityDefinitions(LogicalName='account')"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param(f"{TABLE}/Attributes?$expand=Attributes", 200, id="columns have no columns"),
        pytest.param("accounts({id})/ownerid/$value", 404, id="a row has no raw value"),
        pytest.param(
            "accounts?$filter=Microsoft.Dynamics.CRM.On(PropertyName='createdon',"
            "PropertyValue='0001-01-01T00:00:00%2B14:00')",
            400,
            id="a day before all days",
        ),
    ],
)
def test_what_was_found(door: Door, path: str, status: int) -> None:
    answer = door.get(path.format(id=door.make("accounts", "admin", name="found")), "admin")
    if status < 400:
        assert answer.status_code == status, answer.text
    else:
        refused(answer, status)


def test_an_expand_is_refused_on_every_page_or_on_none(door: Door, run: Callable[..., Any]) -> None:
    """Whether the first page has a row behind its rows is no matter."""

    async def employ() -> None:
        directory = door.house.directory
        role = await directory.add_role("Solo", {("account", "Read"): 1, ("account", "Create"): 1})
        new = NewPerson(name="solo", upn="solo@webapi.example")
        door.people["solo"] = await directory.add_person(new, roles=(BASIC_USER, role))
        token = await door.house.tokens.issue(PrincipalId(door.people["solo"]), "t")
        door.tokens["solo"] = token.reveal()

    run(employ())
    door.make("accounts", "solo", name="Alone")
    assert len(door.value("accounts?$expand=parentaccountid", "solo")) == 1
    refused(door.get("accounts?$expand=primarycontactid", "solo"), 403, "0x80040220")
    refused(door.get("accounts?$expand=contact_customer_accounts", "solo"), 403, "0x80040220")
