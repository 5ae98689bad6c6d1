"""Relationships of many to many: made, told, related, expanded, filtered by, under the law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from flowner.rows import registry
from flowner.rows.seed import BASIC_USER, DELEGATE, SYSTEM_ADMINISTRATOR
from webapi.conftest import CLERK, SPACE, Door, many_to_many, one_to_many, refused

NAV = "new_accounts_contacts"


@pytest.fixture(scope="module")
def related(door: Door) -> str:
    """A relationship of accounts and contacts."""
    body = many_to_many(NAV, "account", "contact")
    answer = door.ask("POST", "RelationshipDefinitions", "admin", json=body)
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")


def link(door: Door, one: str, other: str, who: str = "ann", method: str = "POST") -> Any:
    body = {"@odata.id": f"{door.address}/api/data/v9.2/contacts({other})"}
    return door.ask(method, f"accounts({one})/{NAV}/$ref", who, json=body)


def test_it_is_told_with_both_ends(door: Door, related: str) -> None:
    shown = door.get(f"RelationshipDefinitions({related})", "guest").json()
    wanted = {
        "SchemaName": NAV, "RelationshipType": "ManyToManyRelationship", "IntersectEntityName": NAV,
        "Entity1LogicalName": "account", "Entity1IntersectAttribute": "accountid",
        "Entity1NavigationPropertyName": NAV, "Entity2LogicalName": "contact",
        "Entity2IntersectAttribute": "contactid", "Entity2NavigationPropertyName": NAV,
    }  # fmt: skip
    assert wanted.items() <= shown.items()
    for table in ("account", "contact"):
        path = f"EntityDefinitions(LogicalName='{table}')/ManyToManyRelationships"
        (one,) = [one for one in door.value(path) if one["SchemaName"] == NAV]
        assert wanted.items() <= one.items()
        assert door.get(f"{path}(SchemaName='{NAV}')").json()["MetadataId"] == related
    cast = (
        f"RelationshipDefinitions/{SPACE}ManyToManyRelationshipMetadata?$filter=IsManaged eq true"
    )
    names = {one["SchemaName"] for one in door.value(cast)}
    assert {"systemuserroles_association", "teammembership_association"} <= names
    roles = "RelationshipDefinitions(SchemaName='systemuserroles_association')"
    assert door.get(roles).json()["Entity1IntersectAttribute"] == "systemuserid"


@pytest.mark.usefixtures("related")
def test_rows_are_related_from_either_side_and_parted(door: Door) -> None:
    one = door.make("accounts", name="Hub")
    some = [door.make("contacts", fullname=f"Spoke {at}") for at in range(3)]
    for other in some[:2]:
        assert link(door, one, other).status_code == 204
    back = door.ask("POST", f"contacts({some[2]})/{NAV}/$ref", json={
        "@odata.id": f"accounts({one})"})  # fmt: skip
    assert back.status_code == 204
    refused(link(door, one, some[0]), 412, "0x80040237")

    path = f"accounts({one})/{NAV}"
    rows = door.value(f"{path}?$select=fullname&$orderby=fullname desc&$top=2")
    assert [row["fullname"] for row in rows] == ["Spoke 2", "Spoke 1"]
    assert door.get(f"{path}/$count").text == "3"
    answer = door.get(f"{path}?$count=true", headers={"Prefer": "odata.maxpagesize=2"}).json()
    assert answer["@odata.count"] == 3
    rest = door.get(answer["@odata.nextLink"]).json()["value"]
    assert {row["contactid"] for row in (*answer["value"], *rest)} == set(some)

    links = door.get(f"{path}/$ref?$top=2&$orderby=fullname").json()
    assert links["@odata.context"].endswith("#Collection($ref)")
    base = f"{door.address}/api/data/v9.2"
    assert links["value"] == [{"@odata.id": f"{base}/contacts({id})"} for id in some[:2]]
    owner = door.get(f"accounts({one})/ownerid/$ref").json()
    assert owner["@odata.id"] == f"{base}/systemusers({door.people['ann']})"
    assert door.get(f"accounts({one})/primarycontactid/$ref").status_code == 204
    refused(door.get(f"accounts({one})/nothing/$ref"), 404)

    assert door.ask("DELETE", f"{path}({some[0]})/$ref").status_code == 204
    gone = f"{path}/$ref?$id={door.address}/api/data/v9.2/contacts({some[1]})"
    assert door.ask("DELETE", gone).status_code == 204
    refused(door.ask("DELETE", f"{path}({some[1]})/$ref"), 404, "0x80040217")
    assert [row["contactid"] for row in door.value(path)] == [some[2]]
    assert door.ask("DELETE", f"contacts({some[2]})").status_code == 204
    assert door.value(path) == []


@pytest.mark.usefixtures("related")
def test_a_new_row_is_related_by_its_body(door: Door) -> None:
    there = door.make("contacts", fullname="There")
    new = [{"fullname": "New one"}, {"fullname": "New two", NAV: [{"name": "Behind"}]}]
    bound = {f"{NAV}@odata.bind": [f"/contacts({there})"]}
    one = door.make("accounts", name="Nests", **{NAV: new}, **bound)
    rows = door.value(f"accounts({one})/{NAV}?$orderby=fullname&$expand={NAV}($select=name)")
    assert [row["fullname"] for row in rows] == ["New one", "New two", "There"]
    assert {row["name"] for row in rows[1][NAV]} == {"Behind", "Nests"}
    for bad in ({"fullname": "x"}, ["x"], "x"):
        refused(door.ask("POST", "accounts", json={"name": "Unmade", NAV: bad}), 400)
    assert door.value("accounts?$filter=name eq 'Unmade'", "admin") == []


@pytest.mark.usefixtures("related")
def test_they_are_expanded_and_filtered_by(door: Door) -> None:
    names = ("Amber", "Beryl")
    ids = {name: door.make("accounts", name=name) for name in names}
    people = {name: door.make("contacts", fullname=name) for name in ("Xan", "Yve", "Zoe")}
    for account, person in (("Amber", "Xan"), ("Amber", "Yve"), ("Beryl", "Yve")):
        assert link(door, ids[account], people[person]).status_code == 204
    mine = f"({' or '.join(f'accountid eq {id}' for id in ids.values())})"
    rows = door.value(
        f"accounts?$select=name&$filter={mine}&$orderby=name"
        f"&$expand={NAV}($select=fullname;$orderby=fullname;$expand={NAV}($select=name))"
    )
    found = [[one["fullname"] for one in row[NAV]] for row in rows]
    assert found == [["Xan", "Yve"], ["Yve"]]
    assert {one["name"] for one in rows[0][NAV][1][NAV]} == set(names)
    (single,) = door.get(f"accounts({ids['Amber']})?$expand={NAV}($top=1)").json()[NAV]
    assert single["@odata.etag"]

    def filtered(text: str) -> set[str]:
        found = door.value(f"accounts?$select=name&$filter={mine} and {quote(text)}")
        return {row["name"] for row in found}

    assert filtered(f"{NAV}/any(o:o/fullname eq 'Xan')") == {"Amber"}
    assert filtered(f"{NAV}/all(o:o/fullname eq 'Yve')") == {"Beryl"}
    assert filtered(f"not {NAV}/any(o:o/fullname eq 'Zoe')") == set(names)
    assert filtered(f"{NAV}/any()") == set(names)


@pytest.mark.usefixtures("related")
def test_a_path_goes_on_over_several_rows(door: Door) -> None:
    one, other = door.make("accounts", name="Start"), door.make("contacts", fullname="Next")
    assert link(door, one, other).status_code == 204
    lonely, hidden = door.make("contacts", fullname="L"), door.make("contacts", "ben", fullname="H")
    assert link(door, one, hidden, "admin").status_code == 204
    path = f"accounts({one})/{NAV}"
    assert door.get(f"{path}({other})?$select=fullname").json()["fullname"] == "Next"
    assert door.get(f"{path}({other})/{NAV}({one})/name").json()["value"] == "Start"
    assert door.get(f"{path}({other})/{NAV}/$count").text == "1"
    mine = door.get(f"accounts({one})/ownerid/fullname")
    assert mine.json()["value"] == "ann"
    assert door.get(f"accounts({one})/createdby/businessunitid/name/$value").status_code == 200
    for id in (lonely, hidden):
        refused(door.get(f"{path}({id})"), 404, "0x80040217")
    refused(door.get(f"{path}({hidden})/fullname"), 404, "0x80040217")
    refused(door.get(f"{path}/fullname"), 404)
    refused(door.get(f"accounts({one})/primarycontactid/fullname"), 404, "0x80040217")
    refused(door.get(f"accounts({one})/nothing/fullname"), 404)
    refused(door.get(f"accounts({one})" + "/ownerid/businessunitid" * 9), 404)
    refused(door.ask("DELETE", f"{path}({other})"), 404)


@pytest.mark.usefixtures("related")
def test_the_law_is_asked_on_both_sides(door: Door) -> None:
    mine, theirs = door.make("accounts", name="Ours"), door.make("contacts", "ben", fullname="B")
    refused(link(door, mine, theirs), 403, "0x80048306")
    refused(link(door, mine, theirs, "ben"), 403, "0x80048306")
    refused(link(door, mine, theirs, "guest"), 403, "0x80040220")
    assert link(door, mine, theirs, "admin").status_code == 204
    refused(door.ask("DELETE", f"accounts({mine})/{NAV}({theirs})/$ref"), 403, "0x80048306")
    path = f"accounts({mine})/{NAV}"
    assert door.value(path) == [], "Ann does not see Ben's contact"
    assert door.get(f"{path}/$count").text == "0"
    assert door.get(f"accounts({mine})?$expand={NAV}").json()[NAV] == []
    assert door.value(f"accounts?$filter=accountid eq {mine} and {NAV}/any()") == []
    refused(door.get(path, "ben"), 403, "0x80048306")
    assert len(door.value(path, "admin")) == 1


def test_a_table_is_related_to_itself_by_two_names(door: Door) -> None:
    body = many_to_many("new_friends", "contact", "contact",
                        Entity1NavigationPropertyName="new_friendsof")  # fmt: skip
    assert door.ask("POST", "RelationshipDefinitions", "admin", json=body).status_code == 204
    one, other = (door.make("contacts", fullname=name) for name in ("One", "Other"))
    path = f"contacts({one})/new_friendsof"
    made = door.ask("POST", f"{path}/$ref", json={"@odata.id": f"contacts({other})"})
    assert made.status_code == 204
    assert [row["fullname"] for row in door.value(path)] == ["Other"]
    assert door.value(f"contacts({other})/new_friendsof") == []
    back = door.value(f"contacts({other})/Referencednew_friends")
    assert [row["fullname"] for row in back] == ["One"]
    friends = door.value("EntityDefinitions(LogicalName='contact')/ManyToManyRelationships"
                         "?$filter=SchemaName eq 'new_friends'")  # fmt: skip
    assert [one["Entity2IntersectAttribute"] for one in friends] == ["contactidtwo"]


def test_relationships_are_removed(door: Door) -> None:
    for body in (many_to_many("new_brief", "account", "contact"),
                 one_to_many("new_short", "account", "contact", Lookup={
                     "SchemaName": "new_shortid"})):  # fmt: skip
        name = body["SchemaName"]
        where = f"RelationshipDefinitions(SchemaName='{name}')"
        assert door.ask("POST", "RelationshipDefinitions", "admin", json=body).status_code == 204
        refused(
            door.ask("POST", "RelationshipDefinitions", "admin", json=body),
            *((400, "0x80048d19") if "Entity1LogicalName" in body else (412, "0x80040237")),
        )
        refused(door.ask("DELETE", where, "ann"), 403, "0x80040220")
        assert door.ask("DELETE", where, "admin").status_code == 204
        refused(door.get(where), 404)
    assert "_new_shortid_value" not in door.get(
        f"contacts({door.make('contacts', fullname='c')})").json()  # fmt: skip
    for name in ("teamroles_association", "user_contact", "lk_contact_createdby"):
        where = f"RelationshipDefinitions(SchemaName='{name}')"
        refused(door.ask("DELETE", where, "admin"), 400)
        assert door.get(where).status_code == 200
    where = "RelationshipDefinitions(SchemaName='contact_customer_contacts')"
    assert door.ask("DELETE", where, "admin").status_code == 204
    owner = door.value("EntityDefinitions(LogicalName='contact')/ManyToOneRelationships"
                       "?$filter=ReferencingAttribute eq 'parentcustomerid'")  # fmt: skip
    assert [one["ReferencedEntity"] for one in owner] == ["account"], "the lookup stays"


def test_a_table_goes_with_its_pairs(door: Door) -> None:
    table = {"SchemaName": "new_tag", "Attributes": [{
        "@odata.type": f"{SPACE}StringAttributeMetadata", "SchemaName": "new_name",
        "IsPrimaryName": True}]}  # fmt: skip
    assert door.ask("POST", "EntityDefinitions", "admin", json=table).status_code == 204
    for body in (many_to_many("new_tags", "new_tag", "account"),
                 many_to_many("new_tagged", "new_tag", "systemuser"),
                 many_to_many("new_near", "new_tag", "new_tag")):  # fmt: skip
        assert door.ask("POST", "RelationshipDefinitions", "admin", json=body).status_code == 204
    gone = door.ask("DELETE", "EntityDefinitions(LogicalName='new_tag')", "admin")
    assert gone.status_code == 204, gone.text
    refused(door.get("RelationshipDefinitions(SchemaName='new_tags')"), 404)
    account = door.make("accounts", name="tagged")
    refused(door.get(f"accounts({account})/new_tags"), 404)


@pytest.mark.parametrize(
    "change",
    [
        {"Entity1LogicalName": "nothing"},
        {"Entity2LogicalName": None},
        {"SchemaName": "5"},
        {"SchemaName": "TeamRoles_Association"},
        {"Entity2NavigationPropertyName": "a b"},
        {"IntersectEntityName": "account"},
        {"IntersectEntityName": "accesstoken"},
        {"Entity1NavigationPropertyName": "primarycontactid"},
        {"@odata.type": f"{SPACE}NothingMetadata"},
    ],
)
def test_what_is_wrong_with_a_relationship_is_said(door: Door, change: dict[str, Any]) -> None:
    body = {**many_to_many("new_wrong", "account", "contact"), **change}
    answer = door.ask("POST", "RelationshipDefinitions", "admin", json=body)
    assert 400 <= answer.status_code < 500, answer.text
    refused(door.get("RelationshipDefinitions(SchemaName='new_wrong')"), 404)


def test_roles_and_teams_of_a_user_are_navigated(door: Door) -> None:
    me = f"systemusers({door.people['ann']})"
    path = f"{me}/systemuserroles_association?$select=name&$orderby=name"
    assert [row["name"] for row in door.value(path)] == ["Basic User", "Clerk"]
    admin = f"systemusers({door.people['admin']})/systemuserroles_association"
    wanted = "$select=name&$filter=name eq 'System Administrator'&$top=1"
    assert len(door.value(f"{admin}?{wanted}")) == 1
    found = door.value("systemusers?$select=fullname&$expand=systemuserroles_association"
                       "($select=name)&$filter=systemuserroles_association/any"
                       f"(o:o/roleid eq {SYSTEM_ADMINISTRATOR})")  # fmt: skip
    assert [row["fullname"] for row in found] == ["admin"]
    assert found[0]["systemuserroles_association"][0]["name"] == "System Administrator"
    holders = door.value(f"roles({CLERK})/systemuserroles_association?$select=fullname")
    assert {row["fullname"] for row in holders} == {"ann", "ben", "proxy"}
    given = door.value(f"roles({CLERK})/roleprivileges_association?$filter=accessright eq 1")
    assert {row["name"] for row in given} == {"prvReadaccount", "prvReadcontact"}


@pytest.fixture(scope="module")
def teams(door: Door, run: Callable[..., Any]) -> dict[str, str]:
    async def made() -> dict[str, str]:
        async with door.house.database.transaction() as t:
            rows = {"owners": {"teamtype": 0}, "access": {"teamtype": 1},
                    "entra": {"teamtype": 2}, "default": {"isdefault": True}}  # fmt: skip
            kept = {**rows, "default": {"isdefault": True}}
            unit = await registry.insert(t, "businessunit", {"name": "Unit"}, by=None)
            kept["default"]["businessunitid"] = unit
            return {
                name: await registry.insert(t, "team", {"name": name, **row}, by=None)
                for name, row in kept.items()
            }

    found: dict[str, str] = run(made())
    return found


def give(door: Door, principal: str, role: str, who: str = "admin", method: str = "POST") -> Any:
    kind = principal.partition("(")[0].removesuffix("s")
    where = f"{principal}/{kind}roles_association"
    if method == "DELETE":
        return door.ask("DELETE", f"{where}({role})/$ref", who)
    return door.ask(method, f"{where}/$ref", who, json={"@odata.id": f"roles({role})"})


def test_administrators_give_and_take_roles(door: Door, teams: dict[str, str]) -> None:
    guest = f"systemusers({door.people['guest']})"
    refused(door.get("accounts", "guest"), 403, "0x80040220")
    refused(give(door, guest, CLERK, "ann"), 403, "0x80040220")
    assert give(door, guest, CLERK).status_code == 204
    refused(give(door, guest, CLERK), 412, "0x80040237")
    assert door.get("accounts", "guest").status_code == 200
    assert give(door, guest, CLERK, method="DELETE").status_code == 204
    refused(door.get("accounts", "guest"), 403, "0x80040220")
    refused(give(door, f"teams({teams['access']})", BASIC_USER), 400, "0x80048331")
    assert give(door, f"teams({teams['owners']})", BASIC_USER).status_code == 204
    assert len(door.value(f"teams({teams['owners']})/teamroles_association")) == 1


def test_one_administrator_is_left(door: Door) -> None:
    admin = f"systemusers({door.people['admin']})"
    refused(give(door, admin, SYSTEM_ADMINISTRATOR, method="DELETE"), 400, "0x80041d2f")
    assert give(door, admin, DELEGATE).status_code == 204
    assert give(door, admin, DELEGATE, method="DELETE").status_code == 204


def test_members_come_and_go(door: Door, teams: dict[str, str]) -> None:
    ben = {"@odata.type": f"{SPACE}systemuser", "systemuserid": door.people["ben"]}
    ann = {"@odata.id": f"systemusers({door.people['ann']})"}
    where = f"teams({teams['owners']})"
    adding = f"{where}/{SPACE}AddMembersTeam"
    body = {"Members": [ben, ann]}
    refused(door.ask("POST", adding, "ann", json=body), 403, "0x80040220")
    for _ in range(2):
        assert door.ask("POST", adding, "admin", json=body).status_code == 204
    members = f"{where}/teammembership_association?$select=fullname&$orderby=fullname"
    assert [row["fullname"] for row in door.value(members)] == ["ann", "ben"]
    mine = f"systemusers({door.people['ben']})/teammembership_association?$filter=name eq 'owners'"
    assert len(door.value(mine, "ben")) == 1
    removing = f"{where}/{SPACE}RemoveMembersTeam"
    assert door.ask("POST", removing, "admin", json={"Members": [ann]}).status_code == 204
    refused(door.ask("POST", removing, "admin", json=body), 404, "0x80040217")
    assert [row["fullname"] for row in door.value(members)] == ["ben"], "all of them, or none"
    for name in ("default", "entra"):
        path = f"teams({teams[name]})/{SPACE}AddMembersTeam"
        refused(door.ask("POST", path, "admin", json={"Members": [ben]}), 400)
    for wrong in ({}, {"Members": [5]}, {"Members": [{"@odata.id": f"roles({CLERK})"}]}):
        refused(door.ask("POST", adding, "admin", json=wrong), 400)
    assert door.get(adding, "admin").status_code == 405


@pytest.mark.usefixtures("related")
@pytest.mark.parametrize(
    "option", ["$select=fullname", "$expand=ownerid", "$apply=groupby((fullname))", "x=1"]
)
def test_links_are_no_rows(door: Door, option: str) -> None:
    one = door.make("accounts", name="Links")
    assert door.get(f"accounts({one})/{NAV}/$ref?$count=true&$top=1").status_code == 200
    refused(door.get(f"accounts({one})/{NAV}/$ref?{option}"), 400)
