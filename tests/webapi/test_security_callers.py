"""Who calls, and as whom: the gathered cases that only HTTP can ask, in every way of asking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conftest import SHARED
from flowner.directory.people import NewPerson
from flowner.rows import registry
from flowner.rows.seed import ORGANIZATION
from webapi.conftest import PEOPLE, Door, refused

CASES = SHARED / "cases" / "rows" / "security_cases.json"


def told(id: str) -> dict[str, Any]:
    if not CASES.exists():
        pytest.skip("the gathered cases are not here")
    cases = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    return next(case for case in cases if case["id"] == id)


@pytest.fixture(scope="module")
def fay(door: Door) -> str:
    """A clerk in a unit of her own, whom the directory knows by another id than we do."""
    id: str = door.run(door.house.directory.add_person(
        NewPerson(name="fay", upn="fay@webapi.example"), roles=PEOPLE["ann"]))  # fmt: skip

    async def moved() -> None:
        async with door.house.database.transaction() as transaction:
            unit = {"name": "Child", "parentbusinessunitid": ORGANIZATION}
            child = await registry.insert(transaction, "businessunit", unit, by=None)
            values = {"businessunitid": child,
                      "azureactivedirectoryobjectid": door.house.clock.fresh_guid()}  # fmt: skip
            await registry.update(transaction, "systemuser", id, values, by=None)

    door.run(moved())
    door.tokens["fay"] = door.run(door.house.tokens.issue(id, "t")).reveal()
    return id


def row_of(door: Door, person: str) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        async with door.house.database.connection() as connection:
            where = {"systemuserid": person}
            (row,) = await registry.select(connection, "systemuser", where)
            return row

    row: dict[str, Any] = door.run(read())
    return row


def test_s205_who_am_i_names_the_caller_and_their_unit(door: Door, fay: str) -> None:
    assert told("S205")["expect"] == "allowed"
    for who, id in (("fay", fay), ("ann", door.people["ann"])):
        answer = door.get("WhoAmI", who)
        assert answer.status_code == 200
        said = answer.json()
        assert said["UserId"] == id
        assert said["BusinessUnitId"] == row_of(door, id)["businessunitid"]
    assert row_of(door, fay)["businessunitid"] != ORGANIZATION


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer flw_x", "Basic eDp5", "Negotiate", "Bearer a.b.c"]
)
def test_s220_whoever_says_nobody_makes_nothing(door: Door, authorization: str | None) -> None:
    case = told("S220")
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = door.ask("POST", "accounts", None, headers=headers, json={"name": "Nobody's"})
    refused(answer, case["error"]["status"])
    assert "authorization_uri=" in answer.headers["www-authenticate"]
    assert "resource_id=" in answer.headers["www-authenticate"]
    assert door.value("accounts?$filter=name eq 'Nobody''s'", "admin") == []


def test_s240_each_header_names_by_its_own_id(door: Door, fay: str) -> None:
    assert told("S240")["expect"] == "allowed"
    object_id = row_of(door, fay)["azureactivedirectoryobjectid"]
    for header, known, unknown in (
        ("MSCRMCallerID", fay, object_id),
        ("CallerObjectId", object_id, fay),
    ):
        answer = door.get("WhoAmI", "proxy", headers={header: known})
        assert answer.json()["UserId"] == fay
        refused(door.get("WhoAmI", "proxy", headers={header: unknown}), 403)
    refused(door.get("WhoAmI", "ann", headers={"MSCRMCallerID": fay}), 403, "0x8004a110")
