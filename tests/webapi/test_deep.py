"""Deep inserts over HTTP: parents and children in one body, each under the law, all or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowner.directory.people import NewPerson
from flowner.rows import registry
from flowner.rows.seed import BASIC_USER
from webapi.conftest import SPACE, Door, column, lookup, one_to_many, refused

FIRM = {
    "name": "Deep",
    "primarycontactid": {"fullname": "Deep Ada"},
    "contact_customer_accounts": [
        {"fullname": "Deep Bob", "account_primary_contact": [{"name": "Deep Bob's"}]},
        {"fullname": "Deep Cy"},
    ],
}
WHOLE = {"Prefer": "return=representation"}


@pytest.fixture(scope="module")
def employ(door: Door, run: Callable[..., Any]) -> Callable[..., str]:
    """Give somebody new a role of these rights on ``account`` and ``contact``."""

    def employed(name: str, account: str, contact: str) -> str:
        async def made() -> None:
            rights = {("account", one): 1 for one in account.split()}
            rights |= {("contact", one): 1 for one in contact.split()}
            role = await door.house.directory.add_role(name, rights)
            new = NewPerson(name=name, upn=f"{name}@deep.example")
            door.people[name] = await door.house.directory.add_person(new, roles=(BASIC_USER, role))
            door.tokens[name] = (await door.house.tokens.issue(door.people[name], "t")).reveal()

        run(made())
        return name

    return employed


def counted(door: Door, name: str) -> tuple[int, int]:
    accounts = door.value(f"accounts?$filter=startswith(name,'{name}')", "admin")
    contacts = door.value(f"contacts?$filter=startswith(fullname,'{name}')", "admin")
    return len(accounts), len(contacts)


def test_a_body_makes_its_parents_and_its_children(door: Door) -> None:
    expand = (
        "$select=name&$expand=primarycontactid($select=fullname),contact_customer_accounts("
        "$select=fullname;$orderby=fullname;$expand=account_primary_contact($select=name))"
    )
    answer = door.ask("POST", f"accounts?{expand}", json=FIRM, headers=WHOLE)
    assert answer.status_code == 201, answer.text
    firm = answer.json()
    assert firm["primarycontactid"]["fullname"] == "Deep Ada"
    bob, cy = firm["contact_customer_accounts"]
    assert [one["name"] for one in bob["account_primary_contact"]] == ["Deep Bob's"]
    assert (cy["fullname"], cy["account_primary_contact"]) == ("Deep Cy", [])
    assert counted(door, "Deep") == (2, 3)


def test_rows_that_are_there_are_bound_to_the_new_one(door: Door) -> None:
    one, two = (door.make("contacts", fullname=f"Bound {at}") for at in range(2))
    links = [f"/contacts({one})", f"{door.address}/api/data/v9.2/contacts({two})"]
    firm = door.make("accounts", name="Binds", **{"contact_customer_accounts@odata.bind": links})
    found = door.value(f"accounts({firm})/contact_customer_accounts?$orderby=fullname")
    assert [row["contactid"] for row in found] == [one, two]


def test_many_bodies_are_made_at_once(door: Door) -> None:
    targets = [{"@odata.type": f"{SPACE}account", **FIRM, "name": f"Many {at}"} for at in range(2)]
    path = f"accounts/{SPACE}CreateMultiple"
    answer = door.ask("POST", path, json={"Targets": targets})
    assert answer.status_code == 200, answer.text
    for id in answer.json()["Ids"]:
        assert len(door.value(f"accounts({id})/contact_customer_accounts")) == 2
    upsert = {"Targets": [{"name": "Many 2", "primarycontactid": {"fullname": "Many"}}]}
    answer = door.ask("POST", f"accounts/{SPACE}UpsertMultiple", json=upsert)
    assert answer.status_code == 200, answer.text
    assert counted(door, "Many") == (3, 1)


def test_one_row_that_cannot_be_made_undoes_all(door: Door) -> None:
    below = [{"fullname": "Undone"}, {"fullnam": "Undone"}]
    bad = {"name": "Undone", "primarycontactid": below[0], "contact_customer_accounts": below}
    refused(door.ask("POST", "accounts", json=bad), 400)
    assert counted(door, "Undone") == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        {"primarycontactid": [{"fullname": "x"}]},
        {"primarycontactid": "x"},
        {"contact_customer_accounts": {"fullname": "x"}},
        {"contact_customer_accounts": ["x"]},
        {"contact_customer_accounts": [[{"fullname": "x"}]]},
        {"contact_customer_accounts@odata.bind": "/contacts(x)"},
        {"contact_customer_accounts@odata.bind": ["/contacts(x)"]},
        {"contact_customer_accounts": [{"parentcustomerid": {"name": "x"}}]},
        {"primarycontactid": {"fullname": "x"}, "primarycontactid@odata.bind": "/contacts(x)"},
        {"nothing": {"fullname": "x"}},
    ],
)
def test_what_cannot_be_nested_is_refused(door: Door, body: Any) -> None:
    refused(door.ask("POST", "accounts", json={"name": "Refused", **body}), 400)
    assert counted(door, "Refused") == (0, 0)


def test_a_body_is_neither_endless_nor_bottomless(door: Door) -> None:
    wide = {"name": "Wide", "contact_customer_accounts": [{"fullname": "Wide"}] * 1000}
    refused(door.ask("POST", "accounts", json=wide), 400)
    deep: dict[str, Any] = {"name": "Wide"}
    for _ in range(12):
        deep = {"name": "Wide", "parentaccountid": deep}
    refused(door.ask("POST", "accounts", json=deep), 400)
    assert counted(door, "Wide") == (0, 0)


def test_a_row_that_is_there_is_not_changed_so(door: Door) -> None:
    firm = door.make("accounts", name="There")
    refused(
        door.ask("PATCH", f"accounts({firm})", json={"primarycontactid": {"fullname": "x"}}), 400
    )
    fresh = "7f0c4c5e-0000-4000-8000-00000000dee9"
    made = door.ask("PATCH", f"accounts({fresh})",
                    json={"name": "There", "primarycontactid": {"fullname": "There"}})  # fmt: skip
    assert made.status_code == 204, made.text
    assert counted(door, "There") == (2, 1)


@pytest.mark.parametrize(
    ("account", "contact"),
    [
        ("Create Read Append AppendTo", "Read Append AppendTo"),
        ("Create Read AppendTo", "Create Read Append AppendTo"),
        ("Create Read Append AppendTo", "Create Read Append"),
        ("Create Read Append", "Create Read Append AppendTo"),
        ("Create Read Append AppendTo", "Create Read AppendTo"),
    ],
    ids=["create", "append", "append to the parent", "append to the row", "append the child"],
)
def test_every_nested_row_needs_its_rights(
    door: Door, employ: Callable[..., str], account: str, contact: str
) -> None:
    who = employ(f"n{account}{contact}".replace(" ", ""), account, contact)
    body = {"name": "Rights", "primarycontactid": {"fullname": "Rights"},
            "contact_customer_accounts": [{"fullname": "Rights"}]}  # fmt: skip
    refused(door.ask("POST", "accounts", who, json=body), 403)
    assert counted(door, "Rights") == (0, 0)


def test_those_rights_are_enough(door: Door, employ: Callable[..., str]) -> None:
    every = "Create Read Append AppendTo"
    body = {"name": "Enough", "primarycontactid": {"fullname": "Enough"},
            "contact_customer_accounts": [{"fullname": "Enough"}]}  # fmt: skip
    assert (
        door.ask("POST", "accounts", employ("enough", every, every), json=body).status_code == 204
    )
    assert counted(door, "Enough") == (1, 2)


def test_files_of_rows_that_are_deleted_below_are_gone(door: Door, run: Callable[..., Any]) -> None:
    """Deleting an account deletes the accounts below it, and their files with them."""
    attributes = "EntityDefinitions(LogicalName='account')/Attributes"
    made = door.ask("POST", attributes, "admin", json=column("File", "new_deep"))
    assert made.status_code == 204, made.text
    relation = one_to_many("new_deep_above", "account", "account", Lookup=lookup("new_above"),
                           CascadeConfiguration={"Delete": "Cascade"})  # fmt: skip
    made = door.ask("POST", "RelationshipDefinitions", "admin", json=relation)
    assert made.status_code == 204, made.text
    above = door.make("accounts", name="Above")
    below = door.make("accounts", name="B", **{"new_above@odata.bind": f"/accounts({above})"})
    name = {"x-ms-file-name": "a.txt"}
    sent = door.ask("PATCH", f"accounts({below})/new_deep", content=b"kept", headers=name)
    assert sent.status_code == 204

    async def kept() -> list[Any]:
        async with door.house.database.transaction() as t:
            return await registry.select(t, "filecontent", {"rowid": below})

    assert len(run(kept())) == 1
    assert door.ask("DELETE", f"accounts({above})").status_code == 204
    assert door.get(f"accounts({below})").status_code == 404
    assert run(kept()) == []
