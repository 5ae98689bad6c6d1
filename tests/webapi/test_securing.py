"""Columns are secured, and opened by profiles, by requests alone; positions are rows."""

from __future__ import annotations

import pytest

from flowner.rows.seed import ORGANIZATION
from webapi.conftest import Door, refused

REVENUE = "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='revenue')"
TYPE = "#Microsoft.Dynamics.CRM.MoneyAttributeMetadata"


def secure(door: Door, is_secured: bool) -> None:
    shown = door.get(REVENUE, "admin").json()
    body = {"@odata.type": shown["@odata.type"], "LogicalName": "revenue", "IsSecured": is_secured}
    answer = door.ask("PUT", REVENUE, "admin", json=body)
    assert answer.status_code == 204, answer.text
    assert door.get(REVENUE, "admin").json()["IsSecured"] is is_secured


def seen(door: Door, account: str, who: str = "ann") -> object:
    return door.get(f"accounts({account})?$select=revenue", who).json()["revenue"]


def test_a_profile_opens_what_was_secured(door: Door) -> None:
    account = door.make("accounts", name="Vault", revenue=100)
    secure(door, True)
    assert seen(door, account) is None
    assert seen(door, account, "admin") == 100
    refused(door.ask("PATCH", f"accounts({account})", "ann", json={"revenue": 1}), 403)

    profile = door.make("fieldsecurityprofiles", "admin", name="Sees revenue")
    of = {"fieldsecurityprofileid@odata.bind": f"/fieldsecurityprofiles({profile})"}
    permission = door.make("fieldpermissions", "admin", **of, entityname="account",
                           attributelogicalname="revenue", canread=4)  # fmt: skip
    assert seen(door, account) is None, "nobody has the profile yet"
    who = {"@odata.id": f"{door.address}/api/data/v9.2/systemusers({door.people['ann']})"}
    path = f"fieldsecurityprofiles({profile})/systemuserprofiles_association/$ref"
    assert door.ask("POST", path, "admin", json=who).status_code == 204
    assert seen(door, account) == 100
    refused(door.ask("PATCH", f"accounts({account})", "ann", json={"revenue": 1}), 403)

    changed = door.ask("PATCH", f"fieldpermissions({permission})", "admin", json={"canupdate": 4})
    assert changed.status_code == 204
    patched = door.ask("PATCH", f"accounts({account})", "ann", json={"revenue": 1})
    assert patched.status_code == 204
    assert seen(door, account) == 1

    gone = door.ask("DELETE", f"fieldsecurityprofiles({profile})", "admin")
    assert gone.status_code == 204
    assert seen(door, account) is None
    assert door.value(f"fieldpermissions?$filter=fieldpermissionid eq {permission}", "admin") == []
    secure(door, False)
    assert seen(door, account) == 1


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"canread": 1}, 400),
        ({"entityname": None}, 400),
        ({"attributelogicalname": "name"}, 400),
    ],
)
def test_a_permission_is_of_a_secured_column(
    door: Door, wrong: dict[str, object], status: int
) -> None:
    secure(door, True)
    profile = door.make("fieldsecurityprofiles", "admin", name="Wrong")
    body = {"fieldsecurityprofileid@odata.bind": f"/fieldsecurityprofiles({profile})",
            "entityname": "account", "attributelogicalname": "revenue", "canread": 4}  # fmt: skip
    refused(door.ask("POST", "fieldpermissions", "admin", json=body | wrong), status)
    assert door.ask("POST", "fieldpermissions", "admin", json=body).status_code == 204
    refused(door.ask("POST", "fieldpermissions", "admin", json=body), 412)
    secure(door, False)


@pytest.mark.parametrize("name", ["fieldsecurityprofiles", "positions"])
def test_only_administrators_write_them(door: Door, name: str) -> None:
    refused(door.ask("POST", name, "ann", json={"name": "Mine"}), 403, "0x80040220")
    refused(door.ask("PUT", REVENUE, "ann", json={"IsSecured": False}), 403)


def test_positions_are_a_tree(door: Door) -> None:
    top = door.make("positions", "admin", name="Head of all")
    above = {"parentpositionid@odata.bind": f"/positions({top})"}
    below = door.make("positions", "admin", name="Head of some", **above)
    turned = {"parentpositionid@odata.bind": f"/positions({below})"}
    refused(door.ask("PATCH", f"positions({top})", "admin", json=turned), 400)
    refused(door.ask("DELETE", f"positions({top})", "admin"), 400)
    assert door.ask("DELETE", f"positions({below})", "admin").status_code == 204
    assert door.ask("DELETE", f"positions({top})", "admin").status_code == 204
    refused(door.ask("DELETE", f"organizations({ORGANIZATION})", "admin"), 403)


def test_a_column_of_one_row_is_shared_and_no_longer(door: Door) -> None:
    mine = door.make("accounts", name="Shown", revenue=5)
    other = door.make("accounts", name="Dark", revenue=6)
    secure(door, True)
    attribute = door.get(REVENUE, "admin").json()["MetadataId"]

    def share(row: str, to: str, **access: bool) -> dict[str, object]:
        return {
            "objectid_account@odata.bind": f"/accounts({row})",
            "principalid_systemuser@odata.bind": f"/systemusers({door.people[to]})",
            "attributeid": attribute,
            **access,
        }

    shares = "principalobjectattributeaccessset"
    assert seen(door, mine) is None
    # Nobody shares what they may not see themselves, nor of a row that they may not share.
    refused(door.ask("POST", shares, "ann", json=share(mine, "ann", readaccess=True)), 403)
    made = door.make(shares, "admin", **share(mine, "ann", readaccess=True))
    assert (seen(door, mine), seen(door, other)) == (5, None)
    refused(door.ask("POST", shares, "admin", json=share(mine, "ann")), 409, "0x8004f50b")
    refused(door.ask("PATCH", f"accounts({mine})", "ann", json={"revenue": 7}), 403)
    refused(door.ask("PATCH", f"{shares}({made})", "ann", json={"updateaccess": True}), 403)
    changed = door.ask("PATCH", f"{shares}({made})", "admin", json={"updateaccess": True})
    assert changed.status_code == 204, changed.text
    assert door.ask("PATCH", f"accounts({mine})", "ann", json={"revenue": 7}).status_code == 204
    assert seen(door, mine) == 7
    shown = door.get(f"{shares}({made})", "admin").json()
    assert shown["_objectid_value"] == mine
    assert shown["_principalid_value"] == door.people["ann"]
    assert (shown["_attributeid_value"], shown["objecttypecode"]) == (attribute, "account")
    refused(door.get(shares, "ann"), 403, "0x80040220")
    assert door.ask("DELETE", f"{shares}({made})", "admin").status_code == 204
    assert seen(door, mine) is None
    secure(door, False)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"attributeid": None}, 400),
        ({"attributeid": "00000000-0000-4000-8000-000000000001"}, 400),
        ({"objectid_account@odata.bind": "/accounts(00000000-0000-4000-8000-000000000001)"}, 404),
    ],
)
def test_a_share_is_of_a_secured_column_of_a_row(
    door: Door, wrong: dict[str, object], status: int
) -> None:
    secure(door, True)
    row = door.make("accounts", name="Wrong")
    body = {
        "objectid_account@odata.bind": f"/accounts({row})",
        "principalid_systemuser@odata.bind": f"/systemusers({door.people['ann']})",
        "attributeid": door.get(REVENUE, "admin").json()["MetadataId"],
        "readaccess": True,
    }
    answer = door.ask("POST", "principalobjectattributeaccessset", "admin", json=body | wrong)
    refused(answer, status)
    secure(door, False)


def test_a_role_is_given_privileges_and_loses_them(door: Door) -> None:
    role = door.make("roles", "admin", name="Reads contracts")
    ids = {
        one["name"]: one["privilegeid"]
        for one in door.value("privileges?$filter=endswith(name,'account')", "admin")
    }
    path = f"roles({role})/Microsoft.Dynamics.CRM."

    def held() -> list[tuple[str, str]]:
        answer = door.get(f"RetrieveRolePrivilegesRole(RoleId={role})", "admin").json()
        return [(one["PrivilegeName"], one["Depth"]) for one in answer["RolePrivileges"]]

    def act(name: str, body: dict[str, object], who: str = "admin") -> object:
        return door.ask("POST", path + name, who, json=body)

    def one(name: str, depth: object) -> dict[str, object]:
        return {"PrivilegeId": ids[name], "Depth": depth}

    reads, writes = "prvReadaccount", "prvWriteaccount"
    given = {"Privileges": [one(reads, "Basic"), one(writes, 3)]}
    assert act("AddPrivilegesRole", given).status_code == 204
    assert held() == [(reads, "Basic"), (writes, "Global")]
    assert act("AddPrivilegesRole", {"Privileges": [one(reads, "Deep")]}).status_code == 204
    assert held() == [(reads, "Deep"), (writes, "Global")]
    assert act("RemovePrivilegeRole", {"PrivilegeId": ids[writes]}).status_code == 204
    assert held() == [(reads, "Deep")]
    refused(act("RemovePrivilegeRole", {"PrivilegeId": ids[writes]}), 404)
    assert act("ReplacePrivilegesRole", {"Privileges": [one(writes, 0)]}).status_code == 204
    assert held() == [(writes, "Basic")]
    for wrong in ({}, {"Privileges": [{"Depth": "Deep"}]}, {"Privileges": [one(reads, "High")]}):
        refused(act("AddPrivilegesRole", wrong), 400)
    unknown = {"PrivilegeId": "00000000-0000-4000-8000-000000000001", "Depth": "Basic"}
    refused(act("AddPrivilegesRole", {"Privileges": [unknown]}), 404)
    refused(act("AddPrivilegesRole", given, "ann"), 403)
    assert held() == [(writes, "Basic")]


def test_what_one_does_not_hold_one_cannot_give(door: Door) -> None:
    ids = {
        one["name"]: one["privilegeid"]
        for one in door.value("privileges?$filter=name eq 'prvWriteRole' or name eq 'prvReadRole'"
                              " or endswith(name,'account')", "admin")
    }  # fmt: skip
    role = door.make("roles", "admin", name="Keeps roles")
    path = f"roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole"
    keeps = {"Privileges": [{"PrivilegeId": ids[name], "Depth": "Global"}
                            for name in ("prvReadRole", "prvWriteRole")]}  # fmt: skip
    assert door.ask("POST", path, "admin", json=keeps).status_code == 204
    link = {"@odata.id": f"{door.address}/api/data/v9.2/roles({role})"}
    of_ann = f"systemusers({door.people['ann']})/systemuserroles_association/$ref"
    assert door.ask("POST", of_ann, "admin", json=link).status_code == 204
    try:
        more = {"Privileges": [{"PrivilegeId": ids["prvDeleteaccount"], "Depth": "Global"}]}
        said = refused(door.ask("POST", path, "ann", json=more), 403, "0x80040220")
        assert "prvDeleteaccount" in said
        assert door.ask("POST", path, "ann", json=keeps).status_code == 204
    finally:
        assert door.ask("DELETE", f"roles({role})", "admin").status_code == 204
