"""Rows are shared, and what a principal may do with them is told, as clients of Dataverse ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from flowner.rows import registry
from flowner.rows.seed import ORGANIZATION
from webapi.conftest import SPACE, Door, refused

EVERYTHING = ("ReadAccess, WriteAccess, AppendAccess, AppendToAccess, CreateAccess, DeleteAccess,"
              " ShareAccess, AssignAccess")  # fmt: skip


def user(door: Door, name: str) -> dict[str, str]:
    return {"@odata.type": f"{SPACE}systemuser", "systemuserid": door.people[name]}


def account(id: str) -> dict[str, str]:
    return {"@odata.type": f"{SPACE}account", "accountid": id}


def give(door: Door, what: str, id: str, principal: Any, mask: str, who: str) -> httpx.Response:
    access = {"AccessMask": mask, "Principal": principal}
    return door.ask("POST", what, who, json={"Target": account(id), "PrincipalAccess": access})


def access(door: Door, principal: str, id: str, who: str = "admin") -> str:
    at = quote(json.dumps({"@odata.id": f"accounts({id})"}))
    path = f"{principal}/{SPACE}RetrievePrincipalAccess(Target=@p1)?@p1={at}"
    answer = door.get(path, who)
    assert answer.status_code == 200, answer.text
    assert answer.json()["@odata.context"].endswith(f"#{SPACE}RetrievePrincipalAccessResponse")
    found: str = answer.json()["AccessRights"]
    return found


@pytest.fixture(scope="module")
def team(door: Door, run: Callable[..., Any]) -> str:
    """A team with Ben in it."""

    async def made() -> str:
        team = await door.house.directory.add_team("Readers")
        async with door.house.database.transaction() as t:
            member = {"teamid": team, "systemuserid": door.people["ben"]}
            await registry.insert(t, "teammembership", member, by=None)
        return team

    found: str = run(made())
    return found


def test_a_row_is_shared_changed_and_taken_back(door: Door) -> None:
    id = door.make("accounts", "ann", name="Shared")
    ben = f"systemusers({door.people['ben']})"
    refused(door.get(f"accounts({id})", "ben"), 403, "0x80048306")
    assert access(door, ben, id) == "None"

    assert give(door, "GrantAccess", id, user(door, "ben"), "ReadAccess", "ann").status_code == 204
    assert door.get(f"accounts({id})", "ben").status_code == 200
    given = give(door, "GrantAccess", id, user(door, "ben"), "WriteAccess,AppendAccess", "ann")
    assert given.status_code == 204
    assert access(door, ben, id) == "ReadAccess, WriteAccess, AppendAccess"

    put = give(door, "ModifyAccess", id, user(door, "ben"), "AssignAccess, ReadAccess", "ann")
    assert put.status_code == 204
    assert access(door, ben, id, "ben") == "ReadAccess, AssignAccess"

    body = {"Target": {"@odata.id": f"accounts({id})"}, "Revokee": user(door, "ben")}
    assert door.ask("POST", "RevokeAccess", "ann", json=body).status_code == 204
    refused(door.get(f"accounts({id})", "ben"), 403, "0x80048306")


def test_rights_are_told_in_the_order_of_their_bits(door: Door) -> None:
    id = door.make("accounts", "ann", name="Mine")
    assert access(door, f"systemusers({door.people['ann']})", id) == EVERYTHING
    assert access(door, f"systemusers({door.people['guest']})", id) == "None"


def test_a_team_and_everybody_can_be_shared_with(door: Door, team: str) -> None:
    id = door.make("accounts", "ann", name="For many")
    principal = {"@odata.type": f"#{SPACE}team", "teamid": team}
    assert give(door, "GrantAccess", id, principal, "ReadAccess", "ann").status_code == 204
    assert door.get(f"accounts({id})", "ben").status_code == 200
    assert access(door, f"teams({team})", id) == "None", "a team without a role reads nothing"
    refused(door.get(f"accounts({id})", "proxy"), 403, "0x80048306")

    everybody = {"@odata.type": f"{SPACE}organization", "organizationid": ORGANIZATION}
    assert give(door, "GrantAccess", id, everybody, "ReadAccess", "ann").status_code == 204
    assert door.get(f"accounts({id})", "proxy").status_code == 200

    at = quote(json.dumps({"@odata.id": f"accounts({id})"}))
    answer = door.get(f"RetrieveSharedPrincipalsAndAccess(Target=@p1)?@p1={at}", "ann")
    shown = {one["Principal"]["@odata.type"]: one for one in answer.json()["PrincipalAccesses"]}
    assert shown[f"#{SPACE}team"]["Principal"]["teamid"] == team
    assert shown[f"#{SPACE}team"]["AccessMask"] == "ReadAccess"
    assert shown[f"#{SPACE}organization"]["Principal"]["organizationid"] == ORGANIZATION
    hidden = f"RetrieveSharedPrincipalsAndAccess(Target=@p1)?@p1={at}"
    refused(door.get(hidden, "guest"), 403, "0x80040220")


def test_what_gives_a_right_is_told(door: Door) -> None:
    id = door.make("accounts", "ann", name="Ways")
    give(door, "GrantAccess", id, user(door, "ben"), "ReadAccess", "ann")
    for name, ways in (("ann", ("Role", EVERYTHING)), ("ben", ("Poa", "ReadAccess"))):
        path = f"systemusers({door.people[name]})/{SPACE}RetrievePrincipalAccessInfo"
        answer = door.get(f"{path}(ObjectId={id},EntityName='account')", "admin")
        info = json.loads(answer.json()["AccessInfo"])
        way, rights = ways
        others = {one for one in ("Role", "Poa", "Hsm") if one != way}
        assert info[f"{way}AccessRights"] == info["GrantedAccessRights"] == rights
        assert {info[f"{one}AccessRights"] for one in others} == {"None"}


def test_who_shares_needs_the_right_to(door: Door) -> None:
    id = door.make("accounts", "ann", name="Kept")
    ben = user(door, "ben")
    refused(give(door, "GrantAccess", id, ben, "ReadAccess", "ben"), 403, "0x80048306")
    refused(give(door, "GrantAccess", id, ben, "ReadAccess", "guest"), 403, "0x80040220")
    give(door, "GrantAccess", id, ben, "ReadAccess, ShareAccess", "ann")
    proxy = user(door, "proxy")
    assert give(door, "GrantAccess", id, proxy, "ReadAccess", "ben").status_code == 204
    refused(give(door, "GrantAccess", id, proxy, "WriteAccess", "ben"), 403, "0x80048306")
    ann = user(door, "ann")
    refused(give(door, "GrantAccess", id, ann, "ReadAccess", "ann"), 400, "0x80040214")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "0x80048d19"),
        ({"Target": {"accountid": "x"}}, 400, "0x80048d19"),
        ({"Target": {"@odata.type": "account", "accountid": "x"}}, 400, "0x80048d19"),
        ({"Target": {"@odata.type": "nothing"}}, 404, "0x80040217"),
        ({"PrincipalAccess": {"AccessMask": "AllAccess"}}, 400, "0x80048d19"),
        ({"PrincipalAccess": {"AccessMask": 3}}, 400, "0x80048d19"),
        ({"PrincipalAccess": {"AccessMask": "ReadAccess",
                              "Principal": {"@odata.id": "accounts({id})"}}}, 400, "0x80048d19"),
        ({"PrincipalAccess": {"AccessMask": "ReadAccess", "Principal": {
            "systemuserid": "00000000-0000-0000-0000-000000000001",
            "@odata.type": "systemuser"}}}, 404, "0x80040217"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_share_is_said(
    door: Door, body: dict[str, Any], status: int, code: str
) -> None:
    id = door.make("accounts", "ann", name="Wrong")
    whole = {"Target": account(id), "PrincipalAccess": {
        "AccessMask": "ReadAccess", "Principal": user(door, "ben")}}  # fmt: skip
    given = {**whole, **json.loads(json.dumps(body).replace("{id}", id))} if body else {}
    if isinstance(given.get("PrincipalAccess"), dict):
        given["PrincipalAccess"] = {**whole["PrincipalAccess"], **given["PrincipalAccess"]}
    refused(door.ask("POST", "GrantAccess", "ann", json=given), status, code)


@pytest.mark.parametrize(
    ("table", "status", "code"),
    [
        ("systemuser", 400, None),
        ("flowrun", 403, "0x80040220"),
        ("organization", 403, "0x80040220"),
    ],
)
def test_tables_with_rules_of_their_own_are_not_shared_past_them(
    door: Door, table: str, status: int, code: str | None
) -> None:
    target = {"@odata.type": f"{SPACE}{table}", f"{table}id": door.people["ben"]}
    body = {"Target": target, "PrincipalAccess": {
        "AccessMask": "ReadAccess", "Principal": user(door, "ann")}}  # fmt: skip
    refused(door.ask("POST", "GrantAccess", "admin", json=body), status, code)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("systemusers({me})/{space}RetrievePrincipalAccess", 400),
        ("systemusers({me})/{space}RetrievePrincipalAccess(Target=@p1)", 400),
        ("systemusers({me})/{space}RetrievePrincipalAccess(Target=5)", 400),
        ("systemusers({me})/{space}RetrievePrincipalAccess(Target={{)", 400),
        ("systemusers({me})/{space}RetrievePrincipalAccess(Other=5)", 400),
        ("systemusers({me})/{space}RetrievePrincipalAccess(Target=@p1)?$top=1", 400),
        ("systemusers({me})/{space}Nothing()", 404),
        ("accounts({me})/{space}RetrievePrincipalAccess(Target=5)", 404),
        ("RetrieveSharedPrincipalsAndAccess", 400),
    ],
)
def test_what_is_wrong_with_a_function_is_said(door: Door, path: str, status: int) -> None:
    given = path.format(me=door.people["ann"], space=SPACE)
    refused(door.get(given), status)
    assert door.ask("POST", given).status_code in (404, 405)
