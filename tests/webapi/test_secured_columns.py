"""A secured column, by every way to ask for rows: not shown, and nothing is found by it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from flowner.rows import registry
from webapi.conftest import Door, column, refused

SECRET = "s-e-c-r-e-t"
UP = (
    "<fetch><entity name='account'><attribute name='name'/><link-entity name='account'"
    " from='accountid' to='parentaccountid' alias='u'>{}</link-entity></entity></fetch>"
)
TESTED = "<filter><condition attribute='telephone1' operator='not-null'/></filter>"
SHOWING = "<attribute name='telephone1'/>"
ORDERED = "<order attribute='telephone1'/>"
SQL = "FROM account a JOIN account u ON a.parentaccountid = u.accountid"


@pytest.fixture(scope="module")
def firm(door: Door, run: Any) -> str:
    """Ann's account, with a telephone and a file that only administrators may read."""
    table = "EntityDefinitions(LogicalName='account')/Attributes"
    made = door.ask("POST", table, "admin", json=column("File", "new_paper"))
    assert made.status_code == 204
    id = door.make("accounts", name="Secured", telephone1=SECRET)
    paper = {"x-ms-file-name": "paper.txt"}
    sent = door.ask("PATCH", f"accounts({id})/new_paper", content=SECRET.encode(), headers=paper)
    assert sent.status_code == 204
    door.make("accounts", name="Below", **{"parentaccountid@odata.bind": f"/accounts({id})"})

    async def secure() -> None:
        async with door.house.database.transaction() as t:
            for name in ("telephone1", "new_paper"):
                row = {"tablename": "account", "columnname": name}
                await registry.insert(t, "securedcolumn", row, by=None)

    run(secure())
    return id


SHOWN = [
    "accounts({id})",
    "accounts({id})?$select=telephone1",
    "accounts?$select=telephone1,name",
    "accounts?$filter=name eq 'Below'&$expand=parentaccountid($select=telephone1)",
    "accounts({id})?$expand=account_parent_account",
    "accounts({id})/new_paper",
    "accounts({id})/new_paper/$value",
    (
        "accounts?fetchXml=<fetch><entity name='account'><attribute name='telephone1'/></entity>"
        "</fetch>"
    ),
    "accounts?sql=SELECT telephone1 FROM account",
    f"accounts?fetchXml={UP.format(SHOWING)}",
    f"accounts?fetchXml={UP.format('<all-attributes/>')}",
    f"accounts?fetchXml={UP.format(SHOWING)}".replace("<fetch>", "<fetch distinct='true'>"),
    f"accounts?sql=SELECT u.telephone1, a.telephone1 AS b {SQL}",
    f"accounts?sql=SELECT DISTINCT u.telephone1 {SQL}",
]
FOUND_BY = [
    "accounts?$filter=telephone1 eq '" + SECRET + "'",
    "accounts?$filter=startswith(telephone1,'s')",
    "accounts?$filter=parentaccountid/telephone1 ne null",
    "accounts?$filter=account_parent_account/any(a:a/telephone1 ne null)",
    "accounts?$orderby=telephone1",
    "accounts?$apply=groupby((telephone1))",
    "accounts?$apply=aggregate(telephone1 with countdistinct as n)",
    (
        "accounts?fetchXml=<fetch><entity name='account'><order attribute='telephone1'/></entity>"
        "</fetch>"
    ),
    (
        "accounts?fetchXml=<fetch><entity name='account'><filter><condition attribute='telephone1'"
        " operator='not-null'/></filter></entity></fetch>"
    ),
    (
        "accounts?fetchXml=<fetch aggregate='true'><entity name='account'>"
        "<attribute name='telephone1' groupby='true' alias='t'/></entity></fetch>"
    ),
    f"accounts?fetchXml={UP.format(ORDERED)}",
    f"accounts?fetchXml={UP.format(TESTED)}",
    f"accounts?fetchXml={UP.format(TESTED)}".replace(
        "<link-entity", "<link-entity link-type='any'"
    ),
    f"accounts?fetchXml={UP.format('')}".replace("to='parentaccountid'", "to='telephone1'"),
    f"accounts?fetchXml={UP.format('')}".replace("from='accountid'", "from='telephone1'"),
    (
        "accounts?fetchXml=<fetch><entity name='account'><filter><condition entityname='u'"
        " attribute='telephone1' operator='not-null'/></filter><link-entity name='account'"
        " from='accountid' to='parentaccountid' alias='u'/></entity></fetch>"
    ),
    (
        "accounts?fetchXml=<fetch aggregate='true'><entity name='account'><link-entity"
        " name='account' from='accountid' to='parentaccountid' alias='u'><attribute"
        " name='telephone1' aggregate='countcolumn' alias='k'/></link-entity></entity></fetch>"
    ),
    f"accounts?sql=SELECT a.name {SQL} WHERE u.telephone1 LIKE 's%25'",
    f"accounts?sql=SELECT a.name {SQL} WHERE a.name = u.telephone1",
    f"accounts?sql=SELECT a.name {SQL} AND u.telephone1 = 's'",
    f"accounts?sql=SELECT a.name {SQL} ORDER BY u.telephone1",
    f"accounts?sql=SELECT u.telephone1, COUNT(*) AS n {SQL} GROUP BY u.telephone1",
    f"accounts?sql=SELECT MIN(u.telephone1) AS n {SQL}",
    f"accounts?sql=SELECT COUNT(u.telephone1) AS n {SQL}",
    "accounts?sql=SELECT a.name FROM account a JOIN account u ON u.telephone1 = a.name",
]


def address(path: str, id: str) -> str:
    return quote(path.format(id=id), safe="/()?$&=',;:")


@pytest.mark.parametrize("path", SHOWN)
def test_a_secured_column_is_not_shown(door: Door, firm: str, path: str) -> None:
    told = door.get(address(path, firm), "ann")
    assert told.status_code in (200, 204), told.text
    assert SECRET not in told.text
    assert "cy1lLWMtci1lLXQ" not in told.text


@pytest.mark.parametrize("path", FOUND_BY)
def test_nothing_is_found_by_a_secured_column(door: Door, firm: str, path: str) -> None:
    told = door.get(address(path, firm), "ann")
    refused(told, 403, "0x8004f504")
    assert SECRET not in told.text


def test_an_administrator_sees_and_finds_it(door: Door, firm: str) -> None:
    seen = door.get(f"accounts({firm})", "admin").json()
    assert seen["telephone1"] == SECRET
    assert door.get(f"accounts({firm})/new_paper/$value", "admin").content == SECRET.encode()
    found = door.value(address(FOUND_BY[0], firm), "admin")
    assert [row["name"] for row in found] == ["Secured"]


def test_it_cannot_be_written_either(door: Door, firm: str) -> None:
    path = f"accounts({firm})"
    for answer in (
        door.ask("PATCH", path, json={"telephone1": "other"}),
        door.ask("PATCH", f"{path}/new_paper", content=b"x", headers={"x-ms-file-name": "a"}),
        door.ask("DELETE", f"{path}/new_paper"),
        door.ask("POST", "accounts", json={"name": "new", "telephone1": "5"}),
    ):
        assert answer.status_code == 403, answer.text
        assert SECRET not in json.dumps(answer.json())
    assert door.get(f"{path}/new_paper/$value", "admin").content == SECRET.encode()


def test_no_row_is_found_by_a_key_of_a_secured_column(door: Door, firm: str) -> None:
    keys = "EntityDefinitions(LogicalName='account')/Keys"
    body = {"SchemaName": "secret_key", "KeyAttributes": ["telephone1"]}
    assert door.ask("POST", keys, "admin", json=body).status_code == 204
    there, nowhere = f"accounts(telephone1='{SECRET}')", "accounts(telephone1='nothing')"
    link = {"parentaccountid@odata.bind": f"/{there}"}
    many = {"Targets": [{"@odata.id": there, "name": "x"}]}
    upsert = "accounts/Microsoft.Dynamics.CRM.UpsertMultiple"
    for answer in (
        door.get(there), door.get(nowhere), door.ask("PATCH", there, json={"name": "x"}),
        door.ask("PATCH", nowhere, json={"name": "x"}), door.ask("DELETE", there),
        door.ask("POST", "accounts", json={"name": "x", **link}),
        door.ask("POST", upsert, json=many),
    ):  # fmt: skip
        refused(answer, 403, "0x8004f504")
    assert door.get(there, "admin").json()["accountid"] == firm
    refused(door.get(nowhere, "admin"), 404, "0x80040217")
