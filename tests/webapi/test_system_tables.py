"""The organisation, privileges and their like are rows, read under the law as any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.rows import registry
from flowner.rows.seed import ORGANIZATION, SYSTEM_ADMINISTRATOR
from webapi.conftest import CLERK, SPACE, Door, refused


def test_the_organization_is_one_row(door: Door) -> None:
    me = door.get("WhoAmI").json()
    (row,) = door.value("organizations", "guest")
    assert row["organizationid"] == me["OrganizationId"] == ORGANIZATION
    assert row["name"]
    assert row["ishierarchicalsecuritymodelenabled"] is False
    answer = door.get(f"organizations({me['OrganizationId']})?$select=name,languagecode", "guest")
    assert answer.json()["languagecode"] == 1033
    refused(door.ask("PATCH", f"organizations({ORGANIZATION})", "admin", json={"name": "x"}), 403)


def test_privileges_are_rows(door: Door) -> None:
    (read,) = door.value("privileges?$filter=name eq 'prvReadAccount'", "guest")
    assert read["accessright"] == Right.READ.mask
    depths = ("canbebasic", "canbelocal", "canbedeep", "canbeglobal")
    assert [read[name] for name in depths] == [True, True, True, True]
    (shallow,) = door.value("privileges?$filter=name eq 'prvWriteOrganization'", "guest")
    assert [shallow[name] for name in depths] == [False, False, False, True]
    assert door.value("privileges?$filter=name eq 'prvShareOrganization'", "guest") == []
    assert len(door.value("privileges?$filter=contains(name,'actonbehalf')", "guest")) == 1
    by_key = door.get(f"privileges({read['privilegeid']})", "guest")
    assert by_key.json()["name"].lower() == "prvreadaccount"


def test_what_a_role_gives_is_rows_for_who_may_read_them(door: Door) -> None:
    path = f"roleprivilegescollection?$filter=roleid eq {CLERK}&$expand=privilegeid($select=name)"
    refused(door.get(path, "guest"), 403, "0x80040220")
    rows = door.value(path, "admin")
    wanted = {f"prv{right}{table}" for right in Right for table in ("account", "contact")}
    assert {row["privilegeid"]["name"] for row in rows} == wanted
    assert {row["privilegedepthmask"] for row in rows} == {1}
    one = door.get(f"roleprivilegescollection({rows[0]['roleprivilegeid']})", "admin")
    assert one.json()["_roleid_value"] == CLERK


@pytest.mark.parametrize("name", ["positions", "fieldsecurityprofiles", "fieldpermissions"])
def test_the_rest_of_the_model_can_be_read(door: Door, run: Callable[..., Any], name: str) -> None:
    async def made() -> None:
        async with door.house.database.transaction() as t:
            profile = await registry.insert(t, "fieldsecurityprofile", {"name": "P"}, by=None)
            await registry.insert(t, "position", {"name": "Head"}, by=None)
            permission = {"fieldsecurityprofileid": profile, "entityname": "account",
                          "attributelogicalname": "revenue", "canread": 4}  # fmt: skip
            await registry.insert(t, "fieldpermission", permission, by=None)

    if not door.value(name, "admin"):
        run(made())
    rows = door.value(name, "admin")
    assert rows
    if name == "positions":
        assert door.value(name, "guest") == rows
    else:
        refused(door.get(name, "guest"), 403, "0x80040220")


def test_what_somebody_holds_is_told(door: Door) -> None:
    path = f"systemusers({{}})/{SPACE}RetrieveUserPrivileges()"
    found = door.get(path.format(door.people["ann"]), "ann").json()["RolePrivileges"]
    held = {(one["PrivilegeName"], one["Depth"]) for one in found}
    assert ("prvReadaccount", "Basic") in held
    assert ("prvReadUser", "Global") in held
    assert {one["BusinessUnitId"] for one in found} == {ORGANIZATION}
    guest = door.get(path.format(door.people["guest"]), "ann").json()["RolePrivileges"]
    assert not [one for one in guest if one["PrivilegeName"].endswith("account")]
    refused(door.get(path.format(ORGANIZATION), "ann"), 404, "0x80040217")

    role = door.get(f"RetrieveRolePrivilegesRole(RoleId={CLERK})", "ann")
    names = {one["PrivilegeName"] for one in role.json()["RolePrivileges"]}
    assert names == {f"prv{right}{table}" for right in Right for table in ("account", "contact")}
    every = door.get(f"RetrieveRolePrivilegesRole(RoleId=@r)?@r={SYSTEM_ADMINISTRATOR}", "ann")
    assert {one["Depth"] for one in every.json()["RolePrivileges"]} == {"Global"}
    refused(door.get("RetrieveRolePrivilegesRole(RoleId=5)", "ann"), 400)
