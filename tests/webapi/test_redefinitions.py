"""Tables, columns, relationships and choices are told anew: names, bounds, behaviors, options."""

from __future__ import annotations

from typing import Any

import pytest

from webapi.conftest import SPACE, Door, column, label, lookup, one_to_many, refused

THING = "EntityDefinitions(LogicalName='new_part')"
FORMATTED = "OData.Community.Display.V1.FormattedValue"


@pytest.fixture(scope="module")
def table(door: Door) -> str:
    choice = {"Name": "new_mood", "DisplayName": label("Mood"), "Options": [
        {"Value": 1, "Label": label("Good")}]}  # fmt: skip
    assert door.ask("POST", "GlobalOptionSetDefinitions", "admin", json=choice).status_code == 204
    body = {"SchemaName": "new_Part", "DisplayName": label("Part"), "Attributes": [
        column("String", "new_Name", IsPrimaryName=True, MaxLength=5),
        column("Integer", "new_Count", MinValue=0, MaxValue=9),
        column("Picklist", "new_Colour", OptionSet={"Options": [
            {"Value": 1, "Label": label("Red")}, {"Value": 2, "Label": label("Blue")}]}),
        column("Picklist", "new_Mood", **{
            "GlobalOptionSet@odata.bind": "/GlobalOptionSetDefinitions(Name='new_mood')"}),
    ]}  # fmt: skip
    assert door.ask("POST", "EntityDefinitions", "admin", json=body).status_code == 204
    relation = one_to_many(
        "new_part_account", "account", "new_part", Lookup=lookup("new_AccountId")
    )
    assert door.ask("POST", "RelationshipDefinitions", "admin", json=relation).status_code == 204
    return "new_part"


def put(door: Door, path: str, body: Any, who: str = "admin", merge: str | None = None) -> Any:
    headers = {} if merge is None else {"MSCRM.MergeLabels": merge}
    return door.ask("PUT", path, who, json=body, headers=headers)


def text(found: dict[str, Any]) -> str:
    shown: str = found["UserLocalizedLabel"]["Label"]
    return shown


@pytest.mark.usefixtures("table")
def test_a_table_is_called_otherwise(door: Door) -> None:
    whole = door.get(THING).json()
    whole["DisplayName"], whole["Description"] = label("Piece"), label("One of many")
    answer = put(door, THING, whole, merge="true")
    assert answer.status_code == 204, answer.text
    assert door.get(answer.headers["OData-EntityId"]).json()["LogicalName"] == "new_part"
    found = door.get(THING).json()
    assert (text(found["DisplayName"]), text(found["Description"])) == ("Piece", "One of many")
    assert text(found["DisplayCollectionName"]) == text(whole["DisplayCollectionName"])

    german = {"LocalizedLabels": [{"Label": "Teil", "LanguageCode": 1031}]}
    assert put(door, THING, {"DisplayName": german}, merge="true").status_code == 204
    assert text(door.get(THING).json()["DisplayName"]) == "Piece"
    assert put(door, THING, {"DisplayName": german}, merge="false").status_code == 204
    assert text(door.get(THING).json()["DisplayName"]) == "Teil"
    nothing = {"LocalizedLabels": []}
    refused(put(door, THING, {"DisplayName": nothing}), 400, "0x80048d19")
    assert put(door, THING, {"Description": nothing}).status_code == 204
    assert text(door.get(THING).json()["Description"]) == ""


@pytest.mark.usefixtures("table")
def test_a_column_is_named_and_bounded_otherwise(door: Door) -> None:
    where = f"{THING}/Attributes(LogicalName='new_name')"
    refused(door.ask("POST", "new_parts", "admin", json={"new_name": "longer"}), 400)
    whole = door.get(where).json()
    whole |= {"MaxLength": 10, "DisplayName": label("Title"),
              "RequiredLevel": {"Value": "ApplicationRequired"}}  # fmt: skip
    assert put(door, where, whole).status_code == 204
    found = door.get(where).json()
    assert found["MaxLength"] == 10
    assert text(found["DisplayName"]) == "Title"
    assert found["RequiredLevel"]["Value"] == "ApplicationRequired"
    door.make("new_parts", "admin", new_name="longer")
    cast = f"{THING}/Attributes(LogicalName='new_count')/{SPACE}IntegerAttributeMetadata"
    body = {"@odata.type": f"{SPACE}IntegerAttributeMetadata", "MaxValue": 20}
    assert put(door, cast, body).status_code == 204
    door.make("new_parts", "admin", new_name="m", new_count=15)
    assert door.get(cast).json()["MinValue"] == 0, "what is left out stays"


@pytest.mark.parametrize(
    ("where", "change", "status"),
    [
        ("new_name", {"SchemaName": "new_other"}, 400),
        ("new_name", {"@odata.type": f"{SPACE}MemoAttributeMetadata"}, 400),
        ("new_name", {"RequiredLevel": {"Value": "Perhaps"}}, 400),
        ("new_name", {"MaxLength": 0}, 400),
        ("new_name", {"DisplayName": 5}, 400),
        ("new_count", {"MinValue": 30, "MaxValue": 3}, 400),
        ("ownerid", {"DisplayName": label("Mine")}, 400),
        ("createdon", {"DisplayName": label("Born")}, 400),
        ("new_partid", {"DisplayName": label("Id")}, 400),
        ("nothing", {"DisplayName": label("x")}, 404),
    ],
)
@pytest.mark.usefixtures("table")
def test_what_stays_is_said(door: Door, where: str, change: dict[str, Any], status: int) -> None:
    path = f"{THING}/Attributes(LogicalName='{where}')"
    before = door.get(path).json()
    refused(put(door, path, change), status)
    assert door.get(path).json() == before


@pytest.mark.usefixtures("table")
def test_only_administrators_do_so(door: Door) -> None:
    where = "RelationshipDefinitions(SchemaName='new_part_account')"
    for path in (THING, f"{THING}/Attributes(LogicalName='new_name')", where,
                 "GlobalOptionSetDefinitions(Name='new_mood')"):  # fmt: skip
        refused(put(door, path, {}, "ann"), 403, "0x80040220")
        assert put(door, path.partition("(")[0], {}).status_code == 405
    for path in ("", f"{THING}/Keys", "RetrieveMetadataChanges"):
        assert put(door, path, {}).status_code == 405
    refused(door.ask("POST", "InsertOptionValue", "ann", json={"OptionSetName": "new_mood"}), 403)
    refused(put(door, "EntityDefinitions(LogicalName='systemuser')", {}), 400)
    refused(put(door, THING, {}, merge="perhaps"), 400)


@pytest.mark.usefixtures("table")
def test_a_relationship_carries_other_things_on(door: Door) -> None:
    where = "RelationshipDefinitions(SchemaName='new_part_account')"
    account = door.make("accounts", "admin", name="Whole")
    part = {"new_name": "p", "new_AccountId@odata.bind": f"/accounts({account})"}
    door.make("new_parts", "admin", **part)
    body = {"CascadeConfiguration": {"Delete": "Restrict"}}
    assert put(door, where, body).status_code == 204
    assert door.get(where).json()["CascadeConfiguration"]["Delete"] == "Restrict"
    refused(door.ask("DELETE", f"accounts({account})", "admin"), 400, "0x80040227")
    assert put(door, where, {"CascadeConfiguration": {"Delete": "Cascade"}}).status_code == 204
    assert door.ask("DELETE", f"accounts({account})", "admin").status_code == 204
    left = door.value(f"new_parts?$filter=_new_accountid_value eq {account}", "admin")
    assert left == []
    refused(put(door, where, {"CascadeConfiguration": {"Delete": "Perhaps"}}), 400)
    refused(put(door, where, {"ReferencedEntity": "contact"}), 400)
    usual = "RelationshipDefinitions(SchemaName='user_new_part')"
    refused(put(door, usual, body), 400)


@pytest.mark.usefixtures("table")
def test_options_come_go_and_are_called_otherwise(door: Door) -> None:
    of_column = {"EntityLogicalName": "new_part", "AttributeLogicalName": "new_colour"}
    of_choice = {"OptionSetName": "new_mood"}
    notes = {"Prefer": f'odata.include-annotations="{FORMATTED}"'}
    for place, name in ((of_column, "new_colour"), (of_choice, "new_mood")):

        def ask(action: str, place: dict[str, str] = place, **more: Any) -> Any:
            return door.ask("POST", action, "admin", json={**place, **more})

        added = ask("InsertOptionValue", Label=label("Fresh")).json()["NewOptionValue"]
        assert ask("InsertOptionValue", Value=7, Label=label("Seven")).status_code == 200
        refused(ask("InsertOptionValue", Value=7, Label=label("Again")), 400)
        id = door.make("new_parts", "admin", new_name="o", **{name: 7})
        assert ask("UpdateOptionValue", Value=7, Label=label("Siete")).status_code == 204
        row = door.get(f"new_parts({id})", "admin", headers=notes).json()
        assert row[f"{name}@{FORMATTED}"] == "Siete"

        where = f"{THING}/Attributes(LogicalName='{name}')/{SPACE}PicklistAttributeMetadata"
        options = door.get(f"{where}?$expand=OptionSet").json()["OptionSet"]["Options"]
        values = [one["Value"] for one in options]
        assert values[-2:] == [added, 7]
        assert ask("OrderOption", Values=values[::-1]).status_code == 204
        options = door.get(f"{where}?$expand=OptionSet").json()["OptionSet"]["Options"]
        assert [one["Value"] for one in options] == values[::-1]
        refused(ask("OrderOption", Values=values[1:]), 400)
        refused(ask("OrderOption", Values=[*values, 5]), 400)

        assert ask("DeleteOptionValue", Value=7).status_code == 204
        refused(ask("DeleteOptionValue", Value=7), 404)
        refused(door.ask("POST", "new_parts", "admin", json={"new_name": "o", name: 7}), 400)
        assert door.get(f"new_parts({id})", "admin").json()[name] == 7
    title = {"DisplayName": label("Spirits")}
    assert put(door, "GlobalOptionSetDefinitions(Name='new_mood')", title).status_code == 204
    found = door.get("GlobalOptionSetDefinitions(Name='new_mood')").json()
    assert text(found["DisplayName"]) == "Spirits"


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ({}, 400),
        ({"OptionSetName": "nothing"}, 404),
        ({"EntityLogicalName": "new_part", "AttributeLogicalName": "new_name"}, 400),
        ({"EntityLogicalName": "new_part", "AttributeLogicalName": "nothing"}, 404),
        ({"EntityLogicalName": "nothing", "AttributeLogicalName": "new_name"}, 404),
        ({"EntityLogicalName": "new_part", "AttributeLogicalName": "new_mood"}, 400),
    ],
)
@pytest.mark.usefixtures("table")
def test_where_an_option_is_must_be_said(door: Door, place: dict[str, Any], status: int) -> None:
    body = {**place, "Value": 1, "Label": label("x")}
    refused(door.ask("POST", "InsertOptionValue", "admin", json=body), status)
