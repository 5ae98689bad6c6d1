"""Metadata over HTTP: what clients ask before they do anything, and tables that they make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from flowner.rows import registry
from webapi.conftest import CLERK, SPACE, Door, column, label, lookup, one_to_many, refused

ACCOUNT = "EntityDefinitions(LogicalName='account')"


def test_a_table_is_found_by_filter_name_and_id(door: Door) -> None:
    query = ("$select=MetadataId,LogicalName,SchemaName,EntitySetName,PrimaryNameAttribute,"
             "PrimaryIdAttribute&$filter=LogicalName eq 'account'")  # fmt: skip
    (one,) = door.value(f"EntityDefinitions?{query}")
    assert one == {
        "MetadataId": one["MetadataId"], "LogicalName": "account", "SchemaName": "account",
        "EntitySetName": "accounts", "PrimaryNameAttribute": "name",
        "PrimaryIdAttribute": "accountid",
    }  # fmt: skip
    for key in (one["MetadataId"], "LogicalName='account'"):
        found = door.get(f"EntityDefinitions({key})").json()
        assert found["DisplayName"]["UserLocalizedLabel"]["Label"] == "Account"
        assert "Attributes" not in found
    expanded = door.get(f"{ACCOUNT}?$select=LogicalName&$expand=Attributes($select=LogicalName)")
    assert {"name", "revenue"} <= {a["LogicalName"] for a in expanded.json()["Attributes"]}
    listed = {
        one["LogicalName"] for one in door.value("EntityDefinitions?$filter=IsPrivate eq false")
    }
    assert {"account", "contact", "systemuser", "workflow"} <= listed


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("name", "String", {"MaxLength": 160, "IsPrimaryName": True}),
        ("revenue", "Money", {"Precision": 2}),
        ("numberofemployees", "Integer", {"MinValue": -2147483648}),
        ("creditonhold", "Boolean", {}),
        ("lastonholdtime", "DateTime", {"Format": "DateAndTime"}),
        ("industrycode", "Picklist", {}),
        ("primarycontactid", "Lookup", {"Targets": ["contact"]}),
        ("ownerid", "Owner", {"Targets": ["systemuser", "team"]}),
        ("accountid", "Uniqueidentifier", {"IsPrimaryId": True, "IsValidForUpdate": False}),
        ("statecode", "State", {}),
        ("createdon", "DateTime", {"IsValidForCreate": False}),
    ],
)
def test_a_column_says_what_it_is(door: Door, name: str, kind: str, more: dict[str, Any]) -> None:
    found = door.get(f"{ACCOUNT}/Attributes(LogicalName='{name}')").json()
    assert (found["LogicalName"], found["AttributeType"]) == (name, kind)
    assert found["AttributeTypeName"] == {"Value": f"{kind}Type"}
    assert {key: found[key] for key in more} == more


def test_choices_are_found_by_their_kind(door: Door) -> None:
    path = f"{ACCOUNT}/Attributes/{SPACE}PicklistAttributeMetadata"
    found = door.value(f"{path}?$select=LogicalName&$expand=OptionSet($select=Options)")
    options = {one["LogicalName"]: one["OptionSet"]["Options"] for one in found}
    assert set(options) == {"industrycode"}
    assert [(o["Value"], o["Label"]["LocalizedLabels"][0]["Label"])
            for o in options["industrycode"]] == [(1, "Farming"), (2, "Fishing")]  # fmt: skip
    assert door.value(f"{ACCOUNT}/Attributes?$filter=LogicalName eq 'nothing'") == []


def test_keys_and_relationships_are_told_from_both_ends(door: Door) -> None:
    (key,) = door.value(f"{ACCOUNT}/Keys")
    assert (key["SchemaName"], key["KeyAttributes"], key["EntityKeyIndexStatus"]) == (
        "accountnumber_key", ["accountnumber"], "Active")  # fmt: skip
    one = {r["SchemaName"]: r for r in door.value(f"{ACCOUNT}/OneToManyRelationships")}
    found = one["contact_customer_accounts"]
    assert found["ReferencedEntityNavigationPropertyName"] == "contact_customer_accounts"
    assert found["ReferencingEntityNavigationPropertyName"] == "parentcustomerid_account"
    many = {r["SchemaName"]: r for r in door.value(f"{ACCOUNT}/ManyToOneRelationships")}
    assert many["account_primary_contact"]["ReferencingAttribute"] == "primarycontactid"
    name = "RelationshipDefinitions(SchemaName='account_primary_contact')"
    assert door.get(name).json()["ReferencedEntity"] == "contact"


def test_typed_columns_are_told_by_changes(door: Door) -> None:
    same = {"PropertyName": "LogicalName", "ConditionOperator": "Equals"}
    query = {
        "Properties": {"PropertyNames": ["LogicalName", "Attributes"]},
        "Criteria": {"Conditions": [{**same, "Value": {"Type": "System.String",
                                                       "Value": "account"}}]},
        "AttributeQuery": {"Properties": {"PropertyNames": ["MaxLength", "Precision"]}},
    }  # fmt: skip
    path = f"RetrieveMetadataChanges(Query=@p1)?@p1={quote(json.dumps(query))}"
    (entity,) = door.get(path).json()["EntityMetadata"]
    by_name = {one["LogicalName"]: one for one in entity["Attributes"]}
    assert by_name["name"]["MaxLength"] == 160
    assert by_name["revenue"]["Precision"] == 2
    refused(door.get("RetrieveMetadataChanges(Query=@p1)?@p1=x"), 400)


def test_a_table_is_made_filled_widened_and_removed(door: Door) -> None:
    choice = {"Name": "made_colour", "DisplayName": label("Colour"), "Options": [
        {"Value": 5, "Label": label("Red")}]}  # fmt: skip
    assert door.ask("POST", "GlobalOptionSetDefinitions", "admin", json=choice).status_code == 204
    assert door.get("GlobalOptionSetDefinitions(Name='made_colour')").json()["IsGlobal"] is True
    body = {"SchemaName": "made_Thing", "DisplayName": label("Thing"), "Attributes": [
        column("String", "made_Name", IsPrimaryName=True),
        column("Decimal", "made_Size", MinValue=0, MaxValue=10, Precision=2),
        column("DateTime", "made_Day", DateTimeBehavior={"Value": "DateOnly"}),
        column("Picklist", "made_Colour", **{
            "GlobalOptionSet@odata.bind": "/GlobalOptionSetDefinitions(Name='made_colour')"}),
    ]}  # fmt: skip
    made = door.ask("POST", "EntityDefinitions", "admin", json=body)
    assert made.status_code == 204, made.text
    definition = made.headers["OData-EntityId"]
    assert door.get(definition).json()["EntitySetName"] == "made_things"
    refused(door.ask("POST", "EntityDefinitions", "admin", json=body), 412, "0x80040237")
    relation = one_to_many("made_thing_account", "account", "made_thing",
                           Lookup=lookup("made_AccountId"))  # fmt: skip
    path = "RelationshipDefinitions"
    assert door.ask("POST", path, "admin", json=relation).status_code == 204
    account = door.make("accounts", "admin", name="For things")
    row = {"made_name": "a", "made_size": 2.5, "made_day": "2024-02-29", "made_colour": 5,
           "made_AccountId@odata.bind": f"/accounts({account})"}  # fmt: skip
    id = door.make("made_things", "admin", **row)
    notes = {"Prefer": 'odata.include-annotations="*"'}
    found = door.get(f"made_things({id})", "admin", headers=notes).json()
    assert (found["made_size"], found["made_day"]) == (2.5, "2024-02-29")
    assert found["made_colour@OData.Community.Display.V1.FormattedValue"] == "Red"
    assert len(door.value("made_things?$filter=made_day eq 2024-02-29", "admin")) == 1
    behind = door.value(f"accounts({account})/made_thing_account?$select=made_name", "admin")
    assert [one["made_name"] for one in behind] == ["a"]
    refused(door.ask("POST", "made_things", "admin", json={"made_size": 11}), 400)
    refused(door.get("made_things"), 403, "0x80040220")
    memo = door.ask("POST", f"{definition}/Attributes", "admin", json=column("Memo", "made_Text"))
    assert memo.status_code == 204
    text = memo.headers["OData-EntityId"]
    assert (
        door.ask("PATCH", f"made_things({id})", "admin", json={"made_text": "t"}).status_code == 204
    )
    assert door.ask("DELETE", text, "admin").status_code == 204
    refused(door.get("made_things?$select=made_text", "admin"), 400)
    assert door.ask("DELETE", definition, "admin").status_code == 204
    refused(door.get("made_things", "admin"), 404)
    refused(door.get(definition), 404)


def test_a_table_may_be_the_organisations(door: Door, run: Callable[..., Any]) -> None:
    body = {"SchemaName": "org_rate", "OwnershipType": "OrganizationOwned", "Attributes": [
        column("String", "org_name", IsPrimaryName=True)]}  # fmt: skip
    assert door.ask("POST", "EntityDefinitions", "admin", json=body).status_code == 204
    definition = door.get("EntityDefinitions(LogicalName='org_rate')").json()
    assert definition["OwnershipType"] == "OrganizationOwned"

    async def grant(depth: int) -> None:
        async with door.house.database.transaction() as t:
            for right in ("Create", "Read", "Write"):
                row = {"roleid": CLERK, "tablename": "org_rate", "rightname": right, "depth": depth}
                await registry.insert(t, "roleprivilege", row, by=None)

    run(grant(4))
    id = door.make("org_rates", "admin", org_name="ten")
    refused(door.ask("POST", "org_rates", json={"org_name": "mine"}), 403, "0x80048306")
    refused(door.get(f"org_rates({id})"), 403, "0x80048306")
    assert door.value("org_rates") == [], "less than the whole organisation opens nothing"
    run(grant(8))
    assert [one["org_name"] for one in door.value("org_rates")] == ["ten"]
    assert "_ownerid_value" not in door.get(f"org_rates({id})").json()
    assert door.ask("PATCH", f"org_rates({id})", json={"org_name": "two"}).status_code == 204
    refused(door.ask("DELETE", f"org_rates({id})"), 403, "0x80040220")
    owner = {"ownerid@odata.bind": f"/systemusers({door.people['ann']})"}
    refused(door.ask("PATCH", f"org_rates({id})", "admin", json=owner), 400)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"SchemaName": "x_a", "Attributes": []}, id="no primary name"),
        pytest.param({"SchemaName": "x a", "Attributes": [
            column("String", "x_n", IsPrimaryName=True)]}, id="a name that is none"),
        pytest.param({"SchemaName": 'x"; DROP TABLE rows.account; --', "Attributes": [
            column("String", "x_n", IsPrimaryName=True)]}, id="a name that is SQL"),
        pytest.param({"SchemaName": "x_a", "Attributes": [
            column("String", "x_n", IsPrimaryName=True), column("Nothing", "x_m")]},
            id="an unknown kind"),
        pytest.param({"SchemaName": "x_a", "OwnershipType": "TeamOwned", "Attributes": [
            column("String", "x_n", IsPrimaryName=True)]}, id="an unknown ownership"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_is_refused(door: Door, body: dict[str, Any]) -> None:
    refused(door.ask("POST", "EntityDefinitions", "admin", json=body), 400)
    refused(door.ask("POST", "EntityDefinitions", "ann", json=body), 403)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "EntityDefinitions(LogicalName='systemuser')", 400),
        ("DELETE", "EntityDefinitions(LogicalName='contact')", 400),
        ("DELETE", f"{ACCOUNT}/Attributes(LogicalName='name')", 400),
        ("DELETE", f"{ACCOUNT}/Attributes(LogicalName='ownerid')", 400),
        ("DELETE", f"{ACCOUNT}/Attributes(LogicalName='accountnumber')", 400),
        ("GET", "EntityDefinitions(LogicalName='nothing')", 404),
        ("GET", f"{ACCOUNT}/Nothing", 404),
        ("GET", f"{ACCOUNT}?$select=Nothing", 400),
        ("GET", "EntityDefinitions?$skip=1", 400),
        ("GET", "EntityDefinitions?$filter=Nothing eq 1", 400),
        ("PATCH", ACCOUNT, 405),
    ],
)
def test_what_is_kept_is_not_removed_and_what_is_not_there_is_said(
    door: Door, method: str, path: str, status: int
) -> None:
    refused(door.ask(method, path, "admin", json={} if method == "PATCH" else None), status)
