"""Single rows over HTTP: one row of a table, one rule of the Web API."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from webapi.conftest import Door, refused

ABSENT = "11111111-2222-3333-4444-555555555555"


def row(door: Door, path: str, who: str = "ann", **more: Any) -> dict[str, Any]:
    answer = door.get(path, who, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_row_is_made_and_its_address_told(door: Door) -> None:
    answer = door.ask("POST", "accounts", json={"name": "Made", "revenue": 1.5})
    assert (answer.status_code, answer.content) == (204, b"")
    link = answer.headers["OData-EntityId"]
    assert link.startswith(f"{door.address}/api/data/v9.2/accounts(")
    found = row(door, link)
    assert (found["name"], found["revenue"]) == ("Made", 1.5)
    assert found["_ownerid_value"] == door.people["ann"]
    assert found["@odata.etag"] == answer.headers["ETag"]
    assert found["@odata.context"].endswith("/$metadata#accounts/$entity")
    assert "@odata.id" not in found


def test_the_row_is_answered_where_that_is_preferred(door: Door) -> None:
    prefer = {"Prefer": "return=representation"}
    answer = door.ask("POST", "accounts?$select=name", json={"name": "Seen"}, headers=prefer)
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "return=representation"
    shown = {key for key in answer.json() if not key.startswith("@")}
    assert shown == {"name", "accountid"}


@pytest.mark.parametrize("version", ["v9.0", "v9.1", "v9.2", "v9.1.0"])
@pytest.mark.parametrize("head", ["", "/flow"])
def test_every_version_of_the_service_answers(door: Door, version: str, head: str) -> None:
    base = f"{door.address}{head}/api/data/{version}/"
    found = door.get(f"{base}WhoAmI")
    assert found.json()["UserId"] == door.people["ann"]
    assert found.json()["@odata.context"].startswith(base)


@pytest.mark.parametrize("form", ["({})", "(accountid={})", "(accountid%3D{})", "({upper})"])
def test_a_row_is_addressed_by_its_id(door: Door, form: str) -> None:
    id = door.make("accounts", name="x")
    assert row(door, "accounts" + form.format(id, upper=id.upper()))["accountid"] == id


def test_a_row_is_addressed_by_an_alternate_key(door: Door) -> None:
    number = f"o'{uuid.uuid4().hex[:8]}/1"
    path = f"accounts(accountnumber='{number.replace(chr(39), chr(39) * 2).replace('/', '%2F')}')"
    made = door.ask("PATCH", path, json={"name": "By key"})
    assert made.status_code == 204, made.text
    assert row(door, path)["accountnumber"] == number
    assert door.ask("PATCH", path, json={"name": "Changed"}).status_code == 204
    assert row(door, path)["name"] == "Changed"
    assert door.ask("DELETE", path).status_code == 204
    refused(door.get(path), 404, "0x80040217")
    refused(door.get("accounts(telephone1='1')"), 400, "0x80060890")
    refused(door.get("accounts(nothing='1')"), 400, "0x80060890")


@pytest.mark.parametrize(
    ("headers", "there", "status", "code"),
    [
        pytest.param({}, True, 204, None, id="changed"),
        pytest.param({}, False, 204, None, id="made"),
        pytest.param({"If-Match": "*"}, True, 204, None, id="must be there, and is"),
        pytest.param({"If-Match": "*"}, False, 404, "0x80040217", id="must be there, and is not"),
        pytest.param({"If-None-Match": "*"}, True, 412, "0x80060882", id="must not be there"),
        pytest.param({"If-None-Match": "*"}, False, 204, None, id="is not there"),
        pytest.param({"If-None-Match": "null"}, True, 204, None, id="null is no header"),
        pytest.param({"If-Match": 'W/"1"'}, True, 412, "0x80060882", id="an old version"),
    ],
)
def test_patch_makes_or_changes(
    door: Door, headers: dict[str, str], there: bool, status: int, code: str | None
) -> None:
    id = door.make("accounts", name="before") if there else str(uuid.uuid4())
    answer = door.ask("PATCH", f"accounts({id})", json={"name": "after"}, headers=headers)
    if code is not None:
        refused(answer, status, code)
        return
    assert answer.status_code == status, answer.text
    assert row(door, f"accounts({id})")["name"] == "after"


def test_a_version_that_is_known_is_not_sent_again(door: Door) -> None:
    id = door.make("accounts", name="x")
    tag = door.get(f"accounts({id})").headers["ETag"]
    known = {"If-None-Match": tag}
    assert door.get(f"accounts({id})", headers=known).status_code == 304
    assert door.ask("PATCH", f"accounts({id})", json={"name": "y"}).status_code == 204
    assert door.get(f"accounts({id})", headers=known).status_code == 200
    refused(door.ask("DELETE", f"accounts({id})", headers={"If-Match": tag}), 412, "0x80060882")


def test_one_column_is_read_written_and_cleared(door: Door) -> None:
    id = door.make("accounts", name="x")
    path = f"accounts({id})/telephone1"
    assert door.ask("PUT", path, json={"value": "5"}).status_code == 204
    assert row(door, path)["value"] == "5"
    assert door.get(f"{path}/$value").text == "5"
    assert door.ask("DELETE", path).status_code == 204
    assert door.get(path).status_code == 204


def test_lookups_are_set_by_links_of_every_form(door: Door) -> None:
    parent = door.make("accounts", name="Parent")
    base = f"{door.address}/api/data/v9.2"
    for link in (f"/accounts({parent})", f"accounts({parent})", f"{base}/accounts({parent})",
                 f"/accounts(accountid={parent})"):  # fmt: skip
        id = door.make("accounts", name="Child", **{"parentaccountid@odata.bind": link})
        assert row(door, f"accounts({id})")["_parentaccountid_value"] == parent
    cleared = {"parentaccountid@odata.bind": None}
    assert door.ask("PATCH", f"accounts({id})", json=cleared).status_code == 204
    assert row(door, f"accounts({id})")["_parentaccountid_value"] is None


def test_a_lookup_into_several_tables_has_a_property_for_each(door: Door) -> None:
    account, boss = door.make("accounts", name="Firm"), door.make("contacts", fullname="Boss")
    for nav, target, kind in (
        ("parentcustomerid_account", f"/accounts({account})", "account"),
        ("parentcustomerid_contact", f"/contacts({boss})", "contact"),
    ):
        id = door.make("contacts", fullname="C", **{f"{nav}@odata.bind": target})
        prefer = {"Prefer": 'odata.include-annotations="*"'}
        found = row(door, f"contacts({id})?$expand={nav}", headers=prefer)
        name = "_parentcustomerid_value"
        assert found[f"{name}@Microsoft.Dynamics.CRM.lookuplogicalname"] == kind
        assert found[f"{name}@Microsoft.Dynamics.CRM.associatednavigationproperty"] == nav
        assert found[nav][f"{kind}id"] in target
    wrong = {"fullname": "C", "parentcustomerid_account@odata.bind": f"/contacts({boss})"}
    refused(door.ask("POST", "contacts", json=wrong), 400, "0x80048d19")


def test_rows_are_related_and_parted(door: Door) -> None:
    account, contact = door.make("accounts", name="A"), door.make("contacts", fullname="C")
    link = {"@odata.id": f"{door.address}/api/data/v9.2/contacts({contact})"}
    many = f"accounts({account})/contact_customer_accounts"
    assert door.ask("POST", f"{many}/$ref", json=link).status_code == 204
    assert [one["contactid"] for one in door.value(many)] == [contact]
    assert door.ask("DELETE", f"{many}({contact})/$ref").status_code == 204
    assert door.value(many) == []
    refused(door.ask("DELETE", f"{many}({contact})/$ref"), 404)
    one = f"accounts({account})/primarycontactid"
    assert door.ask("PUT", f"{one}/$ref", json=link).status_code == 204
    assert row(door, one)["fullname"] == "C"
    assert door.ask("DELETE", f"{one}/$ref").status_code == 204
    assert door.get(one).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"nothing": 1}, id="no such column"),
        pytest.param({"name": 5}, id="a number for a text"),
        pytest.param({"name": {"a": 1}}, id="an object for a text"),
        pytest.param({"name": "x" * 161}, id="too long"),
        pytest.param({"name": "a\0b"}, id="a zero character"),
        pytest.param({"numberofemployees": "5"}, id="a text for a number"),
        pytest.param({"numberofemployees": 2**40}, id="too large"),
        pytest.param({"numberofemployees": 1.5}, id="a fraction"),
        pytest.param({"creditonhold": "true"}, id="a text for a truth"),
        pytest.param({"lastonholdtime": "yesterday"}, id="no date"),
        pytest.param({"industrycode": 7}, id="no option"),
        pytest.param({"new_interests": "1,7"}, id="no option among several"),
        pytest.param({"_parentaccountid_value": ABSENT}, id="a lookup written directly"),
        pytest.param({"parentaccountid@odata.bind": "/contacts(x)"}, id="no link"),
        pytest.param({"parentaccountid@odata.bind": 5}, id="a number for a link"),
        pytest.param({"createdon": "2020-01-01T00:00:00Z"}, id="a column of the store"),
        pytest.param({"ownerid@odata.bind": f"/accounts({ABSENT})"}, id="an owner that is none"),
        pytest.param([], id="a list"),
    ],
)
def test_a_body_that_fits_no_row_is_refused(door: Door, body: Any) -> None:
    refused(door.ask("POST", "accounts", json=body), 400)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", f"accounts({ABSENT})", 404, "0x80040217", id="no such row"),
        pytest.param("PATCH", "accounts(1)", 400, None, id="no id"),
        pytest.param("GET", "nothings", 404, "0x8006088a", id="no such set"),
        pytest.param("GET", "account", 404, "0x8006088a", id="a table's name is no set's"),
        pytest.param("GET", "Accounts", 404, "0x8006088a", id="letters count"),
        pytest.param("GET", f"accounts({ABSENT})/nothing", 404, None, id="no such property"),
        pytest.param("GET", "accounts/nothing", 404, "0x8006088a", id="nothing below a set"),
        pytest.param("PUT", "accounts", 405, None, id="no such method"),
        pytest.param("POST", f"accounts({ABSENT})", 405, None, id="no such method on a row"),
        pytest.param("POST", "accounts/Microsoft.Dynamics.CRM.Nothing", 404, None, id="no action"),
        pytest.param("POST", f"accounts({ABSENT})/Microsoft.Dynamics.CRM.Nothing", 404, None,
                     id="no action of a row"),
        pytest.param("GET", f"accounts({ABSENT})?$top=1", 400, None, id="an option of lists"),
        pytest.param("GET", f"accounts({ABSENT})?$select=nothing", 400, None, id="no column"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(
    door: Door, method: str, path: str, status: int, code: str | None
) -> None:
    refused(door.ask(method, path, json={} if method in ("PATCH", "PUT") else None), status, code)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "accounts", "0x80040220"),
        ("GET", f"accounts({ABSENT})", "0x80040220"),
        ("POST", "accounts", "0x80040220"),
        ("GET", "accounts/$count", "0x80040220"),
        ("GET", "accounts?$apply=aggregate($count as n)", "0x80040220"),
        ("GET", "accounts?fetchXml=<fetch><entity name='account'/></fetch>", "0x80040220"),
        ("GET", "systemusers?$filter=lk_account_createdby/any()", "0x80040220"),
        ("POST", "EntityDefinitions", "0x80040220"),
    ],
)
def test_without_a_privilege_nothing_is_told(door: Door, method: str, path: str, code: str) -> None:
    refused(door.ask(method, path, "guest", json={"name": "x"}), 403, code)


def test_somebody_elses_row_is_hidden_in_lists_and_refused_by_its_id(door: Door) -> None:
    id = door.make("accounts", name="Ann's alone")
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/name"),
                         ("PUT", "/name"), ("DELETE", "/name")):  # fmt: skip
        answer = door.ask(method, f"accounts({id}){path}", "ben", json={"value": "x"}
                          if path else {"name": "x"})  # fmt: skip
        refused(answer, 403, "0x80048306")
    assert door.value(f"accounts?$filter=accountid eq {id}", "ben") == []
    assert door.get(f"accounts/$count?$filter=accountid eq {id}", "ben").text == "0"
    assert door.get(f"accounts/$count?$filter=accountid eq {id}", "ann").text == "1"


@pytest.mark.parametrize("table", ["callbackregistrations", "securitygroups", "canvasapps"])
def test_some_of_the_servers_own_tables_are_read_only(door: Door, table: str) -> None:
    assert door.get(table, "admin").status_code == 200
    refused(door.ask("POST", table, "admin", json={}), 403, "0x80040220")
    refused(door.ask("DELETE", f"{table}({ABSENT})", "admin"), 403, "0x80040220")


def test_one_acts_for_another_only_with_the_privilege(door: Door) -> None:
    ann = door.people["ann"]
    id = door.make("accounts", "proxy", name="Proxy's own")
    for header in ("MSCRMCallerID", "CallerObjectId", "MSCRMCallerId"):
        refused(door.get("WhoAmI", "ben", headers={header: ann}), 403, "0x8004a110")
        answer = door.get("WhoAmI", "proxy", headers={header: ann})
        assert answer.json()["UserId"] == ann
        refused(door.get("accounts", "proxy", headers={header: ABSENT}), 403, "0x80040220")
        refused(door.get("accounts", "proxy", headers={header: "x' OR 1=1"}), 403, "0x80040220")
        refused(door.get(f"accounts({id})", "proxy", headers={header: ann}), 403, "0x80048306")
    made = door.ask("POST", "accounts", "admin", json={"name": "For Ann"},
                    headers={"MSCRMCallerID": ann})  # fmt: skip
    found = row(door, made.headers["OData-EntityId"])
    assert found["_createdby_value"] == found["_ownerid_value"] == ann
    assert found["_createdonbehalfby_value"] == door.people["admin"]


def test_without_a_token_nothing_is_told(door: Door) -> None:
    answer = door.ask("GET", "WhoAmI", None)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert door.ask("GET", "accounts", None).status_code == 401


def test_many_rows_are_written_at_once_or_not_at_all(door: Door) -> None:
    base = "accounts/Microsoft.Dynamics.CRM"
    made = door.ask("POST", f"{base}.CreateMultiple", json={
        "Targets": [{"name": "m1"}, {"name": "m2"}]})  # fmt: skip
    ids = made.json()["Ids"]
    assert len(ids) == 2
    bad = {"Targets": [{"accountid": ids[0], "name": "n"}, {"accountid": ABSENT, "name": "n"}]}
    refused(door.ask("POST", f"{base}.UpdateMultiple", json=bad), 404)
    assert row(door, f"accounts({ids[0]})")["name"] == "m1"
    good = {"Targets": [{"accountid": id, "name": "n"} for id in ids]}
    assert door.ask("POST", f"{base}.UpdateMultiple", json=good).status_code == 204
    number = uuid.uuid4().hex[:8]
    upsert = {"Targets": [{"name": "u", "@odata.id": f"accounts(accountnumber='{number}')"},
                          {"name": "v", "accountid": ids[1]}]}  # fmt: skip
    for created in (True, False):
        answer = door.ask("POST", f"{base}.UpsertMultiple", json=upsert)
        assert [one["RecordCreated"] for one in answer.json()["Results"]] == [created, False]
    assert len(door.value(f"accounts?$filter=accountnumber eq '{number}'")) == 1


def test_files_are_kept_whole_and_in_chunks(door: Door) -> None:
    file = {"@odata.type": "Microsoft.Dynamics.CRM.FileAttributeMetadata",
            "SchemaName": "new_file"}  # fmt: skip
    table = "EntityDefinitions(LogicalName='account')/Attributes"
    assert door.ask("POST", table, "admin", json=file).status_code == 204
    id = door.make("accounts", name="Has a file")
    path = f"accounts({id})/new_file"
    assert door.get(f"{path}/$value").status_code == 204
    sent = door.ask("PATCH", path, content=b"hello", headers={"x-ms-file-name": "a%20b.txt"})
    assert sent.status_code == 204
    found = door.get(f"{path}/$value", headers={"Range": "bytes=1-3"})
    assert (found.status_code, found.content) == (206, b"ell")
    assert found.headers["x-ms-file-name"] == "a%20b.txt"
    refused(door.get(f"{path}/$value", "ben"), 403)
    refused(door.ask("PATCH", path, "ben", content=b"x", headers={"x-ms-file-name": "a"}), 403)
    begun = door.ask("PATCH", f"{path}?x-ms-file-name=big.bin",
                     headers={"x-ms-transfer-mode": "chunked"})  # fmt: skip
    session = begun.headers["Location"]
    for first, part, status in ((0, b"abc", 206), (3, b"de", 204)):
        chunk = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/5",
                 "x-ms-file-name": "big.bin"}  # fmt: skip
        assert door.ask("PATCH", session, content=part, headers=chunk).status_code == status
    assert door.get(f"{path}/$value").content == b"abcde"
    assert door.ask("DELETE", path).status_code == 204
    assert door.get(f"{path}/$value").status_code == 204
