"""Alternate keys over HTTP: active at once on a small table; failed, and tried again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from flowner.errors import Invalid
from flowner.rows.callers import Caller
from flowner.values import PrincipalId
from flowner.webapi.service import Own
from webapi.conftest import Door, refused

CONTACT = "EntityDefinitions(LogicalName='contact')"
AGAIN = {"EntityLogicalName": "contact", "EntityKeyLogicalName": "mail_key"}


def key(door: Door, name: str = "mail_key") -> dict[str, Any]:
    answer = door.get(f"{CONTACT}/Keys(LogicalName='{name}')")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def add_key(door: Door, name: str, *columns: str, who: str = "admin") -> Any:
    body = {"SchemaName": name, "KeyAttributes": [*columns]}
    return door.ask("POST", f"{CONTACT}/Keys", who, json=body)


def test_a_key_finds_rows_as_soon_as_it_is_made(door: Door) -> None:
    assert add_key(door, "Name_Key", "firstname", "lastname").status_code == 204
    assert key(door, "name_key")["EntityKeyIndexStatus"] == "Active"
    row = "contacts(firstname='Ada',lastname='Fern')"
    assert door.ask("PATCH", row, json={"fullname": "Ada Fern"}).status_code == 204
    assert door.ask("PATCH", row, json={"emailaddress1": "ada@x"}).status_code == 204
    assert door.get(row).json()["emailaddress1"] == "ada@x"
    (only,) = door.value("contacts?$filter=firstname eq 'Ada'")
    refused(door.ask("POST", "contacts", json={"firstname": "Ada", "lastname": "Fern"}), 412)
    assert door.ask("DELETE", f"{CONTACT}/Keys(LogicalName='name_key')", "admin").status_code == 204
    refused(door.get(row), 400, "0x80060890")
    assert door.ask("DELETE", f"contacts({only['contactid']})").status_code == 204


def test_a_key_over_rows_that_are_alike_fails_and_is_tried_again(door: Door) -> None:
    one, other = (door.make("contacts", emailaddress1="same@x") for _ in "ab")
    assert add_key(door, "Mail_Key", "emailaddress1").status_code == 204
    assert key(door)["EntityKeyIndexStatus"] == "Failed"
    for answer in (
        door.get("contacts(emailaddress1='same@x')"),
        door.ask("PATCH", "contacts(emailaddress1='new@x')", json={"fullname": "new"}),
        door.ask("POST", "contacts", json={"fullname": "x", "parentcustomerid_contact@odata.bind":
                                           "/contacts(emailaddress1='same@x')"}),
    ):  # fmt: skip
        said = refused(answer, 400, "0x80060890")
        assert "`Mail_Key`" in said
        assert "`Failed`" in said
        assert "emailaddress1" in said
    job = ("asyncoperations?$select=message,statuscode&$filter=operationtype eq 63"
           " and contains(name,'Mail_Key')&$orderby=createdon desc")  # fmt: skip
    latest = door.value(job, "admin")[0]
    assert (latest["statuscode"], "`Mail_Key` of `contact` failed" in latest["message"]) == (
        31,
        True,
    )
    assert "same@x" not in latest["message"]

    refused(door.ask("POST", "ReactivateEntityKey", "ann", json=AGAIN), 403, "0x80040220")
    assert door.ask("POST", "ReactivateEntityKey", "admin", json=AGAIN).status_code == 204
    assert key(door)["EntityKeyIndexStatus"] == "Failed"
    assert door.ask("PATCH", f"contacts({other})", json={"emailaddress1": "b@x"}).status_code == 204
    assert door.ask("POST", "ReactivateEntityKey", "admin", json=AGAIN).status_code == 204
    assert key(door)["EntityKeyIndexStatus"] == "Active"
    assert door.get("contacts(emailaddress1='same@x')").json()["contactid"] == one
    assert door.value(job, "admin")[0]["statuscode"] == 30


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**AGAIN, "EntityKeyLogicalName": "nothing"}, 404, "0x80040217"),
        ({**AGAIN, "EntityLogicalName": "nothing"}, 404, "0x80040217"),
        ({"EntityLogicalName": "contact"}, 400, "0x80048d19"),
        (AGAIN, 400, None),  # it is active
    ],
)
def test_only_a_key_that_failed_is_reactivated(
    door: Door, body: dict[str, Any], status: int, code: str | None
) -> None:
    refused(door.ask("POST", "ReactivateEntityKey", "admin", json=body), status, code)
    assert door.get("ReactivateEntityKey", "admin").status_code == 405


def test_a_key_of_no_column_or_one_that_is_not_there_is_refused(door: Door) -> None:
    for columns in ((), ("nothing",)):
        refused(add_key(door, "Odd_Key", *columns), 400)
    refused(add_key(door, "Guest_Key", "fullname", who="ann"), 403, "0x80040220")
    assert {one["SchemaName"] for one in door.value(f"{CONTACT}/Keys")} == {"Mail_Key"}


def test_a_key_is_asked_for_beside_a_writer_who_has_not_ended(
    door: Door, run: Callable[..., Any]
) -> None:
    """It waits for nobody else: nothing that the request itself has open stands in its way."""
    body = {"SchemaName": "Late_Key", "KeyAttributes": ["lastname"]}

    async def changed() -> int:
        headers = {"Authorization": f"Bearer {door.tokens['admin']}"}
        url = f"{door.address}/api/data/v9.2/{CONTACT}/Keys"
        async with httpx.AsyncClient(timeout=120, headers=headers) as client:
            async with door.house.database.transaction() as t:
                await t.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                await t.execute("UPDATE rows.contact SET firstname = firstname")
                asked = asyncio.create_task(client.post(url, json=body))
                shown: dict[str, str] = {}
                while shown.get("late_key") != "InProgress":
                    await asyncio.sleep(0.01)
                    found = (await client.get(url)).json()["value"]
                    shown = {one["LogicalName"]: one["EntityKeyIndexStatus"] for one in found}
                assert not asked.done()
            return (await asked).status_code

    assert run(changed()) == 204
    assert key(door, "late_key")["EntityKeyIndexStatus"] == "Active"


def test_tables_change_in_a_batch_but_in_no_transaction(
    door: Door, run: Callable[..., Any]
) -> None:
    body = {"SchemaName": "Batch_Key", "KeyAttributes": ["fullname", "lastname"]}
    lines = ["--b", "Content-Type: application/http", "", f"POST {CONTACT}/Keys HTTP/1.1",
             "Content-Type: application/json", "", json.dumps(body), "--b--", ""]  # fmt: skip
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = door.ask("POST", "$batch", "admin", content="\r\n".join(lines), headers=headers)
    assert "HTTP/1.1 204" in answer.text
    assert key(door, "batch_key")["EntityKeyIndexStatus"] == "Active"

    async def within() -> None:
        caller = Caller(PrincipalId(door.people["admin"]))
        async with door.house.database.transaction() as t:
            own = Own(method="POST", path="ReactivateEntityKey", body=dict(AGAIN))
            await door.house.webapi.perform(own, caller, t)

    with pytest.raises(Invalid, match="not changed within a change set"):
        run(within())


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_refusal_does_not_tell_whose_key_it_was(door: Door, method: str) -> None:
    assert add_key(door, "Quiet_Key", "lastname").status_code in (204, 412)
    hidden = door.make("contacts", "admin", lastname=f"Quiet {method}")
    body: dict[str, Any] = {"json": {"fullname": "x"}} if method == "PATCH" else {}
    answer = door.ask(method, f"contacts(lastname='Quiet {method}')", "ben", **body)
    assert hidden not in refused(answer, 403, "0x80048306")
    assert hidden in refused(door.ask(method, f"contacts({hidden})", "ben", **body), 403)
    assert door.ask("DELETE", f"contacts({hidden})", "admin").status_code == 204
