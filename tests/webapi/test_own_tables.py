"""Tables of ours over HTTP: units, roles, users and teams are written like any row."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from flowner.values import PrincipalId
from webapi.conftest import Door, refused


def unit(door: Door, **more: Any) -> str:
    return door.make("businessunits", "admin", name=f"Unit {uuid.uuid4().hex[:6]}", **more)


def user(door: Door, **more: Any) -> str:
    upn = f"{uuid.uuid4().hex[:8]}@own.example"
    return door.make("systemusers", "admin", domainname=upn, **more)


def row(door: Door, path: str, who: str = "admin") -> dict[str, Any]:
    answer = door.get(path, who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def default_team(door: Door, id: str) -> list[dict[str, Any]]:
    where = f"_businessunitid_value eq {id} and isdefault eq true"
    return door.value(f"teams?$filter={where}", "admin")


def test_a_unit_comes_and_goes_with_its_default_team(door: Door) -> None:
    id = unit(door)
    (team,) = default_team(door, id)
    assert team["name"] == row(door, f"businessunits({id})")["name"]
    answer = door.ask("PATCH", f"businessunits({id})", "admin", json={"name": "Renamed"})
    assert answer.status_code == 204, answer.text
    assert default_team(door, id)[0]["name"] == "Renamed"
    refused(door.ask("DELETE", f"teams({team['teamid']})", "admin"), 400)
    refused(door.ask("PATCH", f"teams({team['teamid']})", "admin", json={"name": "x"}), 400)
    assert door.ask("DELETE", f"businessunits({id})", "admin").status_code == 204
    assert default_team(door, id) == []


def test_there_is_one_root_and_no_circle(door: Door) -> None:
    above = unit(door)
    below = unit(door, **{"parentbusinessunitid@odata.bind": f"/businessunits({above})"})
    root = row(door, f"businessunits({above})")["_parentbusinessunitid_value"]
    assert row(door, f"businessunits({root})")["_parentbusinessunitid_value"] is None
    for id, parent in ((above, f"/businessunits({below})"), (above, None), (root, None)):
        change = {"parentbusinessunitid@odata.bind": parent}
        answer = door.ask("PATCH", f"businessunits({id})", "admin", json=change)
        assert answer.status_code == (204 if id == root else 400), answer.text
    refused(door.ask("DELETE", f"businessunits({root})", "admin"), 400, "0x80040227")
    refused(door.ask("DELETE", f"businessunits({above})", "admin"), 400, "0x80040227")


def test_a_unit_with_users_stays_and_may_be_disabled(door: Door) -> None:
    id = unit(door)
    bound = {"businessunitid@odata.bind": f"/businessunits({id})"}
    person = user(door, **bound)
    refused(door.ask("DELETE", f"businessunits({id})", "admin"), 400, "0x80040227")
    assert (
        door.ask("PATCH", f"businessunits({id})", "admin", json={"isdisabled": True}).status_code
        == 204
    )
    body = {"domainname": "late@own.example", **bound}
    refused(door.ask("POST", "systemusers", "admin", json=body), 400, "0x8004032d")
    assert row(door, f"systemusers({person})")["_businessunitid_value"] == id


def test_a_role_has_a_copy_in_every_unit(door: Door) -> None:
    first = unit(door)
    name = f"Seller {uuid.uuid4().hex[:6]}"
    role = door.make("roles", "admin", name=name)
    second = unit(door, **{"parentbusinessunitid@odata.bind": f"/businessunits({first})"})
    copies = {
        one["_businessunitid_value"]: one
        for one in door.value(f"roles?$filter=_parentrootroleid_value eq {role}", "admin")
    }
    assert copies[first]["_parentroleid_value"] == role
    assert copies[second]["_parentroleid_value"] == copies[first]["roleid"]
    refused(door.ask("POST", "roles", "admin", json={"name": name}), 409, "0x80041403")
    copy = f"roles({copies[second]['roleid']})"
    refused(door.ask("DELETE", copy, "admin"), 400)
    refused(door.ask("PATCH", copy, "admin", json={"name": "Mine"}), 400)
    assert (
        door.ask("PATCH", f"roles({role})", "admin", json={"name": f"{name} 2"}).status_code == 204
    )
    assert row(door, copy)["name"] == f"{name} 2"
    assert door.ask("DELETE", f"roles({role})", "admin").status_code == 204
    refused(door.get(copy, "admin"), 404)


def test_the_servers_own_roles_stay(door: Door) -> None:
    where = "name eq 'System Administrator' and _parentroleid_value eq null"
    (role,) = door.value(f"roles?$filter={where}", "admin")
    path = f"roles({role['roleid']})"
    refused(door.ask("DELETE", path, "admin"), 400)
    refused(door.ask("PATCH", path, "admin", json={"name": "Everybody"}), 400)


def test_a_unit_has_one_role_of_a_name(door: Door) -> None:
    there = {"businessunitid@odata.bind": f"/businessunits({unit(door)})"}
    for more in ({}, there):
        body = {"name": "system administrator", **more}
        refused(door.ask("POST", "roles", "admin", json=body), 409, "0x80041403")
    role = door.make("roles", "admin", name=f"Seller {uuid.uuid4().hex[:6]}", **there)
    change = {"name": "System Administrator"}
    refused(door.ask("PATCH", f"roles({role})", "admin", json=change), 409, "0x80041403")


def test_a_user_is_made_moved_and_disabled(door: Door) -> None:
    there = unit(door)
    id = user(door, firstname="New", lastname="Comer")
    found = row(door, f"systemusers({id})")
    assert found["fullname"] == "New Comer"
    assert found["internalemailaddress"] == found["domainname"]
    change: dict[str, Any] = {
        "businessunitid@odata.bind": f"/businessunits({there})",
        "parentsystemuserid@odata.bind": f"/systemusers({door.people['ann']})",
    }
    assert door.ask("PATCH", f"systemusers({id})", "admin", json=change).status_code == 204
    found = row(door, f"systemusers({id})")
    assert found["_businessunitid_value"] == there
    assert found["_parentsystemuserid_value"] == door.people["ann"]
    above = {"parentsystemuserid@odata.bind": f"/systemusers({id})"}
    path = f"systemusers({door.people['ann']})"
    refused(door.ask("PATCH", path, "admin", json=above), 400)
    refused(door.ask("DELETE", f"systemusers({id})", "admin"), 400)
    disabled = {"isdisabled": True}
    assert door.ask("PATCH", f"systemusers({id})", "admin", json=disabled).status_code == 204


def test_disabling_somebody_counts_at_once(door: Door) -> None:
    path = f"systemusers({door.people['guest']})"
    assert door.get("WhoAmI", "guest").status_code == 200
    for disabled, status in ((True, 401), (False, 200)):
        answer = door.ask("PATCH", path, "admin", json={"isdisabled": disabled})
        assert answer.status_code == 204, answer.text
        assert door.get("WhoAmI", "guest").status_code == status
    admin = f"systemusers({door.people['admin']})"
    refused(door.ask("PATCH", admin, "admin", json={"isdisabled": True}), 400, "0x80041d2f")
    refused(door.ask("PATCH", admin, "admin", json={"accessmode": 2}), 400, "0x80041d2f")


def test_another_unit_takes_the_roles_away(door: Door) -> None:
    path = f"systemusers({door.people['proxy']})"
    assert door.get("accounts", "proxy").status_code == 200
    change = {"businessunitid@odata.bind": f"/businessunits({unit(door)})"}
    assert door.ask("PATCH", path, "admin", json=change).status_code == 204
    refused(door.get("accounts", "proxy"), 403, "0x80042f09")


def test_a_team_is_made_and_stays_while_it_owns_rows(door: Door) -> None:
    id = door.make("teams", "admin", name="Crew", teamtype=0)
    refused(door.ask("POST", "teams", "admin", json={"name": "x", "isdefault": True}), 400)
    refused(door.ask("POST", "teams", "admin", json={"name": "x", "teamtype": 2}), 400)
    refused(door.ask("PATCH", f"teams({id})", "admin", json={"teamtype": 1}), 400)
    assert door.ask("DELETE", f"teams({id})", "admin").status_code == 204


@pytest.mark.parametrize(
    ("set_name", "body"),
    [
        ("businessunits", {"name": "Mine"}),
        ("roles", {"name": "Mine"}),
        ("systemusers", {"domainname": "mine@own.example"}),
        ("teams", {"name": "Mine"}),
    ],
)
def test_it_takes_the_privilege(door: Door, set_name: str, body: dict[str, Any]) -> None:
    refused(door.ask("POST", set_name, "ann", json=body), 403, "0x80040220")
    (first, *_) = door.value(set_name, "admin")
    key = next(name for name in first if name == f"{set_name.removesuffix('s')}id")
    refused(door.ask("PATCH", f"{set_name}({first[key]})", "ann", json=body), 403, "0x80040220")
    refused(door.ask("DELETE", f"{set_name}({first[key]})", "ann"), 403, "0x80040220")


def test_a_change_set_is_whole_with_tables_of_ours_in_it(door: Door) -> None:
    name = f"Unit {uuid.uuid4().hex[:6]}"
    parts = "".join(
        f"--c\r\nContent-Type: application/http\r\nContent-ID: {n}\r\n\r\n"
        f"POST {door.address}/api/data/v9.2/{path} HTTP/1.1\r\n"
        f"Content-Type: application/json\r\n\r\n{body}\r\n"
        for n, (path, body) in enumerate(
            [("businessunits", f'{{"name": "{name}"}}'), ("teams", '{"name": "x", "teamtype": 9}')]
        )
    )
    text = f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{parts}--c--\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = door.ask("POST", "$batch", "admin", content=text, headers=headers)
    assert answer.status_code == 200
    assert "400" in answer.text
    assert door.value(f"businessunits?$filter=name eq '{name}'", "admin") == []
    assert door.value(f"teams?$filter=name eq '{name}'", "admin") == []


def test_who_administers_only_reads_no_business_rows(door: Door) -> None:
    mine = door.make("accounts", "ben", name="Ben's")
    path = f"systemusers({door.people['ben']})"
    for mode, status in ((1, 403), (0, 200)):
        assert door.ask("PATCH", path, "admin", json={"accessmode": mode}).status_code == 204
        answer = door.get(f"accounts({mine})", "ben")
        assert answer.status_code == status, answer.text
        assert door.get("accounts", "ben").status_code == status
        assert door.get("systemusers", "ben").status_code == 200


def test_a_row_is_put_into_a_business_unit(door: Door) -> None:
    there, closed = unit(door), unit(door)
    link = {"owningbusinessunit@odata.bind": f"/businessunits({there})"}
    id = door.make("accounts", "ann", name="There", **link)
    assert row(door, f"accounts({id})", "ann")["_owningbusinessunit_value"] == there
    person = user(door, **{"businessunitid@odata.bind": f"/businessunits({there})"})
    role = door.run(door.house.directory.add_role(f"local {id}", {("account", "Read"): 2}))
    where = f"_parentrootroleid_value eq {role} and _businessunitid_value eq {there}"
    (copy,) = door.value(f"roles?$filter={where}", "admin")
    door.run(door.house.directory.give_role(PrincipalId(person), copy["roleid"]))
    token = door.run(door.house.tokens.issue(PrincipalId(person), "t")).reveal()
    door.tokens["local"] = token
    assert [one["accountid"] for one in door.value("accounts", "local")] == [id]
    root = row(door, f"systemusers({door.people['ann']})")["_businessunitid_value"]
    back = {"owningbusinessunit@odata.bind": f"/businessunits({root})"}
    assert door.ask("PATCH", f"accounts({id})", "ann", json=back).status_code == 204
    assert door.value("accounts", "local") == []
    assert (
        door.ask(
            "PATCH", f"businessunits({closed})", "admin", json={"isdisabled": True}
        ).status_code
        == 204
    )
    away = {"owningbusinessunit@odata.bind": f"/businessunits({closed})"}
    refused(door.ask("PATCH", f"accounts({id})", "ann", json=away), 400, "0x8004032d")
    nowhere = {"owningbusinessunit@odata.bind": None}
    refused(door.ask("PATCH", f"accounts({id})", "ann", json=nowhere), 400)
