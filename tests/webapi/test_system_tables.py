"""The organisation, privileges and their like are rows, read under the law as any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.access.rights import Right
from flowner.errors import AccessDenied
from flowner.rows import registry
from flowner.rows.catalogue import KEPT, SYSTEM_TABLES
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


def test_a_table_tells_the_privileges_on_it(door: Door) -> None:
    rows = {row["privilegeid"]: row for row in door.value("privileges", "guest")}
    tables = door.value("EntityDefinitions?$select=LogicalName,OwnershipType,Privileges")
    told = [one for table in tables for one in table["Privileges"]]
    assert {one["PrivilegeId"] for one in told} == {
        id for id, row in rows.items() if row["accessright"]
    }
    for one in told:
        row = rows[one["PrivilegeId"]]
        assert row["name"] == one["Name"]
        assert row["accessright"] == Right(one["PrivilegeType"]).mask
        assert (row["canbebasic"], row["canbeglobal"]) == (one["CanBeBasic"], one["CanBeGlobal"])


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

    mine = f"systemusers({door.people['ann']})/{SPACE}RetrieveUser"
    for asked in (
        "PrivilegeByPrivilegeName(PrivilegeName='prvReadAccount')",
        "SetOfPrivilegesByNames(PrivilegeNames=@p)?@p=['prvReadAccount','prvNothing']",
    ):
        (one,) = door.get(f"{mine}{asked}", "ann").json()["RolePrivileges"]
        assert (one["PrivilegeName"], one["Depth"]) == ("prvReadaccount", "Basic")
    refused(door.get(f"{mine}PrivilegeByPrivilegeName()", "ann"), 400)

    role = door.get(f"RetrieveRolePrivilegesRole(RoleId={CLERK})", "ann")
    names = {one["PrivilegeName"] for one in role.json()["RolePrivileges"]}
    assert names == {f"prv{right}{table}" for right in Right for table in ("account", "contact")}
    every = door.get(f"RetrieveRolePrivilegesRole(RoleId=@r)?@r={SYSTEM_ADMINISTRATOR}", "ann")
    assert {one["Depth"] for one in every.json()["RolePrivileges"]} == {"Global"}
    refused(door.get("RetrieveRolePrivilegesRole(RoleId=5)", "ann"), 400)


def test_the_service_says_what_it_is(door: Door) -> None:
    for path in ("RetrieveVersion", "RetrieveVersion()"):
        assert door.get(path, "guest").json()["Version"].startswith("9.2.")
    space = "Microsoft.Dynamics.CRM.EndpointAccessType"
    for given in ("", "()", f"(AccessType={space}'Default')", "(AccessType=@p1)?@p1='Internet'"):
        detail = door.get(f"RetrieveCurrentOrganization{given}", "guest").json()["Detail"]
        assert detail["OrganizationId"] == ORGANIZATION
        (row,) = door.value("organizations", "guest")
        assert detail["FriendlyName"] == row["name"]
        places = dict(zip(detail["Endpoints"]["Keys"], detail["Endpoints"]["Values"], strict=True))
        assert places["OrganizationDataService"] == f"{door.address}/api/data/v9.2/"
    refused(door.get("RetrieveCurrentOrganization(AccessType='Nothing')"), 400)
    refused(door.get("RetrieveVersion?$top=1"), 400)
    assert door.ask("POST", "RetrieveVersion", json={}).status_code == 405


def test_rows_are_counted_for_whom_they_are_open_to(door: Door) -> None:
    def counted(who: str, names: str) -> dict[str, int]:
        answer = door.get(f"RetrieveTotalRecordCount(EntityNames={names})", who)
        found = answer.json()["EntityRecordCountCollection"]
        assert found["Count"] == len(found["Keys"])
        return dict(zip(found["Keys"], found["Values"], strict=True))

    names = "['account','contact']"
    before = {who: counted(who, names)["account"] for who in ("ann", "ben", "admin")}
    door.make("accounts", "ben", name="Counted")
    after = {who: counted(who, names)["account"] for who in ("ann", "ben", "admin")}
    assert [after[who] - before[who] for who in ("ann", "ben", "admin")] == [0, 1, 1]
    assert counted("ann", '@n)?@n=["systemuser"]#(')["systemuser"] == len(door.people)
    refused(door.get(f"RetrieveTotalRecordCount(EntityNames={names})", "guest"), 403, "0x80040220")
    refused(door.get("RetrieveTotalRecordCount(EntityNames=['nothing'])"), 404)
    for wrong in ("RetrieveTotalRecordCount", "RetrieveTotalRecordCount(EntityNames='account')"):
        refused(door.get(wrong), 400)


def test_the_columns_of_those_that_are_written_as_rows_say_so(door: Door) -> None:
    def writable(table: str) -> set[str]:
        path = f"EntityDefinitions(LogicalName='{table}')/Attributes"
        return {one["LogicalName"] for one in door.value(path) if one["IsValidForUpdate"]}

    for name in SYSTEM_TABLES:
        table = door.house.store.catalogue.known(name)
        assert table is not None
        try:
            door.house.store.require_written(table)
        except AccessDenied:
            assert name not in KEPT
            assert writable(name) == set()
        else:
            assert name in KEPT
            assert "createdon" not in writable(name)
            assert writable(name)
